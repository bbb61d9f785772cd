package dev.pitot.agent.counters;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * Whether the process has been put under a seccomp filter, looked at each second with next to no cost: one read of a file that
 * stays open; see proc(5), "Seccomp" of {@code /proc/self/status}. The sampler thread's alone.
 */
final class FilterWatch {
    private static final byte[] KEY = "\nSeccomp:\t".getBytes(StandardCharsets.US_ASCII);

    private final byte[] text = new byte[4096];
    private final @Nullable RandomAccessFile status;

    FilterWatch() {
        RandomAccessFile opened = null;
        try {
            opened = new RandomAccessFile("/proc/self/status", "r");
        } catch (IOException unreadable) {
            // Then a look tells nothing, as before the start, where that was an objection already.
        }
        status = opened;
    }

    /** False also where it cannot be read. */
    boolean isFiltered() {
        RandomAccessFile file = status;
        if (file == null) {
            return false;
        }
        try {
            file.seek(0);
            int length = file.read(text);
            for (int at = 0; at + KEY.length < length; at++) {
                int i = 0;
                while (i < KEY.length && text[at + i] == KEY[i]) {
                    i++;
                }
                if (i == KEY.length) {
                    return text[at + i] != '0';
                }
            }
        } catch (IOException unreadable) {
            // As above.
        }
        return false;
    }

    void close() {
        try {
            if (status != null) {
                status.close();
            }
        } catch (IOException closedAlready) {
            // Nothing is held then.
        }
    }
}
