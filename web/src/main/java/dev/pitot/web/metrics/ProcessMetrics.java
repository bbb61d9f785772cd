package dev.pitot.web.metrics;

import com.sun.management.UnixOperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryUsage;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** The collector as a process and a JVM, by the names that Prometheus' own libraries use. Any thread. */
final class ProcessMetrics {
    private static final Path STATUS = Path.of("/proc/self/status");

    private ProcessMetrics() {}

    static void add(Families families) {
        if (ManagementFactory.getOperatingSystemMXBean() instanceof UnixOperatingSystemMXBean os) {
            families.counter(
                    "process_cpu_seconds", "CPU time of the collector's process.", os.getProcessCpuTime() / 1e9);
            families.gauge("process_open_fds", "Open files and connections.", os.getOpenFileDescriptorCount());
            families.gauge("process_max_fds", "The most that may be open.", os.getMaxFileDescriptorCount());
        }
        families.gauge(
                "process_start_time_seconds",
                "When the process was started.",
                ManagementFactory.getRuntimeMXBean().getStartTime() / 1e3);
        families.gauge("process_resident_memory_bytes", "Memory of the process that is in RAM.", residentBytes());
        MemoryUsage heap = ManagementFactory.getMemoryMXBean().getHeapMemoryUsage();
        MemoryUsage other = ManagementFactory.getMemoryMXBean().getNonHeapMemoryUsage();
        memory(families, "heap", heap);
        memory(families, "nonheap", other);
        families.summary("jvm_gc_collection_seconds", "Garbage collections, and the time they took.", each -> {
            for (GarbageCollectorMXBean gc : ManagementFactory.getGarbageCollectorMXBeans()) {
                each.add(gc.getCollectionCount(), gc.getCollectionTime() / 1e3, "gc", gc.getName());
            }
        });
        families.gauge(
                "jvm_threads_current",
                "Platform threads.",
                ManagementFactory.getThreadMXBean().getThreadCount());
    }

    private static void memory(Families families, String area, MemoryUsage usage) {
        families.gauge("jvm_memory_used_bytes", "Memory in use.", usage.getUsed(), "area", area);
        families.gauge(
                "jvm_memory_committed_bytes", "Memory that was taken for it.", usage.getCommitted(), "area", area);
        if (usage.getMax() >= 0) {
            families.gauge("jvm_memory_max_bytes", "The most it may grow to.", usage.getMax(), "area", area);
        }
    }

    /** Null where there is no {@code /proc}. */
    private static @Nullable Long residentBytes() {
        try {
            for (String line : Files.readAllLines(STATUS)) {
                if (line.startsWith("VmRSS:")) {
                    return Long.parseLong(line.replaceAll("\\D", "")) * 1024;
                }
            }
        } catch (IOException | NumberFormatException notThisSystem) {
            return null;
        }
        return null;
    }
}
