package dev.pitot.events;

import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Percentage;
import jdk.jfr.Timespan;
import org.jspecify.annotations.Nullable;

/** All spans of one name that ended in about a second: every one counts, none is sampled away. The parts named {@code totalTime…} add up to the total duration. No event type of its own. */
public abstract class SpanSummary extends Event {
    @Label("Interval")
    @Description("Wall time that this summary covers")
    @Timespan(Timespan.NANOSECONDS)
    public long interval;

    @Label("Count")
    @Description("All that ended in the interval")
    public long count;

    @Label("Errors")
    @Description("Those of them that ended with an exception, or with a status of 500 or above")
    public long errors;

    @Label("Without Duration")
    @Description("Those of which the whole duration is not known: it is in none of the three fields that follow")
    public long untimed;

    @Label("Total Duration")
    @Description("Sum of the durations")
    @Timespan(Timespan.NANOSECONDS)
    public long totalDuration;

    @Label("Longest Duration")
    @Description("Longest of the same durations")
    @Timespan(Timespan.NANOSECONDS)
    public long maxDuration;

    @Label("Duration Histogram")
    @Description(
            "The same durations as bucket:count pairs, 16 buckets per power of two of nanoseconds (see the event specification)")
    public @Nullable String histogram;

    @Label("Measured")
    @Description("Those of which CPU time and allocation are known; the divisor for the totals up to Counted")
    public long measured;

    @Label("Total CPU Time")
    @Description("CPU time of all threads that worked on them")
    @Timespan(Timespan.NANOSECONDS)
    public long totalCpuTime = Long.MIN_VALUE;

    @Label("Total Run Queue Wait")
    @Description("Time that these threads could run and had no CPU")
    @Timespan(Timespan.NANOSECONDS)
    public long totalRunQueueWait = Long.MIN_VALUE;

    @Label("Total Allocated")
    @Description("Heap memory that these threads allocated")
    @DataAmount
    public long totalAllocated = Long.MIN_VALUE;

    @Label("Total Own CPU Time")
    @Description("CPU time without what nested statements, calls and waits took")
    @Timespan(Timespan.NANOSECONDS)
    public long totalOwnCpuTime = Long.MIN_VALUE;

    @Label("Total Own Run Queue Wait")
    @Description("Run queue wait without what nested statements, calls and waits took")
    @Timespan(Timespan.NANOSECONDS)
    public long totalOwnRunQueueWait = Long.MIN_VALUE;

    @Label("Total Own Allocated")
    @Description("Heap memory without what nested statements, calls and waits took")
    @DataAmount
    public long totalOwnAllocated = Long.MIN_VALUE;

    @Label("Counted")
    @Description("Those of which counters are known; the divisor for the totals of counters")
    public long counted;

    @Label("Counter Source")
    @Description("Where the counters were read, as in the single events")
    public @Nullable String counterSource;

    @Label("Counter Running Share")
    @Description("Part of their time in which their counters really counted; below 100 % they are scaled")
    @Percentage
    public double counterRunning = Double.NaN;

    @Label("Total Context Switches")
    @Description("Context Switches of those counted")
    public double totalContextSwitches = Double.NaN;

    @Label("Total Page Faults")
    @Description("Page Faults of those counted")
    public double totalPageFaults = Double.NaN;

    @Label("Total Cycles")
    @Description("Cycles of those counted")
    public double totalCycles = Double.NaN;

    @Label("Total Instructions")
    @Description("Instructions of those counted")
    public double totalInstructions = Double.NaN;

    @Label("Total Cache Misses")
    @Description("Cache Misses of those counted")
    public double totalCacheMisses = Double.NaN;

    @Label("Total Branch Misses")
    @Description("Branch Misses of those counted")
    public double totalBranchMisses = Double.NaN;

    @Label("Total Further Counters")
    @Description(
            "Counters asked for by name that have no field here, name=value separated by blanks; empty when there are none")
    public @Nullable String totalFurtherCounters;

    @Label("Total Own Context Switches")
    @Description("Context Switches without what nested statements, calls and waits took")
    public double totalOwnContextSwitches = Double.NaN;

    @Label("Total Own Page Faults")
    @Description("Page Faults without what nested statements, calls and waits took")
    public double totalOwnPageFaults = Double.NaN;

    @Label("Total Own Cycles")
    @Description("Cycles without what nested statements, calls and waits took")
    public double totalOwnCycles = Double.NaN;

    @Label("Total Own Instructions")
    @Description("Instructions without what nested statements, calls and waits took")
    public double totalOwnInstructions = Double.NaN;

    @Label("Total Own Cache Misses")
    @Description("Cache Misses without what nested statements, calls and waits took")
    public double totalOwnCacheMisses = Double.NaN;

    @Label("Total Own Branch Misses")
    @Description("Branch Misses without what nested statements, calls and waits took")
    public double totalOwnBranchMisses = Double.NaN;

    @Label("Total Time: On CPU")
    @Description("Part of the total duration in which the thread ran on a CPU")
    @Timespan(Timespan.NANOSECONDS)
    public long totalTimeOnCpu;

    @Label("Total Time: Waiting for a CPU")
    @Description("Part of the total duration in which the thread could run and had no CPU")
    @Timespan(Timespan.NANOSECONDS)
    public long totalTimeRunQueue;

    @Label("Total Time: Locks")
    @Description("Part of the total duration in which the thread waited for a monitor or a java.util.concurrent lock")
    @Timespan(Timespan.NANOSECONDS)
    public long totalTimeLock;

    @Label("Total Time: Parked")
    @Description("Part of the total duration in which the thread slept, was parked or waited for a notification")
    @Timespan(Timespan.NANOSECONDS)
    public long totalTimePark;

    @Label("Total Time: Socket I/O")
    @Description("Part of the total duration in which the thread waited for a socket")
    @Timespan(Timespan.NANOSECONDS)
    public long totalTimeSocket;

    @Label("Total Time: File I/O")
    @Description("Part of the total duration in which the thread waited for a file")
    @Timespan(Timespan.NANOSECONDS)
    public long totalTimeFile;

    @Label("Total Time: SQL")
    @Description("Part of the total duration in which the thread waited within SQL statements")
    @Timespan(Timespan.NANOSECONDS)
    public long totalTimeSql;

    @Label("Total Time: HTTP Calls")
    @Description("Part of the total duration in which the thread waited within HTTP calls")
    @Timespan(Timespan.NANOSECONDS)
    public long totalTimeCall;

    @Label("Total Time: Connection Pool")
    @Description("Part of the total duration in which the thread waited for a pooled connection")
    @Timespan(Timespan.NANOSECONDS)
    public long totalTimePool;

    @Label("Total Time: JVM Pauses")
    @Description(
            "Part of the total duration in which the JVM had stopped all threads, for a garbage collection or another safepoint")
    @Timespan(Timespan.NANOSECONDS)
    public long totalTimePause;

    @Label("Total Time: Handed Over")
    @Description("Part of the total duration in which no thread worked on it: it was between two threads")
    @Timespan(Timespan.NANOSECONDS)
    public long totalTimeHandoff;

    @Label("Total Time: Unknown")
    @Description("Part of the total duration that none of the others explains")
    @Timespan(Timespan.NANOSECONDS)
    public long totalTimeUnknown;
}
