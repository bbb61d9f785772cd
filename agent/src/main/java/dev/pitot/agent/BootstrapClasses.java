package dev.pitot.agent;

import java.io.IOException;
import java.io.InputStream;
import java.lang.instrument.Instrumentation;
import java.lang.reflect.Method;
import java.security.ProtectionDomain;
import java.util.Enumeration;
import java.util.Map;
import java.util.Set;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import org.jspecify.annotations.Nullable;

/**
 * Puts {@code dev.pitot.events} where advice inlined into any class finds it: into the bootstrap class loader.
 *
 * <p>The classes are defined there one by one, through the JDK's internal {@code Unsafe}, whose package
 * {@link Instrumentation#redefineModule} exports to the agent's own class loader alone. The specified way,
 * {@link Instrumentation#appendToBootstrapClassLoaderSearch}, makes the JVM print a warning on stderr and switches
 * class data sharing off for every class that is not the boot loader's, the application's own archive included; it remains
 * the way for a JVM where the first fails. See ADR 0008.
 */
final class BootstrapClasses {
    private static final String FOLDER = "dev/pitot/events/";
    private static final String BRIDGE_NAME = FOLDER + "Spans";

    private final Instrumentation instrumentation;
    private final JarFile jar;
    /** Null once all classes of the jar are on the bootstrap class path. */
    private @Nullable Definer definer;

    private BootstrapClasses(Instrumentation instrumentation, JarFile jar) {
        this.instrumentation = instrumentation;
        this.jar = jar;
    }

    /**
     * Makes the bridge visible, which advice needs from the first application class on. On the main thread, once.
     *
     * @throws IOException when the agent jar cannot be read
     */
    static BootstrapClasses defineBridge(Instrumentation instrumentation, JarFile jar) throws IOException {
        BootstrapClasses classes = new BootstrapClasses(instrumentation, jar);
        try {
            classes.definer = new Definer(instrumentation);
            classes.define(Kind.BRIDGE);
        } catch (ReflectiveOperationException | LinkageError | RuntimeException refused) {
            classes.append();
        }
        return classes;
    }

    /**
     * Makes the event types visible, which only the agent itself uses: off the main thread, as there are two dozen of them. Once,
     * before any of them is touched.
     *
     * @throws IOException when the agent jar cannot be read
     */
    void defineEvents() throws IOException {
        if (definer == null) {
            return;
        }
        try {
            define(Kind.SUPERCLASS);
            define(Kind.EVENT);
        } catch (ReflectiveOperationException | LinkageError | RuntimeException refused) {
            append();
        }
    }

    private void append() throws IOException {
        definer = null;
        instrumentation.appendToBootstrapClassLoaderSearch(jar);
    }

    /** In the order in which they are defined: a class needs its superclass at once. */
    private enum Kind {
        BRIDGE,
        SUPERCLASS,
        EVENT;

        static Kind of(String name) {
            return name.startsWith(BRIDGE_NAME)
                    ? BRIDGE
                    : name.equals(FOLDER + "SpanEvent.class") || name.equals(FOLDER + "SpanSummary.class")
                            ? SUPERCLASS
                            : EVENT;
        }
    }

    private void define(Kind kind) throws IOException, ReflectiveOperationException {
        Definer by = definer;
        // A loop: the first stream and lambda of a JVM cost milliseconds, here of the application's start.
        for (Enumeration<JarEntry> all = jar.entries(); by != null && all.hasMoreElements(); ) {
            JarEntry entry = all.nextElement();
            String name = entry.getName();
            if (name.startsWith(FOLDER)
                    && Kind.of(name) == kind
                    && name.endsWith(".class")
                    && !name.endsWith("package-info.class")) {
                try (InputStream in = jar.getInputStream(entry)) {
                    by.define(name, in.readAllBytes());
                }
            }
        }
    }

    private static final class Definer {
        private final Object unsafe;
        private final Method defineClass;

        Definer(Instrumentation instrumentation) throws ReflectiveOperationException {
            Module base = Object.class.getModule();
            Module agent = BootstrapClasses.class.getModule();
            instrumentation.redefineModule(
                    base, Set.of(), Map.of("jdk.internal.misc", Set.of(agent)), Map.of(), Set.of(), Map.of());
            Class<?> type = Class.forName("jdk.internal.misc.Unsafe");
            unsafe = type.getMethod("getUnsafe").invoke(null);
            defineClass = type.getMethod(
                    "defineClass",
                    String.class,
                    byte[].class,
                    int.class,
                    int.class,
                    ClassLoader.class,
                    ProtectionDomain.class);
        }

        void define(String entry, byte[] bytes) throws ReflectiveOperationException {
            String name = entry.substring(0, entry.length() - ".class".length()).replace('/', '.');
            defineClass.invoke(unsafe, name, bytes, 0, bytes.length, null, null);
        }
    }
}
