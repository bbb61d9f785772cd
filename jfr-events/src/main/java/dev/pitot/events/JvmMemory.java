package dev.pitot.events;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** Once a second: heap and non-heap memory as the JVM reports it, whether or not a collection ran. */
@Name("pitot.JvmMemory")
@Label("JVM Memory")
@Category({"Pitot", "JVM"})
@Description("Heap and non-heap memory of the JVM and resident memory of the process")
@StackTrace(false)
public final class JvmMemory extends Event {
    @Label("Heap Used")
    @Description("Memory of the heap that objects take, dead ones not yet collected included")
    @DataAmount
    public long heapUsed;

    @Label("Heap Committed")
    @Description("Memory that the heap may use at once")
    @DataAmount
    public long heapCommitted;

    @Label("Heap Maximum")
    @Description("N/A when the JVM states no limit")
    @DataAmount
    public long heapMax = Long.MIN_VALUE;

    @Label("Non-Heap Used")
    @Description("Metaspace, class space and code cache")
    @DataAmount
    public long nonHeapUsed;

    @Label("Resident Set Size")
    @Description("Memory of the process in RAM (VmRSS of /proc/self/status)")
    @DataAmount
    public long residentSize = Long.MIN_VALUE;
}
