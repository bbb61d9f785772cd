package dev.pitot.events;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import org.jspecify.annotations.Nullable;

/** Once a second and logger that wrote any. */
@Name("pitot.LoggedErrors")
@Label("Logged Errors")
@Category({"Pitot", "Requests"})
@Description("Log events at level ERROR (SEVERE) of one logger since the previous event of this type")
@StackTrace(false)
public final class LoggedErrors extends Event {
    @Label("Logger")
    @Description("Name of the logger, or 'other' beyond the limit")
    public @Nullable String logger;

    @Label("Error")
    @Description("Class of the latest exception logged with them; empty when there was none")
    public @Nullable String error;

    @Label("Count")
    @Description("Log events")
    public long count;
}
