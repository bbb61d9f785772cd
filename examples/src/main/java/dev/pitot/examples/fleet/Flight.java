package dev.pitot.examples.fleet;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/**
 * One finished chunk of a real JVM's recording, as its agent sent it. Immutable by convention: nobody writes into the arrays.
 *
 * @param hello what the agent said of its JVM, by key without {@code hello.}
 * @param segments in order, from offset 0 to the final one
 * @param bytes of the whole chunk
 */
record Flight(Map<String, String> hello, List<Segment> segments, byte[] bytes) {
    /** Bytes of a chunk's header, see {@code docs/spec/wire.md}. */
    static final int HEADER = 68;

    private static final String MAGIC = "pitot flight 1";
    private static final int MOST_BYTES = 1 << 30;
    private static final int SIZE_AT = 8;
    private static final int START_NANOS_AT = 32;
    private static final int DURATION_AT = 40;
    private static final int START_TICKS_AT = 48;
    private static final int TICKS_PER_SECOND_AT = 56;
    private static final int STATE_AT = 64;

    /**
     * One post's worth.
     *
     * @param millis when it arrived, since the chunk's start
     * @param offset of its first byte
     * @param length bytes before compression
     * @param header of the flush boundary that it leads to
     * @param last whether the chunk ended with it
     * @param deflated as it came
     */
    record Segment(int millis, long offset, int length, byte[] header, boolean last, byte[] deflated) {
        /** Bytes of the chunk that are there at this boundary. */
        long size() {
            return ByteBuffer.wrap(header).getLong(SIZE_AT);
        }
    }

    /** Puts segments together. @throws IOException when they do not follow each other from 0 to the end of a chunk */
    static Flight of(Map<String, String> hello, List<Segment> segments) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        for (Segment segment : segments) {
            if (segment.offset != bytes.size()) {
                throw new IOException("the segment at " + segment.offset + " follows byte " + bytes.size());
            }
            bytes.write(inflate(segment));
            if (segment.size() != bytes.size()) {
                throw new IOException("the segment at " + segment.offset + " ends before its flush boundary");
            }
        }
        if (segments.size() < 2 || !segments.get(segments.size() - 1).last) {
            throw new IOException("no whole chunk was captured");
        }
        return new Flight(Map.copyOf(hello), List.copyOf(segments), bytes.toByteArray());
    }

    private static byte[] inflate(Segment segment) throws IOException {
        byte[] out = new byte[segment.length];
        Inflater inflater = new Inflater();
        try {
            inflater.setInput(segment.deflated);
            int count = 0;
            while (count < out.length) {
                int n = inflater.inflate(out, count, out.length - count);
                if (n == 0) {
                    throw new IOException("the segment at " + segment.offset + " is shorter than it says");
                }
                count += n;
            }
            return out;
        } catch (DataFormatException e) {
            throw new IOException("the segment at " + segment.offset + " is no zlib stream", e);
        } finally {
            inflater.end();
        }
    }

    /** Milliseconds from the chunk's start to its last segment. */
    int millis() {
        return segments.get(segments.size() - 1).millis;
    }

    long deflatedBytes() {
        return segments.stream().mapToLong(s -> s.deflated.length).sum();
    }

    static long startNanos(byte[] header) {
        return ByteBuffer.wrap(header).getLong(START_NANOS_AT);
    }

    static long startTicks(byte[] header) {
        return ByteBuffer.wrap(header).getLong(START_TICKS_AT);
    }

    /**
     * A header as that of a chunk that began at another time.
     *
     * @param speed how many times as fast as it was its clock shall tick: what took a second takes a second divided by this
     * @param last whether it shall be that of a finished chunk
     */
    static byte[] moved(byte[] header, long startNanos, double speed, boolean last) {
        ByteBuffer out = ByteBuffer.wrap(header.clone());
        out.putLong(START_NANOS_AT, startNanos);
        out.putLong(DURATION_AT, (long) (out.getLong(DURATION_AT) / speed));
        out.putLong(TICKS_PER_SECOND_AT, (long) (out.getLong(TICKS_PER_SECOND_AT) * speed));
        if (last) {
            out.put(STATE_AT, (byte) 0);
        }
        return out.array();
    }

    void write(Path file) throws IOException {
        try (DataOutputStream out = new DataOutputStream(new BufferedOutputStream(Files.newOutputStream(file)))) {
            out.writeUTF(MAGIC);
            out.writeInt(hello.size());
            for (Map.Entry<String, String> entry : hello.entrySet()) {
                out.writeUTF(entry.getKey());
                out.writeUTF(entry.getValue());
            }
            out.writeInt(segments.size());
            for (Segment segment : segments) {
                out.writeInt(segment.millis);
                out.writeLong(segment.offset);
                out.writeInt(segment.length);
                out.write(segment.header);
                out.writeBoolean(segment.last);
                out.writeInt(segment.deflated.length);
                out.write(segment.deflated);
            }
        }
    }

    /** @throws IOException when the file cannot be read, or is none that {@link #write} wrote; the message names it */
    static Flight read(Path file) throws IOException {
        try (DataInputStream in = new DataInputStream(new BufferedInputStream(Files.newInputStream(file)))) {
            if (in.readUnsignedShort() != MAGIC.length()
                    || !new String(in.readNBytes(MAGIC.length()), java.nio.charset.StandardCharsets.US_ASCII)
                            .equals(MAGIC)) {
                throw new IOException("it does not begin with '" + MAGIC + "'");
            }
            Map<String, String> hello = new LinkedHashMap<>();
            for (int n = bounded(in.readInt()); n > 0; n--) {
                hello.put(in.readUTF(), in.readUTF());
            }
            List<Segment> segments = new ArrayList<>();
            for (int n = bounded(in.readInt()); n > 0; n--) {
                int millis = in.readInt();
                long offset = in.readLong();
                int length = bounded(in.readInt());
                byte[] header = in.readNBytes(HEADER);
                boolean last = in.readBoolean();
                byte[] deflated = in.readNBytes(bounded(in.readInt()));
                segments.add(new Segment(millis, offset, length, header, last, deflated));
            }
            return of(hello, segments);
        } catch (IOException e) {
            throw new IOException(
                    "The capture '" + file + "' cannot be used (" + e.getMessage() + "); make one with Capture.", e);
        }
    }

    private static int bounded(int count) throws IOException {
        if (count < 0 || count > MOST_BYTES) {
            throw new IOException("it is damaged");
        }
        return count;
    }
}
