package dev.pitot.events;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Frequency;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;
import org.jspecify.annotations.Nullable;

/** Once a second and CPU, from /proc/stat and /sys. */
@Name("pitot.HostCore")
@Label("Host Core")
@Category({"Pitot", "Host"})
@Description("What one CPU of the machine did since the previous event")
@StackTrace(false)
public final class HostCore extends Event {
    @Label("Core")
    @Description("Number of the CPU as the kernel counts")
    public @Nullable String core;

    @Label("Interval")
    @Description("Wall time since the previous reading; rates are value / interval")
    @Timespan(Timespan.NANOSECONDS)
    public long interval;

    @Label("User Time")
    @Description("CPU time outside of the kernel")
    @Timespan(Timespan.NANOSECONDS)
    public long userTime = Long.MIN_VALUE;

    @Label("System Time")
    @Description("CPU time inside of the kernel")
    @Timespan(Timespan.NANOSECONDS)
    public long systemTime = Long.MIN_VALUE;

    @Label("I/O Wait Time")
    @Description("Idle while a process of this CPU waited for a disk")
    @Timespan(Timespan.NANOSECONDS)
    public long ioWaitTime = Long.MIN_VALUE;

    @Label("Interrupt Time")
    @Description("Serving hardware and software interrupts")
    @Timespan(Timespan.NANOSECONDS)
    public long irqTime = Long.MIN_VALUE;

    @Label("Steal Time")
    @Description("Given to another virtual machine by the hypervisor")
    @Timespan(Timespan.NANOSECONDS)
    public long stealTime = Long.MIN_VALUE;

    @Label("Idle Time")
    @Description("Nothing to do, I/O wait apart")
    @Timespan(Timespan.NANOSECONDS)
    public long idleTime = Long.MIN_VALUE;

    @Label("Frequency")
    @Description("Present frequency as the kernel knows it")
    @Frequency
    public double frequency = Double.NaN;

    @Label("Temperature")
    @Description("Sensor of this core, degrees Celsius")
    public double temperature = Double.NaN;
}
