package dev.pitot.agent.uplink;

import dev.pitot.agent.config.CollectorAddress;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import org.jspecify.annotations.Nullable;

/**
 * HTTP/1.1 to one address over one kept-alive connection, and nothing of the application's: no proxy selector, cookie handler,
 * authenticator, default SSL context or logging is touched. {@link #post} belongs to the uplink thread; {@link #abort} may be called
 * from any.
 */
final class HttpClient {
    private static final int CONNECT_MILLIS = 5_000;
    private static final int READ_MILLIS = 30_000;
    /** What the peer does not read counts against the memory of the target's container; the kernel's own limit is megabytes. */
    private static final int SEND_BUFFER = 256 << 10;

    private static final int MAX_LINES = 16 << 10;
    private static final int MAX_BODY = 64 << 10;

    private final CollectorAddress collector;
    private final byte[] input = new byte[4 << 10];
    private int at;
    private int filled;
    private long deadline;
    /** What is spoken through: {@link #wire} itself, or TLS over it. The uplink thread's alone. */
    private @Nullable Socket socket;
    /**
     * The TCP connection. Only this one is ever closed: {@code SSLSocket.close()} waits for the lock that the uplink thread holds while
     * it is blocked in a write, for as long as the peer reads nothing.
     */
    private volatile @Nullable Socket wire;

    private volatile boolean aborted;
    private volatile boolean ended;
    private @Nullable SSLContext context;

    HttpClient(CollectorAddress collector) {
        this(collector, null);
    }

    /** @param context null: one of our own with the JVM's default trust */
    HttpClient(CollectorAddress collector, @Nullable SSLContext context) {
        this.collector = collector;
        this.context = context;
    }

    CollectorAddress collector() {
        return collector;
    }

    /**
     * Posts a body and reads the reply. A kept-alive connection that the other side closed meanwhile is replaced once.
     *
     * @param deadlineNanos {@code System.nanoTime()} at which reading is given up; a write ends by {@link #abort} only
     * @throws IOException when no whole, well-formed reply of at most 64 KiB came in time
     */
    Reply post(@Nullable String token, byte[] body, int length, long deadlineNanos) throws IOException {
        deadline = deadlineNanos;
        aborted = false;
        boolean reused = wire != null;
        try {
            return exchange(token, body, length);
        } catch (SocketTimeoutException late) {
            close();
            throw late;
        } catch (IOException broken) {
            close();
            if (!reused || filled > 0 || aborted || remaining() <= 0) {
                throw broken;
            }
        } catch (RuntimeException | Error broken) {
            // Half a request or reply is under way on it.
            close();
            throw broken;
        }
        try {
            return exchange(token, body, length);
        } catch (IOException | RuntimeException | Error broken) {
            close();
            throw broken;
        }
    }

    private Reply exchange(@Nullable String token, byte[] body, int length) throws IOException {
        at = 0;
        filled = 0;
        Socket open = wire == null ? null : socket;
        if (open == null) {
            open = connect();
        }
        StringBuilder head = new StringBuilder(256);
        head.append("POST ").append(collector.path()).append("/ingest/v1 HTTP/1.1\r\nHost: ");
        head.append(collector.authority());
        head.append("\r\nUser-Agent: pitot-agent\r\nContent-Type: application/vnd.pitot.segment\r\nContent-Length: ");
        head.append(length).append("\r\n");
        if (token != null) {
            head.append("Authorization: Bearer ").append(token).append("\r\n");
        }
        OutputStream out = open.getOutputStream();
        out.write(head.append("\r\n").toString().getBytes(StandardCharsets.ISO_8859_1));
        out.write(body, 0, length);
        out.flush();
        return reply(open.getInputStream(), open);
    }

    private Socket connect() throws IOException {
        IOException failure = null;
        // A literal is taken apart here and asks no resolver; a name does (ADR 0009).
        for (InetAddress address : InetAddress.getAllByName(collector.host())) {
            // NO_PROXY: without it the application's proxy selector and SOCKS properties would be asked.
            Socket plain = new Socket(Proxy.NO_PROXY);
            try {
                wire = plain;
                if (aborted || ended) {
                    // Whoever aborted has perhaps not seen this one.
                    throw new IOException("given up");
                }
                plain.setTcpNoDelay(true);
                plain.setSendBufferSize(SEND_BUFFER);
                plain.connect(new InetSocketAddress(named(address), collector.port()), millis(CONNECT_MILLIS));
                Socket open = collector.tls() ? secure(plain) : plain;
                socket = open;
                return open;
            } catch (IOException | RuntimeException refused) {
                close();
                failure = refused instanceof IOException io ? io : new IOException(refused.toString(), refused);
            }
        }
        throw failure == null ? new IOException("no address for " + collector.host()) : failure;
    }

    /** JFR's socket events on 17 ask an address for its name at each read, and one without a name asks the name server. */
    private InetAddress named(InetAddress address) throws IOException {
        return address instanceof Inet6Address six && six.getScopeId() != 0
                ? Inet6Address.getByAddress(collector.host(), six.getAddress(), six.getScopeId())
                : InetAddress.getByAddress(collector.host(), address.getAddress());
    }

    private Socket secure(Socket plain) throws IOException {
        SSLContext made = context;
        if (made == null) {
            try {
                // Not SSLContext.getDefault(): it would fix the application's default before its main has set it up.
                made = SSLContext.getInstance("TLS");
                made.init(null, null, null);
            } catch (GeneralSecurityException unavailable) {
                throw new IOException("TLS is not available: " + unavailable.getMessage(), unavailable);
            }
            context = made;
        }
        plain.setSoTimeout(millis(READ_MILLIS));
        SSLSocket secured =
                (SSLSocket) made.getSocketFactory().createSocket(plain, collector.host(), collector.port(), true);
        SSLParameters parameters = secured.getSSLParameters();
        parameters.setEndpointIdentificationAlgorithm("HTTPS");
        secured.setSSLParameters(parameters);
        secured.startHandshake();
        return secured;
    }

