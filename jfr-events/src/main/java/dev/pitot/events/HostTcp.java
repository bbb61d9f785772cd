package dev.pitot.events;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;

/** Once a second, from /proc/net/snmp, netstat, sockstat and, for the states every 10 seconds, tcp and tcp6. */
@Name("pitot.HostTcp")
@Label("Host TCP")
@Category({"Pitot", "Host"})
@Description("TCP of this network namespace since the previous event")
@StackTrace(false)
public final class HostTcp extends Event {
    @Label("Interval")
    @Description("Wall time since the previous reading; rates are value / interval")
    @Timespan(Timespan.NANOSECONDS)
    public long interval;

    @Label("Active Opens")
    @Description("Connections opened from here")
    public double activeOpens = Double.NaN;

    @Label("Passive Opens")
    @Description("Connections accepted")
    public double passiveOpens = Double.NaN;

    @Label("Failed Attempts")
    @Description("Connections that did not come about")
    public double failedAttempts = Double.NaN;

    @Label("Resets Received")
    @Description("Established connections that were reset")
    public double resetsReceived = Double.NaN;

    @Label("Resets Sent")
    @Description("Segments sent with RST")
    public double resetsSent = Double.NaN;

    @Label("Segments Received")
    @Description("Segments received")
    public double segmentsReceived = Double.NaN;

    @Label("Segments Sent")
    @Description("Segments sent")
    public double segmentsSent = Double.NaN;

    @Label("Retransmits")
    @Description("Segments sent again")
    public double retransmits = Double.NaN;

    @Label("Listen Overflows")
    @Description("Connections refused as an accept queue was full")
    public double listenOverflows = Double.NaN;

    @Label("Listen Drops")
    @Description("Connection requests dropped by a listening socket")
    public double listenDrops = Double.NaN;

    @Label("Established")
    @Description("Connections that are open")
    public double established = Double.NaN;

    @Label("TIME_WAIT")
    @Description("Connections that wait for late segments")
    public double timeWait = Double.NaN;

    @Label("CLOSE_WAIT")
    @Description("Connections that the other side closed and a program here has not")
    public double closeWait = Double.NaN;

    @Label("FIN_WAIT")
    @Description("Connections that a program here closed and the other side has not")
    public double finWait = Double.NaN;

    @Label("SYN_SENT")
    @Description("Connections being opened from here")
    public double synSent = Double.NaN;

    @Label("SYN_RECV")
    @Description("Connections being accepted")
    public double synReceived = Double.NaN;

    @Label("LISTEN")
    @Description("Listening sockets")
    public double listening = Double.NaN;

    @Label("Orphaned")
    @Description("Sockets that no program holds any more")
    public double orphaned = Double.NaN;

    @Label("Memory")
    @Description("Kernel memory of all TCP sockets")
    @DataAmount
    public long memory = Long.MIN_VALUE;
}
