package dev.pitot.agent.uplink;

import dev.pitot.agent.recording.Chunk;
import dev.pitot.agent.recording.ChunkHeader;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import java.util.zip.Deflater;

/**
 * The body of one request: preamble, then the segment as one zlib stream. One instance is used again and again by the uplink thread; it
 * owns native memory, so it must be closed.
 */
final class Post implements AutoCloseable {
    /** Bytes of a chunk in one request; the wire format allows 4 MiB. The deflated copy of this much is on the heap while it is sent. */
    static final int MAX_SEGMENT =
            (int) Math.max(128 << 10, Math.min(2 << 20, Runtime.getRuntime().maxMemory() / 128));
    /** On recordings of 17, in slices of 20 KB, level 3 takes 60 % of the CPU of level 6 (14 against 24 ms for 1.4 MB) for 3 % more bytes. */
    private static final int LEVEL = 3;

    private static final int KEPT = 256 << 10;

    private final Deflater deflater = new Deflater(LEVEL);
    private final ByteBuffer slice = ByteBuffer.allocateDirect(32 << 10);
    private byte[] bytes = new byte[8 << 10];
    private int length;

    /** Begins a new body. */
    Post reset() {
        length = 0;
        if (bytes.length > KEPT) {
            bytes = new byte[8 << 10];
        }
        return this;
    }

    Post put(String key, String value) {
        append((key + "=" + value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A") + "\n")
                .getBytes(StandardCharsets.UTF_8));
        return this;
    }

    /** Ends the preamble of a request that carries no segment. */
    void end() {
        append(new byte[] {'\n'});
    }

    /**
     * Ends the preamble with the keys of a segment and appends its bytes.
     *
     * @throws IOException when the chunk cannot be read any more
     */
    void segment(Chunk chunk, ChunkHeader boundary, long offset, int count) throws IOException {
        put("chunk", chunk.name());
        put("offset", Long.toString(offset));
        put("length", Integer.toString(count));
        put("header", Base64.getEncoder().encodeToString(boundary.bytes()));
        put("state", boundary.state() == 0 ? "final" : "open");
        end();
        deflater.reset();
        int taken = 0;
        while (!deflater.finished()) {
            if (deflater.needsInput()) {
                int n = Math.min(slice.capacity(), count - taken);
                slice.clear().limit(n);
                if (n > 0) {
                    chunk.read(slice, offset + taken);
                    taken += n;
                    slice.flip();
                    deflater.setInput(slice);
                }
                if (taken == count) {
                    deflater.finish();
                }
            }
            if (bytes.length - length < 4 << 10) {
                bytes = Arrays.copyOf(bytes, bytes.length * 2);
            }
            length += deflater.deflate(bytes, length, bytes.length - length);
        }
    }

    private void append(byte[] more) {
        if (bytes.length - length < more.length) {
            bytes = Arrays.copyOf(bytes, Math.max(bytes.length * 2, length + more.length));
        }
        System.arraycopy(more, 0, bytes, length, more.length);
        length += more.length;
    }

    /** The body; valid until the next {@link #reset}. Its first {@link #length} bytes count. */
    byte[] bytes() {
        return bytes;
    }

    int length() {
        return length;
    }

    @Override
    public void close() {
        deflater.end();
    }
}
