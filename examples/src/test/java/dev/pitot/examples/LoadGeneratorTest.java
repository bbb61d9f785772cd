package dev.pitot.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.sun.net.httpserver.HttpServer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LoadGeneratorTest {
    private static final Duration LIMIT = Duration.ofSeconds(20);

    @Test
    void keepsItsRateAndEndsWithItsDuration() throws Exception {
        try (Shop shop = new Shop(0, 8);
                LoadGenerator load = new LoadGenerator(shop.uri(), 100, Duration.ofSeconds(3), 5)) {
            long start = System.nanoTime();
            load.start();

            assertThat(load.await(LIMIT)).isTrue();
            double seconds = (System.nanoTime() - start) / 1e9;

            assertThat(load.isRunning()).isFalse();
            // The load waits a second for the last answers; what else there is to the upper bound is a busy machine.
            assertThat(seconds).isBetween(2.99, 8.0);
            // Those that took longer count too when they come.
            await().atMost(LIMIT)
                    .until(() -> load.counts().ok() + load.counts().failed()
                            == load.counts().sent());
            LoadGenerator.Counts counts = load.counts();
            assertThat(counts.sent() + counts.skipped()).isBetween(240L, 360L);
            assertThat(counts.ok()).isPositive();
            assertThat(counts.p50()).isPositive().isLessThanOrEqualTo(counts.p99());
            assertThat(counts.p99()).isLessThanOrEqualTo(counts.max());
        }
    }

    @Test
    void asksForEveryRouteOfTheShopAndForNothingElse() throws Exception {
        try (Recorder recorder = new Recorder(new CountDownLatch(0));
                LoadGenerator load = new LoadGenerator(recorder.uri(), 1000, null, 3)) {
            load.start();

            await().atMost(LIMIT).until(() -> recorder.routes.size() == 18);
            load.close();
            assertThat(recorder.routes)
                    .containsExactlyInAnyOrder(
                            "GET /",
                            "GET /health",
                            "GET /products",
                            "GET /products/N",
                            "GET /search",
                            "GET /recommendations/N",
                            "GET /report",
                            "GET /inventory",
                            "GET /shipping/N",
                            "GET /loyalty",
                            "GET /loyalty/sorted",
                            "GET /sessions",
                            "GET /history/N",
                            "GET /history/joined/N",
                            "GET /delivery/N",
                            "GET /vouchers/N",
                            "POST /checkout",
                            "POST /payments");
        }
    }

    @Test
    void neverHasMoreThanEightInFlightAndCountsWhatItSkips() throws Exception {
        CountDownLatch hold = new CountDownLatch(1);
        try (Recorder recorder = new Recorder(hold);
                LoadGenerator load = new LoadGenerator(recorder.uri(), 500, null, 1)) {
            load.start();

            await().atMost(LIMIT).until(() -> load.counts().skipped() > 100);
            assertThat(load.counts().sent()).isEqualTo(8);
            await().atMost(LIMIT).until(() -> recorder.inFlight.get() == 8);
            hold.countDown();
            await().atMost(LIMIT).until(() -> load.counts().ok() > 20);
            assertThat(recorder.mostInFlight.get()).isEqualTo(8);
        }
    }

    @Test
    void theSameSeedSendsTheSameRequests() throws Exception {
        assertThat(requests(42)).hasSizeGreaterThan(20).isEqualTo(requests(42)).isNotEqualTo(requests(43));
    }

    /**
     * What half a second of load asks for, sorted, as neighbours may overtake each other on their way. A machine that is too busy
     * to send all of it is asked again.
     */
    private static List<String> requests(long seed) throws Exception {
        for (int attempt = 1; attempt <= 20; attempt++) {
            try (Recorder recorder = new Recorder(new CountDownLatch(0));
                    LoadGenerator load = new LoadGenerator(recorder.uri(), 60, Duration.ofMillis(500), seed)) {
                load.start();
                assertThat(load.await(LIMIT)).isTrue();
                LoadGenerator.Counts counts = load.counts();
                if (counts.skipped() == 0 && counts.ok() == counts.sent()) {
                    return recorder.requests.stream().sorted().toList();
                }
            }
        }
        throw new AssertionError("half a second of load was never sent whole");
    }

    @Test
    void countsFailuresOfAServiceThatIsNotThereAndKeepsTrying() throws Exception {
        int port;
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = socket.getLocalPort();
        }
        try (LoadGenerator load = new LoadGenerator(URI.create("http://127.0.0.1:" + port), 200, null, 1)) {
            load.start();

            await().atMost(LIMIT).until(() -> load.counts().failed() > 30);
            assertThat(load.isRunning()).isTrue();
            assertThat(load.counts().ok()).isZero();
        }
    }

    @Test
    void closeEndsUnboundedLoadForGood() throws Exception {
        try (Recorder recorder = new Recorder(new CountDownLatch(0))) {
            LoadGenerator load = new LoadGenerator(recorder.uri(), 500, null, 1);
            load.start();
            await().atMost(LIMIT).until(() -> load.counts().ok() > 20);

            load.close();

            assertThat(load.isRunning()).isFalse();
            assertThat(Thread.getAllStackTraces().keySet())
                    .noneMatch(thread -> thread.getName().equals("load-pacer") && thread.isAlive());
            assertThatThrownBy(load::start).isInstanceOf(IllegalStateException.class);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "http://192.0.2.1:8080",
                "http://example.org",
                "http://127.0.0.1.example.org",
                "http://127.0.0.1@192.0.2.1:80",
                "http://0.0.0.0:8080",
                "http://[2001:db8::1]:8080",
            })
    void refusesAddressesThatAreNotLoopback(String url) {
        assertThatThrownBy(() -> new LoadGenerator(URI.create(url), 1, null, 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("is not a loopback address; use 127.0.0.1");
    }

    @Test
    void refusesOtherSchemesRatesAndDurations() {
        URI base = URI.create("http://127.0.0.1:1");
        assertThatThrownBy(() -> new LoadGenerator(URI.create("https://127.0.0.1"), 1, null, 1))
                .hasMessageContaining("not 'https://127.0.0.1'");
        for (double rate : new double[] {0, -1, Double.NaN, 1000.1}) {
            assertThatThrownBy(() -> new LoadGenerator(base, rate, null, 1)).hasMessageContaining("rate");
        }
        assertThatThrownBy(() -> new LoadGenerator(base, 1, Duration.ZERO, 1)).hasMessageContaining("duration");
    }

    /** Answers everything with 200 once it may, and writes down what it was asked. */
    private static final class Recorder implements AutoCloseable {
        final List<String> requests = new CopyOnWriteArrayList<>();
        final Set<String> routes = ConcurrentHashMap.newKeySet();
        final AtomicInteger inFlight = new AtomicInteger();
        final AtomicInteger mostInFlight = new AtomicInteger();
        private final ExecutorService threads = Executors.newFixedThreadPool(16);
        private final HttpServer server;

        Recorder(CountDownLatch hold) throws Exception {
            server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
            server.setExecutor(threads);
            server.createContext("/", exchange -> {
                try (exchange) {
                    int now = inFlight.incrementAndGet();
                    mostInFlight.accumulateAndGet(now, Math::max);
                    requests.add(exchange.getRequestURI().toString());
                    routes.add(exchange.getRequestMethod() + " "
                            + exchange.getRequestURI().getPath().replaceAll("\\d+$", "N"));
                    hold.await();
                    inFlight.decrementAndGet();
                    exchange.sendResponseHeaders(200, -1);
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
            });
            server.start();
        }

        URI uri() {
            return URI.create("http://127.0.0.1:" + server.getAddress().getPort());
        }

        @Override
        public void close() {
            server.stop(0);
            threads.shutdownNow();
        }
    }
}
