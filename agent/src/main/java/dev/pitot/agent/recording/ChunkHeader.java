package dev.pitot.agent.recording;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The 68 bytes at the start of a JFR chunk (format 2.x, JDK 17 to 25; the layout is the JVM's own, see HotSpot's
 * {@code jfrChunkWriter.cpp}). The JVM rewrites it at each flush, with the state byte at 255 meanwhile.
 *
 * @param size {@code chunkSize}: all bytes of the chunk below it are settled
 * @param state 0 for a finished chunk, else a generation that each flush moves on
 * @param bytes the header itself; never changed after construction
 */
public record ChunkHeader(
        long size,
        long constantPool,
        long metadata,
        long startNanos,
        long durationNanos,
        long startTicks,
        int state,
        byte[] bytes) {
    /** Length of the header in bytes. */
    public static final int LENGTH = 68;

    private static final int MAGIC = 0x464c5200;
    private static final int STATE_OFFSET = 64;
    private static final int BUSY = 255;

    /**
     * Reads the header twice.
     *
     * @return the header when both reads agree and the JVM was not about to change it, else null: look again later
     * @throws IOException when the file cannot be read or is not a chunk of format 2
     */
    static @Nullable ChunkHeader settled(FileChannel file) throws IOException {
        byte[] first = read(file);
        if (first == null || (first[STATE_OFFSET] & 0xff) == BUSY) {
            return null;
        }
        byte[] second = read(file);
        return Arrays.equals(first, second) ? of(first) : null;
    }

    /**
     * The header of a chunk whose JVM was killed, as that of a finished one: what lies below its {@code chunkSize} was written
     * before the header was. A JVM killed inside the update (state 255) may have left new and old fields mixed, so the
     * offsets must at least lie within the chunk.
     *
     * @return null when nothing of the chunk can be used
     */
    static @Nullable ChunkHeader leftBehind(FileChannel file) throws IOException {
        byte[] bytes = read(file);
        if (bytes == null) {
            return null;
        }
        bytes[STATE_OFFSET] = 0;
        ChunkHeader header = of(bytes);
        boolean consistent = header.size > LENGTH
                && header.size <= file.size()
                && header.constantPool >= LENGTH
                && header.constantPool < header.size
                && header.metadata >= LENGTH
                && header.metadata < header.size;
        return consistent ? header : null;
    }

    private static byte @Nullable [] read(FileChannel file) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(LENGTH);
        while (buffer.hasRemaining()) {
            if (file.read(buffer, buffer.position()) < 0) {
                return null;
            }
        }
        if (buffer.getInt(0) != MAGIC || buffer.getShort(4) != 2) {
            // A file that was only just created holds zeros.
            if (buffer.getInt(0) == 0) {
                return null;
            }
            throw new IOException("a recording of unknown format (" + Integer.toHexString(buffer.getInt(0))
                    + ", version " + buffer.getShort(4) + ")");
        }
        return buffer.array();
    }

    private static ChunkHeader of(byte[] bytes) {
        ByteBuffer b = ByteBuffer.wrap(bytes);
        return new ChunkHeader(
                b.getLong(8),
                b.getLong(16),
                b.getLong(24),
                b.getLong(32),
                b.getLong(40),
                b.getLong(48),
                b.get(STATE_OFFSET) & 0xff,
                bytes);
    }

    /** What names the chunk for ever; file names are used again within a second. */
    String name() {
        return startNanos + "." + startTicks;
    }

    boolean isFinished() {
        return state == 0;
    }
}
