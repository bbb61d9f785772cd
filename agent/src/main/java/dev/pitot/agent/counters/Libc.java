package dev.pitot.agent.counters;

import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import dev.pitot.agent.counters.Refusal.Fix;
import java.io.File;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The six calls of the C library that Pitot makes, bound by JNA's direct mapping. Addresses are passed as {@code long}, so
 * that a call allocates nothing. Nothing here may be called before {@link #link} has succeeded. Thread-safe.
 */
final class Libc {
    static final int EINTR = 4;
    static final int O_CLOEXEC = 0x80000;

    private static final int RLIMIT_NOFILE = 7;
    private static final long GETTID = Perf.number(System.getProperty("os.arch", "")) == 298 ? 186 : 178;
    /** Properties that JNA reads or writes while it starts; the application's own JNA must not see what we put there. */
    private static final String[] JNA_PROPERTIES = {
        "jna.tmpdir", "jna.platform.library.path", "jnidispatch.path", "jna.loaded"
    };

    private static final String LIBRARY_PATH = "/usr/lib64:/lib64:/usr/lib:/lib";

    private static boolean linked;

    private Libc() {}

    static native long syscall(long number, long a, long b, long c, long d, long e);

    static native long read(int fd, long address, long length);

    static native int close(int fd);

    private static native int getrusage(int who, long address);

    private static native int getrlimit(int resource, long address);

    /**
     * Loads JNA and binds the calls above.
     *
     * @return null, or why it cannot be done and what a person can do about it
     */
    static synchronized @Nullable Refusal link() {
        if (linked) {
            return null;
        }
        String os = System.getProperty("os.name", "");
        if (!os.equals("Linux")) {
            return new Refusal("perf_event and getrusage are read on Linux only, and this is " + os, "");
        }
        String temporary = System.getProperty("jna.tmpdir", System.getProperty("java.io.tmpdir", "/tmp"));
        if (!new File(temporary).isDirectory()) {
            // JNA would make the folder and leave it behind.
            return new Refusal(
                    "The native part of JNA needs a folder for temporary files, and " + temporary + " is none",
                    "Set -Djava.io.tmpdir to a folder that is writable and not mounted noexec",
                    Fix.FOLDER);
        }
        Map<String, @Nullable String> before = new HashMap<>();
        for (String name : JNA_PROPERTIES) {
            before.put(name, System.getProperty(name));
        }
        Map<String, @Nullable String> ours = new HashMap<>();
        try {
            if (before.get("jna.tmpdir") == null) {
                // JNA's own choice is ~/.cache/JNA/temp, a folder that it would leave behind.
                System.setProperty("jna.tmpdir", temporary);
                ours.put("jna.tmpdir", temporary);
            }
            if (before.get("jna.platform.library.path") == null) {
                // Else JNA starts /sbin/ldconfig in a child process to find out. Ours needs no library but the C
                // library.
                System.setProperty("jna.platform.library.path", LIBRARY_PATH);
                ours.put("jna.platform.library.path", LIBRARY_PATH);
            }
            if (Native.POINTER_SIZE != 8) {
                return new Refusal(
                        "The structures that Pitot reads are those of 64-bit Linux, and this JVM has 32 bits", "");
            }
            Native.register(Libc.class, NativeLibrary.getProcess());
            linked = true;
            return null;
        } catch (Throwable refused) {
            return explain(refused);
        } finally {
            // JNA itself leaves these two.
            ours.put("jnidispatch.path", System.getProperty("jnidispatch.path"));
            ours.put("jna.loaded", System.getProperty("jna.loaded"));
            for (String name : JNA_PROPERTIES) {
                restore(name, before.get(name), ours.get(name));
            }
        }
    }

    /** Puts a property back as it was, unless the application has set it meanwhile: its main thread runs beside us. */
    static void restore(String name, @Nullable String before, @Nullable String ours) {
        if (ours == null || !ours.equals(System.getProperty(name))) {
            return;
        }
        if (before == null) {
            System.clearProperty(name);
        } else {
            System.setProperty(name, before);
        }
    }

    private static Refusal explain(Throwable refused) {
        Throwable cause = refused;
        while (cause.getCause() != null && cause.getCause() != cause) {
            cause = cause.getCause();
        }
        String what = cause.getClass().getSimpleName();
        if (what.equals("IllegalCallerException")) {
            return new Refusal(
                    "The JVM refuses native access (--illegal-native-access=deny), which perf_event and getrusage need",
                    "Add --enable-native-access=ALL-UNNAMED to allow it",
                    Fix.everywhere("java --enable-native-access=ALL-UNNAMED"));
        }
        Refusal folder = Situation.ofThisProcess().temporaryFolderRefused();
        if (folder != null) {
            return folder; // A better sentence than the linker's.
        }
        return new Refusal(
                "The native part of JNA could not be loaded from " + System.getProperty("jna.tmpdir") + ": " + what
                        + (cause.getMessage() == null ? "" : " " + firstLine(cause.getMessage())),
                "Set -Djava.io.tmpdir to a folder that is writable and not mounted noexec",
                Fix.FOLDER);
    }

    private static String firstLine(String text) {
        int end = text.indexOf('\n');
        return end < 0 ? text : text.substring(0, end);
    }

    /** The errno of the last failed call of this thread. */
    static int errno() {
        return Native.getLastError();
    }

    /** The kernel's number of the calling thread; see gettid(2). */
    static int threadId() {
        return (int) syscall(GETTID, 0, 0, 0, 0, 0);
    }

    /** Memory outside the heap, zeroed, in native order; not counted against the application's direct memory. */
    static ByteBuffer allocate(int bytes) {
        long address = Native.malloc(bytes);
        if (address == 0) {
            throw new OutOfMemoryError("malloc of " + bytes + " bytes");
        }
        ByteBuffer memory = new Pointer(address).getByteBuffer(0, bytes).order(ByteOrder.nativeOrder());
        for (int i = 0; i < bytes; i++) {
            memory.put(i, (byte) 0);
        }
        return memory;
    }

    static long address(ByteBuffer memory) {
        return Pointer.nativeValue(Native.getDirectBufferPointer(memory));
    }

    /** Gives back what {@link #allocate} gave; the buffer must not be touched afterwards. */
    static void free(long address) {
        Native.free(address);
    }

    /** Fills the 144 bytes of a {@code struct rusage} for the whole process; see getrusage(2). */
    static boolean usageOfProcess(long address) {
        return getrusage(0, address) == 0;
    }

    /** How many files this process may open, or {@link Long#MAX_VALUE}. */
    static long fileLimit() {
        ByteBuffer limits = allocate(16);
        long address = address(limits);
        try {
            if (getrlimit(RLIMIT_NOFILE, address) != 0) {
                return 1024;
            }
            long soft = limits.getLong(0);
            return soft < 0 ? Long.MAX_VALUE : soft;
        } finally {
            free(address);
        }
    }
}
