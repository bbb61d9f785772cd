package dev.pitot.agent.counters;

import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * perf_event_open(2) with its attribute structure laid out by hand. Usable after {@link Libc#link}; any thread.
 */
final class Perf {
    static final int EPERM = 1;
    static final int ENOENT = 2;
    static final int ESRCH = 3;
    static final int E2BIG = 7;
    static final int EACCES = 13;
    static final int EBUSY = 16;
    static final int ENODEV = 19;
    static final int EINVAL = 22;
    static final int ENFILE = 23;
    static final int EMFILE = 24;
    static final int ENOSPC = 28;
    static final int ENOSYS = 38;
    static final int EOPNOTSUPP = 95;

    /** Flags of the attribute's bit field. */
    static final long DISABLED = 1;

    static final long INHERIT = 1L << 1;

    static final long EXCLUDE_USER = 1L << 4;
    static final long EXCLUDE_KERNEL = 1L << 5;
    static final long EXCLUDE_HYPERVISOR = 1L << 6;
    /** Linux 5.13: inherit to threads only; without it the counts of child processes are added. */
    static final long INHERIT_THREAD = 1L << 35;

    /** Bits of read_format. */
    static final long FORMAT_TIMES = 1 | 2;

    static final long FORMAT_ID = 4;
    static final long FORMAT_GROUP = 8;

    /** PERF_ATTR_SIZE_VER1: up to bp_len, which is config2 too; every kernel since 2.6.33 takes it, older ones say E2BIG. */
    private static final int ATTR_SIZE = 72;

    private static final long FLAG_CLOEXEC = 8;
    private static final long ENABLE = 0x2400;
    private static final long WHOLE_GROUP = 1;
    private static final long SYSCALL = number(System.getProperty("os.arch", ""));
    private static final long IOCTL = SYSCALL == 298 ? 16 : 29;

    private Perf() {}

    /** Number of perf_event_open by architecture, -1 where Pitot does not know it; see syscalls(2). */
    static long number(String architecture) {
        return switch (architecture) {
            case "amd64", "x86_64" -> 298;
            case "aarch64", "riscv64", "loongarch64" -> 241;
            default -> -1;
        };
    }

    /** Why no event can be opened here, or null. To be asked before the first {@link #open}. */
    static @Nullable Refusal objection() {
        return SYSCALL >= 0
                ? null
                : new Refusal(
                        "Pitot does not know perf_event_open on the architecture " + System.getProperty("os.arch", ""),
                        "");
    }

    /**
     * Opens one event on a thread, counting at once.
     *
     * @param tid a thread of this process, or 0 for the calling one
     * @param leader descriptor of the group's leader, or -1 to lead
     * @param flags of {@link #INHERIT} and its neighbours
     * @param readFormat of {@link #FORMAT_TIMES} and its neighbours
     * @return the descriptor, or the negated errno
     */
    static int open(PerfEvent event, int tid, int leader, long flags, long readFormat) {
        return open(event, tid, -1, leader, flags, readFormat);
    }

    /** The same for all that runs on one CPU, whoever it belongs to. */
    static int openOnCpu(PerfEvent event, int cpu, int leader, long flags, long readFormat) {
        return open(event, -1, cpu, leader, flags, readFormat);
    }

    private static int open(PerfEvent event, int tid, int cpu, int leader, long flags, long readFormat) {
        ByteBuffer attr = Libc.allocate(ATTR_SIZE);
        long address = Libc.address(attr);
        try {
            attr.putInt(0, event.type());
            attr.putInt(4, ATTR_SIZE);
            attr.putLong(8, event.config());
            attr.putLong(32, readFormat);
            attr.putLong(40, flags | event.excluded());
            attr.putInt(52, event.breakpointType());
            attr.putLong(56, event.config1());
            attr.putLong(64, event.config2());
            long fd = Libc.syscall(SYSCALL, address, tid, cpu, leader, FLAG_CLOEXEC);
            return fd >= 0 ? (int) fd : -Libc.errno();
        } finally {
            Libc.free(address);
        }
    }

    /** Switches a group on that was opened {@link #DISABLED}. */
    static boolean enable(int leader) {
        return Libc.syscall(IOCTL, leader, ENABLE, WHOLE_GROUP, 0, 0) == 0;
    }

    /** One sentence for an errno of {@link #open} for a thread of this process. */
    static Refusal explain(PerfEvent event, int errno) {
        return Situation.ofThisProcess().standing().explain(event, errno, Standing.BOTH_SIDES);
    }
}
