package dev.pitot.events;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.Percentage;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;

/** Once a second: what Pitot itself cost this JVM. */
@Name("pitot.AgentCost")
@Label("Agent Cost")
@Category({"Pitot", "Agent"})
@Description("What Pitot itself cost this JVM since the previous event, and what it gave up for its budget")
@StackTrace(false)
public final class AgentCost extends Event {
    @Label("Interval")
    @Description("Wall time that this event covers")
    @Timespan(Timespan.NANOSECONDS)
    public long interval;

    @Label("Thread CPU Time")
    @Description("CPU time of Pitot's own threads and of JFR's")
    @Timespan(Timespan.NANOSECONDS)
    public long threadCpuTime = Long.MIN_VALUE;

    @Label("In-line CPU Time")
    @Description(
            "CPU time that measuring took on the threads of the application, estimated by the numbers of spans and of followed tasks and what each was found to cost")
    @Timespan(Timespan.NANOSECONDS)
    public long inlineCpuTime;

    @Label("Spans")
    @Description("Requests, calls, statements and waits that were measured")
    public long spans;

    @Label("Share of CPU Time")
    @Description("Both times, as a part of the CPU time of this process or of one CPU, whichever is more")
    @Percentage
    public double share = Double.NaN;

    @Label("Budget")
    @Description("What the share may be on average; N/A without a budget")
    @Percentage
    public double budget = Double.NaN;

    @Label("Shed")
    @Description(
            "How much is given up for the budget: 0 nothing, 1 stack traces, 2 single events too, 3 counters of SQL statements too, 4 counters of requests too, 5 work on other threads too")
    public int shed;
}
