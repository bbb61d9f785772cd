package dev.pitot.agent.samplers.host;

import dev.pitot.agent.samplers.host.Cgroups.Group;
import dev.pitot.events.CgroupCpu;
import org.jspecify.annotations.Nullable;

/**
 * {@code pitot.CgroupCpu}: {@code cpu.stat} and {@code cpu.max}, see the kernel's admin-guide/cgroup-v2; or the same of version
 * 1 with its {@code cpuacct} files, see scheduler/sched-bwc and cgroup-v1/cpuacct. Limits are read every 10 seconds.
 */
final class CgroupCpuSampler implements HostMetric {
    private static final int EVERY = 10;
    private static final long MICROSECOND = 1_000;
    private static final long TICK = 10_000_000;

    private static final int USAGE = 0;
    private static final int USER = 1;
    private static final int SYSTEM = 2;
    private static final int PERIODS = 0;
    private static final int THROTTLED = 1;
    private static final int THROTTLED_TIME = 2;

    private final int version;
    private final Text text;
    /** From the own group upwards. */
    private final ProcFile[] limits;

    private final ProcFile[] periodsOfLimits;
    private final ProcFile[] stats;
    private final ProcFile usage;
    private final ProcFile times;

    private final Keys consumed;
    private final Keys throttling;
    private final Differences used = new Differences(3);
    private Differences throttled = new Differences(3);
    private double limit = Double.NaN;
    /** Index of the group whose limit is the least, as its throttling is what is felt; the own one without a limit. */
    private int binding;

    private int rounds;

    private CgroupCpuSampler(Group cpu, Group accounting, Text text) {
        version = cpu.version();
        this.text = text;
        boolean two = version == 2;
        limits = cpu.limits(two ? "cpu.max" : "cpu.cfs_quota_us");
        periodsOfLimits = two ? limits : cpu.limits("cpu.cfs_period_us");
        stats = cpu.files("cpu.stat");
        usage = two ? stats[0] : accounting.ownFile("cpuacct.usage");
        times = two ? stats[0] : accounting.ownFile("cpuacct.stat");
        consumed = two
                ? new Keys("usage_usec", "user_usec", "system_usec")
                : new Keys("in another file", "user", "system");
        throttling = new Keys("nr_periods", "nr_throttled", two ? "throttled_usec" : "throttled_time");
    }

    static @Nullable CgroupCpuSampler open(Cgroups cgroups, Text text) {
        Group cpu = cgroups.find("cpu", "cpu.stat", "cpu.stat");
        Group accounting =
                cpu == null || cpu.version() == 2 ? cpu : cgroups.find("cpuacct", "cpuacct.usage", "cpu.stat");
        return cpu == null || accounting == null ? null : new CgroupCpuSampler(cpu, accounting, text);
    }

    @Override
    public String name() {
        return "CPU of the cgroup";
    }

    @Override
    public boolean sample() {
        if (rounds++ % EVERY == 0) {
            readLimits();
        }
        boolean two = version == 2;
        boolean there = consumed.read(times, text);
        long total = two ? consumed.get(USAGE) : usage.number(text);
        there |= total != Long.MIN_VALUE;
        boolean follows = used.begin(System.nanoTime());
        CgroupCpu event = new CgroupCpu();
        event.version = version;
        event.interval = used.interval();
        event.limit = limit;
        event.usageTime = used.of(USAGE, total, two ? MICROSECOND : 1);
        // The kernel splits it into these two by an estimate.
        event.userTime = used.ofEstimate(USER, consumed.get(USER), two ? MICROSECOND : TICK);
        event.systemTime = used.ofEstimate(SYSTEM, consumed.get(SYSTEM), two ? MICROSECOND : TICK);
        throttling.read(stats[binding], text);
        event.periods = throttled.count(PERIODS, throttling.get(PERIODS));
        event.throttledPeriods = throttled.count(THROTTLED, throttling.get(THROTTLED));
        event.throttledTime = throttled.of(THROTTLED_TIME, throttling.get(THROTTLED_TIME), two ? MICROSECOND : 1);
        if (follows && there) {
            event.commit();
        }
        return there;
    }

    private void readLimits() {
        double least = Double.NaN;
        int at = 0;
        for (int i = 0; i < limits.length; i++) {
            double cores = cores(i);
            if (cores < least || Double.isNaN(least) && !Double.isNaN(cores)) {
                least = cores;
                at = i;
            }
        }
        limit = least;
        if (at != binding) {
            binding = at;
            throttled = new Differences(3);
        }
    }

    /** Quota / period of one group: "50000 100000", or "max 100000" without one; two files in version 1, and -1 without one. */
    private double cores(int group) {
        long quota = limits[group].number(text);
        long period = 0;
        if (quota > 0) {
            period = version == 2 ? text.number() : periodsOfLimits[group].number(text);
        }
        limits[group].close();
        periodsOfLimits[group].close();
        return quota > 0 && period > 0 ? (double) quota / period : Double.NaN;
    }
}
