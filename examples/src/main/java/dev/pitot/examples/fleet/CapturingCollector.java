package dev.pitot.examples.fleet;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * A collector that takes all that one agent sends, asks for it each second, and keeps it in memory. The server's one thread
 * handles the posts; the methods may be called from any thread.
 */
final class CapturingCollector implements AutoCloseable {
    private final HttpServer server;
    private final Map<String, String> hello = new LinkedHashMap<>();
    /** By start of the chunk, nanoseconds since the epoch. */
    private final TreeMap<Long, List<Flight.Segment>> chunks = new TreeMap<>();

    CapturingCollector() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 16);
        server.createContext("/ingest/v1", this::handle);
        server.start();
    }

    int port() {
        return server.getAddress().getPort();
    }

    synchronized Map<String, String> hello() {
        return Map.copyOf(hello);
    }

    /** Starts of the chunks of which something came, ascending. */
    synchronized List<Long> starts() {
        return List.copyOf(chunks.keySet());
    }

    synchronized List<Flight.Segment> segments(long start) {
        return List.copyOf(chunks.getOrDefault(start, List.of()));
    }

    private void handle(HttpExchange exchange) throws IOException {
        try (exchange) {
            byte[] body = exchange.getRequestBody().readAllBytes();
            byte[] reply = ("wire=1\ncadence=1000\n" + take(body, System.currentTimeMillis()))
                    .getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(200, reply.length);
            exchange.getResponseBody().write(reply);
        }
    }

    private synchronized String take(byte[] body, long now) {
        int end = 0;
        while (!(body[end] == '\n' && (end == 0 || body[end - 1] == '\n'))) {
            end++;
        }
        Map<String, String> values = new LinkedHashMap<>();
        for (String line : new String(body, 0, end, StandardCharsets.UTF_8).split("\n")) {
            int equals = line.indexOf('=');
            values.put(
                    line.substring(0, equals),
                    line.substring(equals + 1)
                            .replace("%0A", "\n")
                            .replace("%0D", "\r")
                            .replace("%25", "%"));
        }
        values.forEach((key, value) -> {
            if (key.startsWith("hello.")) {
                hello.put(key.substring("hello.".length()), value);
            }
        });
        StringBuilder durable = new StringBuilder();
        if (values.containsKey("chunk")) {
            Flight.Segment segment = segment(values, Arrays.copyOfRange(body, end + 1, body.length), now);
            List<Flight.Segment> taken =
                    chunks.computeIfAbsent(Flight.startNanos(segment.header()), start -> new ArrayList<>());
            if (segment.offset() == durable(taken)) {
                taken.add(segment);
            }
            durable.append(values.get("chunk")).append(':').append(durable(taken));
        }
        for (String chunk : values.getOrDefault("have", "").split(",")) {
            if (!chunk.isEmpty()) {
                String name = chunk.substring(0, chunk.indexOf(':'));
                long start = Long.parseLong(name.substring(0, name.indexOf('.')));
                durable.append(durable.length() == 0 ? "" : ",")
                        .append(name)
                        .append(':')
                        .append(durable(chunks.getOrDefault(start, List.of())));
            }
        }
        return durable.length() == 0 ? "" : "durable=" + durable + "\n";
    }

    private static Flight.Segment segment(Map<String, String> values, byte[] deflated, long now) {
        byte[] header = Base64.getDecoder().decode(values.getOrDefault("header", ""));
        return new Flight.Segment(
                (int) (now - Flight.startNanos(header) / 1_000_000),
                Long.parseLong(values.getOrDefault("offset", "")),
                Integer.parseInt(values.getOrDefault("length", "")),
                header,
                "final".equals(values.get("state")),
                deflated);
    }

    private static long durable(List<Flight.Segment> segments) {
        if (segments.isEmpty()) {
            return 0;
        }
        Flight.Segment last = segments.get(segments.size() - 1);
        return last.offset() + last.length();
    }

    @Override
    public void close() {
        server.stop(0);
    }
}
