package dev.pitot.events;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import org.jspecify.annotations.Nullable;

/** Once a second and server that was called: every call counts here. */
@Name("pitot.CallSummary")
@Label("HTTP Call Summary")
@Category({"Pitot", "Requests"})
@Description("All HTTP calls to one server since the previous event of this type")
@StackTrace(false)
public final class CallSummary extends SpanSummary {
    @Label("Target")
    @Description("Host and port called, or 'other' beyond the limit")
    public @Nullable String target;
}
