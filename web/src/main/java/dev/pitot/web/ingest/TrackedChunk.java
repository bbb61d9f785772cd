package dev.pitot.web.ingest;

import dev.pitot.web.jfr.ChunkHeader;
import dev.pitot.web.jfr.ChunkReader;
import dev.pitot.web.jfr.EventType;
import dev.pitot.web.store.Progress;
import java.nio.charset.StandardCharsets;
import java.time.LocalDate;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** One chunk that is being parsed: how far it has come, and what it needs to go on. Guarded by the lock of its parser. */
final class TrackedChunk {
    /** An agent has some thirty; of more, every line is taken for a new one. */
    private static final int MOST_SUBJECTS = 64;

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
    /** By subject: the hash of the newest line of a diagnosis that was read of this chunk. */
    private final Map<String, UUID> diagnosis = new HashMap<>();

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

    /**
     * Whether a line of a diagnosis differs from the one before on its subject. The first one in a chunk does, so that the
     * answer hangs on nothing but the chunk's bytes.
     */
    boolean isNews(String subject, String line) {
        UUID hash = UUID.nameUUIDFromBytes(line.getBytes(StandardCharsets.UTF_8));
        if (!diagnosis.containsKey(subject) && diagnosis.size() >= MOST_SUBJECTS) {
            return true;
        }
        return !hash.equals(diagnosis.put(subject, hash));
    }

    /** It is to be read from its first byte again, if at all. */
    void rewind() {
        reader = null;
        fields.clear();
        diagnosis.clear();
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
