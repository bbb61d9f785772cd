package dev.pitot.web.archive;

import dev.pitot.web.store.ChunkBytesSink;
import dev.pitot.web.store.ChunkRow;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.sql.SQLException;
import java.text.Normalizer;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;

/**
 * One {@code .jfr} made of the stored chunks that overlap a window, whole and oldest first. A finished chunk is given as the JVM
 * wrote it. Of one that is still written, or whose end is lost, it is what lies before the last flush boundary, with that
 * boundary's header in front: JFR rewrites the header in place at each flush, so the bytes that came first hold an old one. The
 * state byte is 0 there, as readers refuse a chunk that says it is being written.
 *
 * <p>What a recording holds is decided when it is chosen: bytes that arrive while it is written are left out, so that its length
 * is known.
 */
public final class Recording {
    /** Bytes of a chunk's header. */
    public static final int HEADER = 68;

    private static final int CHUNK_SIZE_AT = 8;
    private static final int DURATION_AT = 40;
    private static final int STATE_AT = 64;
    private static final DateTimeFormatter BASIC =
            DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmss'Z'").withZone(ZoneOffset.UTC);

    /** Where the bytes are. */
    public interface Source {
        /** See {@code Queries.chunkBytes}. */
        void chunkBytes(UUID jvm, long chunkStart, ChunkBytesSink sink) throws SQLException, IOException;
    }

    private final UUID jvm;
    private final List<ChunkRow> chunks;

    private Recording(UUID jvm, List<ChunkRow> chunks) {
        this.jvm = jvm;
        this.chunks = chunks;
    }

    /**
     * Chooses among the chunks of a JVM those that overlap {@code [fromMillis, toMillis)}.
     *
     * @param stored all that the store knows of
     * @throws NothingThere with the reason as a sentence
     */
    public static Recording of(UUID jvm, List<ChunkRow> stored, long fromMillis, long toMillis) throws NothingThere {
        List<ChunkRow> sorted = new ArrayList<>(stored);
        sorted.sort(Comparator.comparingLong(ChunkRow::startNanos));
        List<ChunkRow> readable = new ArrayList<>();
        List<ChunkRow> overlapping = new ArrayList<>();
        for (int i = 0; i < sorted.size(); i++) {
            ChunkRow chunk = sorted.get(i);
            if (chunk.header() == null
                    || chunk.boundary() < HEADER
                    || chunk.state().equals("expired")) {
                continue;
            }
            readable.add(chunk);
            if (chunk.startNanos() < nanos(toMillis) && end(chunk) >= nanos(fromMillis)) {
                overlapping.add(chunk);
            }
        }
        if (overlapping.isEmpty()) {
            throw new NothingThere(reason(stored, readable, fromMillis, toMillis));
        }
        return new Recording(jvm, List.copyOf(overlapping));
    }

    private static String reason(List<ChunkRow> stored, List<ChunkRow> readable, long fromMillis, long toMillis) {
        if (stored.isEmpty()) {
            return "Nothing of this JVM's recording has arrived yet.";
        }
        if (readable.isEmpty()) {
            return "The bytes of this JVM's recording never arrived completely, or their retention is over.";
        }
        return "No chunk of the recording lies between " + Instant.ofEpochMilli(fromMillis) + " and "
                + Instant.ofEpochMilli(toMillis) + "; what is stored reaches from "
                + instant(readable.get(0).startNanos())
                + " to "
                + instant(readable.stream().mapToLong(Recording::end).max().orElseThrow()) + ".";
    }

    /** End of what is stored of a chunk, by the duration in its header. */
    private static long end(ChunkRow chunk) {
        byte[] header = chunk.header();
        long duration = header == null ? 0 : ByteBuffer.wrap(header).getLong(DURATION_AT);
        long end = chunk.startNanos() + Math.max(0, duration);
        // A clock gone wrong: the sum of two positive numbers is negative when it does not fit.
        return end < 0 ? Long.MAX_VALUE : end;
    }

    /** What lies beyond the year 2262 has no nanoseconds in 63 bits: then the last that there is. */
    private static long nanos(long millis) {
        return TimeUnit.MILLISECONDS.toNanos(millis);
    }

    private static Instant instant(long nanos) {
        return Instant.ofEpochMilli(nanos / 1_000_000);
    }

    /** Bytes in all. */
    public long length() {
        return chunks.stream().mapToLong(ChunkRow::boundary).sum();
    }

    /** Chunks in it. */
    public int chunks() {
        return chunks.size();
    }

    /**
     * Writes it, holding one piece of a chunk at a time.
     *
     * @throws IOException when the reader went away, or bytes were dropped by retention meanwhile: the file is then short
     */
    public void writeTo(OutputStream out, Source source) throws SQLException, IOException {
        for (ChunkRow chunk : chunks) {
            Cut cut = new Cut(chunk, out);
            source.chunkBytes(jvm, chunk.startNanos(), cut);
            if (cut.written < chunk.boundary()) {
                throw new IOException("chunk " + chunk.startNanos() + " has " + cut.written + " of " + chunk.boundary()
                        + " bytes left");
            }
        }
    }

    /** Passes on the bytes of one chunk up to its boundary, behind that boundary's header. */
    private static final class Cut implements ChunkBytesSink {
        private final ChunkRow chunk;
        private final OutputStream out;
        private final byte[] header;
        private long position;
        private long written;

        Cut(ChunkRow chunk, OutputStream out) {
            this.chunk = chunk;
            this.out = out;
            this.header = headerOf(chunk);
        }

        @Override
        public void begin(byte[] newestHeader, long length) {
            // The boundary that was chosen counts, not one that came since.
        }

        @Override
        public void bytes(byte[] data, int offset, int length) throws IOException {
            int from = offset;
            int end = offset + (int) Math.min(length, chunk.boundary() - position);
            position += length;
            while (written < HEADER && from < end) {
                out.write(header[(int) written++]);
                from++;
            }
            if (from < end) {
                out.write(data, from, end - from);
                written += end - from;
            }
        }
    }

    private static byte[] headerOf(ChunkRow chunk) {
        byte[] stored = chunk.header();
        if (stored == null || stored.length < HEADER) {
            throw new IllegalArgumentException("a chunk without a header cannot be exported");
        }
        byte[] header = stored.clone();
        ByteBuffer.wrap(header).putLong(CHUNK_SIZE_AT, chunk.boundary());
        header[STATE_AT] = 0;
        return header;
    }

    /**
     * A name for the file: {@code service-host-start-end.jfr} of letters, digits, dots, dashes and underscores only. Start and end
     * are those of what is in it (UTC), the first chunk's start and the end or cut of the last.
     */
    public String fileName(String service, String host) {
        long end = chunks.stream().mapToLong(Recording::end).max().orElseThrow();
        return plain(service) + "-" + plain(host) + "-"
                + BASIC.format(instant(chunks.get(0).startNanos())) + "-" + BASIC.format(instant(end)) + ".jfr";
    }

    private static String plain(String name) {
        String ascii = Normalizer.normalize(name, Normalizer.Form.NFD)
                .replaceAll("\\p{M}+", "")
                .replaceAll("[^A-Za-z0-9._-]+", "_")
                .replaceAll("^[._-]+|[._-]+$", "");
        String cut = ascii.length() <= 60 ? ascii : ascii.substring(0, 60);
        return cut.isEmpty() ? "unnamed" : cut;
    }

    /** No stored chunk overlaps the window; the message is a sentence that says why. */
    public static final class NothingThere extends Exception {
        private static final long serialVersionUID = 1L;

        NothingThere(String message) {
            super(message);
        }
    }
}
