package dev.pitot.agent.samplers.host;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A file of procfs or sysfs that is read again and again, and stays open between unless the {@link Text} says that descriptors
 * are few. One that is not there is looked for again only after a minute, as each failure costs an exception. The JVM closes
 * what is forgotten. Not thread-safe.
 */
final class ProcFile {
    /** In nanoseconds. */
    static final long REST = TimeUnit.MINUTES.toNanos(1);

    private final String path;
    private final long rest;
    private @Nullable RandomAccessFile file;
    private boolean missing;
    private long missedAt;

    ProcFile(String path) {
        this(path, REST);
    }

    /** @param rest nanoseconds after which it is looked for again */
    ProcFile(String path, long rest) {
        this.path = path;
        this.rest = rest;
    }

    /** Reads all of it; false when it cannot be read or is empty. */
    boolean read(Text text) {
        if (missing && System.nanoTime() - missedAt < rest) {
            return false;
        }
        try {
            RandomAccessFile open = file;
            if (open == null) {
                open = new RandomAccessFile(path, "r");
                file = open;
            }
            text.fill(open);
            missing = false;
            if (!text.filesStayOpen()) {
                close();
            }
            return text.length() > 0;
        } catch (IOException absent) {
            // Not in this kernel or container, not permitted, or its device is gone: N/A.
            missing = true;
            missedAt = System.nanoTime();
            close();
            return false;
        }
    }

    /** The number that it begins with; {@link Long#MIN_VALUE} when it has none or cannot be read. */
    long number(Text text) {
        return read(text) ? text.number() : Long.MIN_VALUE;
    }

    /** Gives the descriptor back; the next reading opens it again. */
    void close() {
        RandomAccessFile open = file;
        file = null;
        if (open != null) {
            try {
                open.close();
            } catch (IOException ignored) {
                // It was only read.
            }
        }
    }
}
