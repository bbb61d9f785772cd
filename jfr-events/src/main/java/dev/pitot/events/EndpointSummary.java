package dev.pitot.events;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;
import org.jspecify.annotations.Nullable;

/** Once a second and endpoint that served requests: every request counts here, none is sampled away. */
@Name("pitot.EndpointSummary")
@Label("Endpoint Summary")
@Category({"Pitot", "Requests"})
@Description("All requests that one endpoint finished since the previous event of this type")
@StackTrace(false)
public final class EndpointSummary extends Event {
    @Label("Method")
    public @Nullable String method;

    @Label("Route")
    public @Nullable String route;

    @Label("Interval")
    @Description("Wall time that this summary covers")
    @Timespan(Timespan.NANOSECONDS)
    public long interval;

    @Label("Requests")
    public long count;

    @Label("Errors")
    @Description("Requests with status 500 or above, or that ended with an exception")
    public long errors;

    @Label("Total Duration")
    @Timespan(Timespan.NANOSECONDS)
    public long totalDuration;

    @Label("Longest Duration")
    @Timespan(Timespan.NANOSECONDS)
    public long maxDuration;

    @Label("Duration Histogram")
    @Description("bucket:count pairs, 16 buckets per power of two of nanoseconds (see the event specification)")
    public @Nullable String histogram;

    @Label("Measured Requests")
    @Description("Requests of which thread CPU time and allocation are known; the divisor for the two totals below")
    public long measured;

    @Label("Total Thread CPU Time")
    @Timespan(Timespan.NANOSECONDS)
    public long totalCpuTime;

    @Label("Total Allocated")
    @DataAmount
    public long totalAllocated;

    @Label("Requests with Counters")
    @Description("Requests of which the hardware counters are known; the divisor for the totals below")
    public long counted;

    @Label("Total Cycles")
    public double totalCycles = Double.NaN;

    @Label("Total Instructions")
    public double totalInstructions = Double.NaN;

    @Label("Total Cache Misses")
    public double totalCacheMisses = Double.NaN;

    @Label("Total Branch Misses")
    public double totalBranchMisses = Double.NaN;
}
