package dev.pitot.agent.counters;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * CPU time, context switches and page faults of the whole process since its start, from the best source there is. Used by
 * one thread at a time.
 */
public abstract sealed class ProcessUsage {
    /** Nanoseconds, or {@link Long#MIN_VALUE} when unknown. */
    public long userTime = Long.MIN_VALUE;

    public long systemTime = Long.MIN_VALUE;

    /** Totals, NaN when unknown. */
    public double voluntarySwitches = Double.NaN;

    public double involuntarySwitches = Double.NaN;
    public double minorFaults = Double.NaN;
    public double majorFaults = Double.NaN;

    /** {@code getrusage}, {@code procfs} or {@code java}: what {@code pitot.ProcessCounters} calls its software source. */
    public abstract String source();

    /** Reads all totals that this source knows. */
    public abstract void read() throws IOException;

    /** The best source without native code. */
    static ProcessUsage withoutNativeCode() {
        try {
            ProcessUsage procfs = new FromProcfs();
            procfs.read();
            return procfs;
        } catch (IOException | RuntimeException unreadable) {
            return new FromJava();
        }
    }

    /** getrusage(2): one call, no privilege, exact to the microsecond. */
    static final class FromGetrusage extends ProcessUsage {
        private final ByteBuffer usage = Libc.allocate(144);
        private final long address = Libc.address(usage);

        @Override
        public String source() {
            return "getrusage";
        }

        @Override
        public void read() throws IOException {
            if (!Libc.usageOfProcess(address)) {
                throw new IOException("getrusage failed with errno " + Libc.errno());
            }
            userTime = usage.getLong(0) * 1_000_000_000L + usage.getLong(8) * 1_000;
            systemTime = usage.getLong(16) * 1_000_000_000L + usage.getLong(24) * 1_000;
            minorFaults = usage.getLong(64);
            majorFaults = usage.getLong(72);
            voluntarySwitches = usage.getLong(128);
            involuntarySwitches = usage.getLong(136);
        }
    }

    /** /proc/self/stat: CPU time in steps of 10 ms, and page faults; see proc(5). */
    static final class FromProcfs extends ProcessUsage {
        /** USER_HZ, which Linux shows to programs on every architecture that Pitot runs on. */
        private static final long NANOS_PER_TICK = 10_000_000;

        private final RandomAccessFile file = new RandomAccessFile("/proc/self/stat", "r");
        private final byte[] text = new byte[1024];

        FromProcfs() throws IOException {}

        @Override
        public String source() {
            return "procfs";
        }

        @Override
        public void read() throws IOException {
            file.seek(0);
            int length = file.read(text);
            // The second field is the program's name in brackets, and may contain blanks and brackets itself.
            int at = length - 1;
            while (at >= 0 && text[at] != ')') {
                at--;
            }
            if (at < 0) {
                throw new IOException("/proc/self/stat has no program name");
            }
            minorFaults = field(at, length, 10);
            majorFaults = field(at, length, 12);
            userTime = field(at, length, 14) * NANOS_PER_TICK;
            systemTime = field(at, length, 15) * NANOS_PER_TICK;
        }

        /** Field number as in proc(5), counted from the bracket that ends field 2. */
        private long field(int bracket, int length, int number) throws IOException {
            int at = bracket + 1;
            for (int blanks = number - 2; at < length; at++) {
                if (text[at] == ' ' && --blanks == 0) {
                    break;
                }
            }
            long value = 0;
            int digits = 0;
            for (at++; at < length && text[at] >= '0' && text[at] <= '9'; at++, digits++) {
                value = value * 10 + (text[at] - '0');
            }
            if (digits == 0) {
                throw new IOException("/proc/self/stat has no field " + number);
            }
            return value;
        }
    }

    /** The JVM's own idea of its CPU time, user and system in one. */
    static final class FromJava extends ProcessUsage {
        private final @Nullable OperatingSystemMXBean bean =
                ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean sun ? sun : null;

        @Override
        public String source() {
            return "java";
        }

        @Override
        public void read() {
            long cpu = bean == null ? -1 : bean.getProcessCpuTime();
            userTime = cpu < 0 ? Long.MIN_VALUE : cpu;
        }
    }
}
