package dev.pitot.web.ingest;

import dev.pitot.web.ingest.TrackedChunk.Piece;
import dev.pitot.web.jfr.ChunkHeader;
import dev.pitot.web.jfr.ChunkReader;
import dev.pitot.web.jfr.JfrFormatException;
import dev.pitot.web.store.EventStore;
import dev.pitot.web.store.Segment;
import dev.pitot.web.store.StoredSegment;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Reads the parts of a JVM's chunks, from what is held in memory or else from the stored segments. One thread at a time. */
final class PartReader {
    private static final Logger LOG = LoggerFactory.getLogger(PartReader.class);

    private static final long LONGEST_PART = 64L << 20;

    private final UUID jvm;
    private final Parsing stage;
    private final Router router;

    PartReader(UUID jvm, Parsing stage, Router router) {
        this.jvm = jvm;
        this.stage = stage;
        this.router = router;
    }

    /** Reads up to the next boundary; returns why that cannot be done, or null. */
    @Nullable
    String read(TrackedChunk chunk, ChunkReader reader, long limit, Batch batch) throws SQLException {
        long start = reader.parsedTo();
        List<Piece> part = new ArrayList<>();
        long at = start;
        while (true) {
            Piece piece = chunk.pieces.get(at);
            if (piece == null) {
                piece = readBack(chunk, at, limit);
            }
            if (piece == null) {
                return "the bytes from " + at + " on are not stored";
            }
            if (piece.end() == at) {
                return "a stored segment at " + at + " is empty";
            }
            part.add(piece);
            at = piece.end();
            if (at == Segment.boundaryOf(piece.header())) {
                break;
            }
            if (at - start > LONGEST_PART) {
                return "more than " + LONGEST_PART + " bytes without a flush boundary";
            }
        }
        byte[] bytes = new byte[(int) (at - start)];
        for (Piece piece : part) {
            System.arraycopy(piece.raw(), 0, bytes, (int) (piece.offset() - start), piece.raw().length);
            chunk.pieces.remove(piece.offset());
            release(piece);
        }
        byte[] header = part.get(part.size() - 1).header();
        long end = at;
        batch.begin(bytes.length);
        return reading(batch, () -> {
            ChunkHeader clock = ChunkHeader.parse(header);
            chunk.clock = clock;
            reader.read(
                    clock, bytes, (type, offset, event) -> router.route(chunk, type, offset, event, start, end, batch));
        });
    }

    /** What waited for constants is handed on without them, as nothing more comes. */
    @Nullable
    String readWaiting(ChunkReader reader, TrackedChunk chunk, Batch batch) {
        // Part of what the last part handed on: after a crash both are read again.
        long at = Math.max(0, reader.parsedTo() - 1);
        return reading(
                batch,
                () -> reader.finish(
                        (type, offset, event) -> router.route(chunk, type, offset, event, at, Long.MAX_VALUE, batch)));
    }

    private interface Reading {
        void run() throws JfrFormatException;
    }

    private @Nullable String reading(Batch batch, Reading reading) {
        EventStore.Rows.Mark rows = batch.rows.mark();
        int after = batch.after.size();
        try {
            reading.run();
            return null;
        } catch (JfrFormatException | RuntimeException e) {
            batch.rows.truncate(rows);
            batch.after.subList(after, batch.after.size()).clear();
            if (e instanceof RuntimeException && !(e instanceof Batch.TooMuch)) {
                LOG.error("The reader failed on bytes of JVM {}", jvm, e);
            }
            return String.valueOf(e.getMessage());
        }
    }

    private @Nullable Piece readBack(TrackedChunk chunk, long at, long limit) throws SQLException {
        for (StoredSegment stored : StoredSegment.read(stage.database, jvm, chunk.start, chunk.day, at, limit)) {
            try {
                chunk.pieces.putIfAbsent(
                        stored.offset(),
                        new Piece(
                                stored.offset(),
                                WireRequest.inflate(stored.zlib(), stored.length()),
                                stored.header(),
                                false));
            } catch (BadRequest damaged) {
                return null;
            }
        }
        return chunk.pieces.get(at);
    }

    /** Lets go of the bytes that a chunk has in memory. */
    void drop(TrackedChunk chunk) {
        chunk.pieces.values().forEach(this::release);
        chunk.pieces.clear();
    }

    private void release(Piece piece) {
        if (piece.held()) {
            stage.heldBytes.addAndGet(-piece.raw().length);
        }
    }
}
