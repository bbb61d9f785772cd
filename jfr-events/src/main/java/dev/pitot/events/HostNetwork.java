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

/** Once a second and interface of this network namespace, from /proc/net/dev. */
@Name("pitot.HostNetwork")
@Label("Host Network")
@Category({"Pitot", "Host"})
@Description("Traffic of one network interface since the previous event")
@StackTrace(false)
public final class HostNetwork extends Event {
    @Label("Interface")
    @Description("Name of the interface")
    public @Nullable String device;

    @Label("Interval")
    @Description("Wall time since the previous reading; rates are value / interval")
    @Timespan(Timespan.NANOSECONDS)
    public long interval;

    @Label("Received Bytes")
    @Description("Bytes received")
    @DataAmount
    public long receivedBytes = Long.MIN_VALUE;

    @Label("Sent Bytes")
    @Description("Bytes sent")
    @DataAmount
    public long sentBytes = Long.MIN_VALUE;

    @Label("Received Packets")
    @Description("Packets received")
    public double receivedPackets = Double.NaN;

    @Label("Sent Packets")
    @Description("Packets sent")
    public double sentPackets = Double.NaN;

    @Label("Receive Errors")
    @Description("Bad packets received")
    public double receiveErrors = Double.NaN;

    @Label("Send Errors")
    @Description("Packets that could not be sent")
    public double sendErrors = Double.NaN;

    @Label("Receive Drops")
    @Description("Received packets that were dropped")
    public double receiveDrops = Double.NaN;

    @Label("Send Drops")
    @Description("Packets dropped before they were sent")
    public double sendDrops = Double.NaN;
}
