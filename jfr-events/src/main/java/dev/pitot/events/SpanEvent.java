package dev.pitot.events;

import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Percentage;
import jdk.jfr.Timespan;
import org.jspecify.annotations.Nullable;

/** What one request, call, statement or wait took; the parts named {@code time…} add up to its duration. No event type of its own. */
public abstract class SpanEvent extends Event {
    @Label("Failed")
    @Description("Ended with an exception, or with a status of 500 or above")
    public boolean failed;

    @Label("Error")
    @Description("Class of the exception it ended with; empty when there was none")
    public @Nullable String error;

    @Label("Span Id")
    @Description("16 hexadecimal digits")
    public @Nullable String spanId;

    @Label("Parent Span Id")
    @Description(
            "The request or call around it in this JVM, or the caller that the traceparent header names; empty without")
    public @Nullable String parentSpanId;

    @Label("Trace Id")
    @Description("Trace id of the W3C traceparent header that came in with the request; empty without")
    public @Nullable String traceId;

    @Label("CPU Time")
    @Description("CPU time of all threads that worked on it, nested spans included")
    @Timespan(Timespan.NANOSECONDS)
    public long cpuTime = Long.MIN_VALUE;

    @Label("Run Queue Wait")
    @Description("Time that these threads could run and had no CPU")
    @Timespan(Timespan.NANOSECONDS)
    public long runQueueWait = Long.MIN_VALUE;

    @Label("Allocated")
    @Description("Heap memory that these threads allocated for it")
    @DataAmount
    public long allocated = Long.MIN_VALUE;

    @Label("Work on Other Threads")
    @Description("Tasks on other threads that worked on it and ended before it did")
    public long otherThreads;

    @Label("Counter Source")
    @Description(
            "Where the counters were read: 'perf', 'perf, user only', 'perf, software only' (no hardware counters), 'carrier switched: counters partial' or 'none'")
    public @Nullable String counterSource;

    @Label("Counter Running Share")
    @Description("Part of its time in which its counters really counted; below 100 % they are scaled")
    @Percentage
    public double counterRunning = Double.NaN;

    @Label("Context Switches")
    @Description("Context switches of its threads, kernel permitting")
    public double contextSwitches = Double.NaN;

    @Label("Page Faults")
    @Description("Page faults of its threads, with and without reading from disk")
    public double pageFaults = Double.NaN;

    @Label("Cycles")
    @Description("CPU cycles of its threads")
    public double cycles = Double.NaN;

    @Label("Instructions")
    @Description("Retired instructions of its threads")
    public double instructions = Double.NaN;

    @Label("Cache Misses")
    @Description("Last-level cache misses of its threads")
    public double cacheMisses = Double.NaN;

    @Label("Branch Misses")
    @Description("Mispredicted branches of its threads")
    public double branchMisses = Double.NaN;

    @Label("Further Counters")
    @Description(
            "Counters asked for by name that have no field here, name=value separated by blanks; empty when there are none")
    public @Nullable String furtherCounters;

    @Label("Own CPU Time")
    @Description("CPU time without what nested statements, calls and waits took")
    @Timespan(Timespan.NANOSECONDS)
    public long ownCpuTime = Long.MIN_VALUE;

    @Label("Own Run Queue Wait")
    @Description("Run queue wait without what nested statements, calls and waits took")
    @Timespan(Timespan.NANOSECONDS)
    public long ownRunQueueWait = Long.MIN_VALUE;

    @Label("Own Allocated")
    @Description("Heap memory without what nested statements, calls and waits took")
    @DataAmount
    public long ownAllocated = Long.MIN_VALUE;

    @Label("Own Context Switches")
    @Description("Context switches without what nested statements, calls and waits took")
    public double ownContextSwitches = Double.NaN;

    @Label("Own Page Faults")
    @Description("Page faults without what nested statements, calls and waits took")
    public double ownPageFaults = Double.NaN;

    @Label("Own Cycles")
    @Description("Cycles without what nested statements, calls and waits took")
    public double ownCycles = Double.NaN;

    @Label("Own Instructions")
    @Description("Instructions without what nested statements, calls and waits took")
    public double ownInstructions = Double.NaN;

    @Label("Own Cache Misses")
    @Description("Cache misses without what nested statements, calls and waits took")
    public double ownCacheMisses = Double.NaN;

    @Label("Own Branch Misses")
    @Description("Branch misses without what nested statements, calls and waits took")
    public double ownBranchMisses = Double.NaN;

    @Label("Time: On CPU")
    @Description("Part of the duration in which the thread ran on a CPU")
    @Timespan(Timespan.NANOSECONDS)
    public long timeOnCpu = Long.MIN_VALUE;

    @Label("Time: Waiting for a CPU")
    @Description("Part of the duration in which the thread could run and had no CPU")
    @Timespan(Timespan.NANOSECONDS)
    public long timeRunQueue = Long.MIN_VALUE;

    @Label("Time: Locks")
    @Description("Part of the duration in which the thread waited for a monitor or a java.util.concurrent lock")
    @Timespan(Timespan.NANOSECONDS)
    public long timeLock = Long.MIN_VALUE;

    @Label("Time: Parked")
    @Description("Part of the duration in which the thread slept, was parked or waited for a notification")
    @Timespan(Timespan.NANOSECONDS)
    public long timePark = Long.MIN_VALUE;

    @Label("Time: Socket I/O")
    @Description("Part of the duration in which the thread waited for a socket")
    @Timespan(Timespan.NANOSECONDS)
    public long timeSocket = Long.MIN_VALUE;

    @Label("Time: File I/O")
    @Description("Part of the duration in which the thread waited for a file")
    @Timespan(Timespan.NANOSECONDS)
    public long timeFile = Long.MIN_VALUE;

    @Label("Time: SQL")
    @Description("Part of the duration in which the thread waited within SQL statements")
    @Timespan(Timespan.NANOSECONDS)
    public long timeSql = Long.MIN_VALUE;

    @Label("Time: HTTP Calls")
    @Description("Part of the duration in which the thread waited within HTTP calls")
    @Timespan(Timespan.NANOSECONDS)
    public long timeCall = Long.MIN_VALUE;

    @Label("Time: Connection Pool")
    @Description("Part of the duration in which the thread waited for a pooled connection")
    @Timespan(Timespan.NANOSECONDS)
    public long timePool = Long.MIN_VALUE;

    @Label("Time: JVM Pauses")
    @Description(
            "Part of the duration in which the JVM had stopped all threads, for a garbage collection or another safepoint")
    @Timespan(Timespan.NANOSECONDS)
    public long timePause = Long.MIN_VALUE;

    @Label("Time: Handed Over")
    @Description("Part of the duration in which no thread worked on it: it was between two threads")
    @Timespan(Timespan.NANOSECONDS)
    public long timeHandoff = Long.MIN_VALUE;

    @Label("Time: Unknown")
    @Description("Part of the duration that none of the others explains")
    @Timespan(Timespan.NANOSECONDS)
    public long timeUnknown = Long.MIN_VALUE;
}
