package dev.pitot.events;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import org.jspecify.annotations.Nullable;

/** One HTTP call to another server: every slow or failed one, of the rest as many a second as the configuration allows. */
@Name("pitot.HttpCall")
@Label("HTTP Call")
@Category({"Pitot", "Requests"})
@Description("One HTTP call that this JVM made and what it cost here")
@StackTrace(false)
public final class HttpCall extends SpanEvent {
    @Label("Method")
    @Description("HTTP method; OTHER for those that HTTP does not know")
    public @Nullable String method;

    @Label("Target")
    @Description("Host and port called, or 'other' beyond the limit")
    public @Nullable String target;

    @Label("Route")
    @Description("The path with identifiers replaced; never a query string")
    public @Nullable String route;

    @Label("Status")
    @Description("HTTP status code; 0 when there was none")
    public int status;

    @Label("Asynchronous")
    @Description("Answered on another thread: the duration is that of the exchange, the cost that of making the call")
    public boolean async;
}
