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

/** Once a second for each of the few threads that used most CPU time. */
@Name("pitot.TopThread")
@Label("Top Thread")
@Category({"Pitot", "Counters"})
@Description("One of the threads that used most CPU time since the previous event")
@StackTrace(false)
public final class TopThread extends Event {
    @Label("Thread")
    @Description("Name of the thread: that of Java, else that of the kernel")
    public @Nullable String thread;

    @Label("OS Thread Identifier")
    @Description("Thread identifier (tid) as the kernel has it, in a container the container's own")
    public long osThreadId;

    @Label("Kind")
    @Description("application, gc, jit, vm or agent")
    public @Nullable String kind;

    @Label("Interval")
    @Description("Wall time since the previous reading; rates are value / interval")
    @Timespan(Timespan.NANOSECONDS)
    public long interval;

    @Label("CPU Time")
    @Description("CPU time, user and system")
    @Timespan(Timespan.NANOSECONDS)
    public long cpuTime = Long.MIN_VALUE;

    @Label("Run Queue Wait")
    @Description("Time in which the thread could have run and had no CPU")
    @Timespan(Timespan.NANOSECONDS)
    public long runQueueWait = Long.MIN_VALUE;

    @Label("Time Slices")
    @Description("Times that the thread was put on a CPU")
    public double timeslices = Double.NaN;

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