    private Reply reply(InputStream in, Socket open) throws IOException {
        String status;
        String[] headers;
        do {
            status = line(in, open);
            headers = headers(in, open);
        } while (status.startsWith("HTTP/1.1 1"));
        if (status.length() < 12 || !status.startsWith("HTTP/1.") || !isDigits(status.substring(9, 12))) {
            throw new IOException("the reply is not HTTP");
        }
        int code = Integer.parseInt(status.substring(9, 12));
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        boolean keep = status.startsWith("HTTP/1.1") && !"close".equalsIgnoreCase(headers[2]);
        if (code == 204) {
            // No body.
        } else if ("chunked".equalsIgnoreCase(headers[1])) {
            for (int n = chunk(in, open); n > 0; n = chunk(in, open)) {
                copy(in, open, n, body);
                line(in, open);
            }
            headers(in, open);
        } else if (!headers[0].isEmpty()) {
            if (!isDigits(headers[0])) {
                throw new IOException("the reply has a malformed Content-Length");
            }
            copy(in, open, Integer.parseInt(headers[0]), body);
        } else {
            keep = false;
            for (int b = read(in, open); b >= 0; b = read(in, open)) {
                body.write(b);
                limit(body.size(), MAX_BODY);
            }
        }
        if (!keep) {
            close();
        }
        return Reply.parse(code, headers[3], body.toString(StandardCharsets.UTF_8));
    }

    /** Content-Length, Transfer-Encoding, Connection, Retry-After; empty when absent. */
    private String[] headers(InputStream in, Socket open) throws IOException {
        String[] names = {"content-length", "transfer-encoding", "connection", "retry-after"};
        String[] values = {"", "", "", ""};
        int size = 0;
        for (String line = line(in, open); !line.isEmpty(); line = line(in, open)) {
            size += line.length();
            limit(size, MAX_LINES);
            int colon = line.indexOf(':');
            for (int i = 0; colon > 0 && i < names.length; i++) {
                if (line.substring(0, colon).strip().toLowerCase(Locale.ROOT).equals(names[i])) {
                    values[i] = line.substring(colon + 1).strip();
                }
            }
        }
        return values;
    }

    private int chunk(InputStream in, Socket open) throws IOException {
        String line = line(in, open);
        int end = line.indexOf(';');
        try {
            int size = Integer.parseInt((end < 0 ? line : line.substring(0, end)).strip(), 16);
            limit(size, MAX_BODY);
            return Math.max(0, size);
        } catch (NumberFormatException malformed) {
            throw new IOException("the reply has a malformed chunk", malformed);
        }
    }

    private void copy(InputStream in, Socket open, int count, ByteArrayOutputStream body) throws IOException {
        limit((long) body.size() + count, MAX_BODY);
        for (int i = 0; i < count; i++) {
            int b = read(in, open);
            if (b < 0) {
                throw new EOFException("the reply ends early");
            }
            body.write(b);
        }
    }

    private String line(InputStream in, Socket open) throws IOException {
        StringBuilder line = new StringBuilder();
        for (int b = read(in, open); b != '\n'; b = read(in, open)) {
            if (b < 0) {
                throw new EOFException("the connection was closed before the reply");
            }
            line.append((char) b);
            limit(line.length(), MAX_LINES);
        }
        int end = line.length();
        return end > 0 && line.charAt(end - 1) == '\r' ? line.substring(0, end - 1) : line.toString();
    }

    private int read(InputStream in, Socket open) throws IOException {
        if (at == filled) {
            open.setSoTimeout(millis(READ_MILLIS));
            int n = in.read(input);
            if (n < 0) {
                return -1;
            }
            at = 0;
            filled = n;
        }
        return input[at++] & 0xff;
    }

    private static void limit(long size, int most) throws IOException {
        if (size > most) {
            throw new IOException("the reply is too large");
        }
    }

    private static boolean isDigits(String text) {
        for (int i = 0; i < text.length(); i++) {
            if (text.charAt(i) < '0' || text.charAt(i) > '9') {
                return false;
            }
        }
        return !text.isEmpty() && text.length() < 9;
    }

    private long remaining() {
        return deadline - System.nanoTime();
    }

    private int millis(int most) throws SocketTimeoutException {
        long left = TimeUnit.NANOSECONDS.toMillis(remaining());
        if (left <= 0) {
            throw new SocketTimeoutException("no reply in time");
        }
        return (int) Math.min(most, left);
    }

    /** Ends whatever the uplink thread is waiting for here, without waiting itself. Any thread. */
    void abort() {
        aborted = true;
        close();
    }

    /** The same, and for ever: no later post connects. Any thread. */
    void end() {
        ended = true;
        abort();
    }

    /** Any thread; a later post connects again. */
    void close() {
        Socket open = wire;
        wire = null;
        if (open != null) {
            try {
                if (aborted) {
                    // What the peer did not read is of no use any more, and must not stay in the kernel's buffers.
                    open.setSoLinger(true, 0);
                }
            } catch (IOException alreadyClosed) {
                // Closed by the other thread.
            }
            try {
                open.close();
            } catch (IOException ignored) {
                // It is of no use any more, closed or not.
            }
        }
    }
}
