package dev.pitot.events;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import org.jspecify.annotations.Nullable;

/** One SQL statement or batch: every slow or failed one, of the rest as many a second as the configuration allows. */
@Name("pitot.SqlStatement")
@Label("SQL Statement")
@Category({"Pitot", "Requests"})
@Description("One execution of an SQL statement or batch by way of JDBC and what it cost here")
@StackTrace(false)
public final class SqlStatement extends SpanEvent {
    @Label("Statement")
    @Description("Hash of the normalised text, 16 hexadecimal digits; the same in every JVM")
    public @Nullable String statement;

    @Label("SQL")
    @Description("The text with its literals replaced by ?")
    public @Nullable String sql;

    @Label("SQL with Literals")
    @Description("The text as it was written, up to 4096 characters, with sql.literals=true; else empty")
    public @Nullable String sqlWithLiterals;

    @Label("Batch Size")
    @Description("Statements in the batch; 0 when it was none")
    public long batchSize;
}
