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

/** One served HTTP request: every slow or failed one, of the rest as many a second as the configuration allows. */
@Name("pitot.HttpRequest")
@Label("HTTP Request")
@Category({"Pitot", "Requests"})
@Description("One HTTP request served by this JVM and what it cost the thread that served it")
@StackTrace(false)
public final class HttpRequest extends Event {
    @Label("Method")
    public @Nullable String method;

    @Label("Route")
    @Description("Route pattern, or the path with numbers and identifiers replaced; never a query string")
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

    @Label("Context Switches")
    @Description("Context switches of the serving thread, kernel permitting")
    public double contextSwitches = Double.NaN;

    @Label("Page Faults")
    public double pageFaults = Double.NaN;

    @Label("Cycles")
    public double cycles = Double.NaN;

    @Label("Instructions")
    public double instructions = Double.NaN;

    @Label("Cache Misses")
    public double cacheMisses = Double.NaN;

    @Label("Branch Misses")
    public double branchMisses = Double.NaN;
}
