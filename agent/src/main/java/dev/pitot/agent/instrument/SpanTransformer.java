package dev.pitot.agent.instrument;

import dev.pitot.agent.config.AgentConfig;
import dev.pitot.agent.status.Contained;
import dev.pitot.agent.status.StatusBoard;
import dev.pitot.agent.status.StatusBoard.Entry;
import java.lang.instrument.ClassFileTransformer;
import java.lang.instrument.Instrumentation;
import java.lang.instrument.UnmodifiableClassException;
import java.security.ProtectionDomain;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.jspecify.annotations.Nullable;

/**
 * Sees every class that is loaded and lets all but a handful pass after a look at the name. Byte Buddy is not loaded before
 * one of them comes. Called on the application's threads while they load classes; never throws, and leaves a class as it is
 * when anything goes wrong. Holds no class loader.
 *
 * <p>Servers, drivers and clients are woven as they come. What only serves them, the JDK's executors and blocking methods above
 * all, is woven once one of those is there: a program that has none pays nothing for it.
 */
public final class SpanTransformer implements ClassFileTransformer {
    private final Instrumentation instrumentation;
    private final StatusBoard status;
    /** Parts of the agent, as the status tells them, and the classes that they weave. */
    private final String[] parts;

    private final Names[] names;
    private final FollowNames followed = new FollowNames();
    /** As many of the above as begin spans; the others follow. */
    private final int entrances;

    private final AtomicBoolean warm = new AtomicBoolean();
    private final AtomicBoolean entered = new AtomicBoolean();
    /** Parts of which it is known what came of their first class: on, or why not. */
    private final AtomicIntegerArray told;
    /** Entrances that have come by, by name and loader, until {@link #catchUp} has looked for those that have not. */
    private volatile @Nullable Set<String> seen = ConcurrentHashMap.newKeySet();

    private volatile @Nullable Weaver weaver;
    private volatile @Nullable Runnable first;

    /** On the main thread. */
    public SpanTransformer(AgentConfig config, Instrumentation instrumentation, StatusBoard status) {
        this.instrumentation = instrumentation;
        this.status = status;
        List<String> wanted = new ArrayList<>();
        List<Names> known = new ArrayList<>();
        add("http", config.http().enabled(), new HttpNames(), wanted, known);
        add("sql", config.sql().enabled(), new SqlNames(), wanted, known);
        add("calls", config.calls().enabled(), new CallNames(), wanted, known);
        entrances = known.size();
        await("http", "server", "what-a-request-costs.md", wanted);
        await("sql", "driver", "sql-statements.md", wanted);
        await("calls", "HTTP client", "http-calls.md", wanted);
        add("follow", config.follow(), followed, wanted, known);
        add("waits", config.waits(), new WaitNames(), wanted, known);
        add("log", config.log(), new LogNames(), wanted, known);
        parts = wanted.toArray(new String[0]);
        names = known.toArray(new Names[0]);
        told = new AtomicIntegerArray(parts.length);
    }

    private void add(String part, boolean enabled, Names its, List<String> wanted, List<Names> known) {
        if (enabled) {
            wanted.add(part);
            known.add(its);
            status.set(part, Entry.ON);
        } else {
            status.set(part, Entry.off("Switched off by " + part + "=false", "Set " + part + "=true"));
        }
    }

    /** There is nothing to measure yet, and may never be: who sees an empty page is to know why. */
    private void await(String part, String what, String list, List<String> wanted) {
        if (wanted.contains(part)) {
            status.set(
                    part,
                    Entry.off(
                            "No supported " + what + " has been loaded yet",
                            "Nothing to do if it uses none; docs/" + list + " tells which are supported"));
        }
    }

    @Override
    public byte @Nullable [] transform(
            @Nullable ClassLoader loader,
            @Nullable String name,
            @Nullable Class<?> redefined,
            @Nullable ProtectionDomain domain,
            byte[] classFile) {
        if (name == null) {
            return null;
        }
        int part = 0;
        try {
            for (; part < names.length; part++) {
                String library = names[part].libraryOf(name);
                if (library == null) {
                    continue;
                }
                boolean entrance = part < entrances;
                if (entrance) {
                    note(loader, name);
                } else if (!entered.get()) {
                    return null; // Woven when it is of use.
                }
                if (!names[part].isLikely(classFile)) {
                    continue;
                }
                warm.set(true);
                byte[] woven = weaver().weave(library, loader, name.replace('/', '.'), classFile);
                if (entrance && woven != null && told.compareAndSet(part, 0, 1)) {
                    status.set(parts[part], Entry.ON);
                }
                if (entrance && woven != null && entered.compareAndSet(false, true)) {
                    inBackground(true);
                }
                return woven;
            }
            if (!warm.get() && isHerald(name) && warm.compareAndSet(false, true)) {
                inBackground(false);
            }
        } catch (Throwable failed) {
            report(part, name, failed);
        }
        return null;
    }

