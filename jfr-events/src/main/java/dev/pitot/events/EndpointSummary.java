package dev.pitot.events;

import jdk.jfr.Category;
import jdk.jfr.Description;
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
public final class EndpointSummary extends SpanSummary {
    @Label("Method")
    @Description("HTTP method; OTHER for those that HTTP does not know")
    public @Nullable String method;

    @Label("Route")
    @Description("Route pattern, the path with identifiers replaced, 'unmatched' or 'other'; never a query string")
    public @Nullable String route;

    @Label("Asynchronous Requests")
    @Description("Requests that were handed to other threads")
    public long async;

    @Label("SQL Statements")
    @Description("SQL statements and batches that they ran")
    public long sqlStatements;

    @Label("SQL Duration")
    @Description("Sum of their durations")
    @Timespan(Timespan.NANOSECONDS)
    public long sqlDuration;

    @Label("HTTP Calls")
    @Description("HTTP calls that they made")
    public long httpCalls;

    @Label("HTTP Call Duration")
    @Description("Sum of their durations")
    @Timespan(Timespan.NANOSECONDS)
    public long httpCallDuration;

    @Label("Logged Errors")
    @Description("Log events at level ERROR (SEVERE) that they wrote")
    public long loggedErrors;

    @Label("Tasks Not Followed")
    @Description(
            "Tasks that they left to other threads and that are not in these figures, as there were too many or following was given up for the budget")
    public long unfollowedTasks;
}
