package dev.pitot.events;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;
import org.jspecify.annotations.Nullable;

/** One served HTTP request: every slow or failed one, of the rest as many a second as the configuration allows. */
@Name("pitot.HttpRequest")
@Label("HTTP Request")
@Category({"Pitot", "Requests"})
@Description("One HTTP request served by this JVM and what it cost")
@StackTrace(false)
public final class HttpRequest extends SpanEvent {
    @Label("Method")
    @Description("HTTP method; OTHER for those that HTTP does not know")
    public @Nullable String method;

    @Label("Route")
    @Description("Route pattern, the path with identifiers replaced, 'unmatched' or 'other'; never a query string")
    public @Nullable String route;

    @Label("Query")
    @Description("Query string, secrets masked, with http.query=true; else empty")
    public @Nullable String query;

    @Label("Headers")
    @Description("The headers that http.headers names, a line each, secrets masked; else empty")
    public @Nullable String headers;

    @Label("Status")
    @Description("HTTP status code; 0 when there was none")
    public int status;

    @Label("Asynchronous")
    @Description("The handler handed the request to other threads, which finished it")
    public boolean async;

    @Label("SQL Statements")
    @Description("SQL statements and batches that its threads ran")
    public long sqlStatements;

    @Label("SQL Duration")
    @Description("Sum of their durations")
    @Timespan(Timespan.NANOSECONDS)
    public long sqlDuration;

    @Label("HTTP Calls")
    @Description("HTTP calls that its threads made")
    public long httpCalls;

    @Label("HTTP Call Duration")
    @Description("Sum of their durations")
    @Timespan(Timespan.NANOSECONDS)
    public long httpCallDuration;

    @Label("Logged Errors")
    @Description("Log events at level ERROR (SEVERE) that its threads wrote")
    public long loggedErrors;

    @Label("Tasks Not Followed")
    @Description(
            "Tasks that it left to other threads and that are not in its figures, as there were too many or following was given up for the budget")
    public long unfollowedTasks;
}
