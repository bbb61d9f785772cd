package dev.pitot.agent.counters;

import java.lang.instrument.Instrumentation;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * read(2) into native memory, twice a request: by the native method that the JDK's own file system has for it where that can be
 * reached, else by JNA, whose way into a call costs 160 ns more. Any thread; a read that succeeds allocates nothing. See ADR 0014.
 */
public final class Reads {
    private static final String PACKAGE = "sun.nio.fs";

    /** Looked for when the first counter is read, which is after {@link #prepare}. */
    private static final class Found {
        static final @Nullable MethodHandle OF_JDK = ofJdk();
    }

    private Reads() {}

    /** Opens the JDK's package to this class loader alone. Once, before the first counter is read; whatever fails leaves JNA. */
    public static void prepare(Instrumentation instrumentation) {
        try {
            Module agent = Reads.class.getModule();
            instrumentation.redefineModule(
                    Object.class.getModule(), Set.of(), Map.of(), Map.of(PACKAGE, Set.of(agent)), Set.of(), Map.of());
        } catch (RuntimeException refused) {
            // A JVM that does not let its modules be changed.
        }
    }

    private static @Nullable MethodHandle ofJdk() {
        try {
            Class<?> type = Class.forName(PACKAGE + ".UnixNativeDispatcher");
            if (!type.getModule().isOpen(PACKAGE, Reads.class.getModule())) {
                return null;
            }
            return MethodHandles.privateLookupIn(type, MethodHandles.lookup())
                    .findStatic(type, "read", MethodType.methodType(int.class, int.class, long.class, int.class));
        } catch (ReflectiveOperationException | RuntimeException | LinkageError other) {
            return null; // Another JDK, whose method has another name or shape.
        }
    }

    /** Whether the JDK's own method is used. */
    public static boolean isOfJdk() {
        return Found.OF_JDK != null;
    }

    /** As read(2); -1 with {@link Libc#errno} set when it fails. */
    static long read(int fd, long address, int length) {
        MethodHandle ofJdk = Found.OF_JDK;
        if (ofJdk != null) {
            try {
                return (int) ofJdk.invokeExact(fd, address, length);
            } catch (Throwable failed) {
                // It throws what it met; the call below meets it again and says it as an errno.
            }
        }
        return Libc.read(fd, address, length);
    }
}
