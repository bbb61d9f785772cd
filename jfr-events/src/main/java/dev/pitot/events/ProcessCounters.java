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

    @Label("CPU Migrations")
    @Description(
            "Times a thread went on on another CPU; counted only beside hardware counters or when asked for by name")
    public double cpuMigrations = Double.NaN;

    @Label("Run Queue Wait")
    @Description(
            "Time in which threads could have run and had no CPU; that of threads which ended since the previous event is missing")
    @Timespan(Timespan.NANOSECONDS)
    public long runQueueWait = Long.MIN_VALUE;

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
            "Part of the time in which the counter that ran least really counted; below 100 % it was multiplexed and is scaled")
    @Percentage
    public double hardwareRunning = Double.NaN;

    @Label("Cycles Running Share")
    @Description("Part of the time in which this counter really counted; below 100 % its value is scaled")
    @Percentage
    public double cyclesRunning = Double.NaN;

    @Label("Instructions Running Share")
    @Description("Part of the time in which this counter really counted; below 100 % its value is scaled")
    @Percentage
    public double instructionsRunning = Double.NaN;

    @Label("Cache References Running Share")
    @Description("Part of the time in which this counter really counted; below 100 % its value is scaled")
    @Percentage
    public double cacheReferencesRunning = Double.NaN;

    @Label("Cache Misses Running Share")
    @Description("Part of the time in which this counter really counted; below 100 % its value is scaled")
    @Percentage
    public double cacheMissesRunning = Double.NaN;

    @Label("Branches Running Share")
    @Description("Part of the time in which this counter really counted; below 100 % its value is scaled")
    @Percentage
    public double branchesRunning = Double.NaN;

    @Label("Branch Misses Running Share")
    @Description("Part of the time in which this counter really counted; below 100 % its value is scaled")
    @Percentage
    public double branchMissesRunning = Double.NaN;
}
