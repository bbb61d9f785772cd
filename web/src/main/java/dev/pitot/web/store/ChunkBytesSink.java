package dev.pitot.web.store;

import java.io.IOException;

/** Takes the bytes of one chunk, on the thread of {@link Queries#chunkBytes}. */
public interface ChunkBytesSink {
    /**
     * Called once, before any bytes.
     *
     * @param header the 68 header bytes of the last boundary that is stored, with the state byte set to 0 (finished), so
     *     that every reader accepts the cut. They are also the first 68 of the bytes that follow
     * @param length how many bytes follow in all: that boundary's {@code chunkSize}
     */
    void begin(byte[] header, long length) throws IOException;

    /** The next bytes of the chunk; the array is used again after the call. */
    void bytes(byte[] data, int offset, int length) throws IOException;
}
