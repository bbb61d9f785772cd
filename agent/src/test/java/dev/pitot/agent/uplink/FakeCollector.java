package dev.pitot.agent.uplink;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;
import org.jspecify.annotations.Nullable;

/**
 * A collector that does what {@code docs/spec/wire.md} says and keeps everything in memory. Strict: what the agent must not send fails
 * {@link #assertNoComplaint}. Its port survives {@link #stop} and {@link #start}.
 */
public final class FakeCollector implements AutoCloseable {
    /** One chunk as far as it has arrived. */
    public static final class StoredChunk {
        public final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        public byte[] header = new byte[0];
        public String state = "open";

        /** The chunk with its last header, the state byte zeroed as in an export; empty while it is cut inside a flush. */
        public byte[] image() {
            byte[] image = bytes.toByteArray();
            if (header.length == 0 || ByteBuffer.wrap(header).getLong(8) != image.length) {
                return new byte[0];
            }
            System.arraycopy(header, 0, image, 0, header.length);
            image[64] = 0;
            return image;
        }
    }

    /** One JVM. */
    public static final class StoredJvm {
        public final Map<String, String> hello = new LinkedHashMap<>();
        /** By start time. */
        public final TreeMap<String, StoredChunk> chunks = new TreeMap<>();

        public final List<String> lost = new ArrayList<>();
        public boolean ended;
        /** Requests that were answered with 500, see {@link FakeCollector#refused}. */
        public int refusals;
        /** Sizes of the finished chunks that the agent last said it has. */
        private final Map<String, Integer> held = new LinkedHashMap<>();

        /** Chunks one after the other: a recording. */
        public byte[] recording() {
            ByteArrayOutputStream all = new ByteArrayOutputStream();
            chunks.values().forEach(chunk -> all.writeBytes(chunk.image()));
            return all.toByteArray();
        }
    }

    private final Map<String, StoredJvm> jvms = new LinkedHashMap<>();
    private final Set<String> everSeen = new HashSet<>();
    private final List<String> complaints = new ArrayList<>();
    private final AtomicInteger requests = new AtomicInteger();
    private final CountDownLatch released = new CountDownLatch(1);
    private final int port;
    private volatile @Nullable HttpServer server;
    private volatile @Nullable ExecutorService threads;

    public volatile String token = "secret-token";
    public volatile int cadence = 1000;
    /** Not 200: every request is answered with this. */
    public volatile int status = 200;

    public volatile int retryAfter = 0;
    public volatile boolean off;
    /** The JVM with this instance is answered with 500. */
    public volatile String refused = "";
    /** Requests are read and never answered. */
    public volatile boolean silent;

    public FakeCollector() throws IOException {
        port = start(0);
    }

    /** Listens again on the same port. */
    public void start() throws IOException {
        start(port);
    }

