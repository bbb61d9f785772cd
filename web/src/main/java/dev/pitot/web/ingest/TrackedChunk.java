package dev.pitot.web.ingest;

import dev.pitot.web.jfr.ChunkHeader;
import dev.pitot.web.jfr.ChunkReader;
import dev.pitot.web.jfr.EventType;
import dev.pitot.web.store.Progress;
import java.time.LocalDate;
import java.util.IdentityHashMap;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** One chunk that is being parsed: how far it has come, and what it needs to go on. Guarded by the lock of its parser. */
final class TrackedChunk {
    /** Bytes that were stored and wait for the boundary. */
    record Piece(long offset, byte[] raw, byte[] header, boolean held) {
        long end() {
            return offset + raw.length;
        }
    }

    final long start;
    final long ticks;
    final LocalDate day;
    final TreeMap<Long, Piece> pieces = new TreeMap<>();
    final Map<EventType, EventFields> fields = new IdentityHashMap<>();
    long boundary;
    long parsed;
    /** Samples up to here are in {@link Minutes} or in stored blocks. */
    long summed;

    long block;
    boolean open;
    boolean out;

    @Nullable
    String error;

    /** The header of the part that is being read. */
    @Nullable
    ChunkHeader clock;

    @Nullable
    ChunkReader reader;

    private long measured;

    TrackedChunk(Progress row) {
        start = row.chunkStart();
        ticks = row.chunkTicks();
        day = row.day();
        boundary = row.boundary();
        parsed = row.parsed();
        block = row.block();
        summed = row.block();
        open = row.open();
        out = row.parsedOut();
        error = row.parseError();
    }

    /** What another collector was sent. */
    void grow(Progress row) {
        boundary = Math.max(boundary, row.boundary());
        open &= row.open();
    }

    long position() {
        return reader == null ? 0 : reader.parsedTo();
    }

    /** How far it is to be read: what cannot be parsed is not tried again. */
    long limit() {
        return out ? parsed : boundary;
    }

    boolean isDone() {
        return (out || !open && boundary == 0) && block >= limit();
    }

    /** Bytes its reader keeps now, minus what it kept at the last call. */
    long measure() {
        long now = reader == null ? 0 : reader.retainedBytes();
        long grown = now - measured;
        measured = now;
        return grown;
    }

    long measured() {
        return measured;
    }

    void forgetMeasure() {
        measured = 0;
    }
}
