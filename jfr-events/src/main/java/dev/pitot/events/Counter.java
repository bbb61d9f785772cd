package dev.pitot.events;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.Percentage;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;
import org.jspecify.annotations.Nullable;

/** Once a second for each counter that the configuration names and no other event has a field for, and each scope it is counted in. */
@Name("pitot.Counter")
@Label("Counter")
@Category({"Pitot", "Counters"})
@Description("One counter that was asked for by name, over the interval")
@StackTrace(false)
public final class Counter extends Event {
    @Label("Scope")
    @Description("process, application, gc, jit, vm, agent, or host")
    public @Nullable String scope;

    @Label("Counter Name")
    @Description("Name as perf list prints it; of a CPU with two kinds of cores the sum over both")
    public @Nullable String name;

    @Label("Interval")
    @Description("Wall time since the previous reading; rates are value / interval")
    @Timespan(Timespan.NANOSECONDS)
    public long interval;

    @Label("Value")
    @Description("What was counted, scaled by enabled / running time when multiplexed and by the scale of its PMU")
    public double value = Double.NaN;

    @Label("Unit")
    @Description("Unit after scaling as the PMU names it, empty for a plain count")
    public @Nullable String unit;

    @Label("Running Share")
    @Description("Part of the time in which the counter really counted; below 100 % the value is scaled")
    @Percentage
    public double running = Double.NaN;

    @Label("Cycles of the Group")
    @Description("Cycles counted in the same group over the same time, for ratios; N/A when the group has none")
    public double groupCycles = Double.NaN;

    @Label("Instructions of the Group")
    @Description("Instructions counted in the same group over the same time, for ratios; N/A when the group has none")
    public double groupInstructions = Double.NaN;

    @Label("Source")
    @Description("perf, or 'perf, user only' (kernel excluded)")
    public @Nullable String source;
}
