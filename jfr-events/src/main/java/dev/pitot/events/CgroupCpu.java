package dev.pitot.events;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;

/** Once a second, from cgroup v1 or v2: what this process's control group used and where it was throttled. */
@Name("pitot.CgroupCpu")
@Label("Cgroup CPU")
@Category({"Pitot", "Host"})
@Description("CPU of the container or cgroup of this process since the previous event")
@StackTrace(false)
public final class CgroupCpu extends Event {
    @Label("Version")
    @Description("1 or 2")
    public long version;

    @Label("Interval")
    @Description("Wall time since the previous reading; rates are value / interval")
    @Timespan(Timespan.NANOSECONDS)
    public long interval;

    @Label("Limit")
    @Description("Cores that it may use (quota / period); N/A without a limit")
    public double limit = Double.NaN;

    @Label("Usage Time")
    @Description("CPU time used")
    @Timespan(Timespan.NANOSECONDS)
    public long usageTime = Long.MIN_VALUE;

    @Label("User Time")
    @Description("Of it outside of the kernel")
    @Timespan(Timespan.NANOSECONDS)
    public long userTime = Long.MIN_VALUE;

    @Label("System Time")
    @Description("Of it inside of the kernel")
    @Timespan(Timespan.NANOSECONDS)
    public long systemTime = Long.MIN_VALUE;

    @Label("Periods")
    @Description("Periods of the quota in which it ran")
    public double periods = Double.NaN;

    @Label("Throttled Periods")
    @Description("Of them those in which the quota ran out")
    public double throttledPeriods = Double.NaN;

    @Label("Throttled Time")
    @Description("Time in which its threads were kept from running")
    @Timespan(Timespan.NANOSECONDS)
    public long throttledTime = Long.MIN_VALUE;
}
