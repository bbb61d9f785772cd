package dev.pitot.web.store;

import dev.pitot.web.live.JvmInfo;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What one post says, for the segment writer.
 *
 * @param receivedMillis when it came, milliseconds since the epoch
 * @param skewNanos clock of the JVM minus that of the collector
 * @param hello null without one
 * @param have null when the post does not say which chunks its agent has
 * @param ended the JVM's last post
 */
public record Submission(
        UUID jvm,
        long receivedMillis,
        long skewNanos,
        @Nullable JvmInfo hello,
        @Nullable Segment segment,
        @Nullable List<Held> have,
        List<Lost> lost,
        boolean ended) {

    /** When it was sent, nanoseconds since the epoch by the clock of the JVM. */
    public long sentNanos() {
        return skewNanos + receivedMillis * 1_000_000;
    }

    /** A chunk that the agent can still send. */
    public record Held(Chunk chunk, long size, boolean last) {}

    /**
     * Bytes that can never be sent.
     *
     * @param to -1: to the chunk's unknown end
     */
    public record Lost(Chunk chunk, long from, long to) {}
}
