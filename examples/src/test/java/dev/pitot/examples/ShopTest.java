package dev.pitot.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.lang.management.LockInfo;
import java.lang.management.ManagementFactory;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ShopTest {
    private final HttpClient client = HttpClient.newHttpClient();
    private Shop shop;

    @BeforeEach
    void open() throws IOException {
        shop = new Shop(0, 4);
    }

    @AfterEach
    void close() {
        shop.close();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "/                   | try /products",
                "/health             | ok",
                "/products/7         | {\"id\":7,\"name\":\"",
                "/search?q=lantrn    | Lantern",
                "/recommendations/11 | {\"customer\":11,\"recommendations\":[{\"id\":",
                "/report             | {\"bestSellers\":[{\"product\":\"",
                "/inventory          | {\"pieces\":",
                "/shipping/3         | \"carrierMillis\":18}",
                "/loyalty            | {\"members\":65536,\"gold\":3",
                "/sessions           | {\"opened\":200,\"kept\":200}",
                "/history/7          | {\"member\":7,\"lines\":[{\"product\":\"",
                "/delivery/3         | {\"parcel\":3,\"days\":4}",
                "/vouchers/3         | {\"customer\":3,\"vouchers\":[\"",
            })
    void eachRouteAnswersWhatItIsFor(String path, String content) throws Exception {
        HttpResponse<String> response = get(path);

        assertThat(response.statusCode()).isEqualTo(200);
        assertThat(response.body()).contains(content);
    }

    @Test
    void productsListsTheWholeCatalogue() throws Exception {
        String body = get("/products").body();

        assertThat(body).startsWith("{\"count\":1200,\"products\":[").contains("\"id\":1,", "\"id\":1200,");
        assertThat(body.split("\"id\":")).hasSize(1201);
    }

    @Test
    void searchEchoesTheQueryAsValidJson() throws Exception {
        assertThat(get("/search?q=a%22b%5C%0A").body()).startsWith("{\"query\":\"a\\\"b\\\\\\u000a\",\"matches\":[");
    }

    @Test
    void twoShopsSellTheSame() throws Exception {
        try (Shop other = new Shop(0, 1)) {
            for (String path : List.of("/products", "/report", "/recommendations/7", "/history/7", "/loyalty")) {
                assertThat(send("GET", other.uri() + path, "").body())
                        .isEqualTo(get(path).body());
            }
        }
    }

    @Test
    void checkoutTakesAFormAndNumbersTheOrder() throws Exception {
        HttpResponse<String> first = post("/checkout", "customer=1&product=2&quantity=3");
        HttpResponse<String> second = post("/checkout", "customer=1&product=2&quantity=4");

        assertThat(first.statusCode()).isEqualTo(200);
        assertThat(first.body()).matches("\\{\"order\":10001,\"total\":\\d+\\.\\d\\d,\"seal\":\"[0-9a-f]{32}\"}");
        assertThat(second.body()).startsWith("{\"order\":10002,");
    }

    @Test
    void aHistoryIsTheSameWithOneStatementAsWithOneMoreForEachLine() throws Exception {
        get("/history/1");
        long before = History.trips();
        String lineByLine = get("/history/7").body();
        long between = History.trips();
        String joined = get("/history/joined/7").body();

        assertThat(joined).isEqualTo(lineByLine);
        assertThat(joined.split("\"product\":")).hasSize(1 + History.LINES);
        assertThat(between - before).isEqualTo(1 + History.LINES);
        assertThat(History.trips() - between).isEqualTo(1);
        // Nor does the database give what it remembers from the last time.
        get("/history/joined/7");
        assertThat(History.trips() - between).isEqualTo(2);
    }

    @Test
    void theOrderOfPointsChangesNothingButHowTheyAreCounted() throws Exception {
        assertThat(get("/loyalty/sorted").body()).isEqualTo(get("/loyalty").body());
    }

    @Test
    void sessionsAreDroppedSoThatMemoryIsBounded() throws Exception {
        for (int call = 1; call <= 8; call++) {
            get("/sessions");
        }
        assertThat(get("/sessions").body()).isEqualTo("{\"opened\":1800,\"kept\":" + Sessions.KEPT + "}");
    }

    @Test
    void aWalkThroughTheVisitsReadsMemoryThatNoCacheHolds() {
        Visits visits = new Visits();
        BitSet cacheLines = new BitSet();
        int visit = Visits.first(11);
        for (int step = 0; step < Visits.STEPS; step++) {
            visit = visits.after(visit);
            cacheLines.set(visit / 16);
        }
        assertThat(cacheLines.cardinality()).isGreaterThan(Visits.STEPS * 9 / 10);
    }

    @Test
    void vouchersAreMadeOnOtherThreads() throws Exception {
        String body = get("/vouchers/3").body();

        assertThat(body).matches("\\{\"customer\":3,\"vouchers\":\\[(\"[0-9a-f]{32}\",?){4}]}");
        assertThat(Thread.getAllStackTraces().keySet())
                .extracting(Thread::getName)
                .contains("shop-worker-2");
    }

    @Test
    void everyTenthPaymentFails() throws Exception {
        for (int payment = 1; payment <= 30; payment++) {
            HttpResponse<String> response = post("/payments", "");
            assertThat(response.statusCode()).as("payment %d", payment).isEqualTo(payment % 10 == 0 ? 500 : 200);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "GET, /nowhere, 404",
        "GET, /productsale, 404",
        "GET, /products/0, 404",
        "GET, /products/1201, 404",
        "GET, /products/seven, 404",
        "GET, /history/201, 404",
        "GET, /history/joined/0, 404",
        "GET, /search, 400",
        "GET, /checkout, 405",
        "POST, /products, 405",
        "POST, /checkout, 400",
        "POST, /checkout?customer=1&product=2&quantity=101, 400",
    })
    void wrongRequestsAreRefusedWithASentence(String method, String path, int status) throws Exception {
        HttpResponse<String> response = send(method, shop.uri() + path, "");

        assertThat(response.statusCode()).isEqualTo(status);
        assertThat(response.body()).matches("\\{\"error\":\".+\\.\"}");
    }

    @ParameterizedTest
    @ValueSource(ints = {8193, 100_000})
    void bodiesOverTheLimitAreRefused(int bytes) throws Exception {
        assertThat(post("/checkout", "x".repeat(bytes)).statusCode()).isEqualTo(413);
    }

    @Test
    void requestsForTheInventoryWaitForEachOtherOnShopThreads() {
        // One burst is over within 100 ms, in which a busy machine may not let us look.
        await().pollInterval(Duration.ofMillis(1))
                .atMost(Duration.ofSeconds(30))
                .until(this::aBurstIsSeenToQueue);
    }

    private boolean aBurstIsSeenToQueue() {
        CompletableFuture<?>[] answers = IntStream.range(0, 12)
                .mapToObj(i -> client.sendAsync(
                                HttpRequest.newBuilder(URI.create(shop.uri() + "/inventory"))
                                        .build(),
                                BodyHandlers.ofString())
                        .thenAccept(answer -> assertThat(answer.statusCode()).isEqualTo(200)))
                .toArray(CompletableFuture<?>[]::new);
        CompletableFuture<Void> all = CompletableFuture.allOf(answers);
        boolean seen = false;
        while (!all.isDone()) {
            seen |= blockedShopThreads() >= 2;
        }
        all.join();
        return seen;
    }

    private static long blockedShopThreads() {
        return Arrays.stream(ManagementFactory.getThreadMXBean().dumpAllThreads(false, false))
                .filter(thread -> thread.getThreadName().matches("shop-[1-4]"))
                .filter(thread -> thread.getThreadState() == Thread.State.BLOCKED)
                .map(thread -> thread.getLockInfo())
                .filter(LockInfo.class::isInstance)
                .count();
    }

    private HttpResponse<String> get(String path) throws Exception {
        return send("GET", shop.uri() + path, "");
    }

    private HttpResponse<String> post(String path, String form) throws Exception {
        return send("POST", shop.uri() + path, form);
    }

    private HttpResponse<String> send(String method, String uri, String body) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create(uri))
                .timeout(Duration.ofSeconds(10))
                .method(method, HttpRequest.BodyPublishers.ofString(body))
                .build();
        return client.send(request, BodyHandlers.ofString());
    }
}
