package dev.pitot.events;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;

/** Once a second, from /proc/vmstat; see proc(5). */
@Name("pitot.HostPaging")
@Label("Host Paging")
@Category({"Pitot", "Host"})
@Description("Memory traffic of the machine since the previous event")
@StackTrace(false)
public final class HostPaging extends Event {
    @Label("Interval")
    @Description("Wall time since the previous reading; rates are value / interval")
    @Timespan(Timespan.NANOSECONDS)
    public long interval;

    @Label("Paged In")
    @Description("Read from disks by the page cache and by swapping")
    @DataAmount
    public long pagedIn = Long.MIN_VALUE;

    @Label("Paged Out")
    @Description("Written to disks")
    @DataAmount
    public long pagedOut = Long.MIN_VALUE;

    @Label("Swapped In")
    @Description("Pages read back from swap")
    public double swappedIn = Double.NaN;

    @Label("Swapped Out")
    @Description("Pages written to swap")
    public double swappedOut = Double.NaN;

    @Label("Page Faults")
    @Description("Page faults, those that read from disk included")
    public double faults = Double.NaN;

    @Label("Major Page Faults")
    @Description("Page faults that had to read from disk")
    public double majorFaults = Double.NaN;

    @Label("Pages Scanned Directly")
    @Description("Pages looked at by programs that had to free memory themselves")
    public double scannedDirectly = Double.NaN;

    @Label("Pages Reclaimed")
    @Description("Pages taken back from caches and programs")
    public double stolen = Double.NaN;

    @Label("Out of Memory Kills")
    @Description("Processes that the kernel killed for want of memory")
    public double outOfMemoryKills = Double.NaN;
}
