package dev.pitot.agent.counters;

import java.io.FileDescriptor;
import java.io.IOException;
import java.lang.instrument.Instrumentation;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * read(2) and pread(2) into native memory, for each request: by the native methods that the JDK's own files have for it where those can
 * be reached, else by JNA, whose way into a call costs 160 ns more. Any thread; a read that succeeds allocates nothing. See ADR 0014.
 */
public final class Reads {
    private static final String PACKAGE = "sun.nio.fs";
    private static final String CHANNELS = "sun.nio.ch";

    /** Looked for when the first counter is read, which is after {@link #prepare}. */
    private static final class Found {
        static final @Nullable MethodHandle OF_JDK = ofJdk();
        static final @Nullable MethodHandle AT = at();
    }

    private Reads() {}

    /** Opens the JDK's packages to this class loader alone. Once, before the first counter is read; whatever fails leaves JNA. */
    public static void prepare(Instrumentation instrumentation) {
        try {
            Module agent = Reads.class.getModule();
            instrumentation.redefineModule(
                    Object.class.getModule(),
                    Set.of(),
                    Map.of(),
                    Map.of(PACKAGE, Set.of(agent), CHANNELS, Set.of(agent)),
                    Set.of(),
                    Map.of());
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

    private static @Nullable MethodHandle at() {
        // The class was renamed in 20.
        for (String name : new String[] {".UnixFileDispatcherImpl", ".FileDispatcherImpl"}) {
            try {
                Class<?> type = Class.forName(CHANNELS + name);
                if (type.getModule().isOpen(CHANNELS, Reads.class.getModule())) {
                    return MethodHandles.privateLookupIn(type, MethodHandles.lookup())
                            .findStatic(
                                    type,
                                    "pread0",
                                    MethodType.methodType(
                                            int.class, FileDescriptor.class, long.class, int.class, long.class));
                }
            } catch (ReflectiveOperationException | RuntimeException | LinkageError other) {
                // The other name, or another JDK.
            }
        }
        return null;
    }

    static boolean canReadAt() {
        return Found.AT != null;
    }

    /** As pread(2) at the beginning of a file; only where {@link #canReadAt}. */
    static int readAt(FileDescriptor file, long address, int length) throws IOException {
        MethodHandle at = Found.AT;
        if (at == null) {
            throw new IOException("no pread");
        }
        try {
            return (int) at.invokeExact(file, address, length, 0L);
        } catch (IOException | RuntimeException | Error failed) {
            throw failed;
        } catch (Throwable impossible) {
            throw new AssertionError(impossible);
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
