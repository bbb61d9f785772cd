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

/** Once a second: what the whole process cost the machine since the previous event, all threads of the JVM included. */
@Name("pitot.ProcessCounters")
@Label("Process Counters")
@Category({"Pitot", "Counters"})
@Description("What the whole process, with GC and JIT threads, cost the machine since the previous event of this type")
@StackTrace(false)
public final class ProcessCounters extends Event {
    @Label("Interval")
    @Description("Wall time since the previous reading; rates are value / interval")
    @Timespan(Timespan.NANOSECONDS)
    public long interval;

    @Label("User CPU Time")
    @Description("CPU time outside of the kernel, all threads")
    @Timespan(Timespan.NANOSECONDS)
    public long userTime = Long.MIN_VALUE;

    @Label("System CPU Time")
    @Description("CPU time inside of the kernel, all threads")
    @Timespan(Timespan.NANOSECONDS)
    public long systemTime = Long.MIN_VALUE;

    @Label("Voluntary Context Switches")
    @Description("Times a thread gave up its CPU to wait, for a lock or for I/O say")
    public double voluntaryContextSwitches = Double.NaN;

    @Label("Involuntary Context Switches")
    @Description("Times the scheduler took the CPU from a thread that wanted to run on")
    public double involuntaryContextSwitches = Double.NaN;

    @Label("Minor Page Faults")
    @Description("Page faults served without reading from disk")
    public double minorFaults = Double.NaN;

    @Label("Major Page Faults")
    @Description("Page faults that had to read from disk")
    public double majorFaults = Double.NaN;

    @Label("Software Source")
    @Description(
            "Where CPU time, context switches and page faults were read: getrusage, procfs (no context switches), or java (user time is all CPU time)")
    public @Nullable String softwareSource;

    @Label("Cycles")
    @Description("CPU cycles, scaled by enabled/running time when the counter was multiplexed")
    public double cycles = Double.NaN;

    @Label("Instructions")
    @Description("Retired instructions, scaled by enabled/running time when the counter was multiplexed")
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
    @Description(
            "Part of the time in which the hardware counters really counted; below 100 % they were multiplexed and are scaled")
    @Percentage
    public double hardwareRunning = Double.NaN;
}
