package dev.pitot.examples.fleet;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.zip.Deflater;

/** Makes the bytes of posts, deflated as an agent does it. One thread; one for all agents, as it owns native memory. */
final class PostBody implements AutoCloseable {
    /** Of a segment, before compression. */
    static final int LONGEST = 1 << 20;

    /** As the agent's. */
    private static final int LEVEL = 3;

    private final Deflater deflater = new Deflater(LEVEL);
    private final byte[] buffer = new byte[16 << 10];
    private final ByteArrayOutputStream body = new ByteArrayOutputStream();
    private final String head;

    /** @param token empty for none */
    PostBody(String authority, String token) {
        head = "POST /ingest/v1 HTTP/1.1\r\nHost: " + authority
                + "\r\nContent-Type: application/vnd.pitot.segment\r\n"
                + (token.isEmpty() ? "" : "Authorization: Bearer " + token + "\r\n") + "Content-Length: ";
    }

    PostBody begin() {
        body.reset();
        return this;
    }

    PostBody put(String key, String value) {
        body.writeBytes(
                (key + "=" + value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A") + "\n")
                        .getBytes(StandardCharsets.UTF_8));
        return this;
    }

    /** @return the whole request, without a segment */
    ByteBuffer request() {
        body.write('\n');
        return whole();
    }

    /** @return the whole request, with what follows the durable bytes of the chunk */
    ByteBuffer request(ReplayedChunk chunk, long now) {
        byte[] header = chunk.header(now);
        long size = chunk.size(now);
        int length = (int) Math.min(LONGEST, size - chunk.durable);
        put("chunk", chunk.name());
        put("offset", Long.toString(chunk.durable));
        put("length", Integer.toString(length));
        put("header", Base64.getEncoder().encodeToString(header));
        put("state", chunk.isFinished(now) ? "final" : "open");
        body.write('\n');
        deflater.reset();
        deflater.setInput(chunk.read(chunk.durable, length, header));
        deflater.finish();
        while (!deflater.finished()) {
            body.write(buffer, 0, deflater.deflate(buffer));
        }
        return whole();
    }

    private ByteBuffer whole() {
        byte[] start = (head + body.size() + "\r\n\r\n").getBytes(StandardCharsets.US_ASCII);
        return ByteBuffer.allocate(start.length + body.size())
                .put(start)
                .put(body.toByteArray())
                .flip();
    }

    @Override
    public void close() {
        deflater.end();
    }
}
