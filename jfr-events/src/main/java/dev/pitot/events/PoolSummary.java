package dev.pitot.events;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import org.jspecify.annotations.Nullable;

/** Once a second and connection pool that was asked: every wait counts here. */
@Name("pitot.PoolSummary")
@Label("Connection Wait Summary")
@Category({"Pitot", "Requests"})
@Description("All waits for connections of one pool since the previous event of this type")
@StackTrace(false)
public final class PoolSummary extends SpanSummary {
    @Label("Pool")
    @Description("Name of the pool, or the class of the data source")
    public @Nullable String pool;
}
