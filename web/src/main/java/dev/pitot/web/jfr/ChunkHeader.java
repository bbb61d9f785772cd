package dev.pitot.web.jfr;

import java.nio.ByteBuffer;

/**
 * The 68 bytes at the start of every chunk, as they stood at one flush.
 *
 * @param chunkSize bytes of the chunk that are settled, this header included
 * @param constantPoolOffset offset of the newest checkpoint event, 0 before the first flush
 * @param metadataOffset offset of the metadata event in force, 0 before the first flush
 * @param startNanos start of the chunk, nanoseconds since the epoch
 * @param durationNanos how long the chunk covers, nanoseconds
 * @param startTicks the clock of the events at the start of the chunk
 * @param ticksPerSecond frequency of that clock
 * @param state 0 when the chunk is finished, 255 while the JVM updates the header, else a counter of flushes
 * @param flags bit 0: integers are compressed; bit 1: the last chunk of its recording
 */
public record ChunkHeader(
        int major,
        int minor,
        long chunkSize,
        long constantPoolOffset,
        long metadataOffset,
        long startNanos,
        long durationNanos,
        long startTicks,
        long ticksPerSecond,
        int state,
        int flags) {

    /** Bytes of a header. */
    public static final int SIZE = 68;

    private static final int MAGIC = 'F' << 24 | 'L' << 16 | 'R' << 8;

    /**
     * Reads a header.
     *
     * @param bytes68 at least {@link #SIZE} bytes; what follows is not looked at
     * @throws JfrFormatException for a wrong magic or version, offsets outside of the chunk, or a clock that stands still
     */
    public static ChunkHeader parse(byte[] bytes68) throws JfrFormatException {
        if (bytes68.length < SIZE) {
            throw new JfrFormatException(
                    "a chunk header has " + SIZE + " bytes, these are " + bytes68.length, bytes68.length);
        }
        ByteBuffer in = ByteBuffer.wrap(bytes68);
        if (in.getInt() != MAGIC) {
            throw new JfrFormatException("not a flight recording: the chunk does not start with FLR", 0);
        }
        ChunkHeader header = new ChunkHeader(
                in.getShort(),
                in.getShort(),
                in.getLong(),
                in.getLong(),
                in.getLong(),
                in.getLong(),
                in.getLong(),
                in.getLong(),
                in.getLong(),
                in.get() & 0xff,
                in.getShort(66));
        if (header.major != 2) {
            throw new JfrFormatException(
                    "flight recording of version " + header.major + "." + header.minor + ", only 2.x can be read", 4);
        }
        if (header.chunkSize < SIZE) {
            throw new JfrFormatException("chunk size " + header.chunkSize + " is less than a header", 8);
        }
        if (header.isOutside(header.constantPoolOffset)) {
            throw new JfrFormatException("constant pool offset " + header.constantPoolOffset + " outside of chunk", 16);
        }
        if (header.isOutside(header.metadataOffset)) {
            throw new JfrFormatException("metadata offset " + header.metadataOffset + " outside of chunk", 24);
        }
        if (header.ticksPerSecond <= 0) {
            throw new JfrFormatException("clock frequency " + header.ticksPerSecond + " is not positive", 56);
        }
        return header;
    }

    private boolean isOutside(long offset) {
        return offset != 0 && (offset < SIZE || offset >= chunkSize);
    }

    /** True once the JVM has written the last byte of the chunk. */
    public boolean isFinished() {
        return state == 0;
    }

    /** True when integers are written with one to nine bytes, which every JDK since 11 does. */
    public boolean isCompressed() {
        return (flags & 1) != 0;
    }

    /**
     * A timestamp of an event in nanoseconds since the epoch; the same arithmetic, and so the same rounding, as
     * {@code jdk.jfr.consumer.RecordedEvent}. Saturates where that would overflow.
     */
    public long ticksToNanos(long ticks) {
        long sinceStart = saturate(ticks, startTicks, ticks - startTicks);
        long nanos = (long) (sinceStart / ticksPerNano());
        long sum = startNanos + nanos;
        return ((startNanos ^ sum) & (nanos ^ sum)) < 0 ? (nanos < 0 ? Long.MIN_VALUE : Long.MAX_VALUE) : sum;
    }

    /** A timespan in ticks as nanoseconds; saturates. */
    public long ticksToDurationNanos(long ticks) {
        return (long) (ticks / ticksPerNano());
    }

    private double ticksPerNano() {
        return (double) ticksPerSecond / 1_000_000_000L;
    }

    private static long saturate(long a, long b, long difference) {
        return ((a ^ b) & (a ^ difference)) < 0 ? (a < 0 ? Long.MIN_VALUE : Long.MAX_VALUE) : difference;
    }
}
