package dev.pitot.events;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Frequency;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;

/** Once a second, from /proc/stat and /sys: all CPUs of the machine together; see proc(5). */
@Name("pitot.HostCpu")
@Label("Host CPU")
@Category({"Pitot", "Host"})
@Description("What all CPUs of the machine did since the previous event")
@StackTrace(false)
public final class HostCpu extends Event {
    @Label("Interval")
    @Description("Wall time since the previous reading; rates are value / interval")
    @Timespan(Timespan.NANOSECONDS)
    public long interval;

    @Label("CPUs")
    @Description("CPUs that are online")
    public double cpus = Double.NaN;

    @Label("User Time")
    @Description("CPU time outside of the kernel, all CPUs, niced processes included")
    @Timespan(Timespan.NANOSECONDS)
    public long userTime = Long.MIN_VALUE;

    @Label("Nice Time")
    @Description("Of the user time that of niced processes")
    @Timespan(Timespan.NANOSECONDS)
    public long niceTime = Long.MIN_VALUE;

    @Label("System Time")
    @Description("CPU time inside of the kernel")
    @Timespan(Timespan.NANOSECONDS)
    public long systemTime = Long.MIN_VALUE;

    @Label("I/O Wait Time")
    @Description("Idle while a process of this CPU waited for a disk")
    @Timespan(Timespan.NANOSECONDS)
    public long ioWaitTime = Long.MIN_VALUE;

    @Label("Interrupt Time")
    @Description("Serving hardware interrupts")
    @Timespan(Timespan.NANOSECONDS)
    public long irqTime = Long.MIN_VALUE;

    @Label("Soft Interrupt Time")
    @Description("Serving software interrupts")
    @Timespan(Timespan.NANOSECONDS)
    public long softIrqTime = Long.MIN_VALUE;

    @Label("Steal Time")
    @Description("Wanted by this virtual machine and given to another by the hypervisor")
    @Timespan(Timespan.NANOSECONDS)
    public long stealTime = Long.MIN_VALUE;

    @Label("Guest Time")
    @Description("Of the user time that spent running virtual CPUs")
    @Timespan(Timespan.NANOSECONDS)
    public long guestTime = Long.MIN_VALUE;

    @Label("Idle Time")
    @Description("Nothing to do, I/O wait apart")
    @Timespan(Timespan.NANOSECONDS)
    public long idleTime = Long.MIN_VALUE;

    @Label("Context Switches")
    @Description("Context switches of the whole machine")
    public double contextSwitches = Double.NaN;

    @Label("Interrupts")
    @Description("Hardware interrupts of the whole machine")
    public double interrupts = Double.NaN;

    @Label("Soft Interrupts")
    @Description("Software interrupts of the whole machine")
    public double softInterrupts = Double.NaN;

    @Label("Forks")
    @Description("Processes and threads that were started")
    public double forks = Double.NaN;

    @Label("Running")
    @Description("Threads that run or wait for a CPU now")
    public double running = Double.NaN;

    @Label("Blocked")
    @Description("Threads that wait for a disk now")
    public double blocked = Double.NaN;

    @Label("Load 1 min")
    @Description("Load average over one minute")
    public double load1 = Double.NaN;

    @Label("Load 5 min")
    @Description("Load average over five minutes")
    public double load5 = Double.NaN;

    @Label("Load 15 min")
    @Description("Load average over fifteen minutes")
    public double load15 = Double.NaN;

    @Label("Frequency")
    @Description("Mean frequency of the CPUs as the kernel knows it")
    @Frequency
    public double frequency = Double.NaN;

    @Label("Maximum Frequency")
    @Description("Highest frequency that the CPUs offer")
    @Frequency
    public double maxFrequency = Double.NaN;

    @Label("Temperature")
    @Description("Hottest CPU sensor, degrees Celsius")
    public double temperature = Double.NaN;
}
