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

/** Once a second and resource, of the machine and of this process's own cgroup: pressure stall information (PSI), see the kernel's accounting/psi. */
@Name("pitot.Pressure")
@Label("Pressure")
@Category({"Pitot", "Host"})
@Description("Time in which somebody waited for a resource since the previous event")
@StackTrace(false)
public final class Pressure extends Event {
    @Label("Scope")
    @Description("host or cgroup")
    public @Nullable String scope;

    @Label("Resource")
    @Description("cpu, memory or io")
    public @Nullable String resource;

    @Label("Interval")
    @Description("Wall time since the previous reading; rates are value / interval")
    @Timespan(Timespan.NANOSECONDS)
    public long interval;

    @Label("Some Time")
    @Description("Time in which at least one task waited for it")
    @Timespan(Timespan.NANOSECONDS)
    public long someTime = Long.MIN_VALUE;

    @Label("Full Time")
    @Description("Time in which all tasks waited for it at once; N/A where the kernel has none")
    @Timespan(Timespan.NANOSECONDS)
    public long fullTime = Long.MIN_VALUE;

    @Label("Some, 10 s")
    @Description("Share of the last 10 s, as the kernel has it")
    @Percentage
    public double someAverage10 = Double.NaN;

    @Label("Some, 60 s")
    @Description("Share of the last 60 s")
    @Percentage
    public double someAverage60 = Double.NaN;

    @Label("Full, 10 s")
    @Description("Share of the last 10 s in which all waited")
    @Percentage
    public double fullAverage10 = Double.NaN;

    @Label("Full, 60 s")
    @Description("Share of the last 60 s in which all waited")
    @Percentage
    public double fullAverage60 = Double.NaN;
}
