package dev.pitot.web.store;

import org.jspecify.annotations.Nullable;

/**
 * One chunk of a JVM's recording.
 *
 * @param startNanos start by the chunk's header, nanoseconds since the epoch; its key within the JVM
 * @param startTicks start in ticks by the same header
 * @param durable bytes stored
 * @param size whole size in bytes, -1 while unknown
 * @param state {@code open}, {@code complete}, {@code truncated}, {@code missing} or {@code expired}
 * @param header the 68 bytes of the header at the last boundary whose bytes are stored, or null before the first
 * @param boundary that boundary: the chunk can be read up to here; 0 before the first
 * @param lastSeenMillis when bytes last came, milliseconds since the epoch, the collector's clock
 * @param parseError why its events could not be read (its bytes can still be exported), or null
 */
public record ChunkRow(
        long startNanos,
        long startTicks,
        long durable,
        long size,
        String state,
        byte @Nullable [] header,
        long boundary,
        long lastSeenMillis,
        @Nullable String parseError) {}
