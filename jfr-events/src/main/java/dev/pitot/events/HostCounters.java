package dev.pitot.events;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.Percentage;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;
import org.jspecify.annotations.Nullable;

/** Once a second and CPU where counters.host is on and permitted: what everybody on the machine did. */
@Name("pitot.HostCounters")
@Label("Host Counters")
@Category({"Pitot", "Counters"})
@Description("Hardware counters of one CPU of the machine, whoever ran on it, or of all")
@StackTrace(false)
public final class HostCounters extends Event {
    @Label("CPU")
    @Description("Number of the CPU, or all")
    public @Nullable String cpu;

    @Label("Interval")
    @Description("Wall time since the previous reading; rates are value / interval")
    @Timespan(Timespan.NANOSECONDS)
    public long interval;

    @Label("Cycles")
    @Description("CPU cycles, scaled by enabled / running time when multiplexed")
    public double cycles = Double.NaN;

    @Label("Instructions")
    @Description("Retired instructions, scaled when multiplexed")
    public double instructions = Double.NaN;

    @Label("Cache References")
    @Description("Last-level cache references, scaled when multiplexed")
    public double cacheReferences = Double.NaN;

    @Label("Cache Misses")
    @Description("Last-level cache misses, scaled when multiplexed")
    public double cacheMisses = Double.NaN;

    @Label("Branches")
    @Description("Retired branch instructions, scaled when multiplexed")
    public double branches = Double.NaN;

    @Label("Branch Misses")
    @Description("Mispredicted branches, scaled when multiplexed")
    public double branchMisses = Double.NaN;

    @Label("Hardware Source")
    @Description(
            "Where the hardware counters were read: 'perf', 'perf, user only' (kernel excluded), or 'none: ' and the reason")
    public @Nullable String hardwareSource;

    @Label("Hardware Running Share")
    @Description("Part of the time in which the counter that ran least really counted; below 100 % values are scaled")
    @Percentage
    public double hardwareRunning = Double.NaN;
}
