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

/** One served HTTP request: every slow or failed one, of the rest as many a second as the configuration allows. */
@Name("pitot.HttpRequest")
@Label("HTTP Request")
@Category({"Pitot", "Requests"})
@Description("One HTTP request served by this JVM and what it cost the thread that served it")
@StackTrace(false)
public final class HttpRequest extends Event {
    @Label("Method")
    @Description("HTTP method; OTHER for those that HTTP does not know")
    public @Nullable String method;

    @Label("Route")
    @Description("Route pattern, the path with identifiers replaced, 'unmatched' or 'other'; never a query string")
    public @Nullable String route;

    @Label("Status")
    @Description("HTTP status code; 0 when the handler ended before there was one")
    public int status;

    @Label("Failed")
    @Description("Status 500 or above, or an exception left the handler")
    public boolean failed;

    @Label("Asynchronous")
    @Description("The handler handed the request to another thread: duration and cost cover its first thread only")
    public boolean async;

    @Label("Thread CPU Time")
    @Description("CPU time of the serving thread; N/A on a virtual thread")
    @Timespan(Timespan.NANOSECONDS)
    public long cpuTime = Long.MIN_VALUE;

    @Label("Allocated")
    @Description("Heap memory that the serving thread allocated; N/A on a virtual thread")
    @DataAmount
    public long allocated = Long.MIN_VALUE;

    @Label("Counter Source")
    @Description(
            "Where the counters were read: 'perf', 'perf, user only', 'perf, software only' (no hardware counters) or 'none'")
    public @Nullable String counterSource;

    @Label("Counter Running Share")
    @Description("Part of the request's time in which its counters really counted; below 100 % they are scaled")
    @Percentage
    public double counterRunning = Double.NaN;

    @Label("Context Switches")
    @Description("Context switches of the serving thread, kernel permitting")
    public double contextSwitches = Double.NaN;

    @Label("Page Faults")
    @Description("Page faults of the serving thread, with and without reading from disk")
    public double pageFaults = Double.NaN;

    @Label("Cycles")
    @Description("CPU cycles of the serving thread")
    public double cycles = Double.NaN;

    @Label("Instructions")
    @Description("Retired instructions of the serving thread")
    public double instructions = Double.NaN;

    @Label("Cache Misses")
    @Description("Last-level cache misses of the serving thread")
    public double cacheMisses = Double.NaN;

    @Label("Branch Misses")
    @Description("Mispredicted branches of the serving thread")
    public double branchMisses = Double.NaN;

    @Label("Further Counters")
    @Description(
            "Counters asked for by name that have no field here, name=value separated by blanks; empty when there are none")
    public @Nullable String furtherCounters;
}
