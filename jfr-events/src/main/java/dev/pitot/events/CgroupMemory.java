package dev.pitot.events;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;

/** Once a second, from cgroup v1 or v2. */
@Name("pitot.CgroupMemory")
@Label("Cgroup Memory")
@Category({"Pitot", "Host"})
@Description("Memory of the container or cgroup of this process")
@StackTrace(false)
public final class CgroupMemory extends Event {
    @Label("Interval")
    @Description("Wall time since the previous reading; rates are value / interval")
    @Timespan(Timespan.NANOSECONDS)
    public long interval;

    @Label("Limit")
    @Description("Hard limit; N/A without one")
    @DataAmount
    public long limit = Long.MIN_VALUE;

    @Label("Used")
    @Description("Memory charged, page cache included")
    @DataAmount
    public long used = Long.MIN_VALUE;

    @Label("Working Set")
    @Description("Used less inactive page cache: what Kubernetes compares with the limit")
    @DataAmount
    public long workingSet = Long.MIN_VALUE;

    @Label("Anonymous")
    @Description("Memory of programs")
    @DataAmount
    public long anonymous = Long.MIN_VALUE;

    @Label("File")
    @Description("Page cache")
    @DataAmount
    public long file = Long.MIN_VALUE;

    @Label("Kernel")
    @Description("Stacks, page tables and other memory of the kernel")
    @DataAmount
    public long kernel = Long.MIN_VALUE;

    @Label("Swap Limit")
    @Description("Swap that it may use; N/A without a limit")
    @DataAmount
    public long swapLimit = Long.MIN_VALUE;

    @Label("Swap Used")
    @Description("Swap that it uses")
    @DataAmount
    public long swapUsed = Long.MIN_VALUE;

    @Label("Major Page Faults")
    @Description("Since the previous event, those that had to read from disk")
    public double majorFaults = Double.NaN;

    @Label("Limit Hits")
    @Description("Times since the previous event that the limit was met")
    public double limitHits = Double.NaN;

    @Label("Out of Memory Kills")
    @Description("Processes killed since the previous event for want of memory")
    public double outOfMemoryKills = Double.NaN;

    @Label("Tasks")
    @Description("Processes and threads in it")
    public double tasks = Double.NaN;

    @Label("Task Limit")
    @Description("How many there may be; N/A without a limit")
    public double taskLimit = Double.NaN;
}
