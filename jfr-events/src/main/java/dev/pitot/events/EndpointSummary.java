package dev.pitot.events;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.Percentage;
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
    @Description("HTTP method; OTHER for those that HTTP does not know")
    public @Nullable String method;

    @Label("Route")
    @Description("Route pattern, the path with identifiers replaced, 'unmatched' or 'other'; never a query string")
    public @Nullable String route;

    @Label("Interval")
    @Description("Wall time that this summary covers")
    @Timespan(Timespan.NANOSECONDS)
    public long interval;

    @Label("Requests")
    @Description("All requests whose handler returned in the interval, asynchronous ones included")
    public long count;

    @Label("Errors")
    @Description("Requests with status 500 or above, or that ended with an exception")
    public long errors;

    @Label("Asynchronous Requests")
    @Description(
            "Requests that were handed to another thread: their duration is in none of the three fields that follow")
    public long async;

    @Label("Total Duration")
    @Description("Sum of the durations of all requests that are not asynchronous")
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

    @Label("Measured Requests")
    @Description("Requests of which thread CPU time and allocation are known; the divisor for the two totals below")
    public long measured;

    @Label("Total Thread CPU Time")
    @Description("CPU time of the serving threads in the measured requests")
    @Timespan(Timespan.NANOSECONDS)
    public long totalCpuTime;

    @Label("Total Allocated")
    @Description("Heap memory that the serving threads allocated in the measured requests")
    @DataAmount
    public long totalAllocated;

    @Label("Requests with Counters")
    @Description("Requests of which the hardware counters are known; the divisor for the totals below")
    public long counted;

    @Label("Counter Source")
    @Description(
            "Where the counters were read: 'perf', 'perf, user only', 'perf, software only' (no hardware counters) or 'none'")
    public @Nullable String counterSource;

    @Label("Counter Running Share")
    @Description("Part of the requests' time in which their counters really counted; below 100 % they are scaled")
    @Percentage
    public double counterRunning = Double.NaN;

    @Label("Total Cycles")
    @Description("CPU cycles in the requests with counters")
    public double totalCycles = Double.NaN;

    @Label("Total Instructions")
    @Description("Retired instructions in the requests with counters")
    public double totalInstructions = Double.NaN;

    @Label("Total Cache Misses")
    @Description("Last-level cache misses in the requests with counters")
    public double totalCacheMisses = Double.NaN;

    @Label("Total Branch Misses")
    @Description("Mispredicted branches in the requests with counters")
    public double totalBranchMisses = Double.NaN;
}
