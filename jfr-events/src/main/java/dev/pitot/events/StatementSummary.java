package dev.pitot.events;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import org.jspecify.annotations.Nullable;

/** Once a second and SQL statement that ran: every execution counts here. */
@Name("pitot.StatementSummary")
@Label("SQL Statement Summary")
@Category({"Pitot", "Requests"})
@Description("All executions of one SQL statement since the previous event of this type")
@StackTrace(false)
public final class StatementSummary extends SpanSummary {
    @Label("Statement")
    @Description("Hash of the normalised text, 16 hexadecimal digits, or 'other'")
    public @Nullable String statement;

    @Label("SQL")
    @Description("The text with its literals replaced by ?")
    public @Nullable String sql;

    @Label("Batched Statements")
    @Description("Statements that were run in batches")
    public long batched;
}
