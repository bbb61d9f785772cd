package dev.pitot.agent.samplers;

import dev.pitot.events.JvmMemory;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryMXBean;
import java.lang.management.MemoryUsage;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/** {@code pitot.JvmMemory}: heap, non-heap and what of the process is in RAM. */
final class JvmMemorySampler implements Sampler {
    private static final byte[] KEY = "\nVmRSS:".getBytes(StandardCharsets.US_ASCII);

    private final MemoryMXBean memory = ManagementFactory.getMemoryMXBean();
    private final byte[] text = new byte[4096];
    private @Nullable RandomAccessFile status;

    JvmMemorySampler() {
        try {
            status = new RandomAccessFile("/proc/self/status", "r");
        } catch (IOException notLinux) {
            // The resident size stays N/A.
            status = null;
        }
    }

    @Override
    public String name() {
        return "JVM memory";
    }

    @Override
    public void sample(long interval) {
        MemoryUsage heap = memory.getHeapMemoryUsage();
        JvmMemory event = new JvmMemory();
        event.heapUsed = heap.getUsed();
        event.heapCommitted = heap.getCommitted();
        if (heap.getMax() >= 0) {
            event.heapMax = heap.getMax();
        }
        event.nonHeapUsed = memory.getNonHeapMemoryUsage().getUsed();
        event.residentSize = residentSize();
        event.commit();
    }

    /** VmRSS in bytes, or N/A; see proc(5). The file stays open, as the kernel writes it anew for each read from its start. */
    private long residentSize() {
        RandomAccessFile file = status;
        if (file == null) {
            return Long.MIN_VALUE;
        }
        try {
            file.seek(0);
            int length = file.read(text);
            int at = indexOf(KEY, length);
            if (at < 0) {
                return Long.MIN_VALUE;
            }
            long kilobytes = 0;
            for (int i = at + KEY.length; i < length && text[i] != '\n'; i++) {
                if (text[i] >= '0' && text[i] <= '9') {
                    kilobytes = kilobytes * 10 + (text[i] - '0');
                }
            }
            return kilobytes * 1024;
        } catch (IOException unreadable) {
            // N/A says so; the heap is worth an event all the same.
            return Long.MIN_VALUE;
        }
    }

    private int indexOf(byte[] key, int length) {
        for (int at = 0; at + key.length <= length; at++) {
            int i = 0;
            while (i < key.length && text[at + i] == key[i]) {
                i++;
            }
            if (i == key.length) {
                return at;
            }
        }
        return -1;
    }
}
