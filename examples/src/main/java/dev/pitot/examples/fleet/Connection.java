package dev.pitot.examples.fleet;

import java.io.EOFException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * The connection of one simulated agent, kept alive between posts as a real one's is; one post at a time. Of HTTP/1.1 it knows what
 * a collector answers with: a length, or chunks. The thread of the selector only.
 */
final class Connection {
    private static final int LONGEST_ANSWER = 256 << 10;

    private final InetSocketAddress collector;
    private final Selector selector;
    private final Object owner;
    private @Nullable SocketChannel channel;
    private @Nullable SelectionKey key;
    /** The post under way, and what of it is still to be written. */
    private @Nullable ByteBuffer request;

    private @Nullable ByteBuffer out;
    private boolean reused;
    private byte[] in = new byte[512];
    private int length;
    private int connects;

    /** @param owner what the selector's keys carry */
    Connection(InetSocketAddress collector, Selector selector, Object owner) {
        this.collector = collector;
        this.selector = selector;
        this.owner = owner;
    }

    /** Times that it was made; one is the least. */
    int connects() {
        return connects;
    }

    /** Begins a post, on the old connection if there is one. */
    void send(ByteBuffer post) throws IOException {
        request = post;
        length = 0;
        reused = channel != null;
        try {
            begin(post);
        } catch (IOException e) {
            again(e);
        }
    }

    private void begin(ByteBuffer post) throws IOException {
        out = post.duplicate();
        SocketChannel open = channel;
        if (open == null) {
            connects++;
            open = SocketChannel.open();
            channel = open;
            open.configureBlocking(false);
            open.setOption(StandardSocketOptions.TCP_NODELAY, true);
            boolean connected = open.connect(collector);
            key = open.register(selector, connected ? SelectionKey.OP_WRITE : SelectionKey.OP_CONNECT, owner);
            if (!connected) {
                return;
            }
        }
        write(open);
    }

    /** A kept-alive connection that the other side closed meanwhile is replaced once, as an agent does. */
    private void again(IOException broken) throws IOException {
        ByteBuffer post = request;
        close();
        if (!reused || length > 0 || post == null) {
            throw broken;
        }
        reused = false;
        request = post;
        begin(post);
    }

    boolean isConnecting() {
        return channel != null && channel.isConnectionPending();
    }

    /**
     * Does what can be done without waiting, when the selector says so.
     *
     * @return the answer when it is complete
     * @throws IOException when the connection is of no more use; it is closed
     */
    @Nullable
    Answer ready() throws IOException {
        SocketChannel open = channel;
        SelectionKey of = key;
        if (open == null || of == null) {
            return null;
        }
        if (request == null) {
            // Between two posts it has nothing to say but that it ends.
            close();
            return null;
        }
        try {
            if (of.isConnectable() && open.finishConnect()) {
                write(open);
            } else if (of.isWritable()) {
                write(open);
            } else if (of.isReadable()) {
                return read(open);
            }
            return null;
        } catch (IOException e) {
            again(e);
            return null;
        } catch (NumberFormatException e) {
            close();
            throw new IOException("what answers is no collector", e);
        }
    }

    private void write(SocketChannel open) throws IOException {
        ByteBuffer rest = out;
        if (rest != null) {
            open.write(rest);
            if (!rest.hasRemaining()) {
                out = null;
            }
        }
        if (key != null) {
            key.interestOps(out == null ? SelectionKey.OP_READ : SelectionKey.OP_WRITE);
        }
    }

    private @Nullable Answer read(SocketChannel open) throws IOException {
        if (length == in.length) {
            if (length >= LONGEST_ANSWER) {
                throw new IOException("the answer is longer than " + LONGEST_ANSWER + " bytes");
            }
            in = Arrays.copyOf(in, 2 * length);
        }
        int n = open.read(ByteBuffer.wrap(in, length, in.length - length));
        if (n < 0) {
            throw new EOFException("the connection was closed");
        }
        length += n;
        String text = new String(in, 0, length, StandardCharsets.ISO_8859_1);
        int end = text.indexOf("\r\n\r\n");
        if (end < 0) {
            return null;
        }
        String[] head = text.substring(0, end).split("\r\n");
        String[] status = head[0].split(" ", 3);
        if (!status[0].startsWith("HTTP/1.") || status.length < 2) {
            throw new IOException("what answers does not speak HTTP");
        }
        String body = body(text, end + 4, header(head, "content-length"), header(head, "transfer-encoding"));
        if (body == null) {
            return null;
        }
        request = null;
        boolean keepAlive = !header(head, "connection").equalsIgnoreCase("close");
        if (!keepAlive) {
            close();
        }
        return Answer.parse(Integer.parseInt(status[1]), header(head, "retry-after"), body);
    }

    /** Null when it is not there yet. */
    private static @Nullable String body(String text, int from, String contentLength, String encoding)
            throws IOException {
        if (encoding.equalsIgnoreCase("chunked")) {
            StringBuilder body = new StringBuilder();
            for (int at = from; ; ) {
                int line = text.indexOf("\r\n", at);
                int size = line < 0 ? -1 : Integer.parseInt(text.substring(at, line), 16);
                if (size < 0 || text.length() < line + 4 + size) {
                    return null;
                }
                if (size == 0) {
                    return body.toString();
                }
                body.append(text, line + 2, line + 2 + size);
                at = line + 4 + size;
            }
        }
        if (contentLength.isEmpty()) {
            throw new IOException("the answer does not say how long it is");
        }
        int end = from + Integer.parseInt(contentLength);
        return text.length() < end ? null : text.substring(from, end);
    }

    private static String header(String[] head, String name) {
        for (String line : head) {
            if (line.toLowerCase(Locale.ROOT).startsWith(name + ":")) {
                return line.substring(name.length() + 1).strip();
            }
        }
        return "";
    }

    void close() {
        SocketChannel open = channel;
        channel = null;
        key = null;
        request = null;
        out = null;
        if (open != null) {
            try {
                open.close();
            } catch (IOException gone) {
                // It is not used again.
            }
        }
    }
}
