package dev.pitot.agent.instrument;

import java.util.ArrayList;
import java.util.List;
import net.bytebuddy.ByteBuddy;
import net.bytebuddy.asm.Advice;
import net.bytebuddy.asm.AsmVisitorWrapper;
import net.bytebuddy.description.type.TypeDescription;
import net.bytebuddy.dynamic.ClassFileLocator;
import net.bytebuddy.dynamic.scaffold.MethodGraph;
import net.bytebuddy.dynamic.scaffold.TypeValidation;
import net.bytebuddy.pool.TypePool;
import org.jspecify.annotations.Nullable;

/**
 * The only user of Byte Buddy: inlines the advice of the libraries into one class file. Loaded with the first class that
 * matches, as Byte Buddy's first use costs about a second of CPU. Thread-safe; keeps nothing of what it is given.
 */
final class Weaver {
    private final List<HttpLibrary> libraries = List.of(new JakartaServlet(), new JavaxServlet(), new JdkHttpServer());
    private final ByteBuddy byteBuddy =
            new ByteBuddy().with(TypeValidation.DISABLED).with(MethodGraph.Compiler.ForDeclaredMethods.INSTANCE);
    private final ClassFileLocator ours = ClassFileLocator.ForClassLoader.of(Weaver.class.getClassLoader());

    /**
     * Weaves the advice into a class.
     *
     * @param loader of the class, null for the bootstrap loader
     * @param name binary name, with dots
     * @return the new class file
     * @throws CannotWeave when nothing in it could be instrumented, with the reason
     */
    byte[] weave(@Nullable ClassLoader loader, String name, byte[] classFile) throws CannotWeave {
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
        List<AsmVisitorWrapper> visitors = new ArrayList<>();
        for (HttpLibrary library : libraries) {
            var methods = type.getDeclaredMethods().filter(library.methods());
            if (methods.isEmpty()) {
                continue;
            }
            for (String needed : library.needs()) {
                if (!pool.describe(needed).isResolved()) {
                    throw new CannotWeave(name + " belongs to a servlet container older than Servlet 3.0");
                }
            }
            TypeDescription advice = advicePool.describe(library.advice()).resolve();
            visitors.add(Advice.to(advice, both).on(library.methods()));
        }
        if (visitors.isEmpty()) {
            throw new CannotWeave(name + " has no method that Pitot knows to serve requests");
        }
        return byteBuddy
                .decorate(type, theirs)
                .visit(new AsmVisitorWrapper.Compound(visitors))
                .make(pool)
                .getBytes();
    }

    /** Loads what the first class to be woven will need, by weaving one of our own. */
    void rehearse() throws CannotWeave {
        String name = Rehearsal.class.getName();
        TypePool pool = TypePool.Default.of(ours);
        TypeDescription type = pool.describe(name).resolve();
        HttpLibrary library = new JdkHttpServer();
        byteBuddy
                .decorate(type, ours)
                .visit(Advice.to(pool.describe(library.advice()).resolve(), ours)
                        .on(library.methods()))
                .make(pool);
    }

    /** Woven by {@link #rehearse} and thrown away. */
    static final class Rehearsal {
        private Rehearsal() {}

        static void doFilter(com.sun.net.httpserver.HttpExchange exchange) {
            if (exchange.getResponseCode() > 0) {
                exchange.close();
            }
        }
    }

    /** A class that looked right by its name and is not. */
    static final class CannotWeave extends Exception {
        CannotWeave(String reason) {
            super(reason, null, false, false);
        }
    }
}
