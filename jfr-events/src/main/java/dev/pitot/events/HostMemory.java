package dev.pitot.events;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** Once a second, from /proc/meminfo; see proc(5). In a container it is that of the machine; pitot.CgroupMemory has its own. */
@Name("pitot.HostMemory")
@Label("Host Memory")
@Category({"Pitot", "Host"})
@Description("Memory of the machine")
@StackTrace(false)
public final class HostMemory extends Event {
    @Label("Total")
    @Description("RAM of the machine")
    @DataAmount
    public long total = Long.MIN_VALUE;

    @Label("Used")
    @Description("Total less available")
    @DataAmount
    public long used = Long.MIN_VALUE;

    @Label("Free")
    @Description("In use for nothing")
    @DataAmount
    public long free = Long.MIN_VALUE;

    @Label("Available")
    @Description("What can be given to programs without swapping")
    @DataAmount
    public long available = Long.MIN_VALUE;

    @Label("Buffers")
    @Description("Buffers of block devices")
    @DataAmount
    public long buffers = Long.MIN_VALUE;

    @Label("Cached")
    @Description("Page cache, swap cache left out")
    @DataAmount
    public long cached = Long.MIN_VALUE;

    @Label("Shared")
    @Description("tmpfs and shared memory")
    @DataAmount
    public long shared = Long.MIN_VALUE;

    @Label("Slab")
    @Description("Caches of the kernel's own structures")
    @DataAmount
    public long slab = Long.MIN_VALUE;

    @Label("Dirty")
    @Description("Written by programs and not yet by the disk")
    @DataAmount
    public long dirty = Long.MIN_VALUE;

    @Label("Writeback")
    @Description("Being written to disk now")
    @DataAmount
    public long writeback = Long.MIN_VALUE;

    @Label("Committed")
    @Description("Memory promised to all processes")
    @DataAmount
    public long committed = Long.MIN_VALUE;

    @Label("Swap Total")
    @Description("Swap space")
    @DataAmount
    public long swapTotal = Long.MIN_VALUE;

    @Label("Swap Used")
    @Description("Swap space in use")
    @DataAmount
    public long swapUsed = Long.MIN_VALUE;

    @Label("Swap Cached")
    @Description("In swap and in memory both")
    @DataAmount
    public long swapCached = Long.MIN_VALUE;

    @Label("Transparent Huge Pages")
    @Description("Memory of programs in transparent huge pages")
    @DataAmount
    public long anonHugePages = Long.MIN_VALUE;

    @Label("Huge Pages")
    @Description("Pages of the explicit huge page pool")
    public double hugePagesTotal = Double.NaN;

    @Label("Free Huge Pages")
    @Description("Of those the free ones")
    public double hugePagesFree = Double.NaN;

    @Label("Huge Page Size")
    @Description("Size of one")
    @DataAmount
    public long hugePageSize = Long.MIN_VALUE;
}
