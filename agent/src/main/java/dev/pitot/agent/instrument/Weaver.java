package dev.pitot.agent.instrument;

import static net.bytebuddy.matcher.ElementMatchers.named;

import dev.pitot.events.Spans;
import java.util.ArrayList;
import java.util.List;
import net.bytebuddy.ByteBuddy;
import net.bytebuddy.asm.Advice;
import net.bytebuddy.asm.AsmVisitorWrapper;
import net.bytebuddy.description.type.TypeDescription;
import net.bytebuddy.dynamic.ClassFileLocator;
import net.bytebuddy.dynamic.scaffold.MethodGraph;
import net.bytebuddy.dynamic.scaffold.TypeValidation;
import net.bytebuddy.implementation.bytecode.assign.Assigner;
import net.bytebuddy.pool.TypePool;
import org.jspecify.annotations.Nullable;

/**
 * The only user of Byte Buddy: inlines the advice of the libraries into one class file. Loaded with the first class that
 * matches, as Byte Buddy's first use costs about a second of CPU. Thread-safe; keeps nothing of what it is given.
 */
final class Weaver {
    private final ByteBuddy byteBuddy =
            new ByteBuddy().with(TypeValidation.DISABLED).with(MethodGraph.Compiler.ForDeclaredMethods.INSTANCE);
    private final ClassFileLocator ours = ClassFileLocator.ForClassLoader.of(Weaver.class.getClassLoader());

    /**
     * Weaves the advice of a library into a class.
     *
     * @param library simple name of the {@link Library}
     * @param loader of the class, null for the bootstrap loader
     * @param name binary name, with dots
     * @return the new class file, or null when the class is not what its name promised
     * @throws CannotWeave when nothing in it could be instrumented, with the reason
     */
    byte @Nullable [] weave(String library, @Nullable ClassLoader loader, String name, byte[] classFile)
            throws CannotWeave {
        ClassFileLocator theirs = new ClassFileLocator.Compound(
                ClassFileLocator.Simple.of(name, classFile),
                loader == null
                        ? ClassFileLocator.ForClassLoader.ofBootLoader()
                        : ClassFileLocator.ForClassLoader.of(loader));
        // Advice is read from here; the types its signatures name (the servlet API, say) are known only over there.
        ClassFileLocator both = new ClassFileLocator.Compound(ours, theirs);
        TypePool pool = TypePool.Default.of(theirs);
        TypePool advicePool = TypePool.Default.of(both);
        TypeDescription type = pool.describe(name).resolve();
        Library known = library(library);
        if (!known.isAbout(type)) {
            return null;
        }
        for (String wanted : known.wants()) {
            if (!pool.describe(wanted).isResolved()) {
                return null;
            }
        }
        if (!seesTheBridge(loader)) {
            throw new CannotWeave(
                    "its class loader does not let dev.pitot.events through from the JDK",
                    "Add dev.pitot.events to -Djboss.modules.system.pkgs (JBoss, WildFly) or to"
                            + " -Dorg.osgi.framework.bootdelegation (OSGi)");
        }
        List<AsmVisitorWrapper> visitors = new ArrayList<>();
        for (String needed : known.needs()) {
            if (!pool.describe(needed).isResolved()) {
                throw new CannotWeave(
                        "it belongs to a version without " + needed, "Use a newer version of the library");
            }
        }
        for (Library.Point point : known.points()) {
            if (!type.getDeclaredMethods().filter(point.methods()).isEmpty()) {
                TypeDescription advice = advicePool.describe(point.advice()).resolve();
                visitors.add(Advice.to(advice, both).on(point.methods()));
            }
        }
        if (!type.getDeclaredMethods().filter(known.loops()).isEmpty()) {
            visitors.add(new AsmVisitorWrapper.ForDeclaredMethods().method(known.loops(), new RunsOfLoop()));
        }
        if (visitors.isEmpty()) {
            throw new CannotWeave("it has no method that Pitot knows", "Report this with the version of the library");
        }
        return byteBuddy
                .decorate(type, theirs)
                .visit(new AsmVisitorWrapper.Compound(visitors))
                .make(pool)
                .getBytes();
    }

    private static Library library(String name) {
        try {
            return (Library) Class.forName(Weaver.class.getPackageName() + "." + name)
                    .getDeclaredConstructor()
                    .newInstance();
        } catch (ReflectiveOperationException missing) {
            throw new IllegalStateException("no library " + name, missing);
        }
    }

    /**
     * Whether advice in classes of this loader finds the bridge. Loaders that filter what they ask their parents for, those of
     * JBoss Modules and of OSGi, may not, and then every request would end in a {@code NoClassDefFoundError}.
     *
     * <p>This asks a class loader for a class while the calling thread has it define another one, as the JVM does itself right
     * afterwards for the superclass: the same locks in the same order, so nothing can wait for itself here that would not there. The
     * class asked for is neither that one nor depends on any of the loader's own.
     */
    private static boolean seesTheBridge(@Nullable ClassLoader loader) {
        try {
            return Class.forName(Spans.class.getName(), false, loader) == Spans.class;
        } catch (Throwable hidden) {
            return false;
        }
    }

    /** Loads what the first class to be woven will need, by weaving one of our own that needs nothing but the JDK's base. */
    void rehearse() {
        TypePool pool = TypePool.Default.of(ours);
        TypeDescription type = pool.describe(Rehearsal.class.getName()).resolve();
        TypeDescription advice =
                pool.describe(Rehearsal.class.getName() + "$OnServe").resolve();
        byteBuddy
                .decorate(type, ours)
                .visit(Advice.to(advice, ours).on(named("serve")))
                .make(pool);
    }

    /** Woven by {@link #rehearse} and thrown away. */
    static final class Rehearsal {
        private Rehearsal() {}

        static int serve(String request) {
            return request.length();
        }

        /** As the advice of a library, in small. */
        static final class OnServe {
            private OnServe() {}

            @Advice.OnMethodEnter(suppress = Throwable.class)
            static @Nullable Object enter() {
                return Spans.beginRequest();
            }

            @Advice.OnMethodExit(onThrowable = Throwable.class, suppress = Throwable.class)
            static void exit(
                    @Advice.Enter(typing = Assigner.Typing.DYNAMIC) @Nullable Object token,
                    @Advice.Argument(0) String request,
                    @Advice.Thrown @Nullable Throwable thrown) {
                if (token != null) {
                    Spans.endRequest(token, null, null, request, 0, false, thrown);
                }
            }
        }
    }

    /** A class that looked right by its name and is not. */
    static final class CannotWeave extends Exception {
        final String remedy;

        CannotWeave(String reason, String remedy) {
            super(reason, null, false, false);
            this.remedy = remedy;
        }
    }
}
