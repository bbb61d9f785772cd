package dev.pitot.events;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import org.jspecify.annotations.Nullable;

/** One wait for a connection of a pool: every slow or failed one, of the rest as many a second as the configuration allows. */
@Name("pitot.ConnectionWait")
@Label("Connection Wait")
@Category({"Pitot", "Requests"})
@Description("How long a thread took to get a database connection")
@StackTrace(false)
public final class ConnectionWait extends SpanEvent {
    @Label("Pool")
    @Description("Name of the pool, or the class of the data source")
    public @Nullable String pool;
}
