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

/** Once a second and kind of thread: what the application, the garbage collector, the compilers, the rest of the VM and the agent cost; the kinds add up to the process. */
@Name("pitot.ThreadKindCounters")
@Label("Thread Kind Counters")
@Category({"Pitot", "Counters"})
@Description("What the threads of one kind cost since the previous event: the application, GC, JIT, VM or agent")
@StackTrace(false)
public final class ThreadKindCounters extends Event {
    @Label("Kind")
    @Description("application, gc, jit, vm or agent")
    public @Nullable String kind;

    @Label("Threads")
    @Description("Threads of this kind that live")
    public double threads = Double.NaN;

    @Label("Interval")
    @Description("Wall time since the previous reading; rates are value / interval")
    @Timespan(Timespan.NANOSECONDS)
    public long interval;

    @Label("CPU Time")
    @Description("CPU time, user and system")
    @Timespan(Timespan.NANOSECONDS)
    public long cpuTime = Long.MIN_VALUE;

    @Label("Run Queue Wait")
    @Description(
            "Time in which threads of this kind could have run and had no CPU; threads that ended since the previous event are missing")
    @Timespan(Timespan.NANOSECONDS)
    public long runQueueWait = Long.MIN_VALUE;

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
