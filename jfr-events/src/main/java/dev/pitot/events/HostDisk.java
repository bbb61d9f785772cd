package dev.pitot.events;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;
import org.jspecify.annotations.Nullable;

/** Once a second and whole disk, from /proc/diskstats; see iostats in the kernel's documentation. */
@Name("pitot.HostDisk")
@Label("Host Disk")
@Category({"Pitot", "Host"})
@Description("Traffic of one disk since the previous event")
@StackTrace(false)
public final class HostDisk extends Event {
    @Label("Device")
    @Description("Name of the block device, sda or nvme0n1 say")
    public @Nullable String device;

    @Label("Interval")
    @Description("Wall time since the previous reading; rates are value / interval")
    @Timespan(Timespan.NANOSECONDS)
    public long interval;

    @Label("Reads")
    @Description("Reads completed")
    public double reads = Double.NaN;

    @Label("Writes")
    @Description("Writes completed")
    public double writes = Double.NaN;

    @Label("Read Bytes")
    @Description("Bytes read")
    @DataAmount
    public long readBytes = Long.MIN_VALUE;

    @Label("Written Bytes")
    @Description("Bytes written")
    @DataAmount
    public long writtenBytes = Long.MIN_VALUE;

    @Label("Read Time")
    @Description("Time of all reads together; readTime / reads is the mean latency")
    @Timespan(Timespan.NANOSECONDS)
    public long readTime = Long.MIN_VALUE;

    @Label("Write Time")
    @Description("Time of all writes together")
    @Timespan(Timespan.NANOSECONDS)
    public long writeTime = Long.MIN_VALUE;

    @Label("Busy Time")
    @Description("Time with at least one request under way")
    @Timespan(Timespan.NANOSECONDS)
    public long busyTime = Long.MIN_VALUE;

    @Label("Queue Time")
    @Description("Time of all requests together; queueTime / interval is the mean queue length")
    @Timespan(Timespan.NANOSECONDS)
    public long queueTime = Long.MIN_VALUE;

    @Label("In Flight")
    @Description("Requests under way now")
    public double inFlight = Double.NaN;
}
