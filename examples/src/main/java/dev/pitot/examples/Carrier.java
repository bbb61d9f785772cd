package dev.pitot.examples;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Another company's server, which takes its time, and the client that asks it: on a port of its own of 127.0.0.1, with eight threads
 * named {@code carrier-1}, {@code carrier-2}, … Any thread.
 */
final class Carrier implements AutoCloseable {
    private static final String PATH = "/carrier/parcels/";
    private static final Duration TIMEOUT = Duration.ofSeconds(5);

    private final ExecutorService threads;
    private final HttpServer server;
    private final HttpClient client;

    Carrier() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getByAddress(new byte[] {127, 0, 0, 1}), 0), 0);
        AtomicInteger number = new AtomicInteger();
        threads = Executors.newFixedThreadPool(8, task -> new Thread(task, "carrier-" + number.incrementAndGet()));
        server.setExecutor(threads);
        server.createContext(PATH, Carrier::answer);
        server.start();
        client = HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1)
                .proxy(HttpClient.Builder.NO_PROXY)
                .connectTimeout(TIMEOUT)
                .build();
    }

    /** On the carrier's side: looks for a parcel, 10 to 29 ms long. */
    private static void answer(HttpExchange exchange) throws IOException {
        try (exchange) {
            int parcel = Integer.parseInt(exchange.getRequestURI().getPath().substring(PATH.length()));
            TimeUnit.MILLISECONDS.sleep(10 + parcel % 20);
            byte[] days = Integer.toString(1 + parcel % 5).getBytes(StandardCharsets.US_ASCII);
            exchange.sendResponseHeaders(200, days.length);
            exchange.getResponseBody().write(days);
        } catch (InterruptedException e) {
            // The shop is closing: the connection is cut.
            Thread.currentThread().interrupt();
        }
    }

    /**
     * Days until a parcel arrives, as the carrier says.
     *
     * @throws IOException when it does not answer
     * @throws InterruptedException when the shop is closing
     */
    int days(int parcel) throws IOException, InterruptedException {
        URI uri = URI.create("http://127.0.0.1:" + server.getAddress().getPort() + PATH + parcel);
        HttpRequest request = HttpRequest.newBuilder(uri).timeout(TIMEOUT).build();
        return Integer.parseInt(
                client.send(request, HttpResponse.BodyHandlers.ofString()).body());
    }

    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
    }
}
