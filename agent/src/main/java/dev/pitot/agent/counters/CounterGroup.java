package dev.pitot.agent.counters;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * Events opened together on one thread and read together. {@link #read} and {@link #close} may race: a read that comes after
 * the close returns false and never touches a descriptor number that may have been given to somebody else. Two threads must
 * not read at the same time. A read allocates nothing.
 */
final class CounterGroup {
    /** What went wrong at the opening; carries no stack trace, as it is an answer and no accident. */
    static final class CannotOpen extends Exception {
        final transient PerfEvent event;
        final int errno;

        CannotOpen(PerfEvent event, int errno) {
            super(event.name() + ": errno " + errno, null, false, false);
            this.event = event;
            this.errno = errno;
        }
    }

    private static final int IDLE = 0;
    private static final int READING = 1;
    private static final int CLOSED = 2;
    /** Nanoseconds. */
    private static final long LONGEST_READ = 50_000_000;

    private final AtomicInteger state = new AtomicInteger(IDLE);
    private final int[] descriptors;
    private final boolean grouped;
    /** Whose descriptors these are, when they are not its own to close. */
    private final @Nullable CounterGroup original;

    private final ByteBuffer buffer;
    private final long address;
    private final int bytes;

    /** Raw totals since the opening, one per event; valid after a {@link #read} that returned true. */
    final long[] values;

    /** Nanoseconds for which each event was enabled and for which it really counted; the same for all when grouped. */
    final long[] enabled;

    final long[] running;

    /** Takes descriptors that are open already, the leader's first, and closes them in the end. */
    CounterGroup(int[] descriptors, boolean grouped) {
        this(descriptors, grouped, null);
    }

    private CounterGroup(int[] descriptors, boolean grouped, @Nullable CounterGroup original) {
        this.original = original;
        this.descriptors = descriptors;
        this.grouped = grouped;
        int n = descriptors.length;
        // Grouped: nr, enabled, running, then value and id of each. Single: value, enabled, running, id.
        bytes = grouped ? 24 + 16 * n : 32;
        buffer = Libc.allocate(bytes);
        address = Libc.address(buffer);
        values = new long[n];
        enabled = new long[n];
        running = new long[n];
    }

    /**
     * Opens all events or none.
     *
     * @param tid a thread of this process, or 0 for the calling one
     * @param grouped one group, read at once; false for kernels that refuse groups with inherit
     */
    static CounterGroup open(List<PerfEvent> events, int tid, long flags, boolean grouped) throws CannotOpen {
        return open(events, tid, Kernel.THIS_THREAD, flags, grouped);
    }

    /** The same for all that runs on one CPU, whoever it belongs to; always one group. */
    static CounterGroup openOnCpu(List<PerfEvent> events, int cpu) throws CannotOpen {
        return open(events, -1, cpu, 0, true);
    }

    private static CounterGroup open(List<PerfEvent> events, int tid, int cpu, long flags, boolean grouped)
            throws CannotOpen {
        long format = Perf.FORMAT_TIMES | Perf.FORMAT_ID | (grouped ? Perf.FORMAT_GROUP : 0);
        List<Integer> opened = new ArrayList<>(events.size());
        for (PerfEvent event : events) {
            int leader = grouped && !opened.isEmpty() ? opened.get(0) : -1;
            // A group is switched on once it is whole: one that runs already takes in a member of another PMU at the
            // next
            // context switch only, and a CPU that counts whoever runs on it has none.
            long start = grouped && leader < 0 ? flags | Perf.DISABLED : flags;
            int fd = cpu == Kernel.THIS_THREAD
                    ? Perf.open(event, tid, leader, start, format)
                    : Perf.openOnCpu(event, cpu, leader, start, format);
            if (fd < 0) {
                opened.forEach(Libc::close);
                throw new CannotOpen(event, -fd);
            }
            opened.add(fd);
        }
        if (grouped && !Perf.enable(opened.get(0))) {
            int errno = Libc.errno();
            opened.forEach(Libc::close);
            throw new CannotOpen(events.get(0), errno);
        }
        return new CounterGroup(opened.stream().mapToInt(Integer::intValue).toArray(), grouped);
    }

    /**
     * The same events, to be read by another thread beside the one that reads these: by the thread that closes these, as a read
     * after their close gives nothing.
     */
    CounterGroup view() {
        return new CounterGroup(descriptors, grouped, this);
    }

    private boolean isClosed() {
        return state.get() == CLOSED;
    }

    int size() {
        return descriptors.length;
    }

    /** Reads all events; false when the group is closed or the kernel gave less than was asked for. */
    boolean read() {
        CounterGroup descriptorsOf = original;
        if ((descriptorsOf != null && descriptorsOf.isClosed()) || !state.compareAndSet(IDLE, READING)) {
            return false;
        }
        try {
            return grouped ? readGroup() : readEach();
        } finally {
            state.set(IDLE);
        }
    }

    private boolean readGroup() {
        if (readFully(descriptors[0]) != bytes || buffer.getLong(0) != descriptors.length) {
            return false;
        }
        long on = buffer.getLong(8);
        long counted = buffer.getLong(16);
        for (int i = 0; i < descriptors.length; i++) {
            values[i] = buffer.getLong(24 + 16 * i);
            enabled[i] = on;
            running[i] = counted;
        }
        return true;
    }

    private boolean readEach() {
        for (int i = 0; i < descriptors.length; i++) {
            if (readFully(descriptors[i]) != bytes) {
                return false;
            }
            values[i] = buffer.getLong(0);
            enabled[i] = buffer.getLong(8);
            running[i] = buffer.getLong(16);
        }
        return true;
    }

    private long readFully(int fd) {
        long n = Reads.read(fd, address, bytes);
        return n < 0 && Libc.errno() == Libc.EINTR ? Reads.read(fd, address, bytes) : n;
    }

    /**
     * Closes all descriptors; waits for a read that is under way, which takes microseconds. One that takes longer than
     * {@link #LONGEST_READ} belongs to a thread that somebody has suspended: then they stay open, as the exit of the JVM must not
     * wait for it.
     *
     * @return whether they are closed now
     */
    boolean close() {
        long since = System.nanoTime();
        while (!state.compareAndSet(IDLE, CLOSED)) {
            if (state.get() == CLOSED || System.nanoTime() - since > LONGEST_READ) {
                return false;
            }
            Thread.onSpinWait();
        }
        // Members first: closing the leader would turn each of them into a group of its own.
        for (int i = descriptors.length - 1; original == null && i >= 0; i--) {
            Libc.close(descriptors[i]);
        }
        Libc.free(address);
        return true;
    }
}
