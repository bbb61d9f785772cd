package dev.pitot.agent.samplers.host;

import dev.pitot.agent.samplers.host.Cgroups.Group;
import dev.pitot.events.CgroupMemory;
import org.jspecify.annotations.Nullable;

/**
 * {@code pitot.CgroupMemory}: the {@code memory} and {@code pids} files of the kernel's admin-guide/cgroup-v2, or of
 * cgroup-v1/memory and cgroup-v1/pids. Limits are read every 10 seconds.
 */
final class CgroupMemorySampler implements HostMetric {
    private static final int EVERY = 10;
    /** Version 1 says "unlimited" by the largest number of whole pages. */
    private static final long UNLIMITED = 1L << 62;

    /** What the keys of memory.stat are for, in both versions. */
    private static final int ANONYMOUS = 0;

    private static final int FILE = 1;
    private static final int INACTIVE_FILE = 2;
    private static final int MAJOR_FAULTS = 3;
    private static final int LIMIT_1 = 4;
    private static final int MEMORY_AND_SWAP_LIMIT_1 = 5;
    private static final int KERNEL_2 = 4;
    private static final int KERNEL_PARTS_2 = 5;
    private static final int KERNEL_PARTS_2_END = 8;

    private static final int LIMIT_HITS = 1;
    private static final int KILLS = 2;

    private final int version;
    private final Text text;
    private final ProcFile[] limits;
    private final ProcFile[] swapLimits;
    private final ProcFile[] taskLimits;
    private final ProcFile used;
    private final ProcFile swapUsed;
    private final ProcFile kernel;
    private final ProcFile stat;
    private final ProcFile events;
    private final @Nullable ProcFile hits;
    private final @Nullable ProcFile tasks;

    private final Keys stats;
    private final Keys counts;
    private final Differences totals = new Differences(3);
    private long limit;
    private long swapLimit;
    private long taskLimit;
    private int rounds;

    private CgroupMemorySampler(Group group, @Nullable Group pids, Text text) {
        version = group.version();
        this.text = text;
        boolean two = version == 2;
        limits = group.limits(two ? "memory.max" : "memory.limit_in_bytes");
        swapLimits = group.limits(two ? "memory.swap.max" : "memory.memsw.limit_in_bytes");
        used = group.ownFile(two ? "memory.current" : "memory.usage_in_bytes");
        swapUsed = group.ownFile(two ? "memory.swap.current" : "memory.memsw.usage_in_bytes");
        kernel = group.ownFile("memory.kmem.usage_in_bytes");
        stat = group.ownFile("memory.stat");
        events = group.ownFile(two ? "memory.events" : "memory.oom_control");
        hits = two ? null : group.ownFile("memory.failcnt");
        taskLimits = pids == null ? new ProcFile[0] : pids.limits("pids.max");
        tasks = pids == null ? null : pids.ownFile("pids.current");
        stats = two
                ? new Keys(
                        "anon",
                        "file",
                        "inactive_file",
                        "pgmajfault",
                        "kernel",
                        // What kernels before 5.18 have instead.
                        "kernel_stack",
                        "pagetables",
                        "slab")
                : new Keys(
                        "total_rss",
                        "total_cache",
                        "total_inactive_file",
                        "total_pgmajfault",
                        "hierarchical_memory_limit",
                        "hierarchical_memsw_limit");
        counts = two ? new Keys("oom_kill", "max") : new Keys("oom_kill");
    }

    static @Nullable CgroupMemorySampler open(Cgroups cgroups, Text text) {
        Group group = cgroups.find("memory", "memory.usage_in_bytes", "memory.current");
        return group == null
                ? null
                : new CgroupMemorySampler(group, cgroups.find("pids", "pids.current", "pids.current"), text);
    }

    @Override
    public String name() {
        return "memory of the cgroup";
    }

    @Override
    public boolean sample() {
        boolean two = version == 2;
        boolean there = stats.read(stat, text);
        if (rounds++ % EVERY == 0) {
            readLimits();
        }
        boolean follows = totals.begin(System.nanoTime());
        CgroupMemory event = new CgroupMemory();
        event.interval = totals.interval();
        event.limit = limit;
        event.swapLimit = swapLimit;
        event.taskLimit = Differences.number(taskLimit);
        event.used = used.number(text);
        there |= event.used != Long.MIN_VALUE;
        event.workingSet = less(event.used, stats.get(INACTIVE_FILE));
        event.anonymous = stats.get(ANONYMOUS);
        event.file = stats.get(FILE);
        event.kernel = two ? kernel2() : kernel.number(text);
        long swapped = swapUsed.number(text);
        event.swapUsed = two ? swapped : less(swapped, event.used);
        event.majorFaults = totals.count(0, stats.get(MAJOR_FAULTS));
        counts.read(events, text);
        event.limitHits = totals.count(LIMIT_HITS, hits == null ? counts.get(LIMIT_HITS) : hits.number(text));
        event.outOfMemoryKills = totals.count(KILLS, counts.get(0));
        if (tasks != null) {
            event.tasks = Differences.number(tasks.number(text));
        }
        if (follows && there) {
            event.commit();
        }
        return there;
    }

    private long kernel2() {
        long kernelBytes = stats.get(KERNEL_2);
        for (int part = KERNEL_PARTS_2; kernelBytes == Long.MIN_VALUE && part < KERNEL_PARTS_2_END; part++) {
            if (stats.get(part) == Long.MIN_VALUE) {
                return Long.MIN_VALUE;
            }
        }
        return kernelBytes != Long.MIN_VALUE
                ? kernelBytes
                : stats.get(KERNEL_PARTS_2) + stats.get(KERNEL_PARTS_2 + 1) + stats.get(KERNEL_PARTS_2 + 2);
    }

    private void readLimits() {
        limit = least(limits);
        swapLimit = least(swapLimits);
        taskLimit = least(taskLimits);
        if (version == 1) {
            // The kernel's own sum of the whole path, those groups included that a container cannot see.
            limit = lesser(limit, limited(stats.get(LIMIT_1)));
            swapLimit = less(lesser(swapLimit, limited(stats.get(MEMORY_AND_SWAP_LIMIT_1))), limit);
        }
    }

    /** The least of the limits in these files; N/A when there is none: "max", a file that is not there, or a huge number. */
    private long least(ProcFile[] files) {
        long least = Long.MIN_VALUE;
        for (ProcFile file : files) {
            least = lesser(least, limited(file.number(text)));
            file.close();
        }
        return least;
    }

    private static long limited(long value) {
        return value < 0 || value >= UNLIMITED ? Long.MIN_VALUE : value;
    }

    private static long lesser(long a, long b) {
        return a == Long.MIN_VALUE ? b : b == Long.MIN_VALUE ? a : Math.min(a, b);
    }

    /** Version 1 counts swap together with memory, and the two are read one after the other: less than nothing is a zero. */
    private static long less(long all, long part) {
        return all == Long.MIN_VALUE || part == Long.MIN_VALUE ? Long.MIN_VALUE : Math.max(0, all - part);
    }
}