    private int start(int wanted) throws IOException {
        HttpServer made = HttpServer.create(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), wanted), 50);
        ExecutorService pool = Executors.newCachedThreadPool();
        made.setExecutor(pool);
        made.createContext("/ingest/v1", this::serve);
        made.start();
        server = made;
        threads = pool;
        return made.getAddress().getPort();
    }

    /** Closes the port and all connections; what was stored stays. */
    public void stop() {
        HttpServer running = server;
        if (running != null) {
            running.stop(0);
            server = null;
        }
        ExecutorService pool = threads;
        if (pool != null) {
            pool.shutdownNow();
        }
    }

    /** Loses everything, as a collector with a new database would. */
    public synchronized void forget() {
        jvms.clear();
    }

    public URI address() {
        return URI.create("http://127.0.0.1:" + port);
    }

    public int requests() {
        return requests.get();
    }

    /** A copy of the list of JVMs in the order they were first heard of. */
    public synchronized List<StoredJvm> jvms() {
        return new ArrayList<>(jvms.values());
    }

    /** Instances in the order they were first heard of. */
    public synchronized List<String> instances() {
        return new ArrayList<>(jvms.keySet());
    }

    /** Runs with the store locked. */
    public synchronized <T> T look(java.util.function.Function<List<StoredJvm>, T> reader) {
        return reader.apply(new ArrayList<>(jvms.values()));
    }

    /** Forgets the end of each chunk, as if the agent were ahead of the collector: the next segment gets 409. */
    public synchronized void forgetTail() {
        jvms.values().forEach(jvm -> jvm.chunks.values().forEach(chunk -> {
            byte[] all = chunk.bytes.toByteArray();
            chunk.bytes.reset();
            chunk.bytes.write(all, 0, all.length / 2);
        }));
    }

    public synchronized void assertNoComplaint() {
        if (!complaints.isEmpty()) {
            throw new AssertionError(String.join("\n", complaints));
        }
    }

    @Override
    public void close() {
        released.countDown();
        stop();
    }

    private void serve(HttpExchange exchange) throws IOException {
        byte[] body;
        try (InputStream in = exchange.getRequestBody()) {
            body = in.readAllBytes();
        }
        requests.incrementAndGet();
        if (silent) {
            try {
                released.await(60, TimeUnit.SECONDS);
            } catch (InterruptedException stopped) {
                exchange.close();
                return;
            }
        }
        int answer = status;
        String reply = "wire=1\nmessage=as the test wants it\n";
        if (answer == 200) {
            if (!("Bearer " + token).equals(exchange.getRequestHeaders().getFirst("Authorization"))) {
                answer = 401;
            } else {
                StringBuilder text = new StringBuilder("wire=1\ncadence=" + cadence + "\n");
                checkHeaders(exchange.getRequestHeaders());
                answer = takeOrComplain(body, text);
                if (off) {
                    text.append("off=true\n");
                }
                reply = text.toString();
            }
        }
        if (retryAfter > 0) {
            exchange.getResponseHeaders().set("Retry-After", Integer.toString(retryAfter));
        }
        byte[] bytes = reply.getBytes(StandardCharsets.UTF_8);
        exchange.sendResponseHeaders(answer, bytes.length);
        exchange.getResponseBody().write(bytes);
        exchange.close();
    }

    private synchronized void checkHeaders(Headers headers) {
        check(
                "application/vnd.pitot.segment".equals(headers.getFirst("Content-Type")),
                "Content-Type " + headers.getFirst("Content-Type"));
        check(headers.getFirst("Content-Length") != null, "no Content-Length");
    }

    private synchronized int takeOrComplain(byte[] body, StringBuilder reply) {
        try {
            return take(body, reply);
        } catch (RuntimeException malformed) {
            complaints.add("a request that cannot be understood: " + malformed);
            return 400;
        }
    }

    private int take(byte[] body, StringBuilder reply) {
        int end = 0;
        while (!(body[end] == '\n' && (end == 0 || body[end - 1] == '\n'))) {
            end++;
        }
        Map<String, String> preamble = new LinkedHashMap<>();
        for (String line : new String(body, 0, end, StandardCharsets.UTF_8).split("\n")) {
            int equals = line.indexOf('=');
            preamble.put(line.substring(0, equals), line.substring(equals + 1));
        }
        String instance = preamble.getOrDefault("jvm", "?");
        StoredJvm jvm = jvms.computeIfAbsent(instance, id -> new StoredJvm());
        check("1".equals(preamble.get("wire")), "wire " + preamble.get("wire"));
        check(!everSeen.add(instance) || preamble.containsKey("have"), "no have in the first request");
        if (instance.equals(refused)) {
            jvm.refusals++;
            return 500;
        }
        preamble.forEach((key, value) -> {
            if (key.startsWith("hello.")) {
                jvm.hello.put(key, value);
            }
        });
        if (jvm.hello.isEmpty()) {
            reply.append("hello=wanted\n");
        }
        Map<String, Long> durable = new LinkedHashMap<>();
        if (preamble.containsKey("have")) {
            jvm.held.clear();
        }
        for (String have : preamble.getOrDefault("have", "").split(",")) {
            if (!have.isEmpty()) {
                String name = have.split(":")[0];
                if (have.endsWith(":final")) {
                    jvm.held.put(name, Integer.parseInt(have.split(":")[1]));
                }
                StoredChunk chunk = jvm.chunks.get(name);
                durable.put(name, chunk == null ? 0L : chunk.bytes.size());
            }
        }
        int status = 200;
        String name = preamble.get("chunk");
        if (name != null) {
            StoredChunk chunk = jvm.chunks.computeIfAbsent(name, fresh -> new StoredChunk());
            if (Long.parseLong(preamble.getOrDefault("offset", "-1")) != chunk.bytes.size()) {
                status = 409;
            } else {
                checkOldestFirst(jvm, name, preamble.getOrDefault("lost", ""));
                store(preamble, name, chunk, Arrays.copyOfRange(body, end + 1, body.length));
            }
            durable.put(name, (long) chunk.bytes.size());
        }
        if (status == 200) {
            if (preamble.containsKey("lost")) {
                jvm.lost.addAll(List.of(preamble.get("lost").split(",")));
            }
            jvm.ended |= "true".equals(preamble.get("ended"));
        }
        StringBuilder list = new StringBuilder();
        durable.forEach(
                (chunk, offset) -> list.append(list.length() > 0 ? "," : "").append(chunk + ":" + offset));
        reply.append("durable=").append(list).append('\n');
        return status;
    }

    private void checkOldestFirst(StoredJvm jvm, String name, String lost) {
        jvm.held.forEach((held, size) -> {
            StoredChunk older = jvm.chunks.get(held);
            int durable = older == null ? 0 : older.bytes.size();
            boolean isLost = (lost + "," + jvm.lost).contains(held + ":");
            check(
                    held.compareTo(name) >= 0 || durable >= size || isLost,
                    name + " was sent while " + held + " waited at " + durable + " of " + size);
        });
    }

    private void store(Map<String, String> preamble, String name, StoredChunk chunk, byte[] deflated) {
        byte[] header = Base64.getDecoder().decode(preamble.get("header"));
        int length = Integer.parseInt(preamble.get("length"));
        ByteBuffer fields = ByteBuffer.wrap(header);
        check(header.length == 68, "header of " + header.length);
        check(header[64] != (byte) 255, "busy header");
        check(name.equals(fields.getLong(32) + "." + fields.getLong(48)), "header of another chunk");
        check(length > 0 && length <= 4 << 20, "segment of " + length);
        check(fields.getLong(8) >= chunk.bytes.size() + (long) length, "segment beyond its boundary");
        check("final".equals(preamble.get("state")) == (header[64] == 0), "state " + preamble.get("state"));
        Inflater inflater = new Inflater();
        try {
            inflater.setInput(deflated);
            byte[] plain = new byte[length + 1];
            int n = inflater.inflate(plain);
            check(n == length && inflater.finished() && inflater.getRemaining() == 0, "length " + n + "/" + length);
            chunk.bytes.write(plain, 0, n);
            chunk.header = header;
            chunk.state = preamble.getOrDefault("state", "?");
        } catch (DataFormatException malformed) {
            complaints.add("not a zlib stream: " + malformed);
        } finally {
            inflater.end();
        }
    }

    private void check(boolean right, String complaint) {
        if (!right) {
            complaints.add(complaint);
        }
    }
}
