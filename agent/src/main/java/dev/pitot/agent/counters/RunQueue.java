package dev.pitot.agent.counters;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How long one thread has waited in a run queue, able to run and without a CPU, since its start: the second number of
 * {@code /proc/thread-self/schedstat} (kernel documentation, scheduler/sched-stats). Exact at the moment of reading, as a
 * thread that reads runs. Used by that thread only.
 */
public final class RunQueue {
    /** Those of all threads that were given one. Any thread may open, the sampler closes. */
    public static final class All {
        private final FileBudget budget;
        private final boolean nativeCode;
        private final List<RunQueue> open = new ArrayList<>();
        private volatile boolean refused;

        All(FileBudget budget, boolean nativeCode) {
            this.budget = budget;
            this.nativeCode = nativeCode;
        }

        /** Null when the kernel keeps no such figure or descriptors are short; the caller remembers what it got. */
        public @Nullable RunQueue openForThisThread() {
            if (refused || !budget.reserve(1, FileBudget.Use.SPANS)) {
                return null;
            }
            try {
                RunQueue queue = new RunQueue(nativeCode);
                if (queue.read() == Long.MIN_VALUE) {
                    queue.close();
                    throw new IOException("not what was expected");
                }
                synchronized (open) {
                    open.add(queue);
                }
                return queue;
            } catch (IOException | RuntimeException unreadable) {
                // A kernel without CONFIG_SCHED_INFO, or a /proc that is hidden: so it is for all threads.
                refused = true;
                budget.release(1);
                return null;
            }
        }

        /** Once a second on the sampler thread. */
        void closeOfEndedThreads() {
            synchronized (open) {
                for (Iterator<RunQueue> all = open.iterator(); all.hasNext(); ) {
                    RunQueue queue = all.next();
                    if (!queue.thread.isAlive()) {
                        all.remove();
                        queue.close();
                        queue.free();
                        budget.release(1);
                    }
                }
            }
        }

        /**
         * Threads that live may be reading: their 64 bytes outside the heap are left to them, and where a reading moves the place in the file, as
         * the number may be another file's by then, the file too.
         */
        void close() {
            refused = true;
            synchronized (open) {
                for (RunQueue queue : open) {
                    if (queue.memory != null || !queue.thread.isAlive()) {
                        queue.close();
                    }
                }
                budget.release(open.size());
                open.clear();
            }
        }
    }

    private static final int LENGTH = 64;

    private final Thread thread = Thread.currentThread();
    private final RandomAccessFile file;
    private final byte[] text = new byte[LENGTH];
    private final @Nullable ByteBuffer memory;
    private final long address;
    /** Whether this thread is in a method of the JDK that waits for files, which is none of the application's waits. */
    private boolean reading;

    private RunQueue(boolean nativeCode) throws IOException {
        file = new RandomAccessFile("/proc/thread-self/schedstat", "r");
        memory = nativeCode && Reads.canReadAt() ? Libc.allocate(LENGTH) : null;
        address = memory == null ? 0 : Libc.address(memory);
    }

    /** Nanoseconds, or {@link Long#MIN_VALUE} when it cannot be read. */
    public long read() {
        try {
            ByteBuffer raw = memory;
            if (raw == null) {
                reading = true;
                file.seek(0);
                return second(null, file.read(text));
            }
            return second(raw, Reads.readAt(file.getFD(), address, LENGTH));
        } catch (IOException closed) {
            return Long.MIN_VALUE;
        } finally {
            reading = false;
        }
    }

    /** Whether {@link #read} is under way. */
    public boolean isReading() {
        return reading;
    }

    private long second(@Nullable ByteBuffer raw, int length) {
        long value = 0;
        int numbers = 0;
        for (int i = 0; i < length; i++) {
            byte c = raw == null ? text[i] : raw.get(i);
            if (c == ' ') {
                if (++numbers == 2) {
                    return value;
                }
                value = 0;
            } else {
                value = value * 10 + (c - '0');
            }
        }
        return Long.MIN_VALUE;
    }

    private void close() {
        try {
            file.close();
        } catch (IOException closed) {
            // Nothing was written to it.
        }
    }

    private void free() {
        if (memory != null) {
            Libc.free(address);
        }
    }
}