    private void note(@Nullable ClassLoader loader, String name) {
        Set<String> noted = seen;
        if (noted != null) {
            noted.add(key(loader, name));
        }
    }

    private static String key(@Nullable ClassLoader loader, String name) {
        return name + '@' + System.identityHashCode(loader);
    }

    private boolean isHerald(String name) {
        for (int part = 0; part < entrances; part++) {
            if (names[part].heralds(name)) {
                return true;
            }
        }
        return false;
    }

    private Weaver weaver() {
        Weaver made = weaver;
        if (made == null) {
            // Two threads may each make one; a weaver has no state that would mind.
            made = new Weaver();
            weaver = made;
        }
        return made;
    }

    private void rehearse() {
        try {
            weaver().rehearse();
        } catch (Throwable failed) {
            // It was to save time and nothing else: the first class to be woven will tell.
        }
    }

    private void inBackground(boolean followers) {
        // No lambda: the first one in a JVM costs tens of milliseconds, and this is the application's thread.
        Runnable task = new Runnable() {
            @Override
            public void run() {
                if (followers) {
                    weaveFollowers();
                } else {
                    rehearse();
                }
            }
        };
        Thread thread = new Thread(null, task, "pitot-weaver", 0, false);
        thread.setDaemon(true);
        Contained.in(thread);
        // Else the thread would keep whatever loader the application's thread has for as long as it runs.
        thread.setContextClassLoader(null);
        thread.start();
    }

    private void report(int part, String name, Throwable failed) {
        try {
            told.set(part, 1);
            boolean known = failed instanceof Weaver.CannotWeave;
            String why = known ? "" : failed.getClass().getSimpleName() + ": ";
            status.set(
                    parts[part],
                    Entry.partial(
                            "What goes through " + name.replace('/', '.') + " is not measured: " + why
                                    + failed.getMessage(),
                            known
                                    ? ((Weaver.CannotWeave) failed).remedy
                                    : "Report this with the version of the library"));
        } catch (Throwable outOfMemory) {
            // Nothing more can be done, and the class must load.
        }
    }

    /**
     * Transforms the classes that were loaded before this transformer came; takes a while, so not for the main thread. Once.
     */
    public void catchUp() {
        Set<String> noted = seen;
        if (noted == null) {
            return;
        }
        List<Class<?>> late = new ArrayList<>();
        for (Class<?> each : loaded(0, entrances)) {
            if (!noted.contains(key(each.getClassLoader(), each.getName().replace('.', '/')))) {
                late.add(each);
            }
        }
        seen = null;
        retransform(late);
    }

    /** What is to be done, in the background, before anything of the JDK itself is woven; at once if that is on its way. */
    public void beforeFollowers(Runnable task) {
        first = task;
        if (entered.get()) {
            task.run();
        }
    }

    /** Has the bridge told of mounts of virtual threads from now on, within {@code follow}. Takes some time. */
    public void followMounts() throws ReflectiveOperationException, UnmodifiableClassException {
        followed.mounts = true;
        instrumentation.retransformClasses(Class.forName("java.lang.VirtualThread"));
    }

    private void weaveFollowers() {
        try {
            Runnable task = first;
            if (task != null) {
                task.run();
            }
            retransform(loaded(entrances, names.length));
        } catch (Throwable failed) {
            report(entrances < parts.length ? entrances : 0, "java.util.concurrent", failed);
        }
    }

    private List<Class<?>> loaded(int from, int to) {
        List<Class<?>> found = new ArrayList<>();
        for (Class<?> loaded : instrumentation.getAllLoadedClasses()) {
            String name = loaded.getName().replace('.', '/');
            for (int part = from; part < to; part++) {
                if (names[part].libraryOf(name) != null) {
                    found.add(loaded);
                    break;
                }
            }
        }
        return found;
    }

    /** All at once, as the JVM stops for each call; one by one when that is refused. */
    private void retransform(List<Class<?>> classes) {
        if (classes.isEmpty()) {
            return;
        }
        try {
            instrumentation.retransformClasses(classes.toArray(new Class<?>[0]));
        } catch (Throwable refused) {
            for (Class<?> each : classes) {
                try {
                    instrumentation.retransformClasses(each);
                } catch (Throwable failed) {
                    report(partOf(each.getName()), each.getName(), failed);
                }
            }
        }
    }

    private int partOf(String name) {
        for (int part = 0; part < names.length; part++) {
            if (names[part].libraryOf(name.replace('.', '/')) != null) {
                return part;
            }
        }
        return 0;
    }
}
