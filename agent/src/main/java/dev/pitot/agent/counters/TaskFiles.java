package dev.pitot.agent.counters;

import java.io.File;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The threads of this process as the kernel shows them under {@code /proc/self/task}; see proc(5) and, for {@code schedstat}, the
 * kernel's scheduler/sched-stats. One thread at a time.
 */
abstract class TaskFiles implements AutoCloseable {
    private static final int LONGEST = 256;

    /** Thread identifiers of the last {@link #list}, the first {@code count} places. */
    int[] tids = new int[64];

    int count;

    /** What {@link #readTimes} read: nanoseconds on a CPU, nanoseconds that it was ready and had none, times put on one. */
    long runTime;

    long waitTime;
    long timeslices;

    /** The way by native calls, which allocates nothing, else that by Java's own files. */
    static TaskFiles best(boolean nativeCode) {
        if (nativeCode) {
            ByNativeCalls files = new ByNativeCalls();
            if (files.list()) {
                return files;
            }
            files.close();
        }
        return new ByJava();
    }

    /** Lists the threads; false when that cannot be done now, and the list is as it was. */
    abstract boolean list();

    /** Reads a file of one thread into a buffer of the object's own; -1 when the thread has ended or it cannot be read. */
    abstract int read(int tid, byte[] file);

    abstract byte at(int i);

    @Override
    public void close() {}

    private static final byte[] SCHEDSTAT = bytes("/schedstat");
    private static final byte[] COMM = bytes("/comm");

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }

    /** Whether the thread still lives and its times are known. */
    boolean readTimes(int tid) {
        int length = read(tid, SCHEDSTAT);
        int at = number(0, length);
        runTime = value;
        at = number(at, length);
        waitTime = value;
        at = number(at, length);
        timeslices = value;
        return at > 0;
    }

    private long value;

    /** Reads the number from there on, and gives the place after the blank behind it; -1 when there is none. */
    private int number(int from, int length) {
        value = 0;
        int i = from;
        while (i >= 0 && i < length && at(i) >= '0' && at(i) <= '9') {
            value = value * 10 + (at(i++) - '0');
        }
        return i > from ? i + 1 : -1;
    }

    /** The name of a thread, or null when it has ended. */
    @Nullable
    String name(int tid) {
        int length = read(tid, COMM);
        if (length <= 0) {
            return null;
        }
        byte[] text = new byte[length];
        for (int i = 0; i < length; i++) {
            text[i] = at(i);
        }
        int end = text[length - 1] == '\n' ? length - 1 : length;
        return new String(text, 0, end, StandardCharsets.UTF_8);
    }

    void add(int tid) {
        if (count == tids.length) {
            tids = Arrays.copyOf(tids, count * 2);
        }
        tids[count++] = tid;
    }

    /** openat(2), getdents64(2) and read(2), with memory of its own. */
    static final class ByNativeCalls extends TaskFiles {
        private static final boolean X86 = Perf.number(System.getProperty("os.arch", "")) == 298;
        private static final long OPENAT = X86 ? 257 : 56;
        private static final long GETDENTS64 = X86 ? 217 : 61;
        private static final long LSEEK = X86 ? 8 : 62;
        private static final long AT_FDCWD = -100;
        private static final long DIRECTORY = 0x10000;
        /** On ARM the flag has another number; the folder opens without it. */
        private static final long FOLDER_FLAGS = Libc.O_CLOEXEC | (X86 ? DIRECTORY : 0);

        private static final int ENTRIES = 32 << 10;

        private final ByteBuffer memory = Libc.allocate(ENTRIES);
        private final long address = Libc.address(memory);
        private final ByteBuffer path = Libc.allocate(64);
        private final long pathAddress = Libc.address(path);
        private int folder;
        private boolean closed;

        ByNativeCalls() {
            byte[] name = bytes("/proc/self/task");
            for (int i = 0; i < name.length; i++) {
                path.put(i, name[i]);
            }
            path.put(name.length, (byte) 0);
            folder = (int) Libc.syscall(OPENAT, AT_FDCWD, pathAddress, FOLDER_FLAGS, 0, 0);
        }

        @Override
        boolean list() {
            if (folder < 0 || Libc.syscall(LSEEK, folder, 0, 0, 0, 0) != 0) {
                return false;
            }
            int before = count;
            count = 0;
            while (true) {
                long length = Libc.syscall(GETDENTS64, folder, address, ENTRIES, 0, 0);
                if (length <= 0) {
                    count = length < 0 ? before : count;
                    return length == 0 && count > 0;
                }
                // struct linux_dirent64: inode and offset of 8 bytes, record length of 2, type of 1, name.
                for (int at = 0; at < length; at += memory.getShort(at + 16) & 0xffff) {
                    int tid = 0;
                    for (int i = at + 19; memory.get(i) >= '0' && memory.get(i) <= '9'; i++) {
                        tid = tid * 10 + (memory.get(i) - '0');
                    }
                    if (tid > 0) {
                        add(tid);
                    }
                }
            }
        }

        @Override
        int read(int tid, byte[] file) {
            int at = 0;
            for (int scale = 1_000_000_000; scale > 0; scale /= 10) {
                int digit = tid / scale % 10;
                if (digit > 0 || at > 0) {
                    path.put(at++, (byte) ('0' + digit));
                }
            }
            for (byte c : file) {
                path.put(at++, c);
            }
            path.put(at, (byte) 0);
            int fd = (int) Libc.syscall(OPENAT, folder, pathAddress, Libc.O_CLOEXEC, 0, 0);
            if (fd < 0) {
                return -1;
            }
            long length = Libc.read(fd, address, LONGEST);
            Libc.close(fd);
            return (int) length;
        }

        @Override
        byte at(int i) {
            return memory.get(i);
        }

        @Override
        public void close() {
            if (!closed) {
                closed = true;
                if (folder >= 0) {
                    Libc.close(folder);
                    folder = -1;
                }
                Libc.free(address);
                Libc.free(pathAddress);
            }
        }
    }

    /** For a JVM without native code. */
    static final class ByJava extends TaskFiles {
        private final File folder = new File("/proc/self/task");
        private final byte[] text = new byte[LONGEST];

        @Override
        boolean list() {
            String[] names = folder.list();
            if (names == null) {
                return false;
            }
            count = 0;
            for (String name : names) {
                add(Integer.parseInt(name));
            }
            return true;
        }

        @Override
        int read(int tid, byte[] file) {
            try (RandomAccessFile in = new RandomAccessFile(
                    "/proc/self/task/" + tid + new String(file, StandardCharsets.ISO_8859_1), "r")) {
                return in.read(text);
            } catch (IOException ended) {
                return -1;
            }
        }

        @Override
        byte at(int i) {
            return text[i];
        }
    }
}
