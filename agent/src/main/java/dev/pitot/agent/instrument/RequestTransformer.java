package dev.pitot.agent.instrument;

import dev.pitot.agent.status.Contained;
import dev.pitot.agent.status.StatusBoard;
import dev.pitot.agent.status.StatusBoard.Entry;
import java.lang.instrument.ClassFileTransformer;
import java.lang.instrument.Instrumentation;
import java.security.ProtectionDomain;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * Sees every class that is loaded and lets all but a handful pass after a look at the name. Byte Buddy is not loaded before
 * one of them comes. Called on the application's threads while they load classes; never throws, and leaves a class as it is
 * when anything goes wrong. Holds no class loader.
 */
public final class RequestTransformer implements ClassFileTransformer {
    private static final String PART = "http";

    private final StatusBoard status;
    private final AtomicBoolean warm = new AtomicBoolean();
    private final AtomicInteger seen = new AtomicInteger();
    private volatile @Nullable Weaver weaver;

    public RequestTransformer(StatusBoard status) {
        this.status = status;
    }

    /** Whether this is one of the classes that requests go through; the name is internal, with slashes. */
    private static boolean isEntrance(String name) {
        return switch (name) {
            case "jakarta/servlet/http/HttpServlet",
                    "javax/servlet/http/HttpServlet",
                    "org/apache/catalina/core/ApplicationFilterChain",
                    "org/eclipse/jetty/servlet/FilterHolder",
                    "org/eclipse/jetty/ee8/servlet/FilterHolder",
                    "org/eclipse/jetty/ee9/servlet/FilterHolder",
                    "org/eclipse/jetty/ee10/servlet/FilterHolder",
                    "org/eclipse/jetty/ee11/servlet/FilterHolder",
                    "org/eclipse/jetty/ee10/servlet/ServletHolder",
                    "org/eclipse/jetty/ee11/servlet/ServletHolder",
                    "io/undertow/servlet/handlers/FilterHandler$FilterChainImpl",
                    "com/sun/net/httpserver/Filter$Chain" -> true;
            default -> false;
        };
    }

    /** Whether a class of this name means that an entrance is certain to come soon. */
    private static boolean isHerald(String name) {
        return name.startsWith("org/apache/catalina/")
                || name.startsWith("org/eclipse/jetty/")
                || name.startsWith("io/undertow/servlet/")
                || name.startsWith("jakarta/servlet/")
                || name.startsWith("javax/servlet/")
                || name.startsWith("com/sun/net/httpserver/");
    }

    @Override
    public byte @Nullable [] transform(
            @Nullable ClassLoader loader,
            @Nullable String name,
            @Nullable Class<?> redefined,
            @Nullable ProtectionDomain domain,
            byte[] classFile) {
        try {
            if (name == null) {
                return null;
            }
            if (isEntrance(name)) {
                seen.incrementAndGet();
                warm.set(true);
                return weaver().weave(loader, name.replace('/', '.'), classFile);
            }
            if (!warm.get() && isHerald(name) && warm.compareAndSet(false, true)) {
                rehearse();
            }
        } catch (Throwable failed) {
            report(String.valueOf(name), failed);
        }
        return null;
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
        // No lambda: the first one in a JVM costs tens of milliseconds, and this is the application's thread.
        Runnable task = new Runnable() {
            @Override
            public void run() {
                try {
                    weaver().rehearse();
                } catch (Throwable failed) {
                    // It was to save time and nothing else: the first class to be woven will tell.
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

    private void report(String name, Throwable failed) {
        try {
            boolean known = failed instanceof Weaver.CannotWeave;
            String why = known ? "" : failed.getClass().getSimpleName() + ": ";
            status.set(
                    PART,
                    Entry.partial(
                            "Requests through " + name.replace('/', '.') + " are not measured: " + why
                                    + failed.getMessage(),
                            known
                                    ? ((Weaver.CannotWeave) failed).remedy
                                    : "Report this with the version of the server"));
        } catch (Throwable outOfMemory) {
            // Nothing more can be done, and the class must load.
        }
    }

    /**
     * Transforms the classes that were loaded before this transformer came; takes a while, so not for the main thread.
     */
    public void catchUp(Instrumentation instrumentation) {
        List<Class<?>> late = new ArrayList<>();
        for (Class<?> loaded : instrumentation.getAllLoadedClasses()) {
            if (isEntrance(loaded.getName().replace('.', '/'))) {
                late.add(loaded);
            }
        }
        if (late.size() <= seen.get()) {
            return;
        }
        for (Class<?> entrance : late) {
            try {
                instrumentation.retransformClasses(entrance);
            } catch (Throwable failed) {
                report(entrance.getName(), failed);
            }
        }
    }
}
