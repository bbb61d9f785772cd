package dev.pitot.web.store;

import java.nio.ByteBuffer;

/**
 * Bytes {@code [offset, offset + raw.length)} of a chunk. The arrays are not copied and not to be changed.
 *
 * @param header the 68 header bytes of the flush boundary that the segment leads to
 * @param last the chunk is finished: the header's size is its whole size
 * @param zlib the bytes as one zlib stream, as they came
 * @param raw the bytes
 */
public record Segment(Chunk chunk, long offset, byte[] header, boolean last, byte[] zlib, byte[] raw) {
    /** First byte after the segment. */
    public long end() {
        return offset + raw.length;
    }

    /** The boundary that the header stands for: bytes of the chunk that were settled then. */
    public long boundary() {
        return boundaryOf(header);
    }

    /** Whether the chunk can be read up to this segment's end. */
    public boolean reachesBoundary() {
        return boundary() == end();
    }

    /** The boundary that a header stands for. */
    public static long boundaryOf(byte[] header) {
        return ByteBuffer.wrap(header).getLong(8);
    }

    /** Version, start and clock: what stays the same within a chunk. */
    static boolean sameChunk(byte[] header, byte[] other) {
        ByteBuffer a = ByteBuffer.wrap(header);
        ByteBuffer b = ByteBuffer.wrap(other);
        return a.getLong(0) == b.getLong(0)
                && a.getLong(32) == b.getLong(32)
                && a.getLong(48) == b.getLong(48)
                && a.getLong(56) == b.getLong(56);
    }
}
