package dev.pitot.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import jdk.jfr.consumer.RecordedEvent;
import org.assertj.core.api.SoftAssertions;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The endpoints of the shop, told apart by what Pitot says of their requests. */
class WhySlowIT {
    private static final List<String> PARTS = List.of(
            "OnCpu",
            "RunQueue",
            "Lock",
            "Park",
            "Socket",
            "File",
            "Sql",
            "Call",
            "Pool",
            "Pause",
            "Handoff",
            "Unknown");

    /**
     * An endpoint, how it is asked and what its time should go to.
     *
     * @param groups how often, in each round; the first is to warm up
     * @param together requests at the same time
     */
    private record Endpoint(String method, String route, String path, int groups, int together, String winner) {
        String name() {
            return method + " " + route;
        }
    }

    private static final List<Endpoint> ENDPOINTS = List.of(
            new Endpoint("GET", "/shipping/{id}", "/shipping/#", 5, 1, "Park"),
            new Endpoint("POST", "/checkout", "/checkout?customer=#&product=2&quantity=3", 20, 1, "OnCpu"),
            new Endpoint("GET", "/recommendations/{id}", "/recommendations/#", 20, 1, "OnCpu"),
            new Endpoint("GET", "/loyalty", "/loyalty", 20, 1, "OnCpu"),
            new Endpoint("GET", "/loyalty/sorted", "/loyalty/sorted", 20, 1, "OnCpu"),
            new Endpoint("GET", "/products", "/products", 20, 1, "OnCpu"),
            new Endpoint("GET", "/report", "/report", 15, 1, "OnCpu"),
            new Endpoint("GET", "/sessions", "/sessions", 40, 1, "Pause"),
            new Endpoint("GET", "/inventory", "/inventory", 2, 6, "Lock"),
            new Endpoint("GET", "/history/{id}", "/history/#", 10, 1, "Sql"),
            new Endpoint("GET", "/history/joined/{id}", "/history/joined/#", 20, 1, "Sql"),
            new Endpoint("GET", "/delivery/{id}", "/delivery/#", 10, 1, "Call"),
            new Endpoint("GET", "/vouchers/{id}", "/vouchers/#", 20, 1, "Park"));

    private static final Set<String> SPANS =
            Set.of("pitot.HttpRequest", "pitot.SqlStatement", "pitot.ConnectionWait", "pitot.HttpCall");
    private static final Set<String> SUMMARIES =
            Set.of("pitot.EndpointSummary", "pitot.StatementSummary", "pitot.PoolSummary", "pitot.CallSummary");

    @TempDir
    Path folder;

    /** One JDK of each feature version from 17 on: of {@code PITOT_TEST_JDKS}, else this one and those of the usual folder. */
    static Stream<Path> jdks() throws IOException {
        List<Path> homes = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"))));
        String given = System.getenv("PITOT_TEST_JDKS");
        Path usual = Path.of("/usr/lib/jvm");
        if (given != null) {
            Stream.of(given.split(File.pathSeparator)).map(Path::of).forEach(homes::add);
        } else if (Files.isDirectory(usual)) {
            try (Stream<Path> found = Files.list(usual)) {
                found.sorted().forEach(homes::add);
            }
        }
        Map<Integer, Path> byVersion = new TreeMap<>();
        for (Path home : homes) {
            if (Files.exists(home.resolve("release")) && Files.exists(home.resolve("bin/jcmd"))) {
                byVersion.putIfAbsent(ShopUnderAgent.version(home), home);
            }
        }
        return byVersion.entrySet().stream().filter(jdk -> jdk.getKey() >= 17).map(Map.Entry::getValue);
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void eachEndpointIsSlowForItsOwnReason(Path jdk) throws Exception {
        Map<String, Requests> measured;
        try (ShopUnderAgent shop = new ShopUnderAgent(
                jdk,
                folder,
                "http.slow=1h,http.events=100000,sql.slow=1h,sql.events=100000,calls.slow=1h,calls.events=100000,"
                        + "budget=none")) {
            measured = measure(shop);
            assertThatPartsAddUp(shop);
        }
        SoftAssertions all = new SoftAssertions();
        for (Endpoint endpoint : ENDPOINTS) {
            Requests requests = measured.get(endpoint.name());
            String what = endpoint.name() + ": " + requests;
            all.assertThat(requests.winner()).as(what).isEqualTo(endpoint.winner());
            all.assertThat(requests.share("Unknown")).as(what).isLessThanOrEqualTo(0.1);
        }
        all.assertAll();
        assertThatTheNumbersTellThemApart(measured);
    }

    private static void assertThatTheNumbersTellThemApart(Map<String, Requests> measured) {
        Requests checkout = measured.get("POST /checkout");
        Requests branches = measured.get("GET /loyalty");
        Requests sorted = measured.get("GET /loyalty/sorted");
        Requests report = measured.get("GET /report");
        Requests shipping = measured.get("GET /shipping/{id}");
        Requests lineByLine = measured.get("GET /history/{id}");
        Requests joined = measured.get("GET /history/joined/{id}");
        Requests delivery = measured.get("GET /delivery/{id}");

        // The same instructions: without a PMU only the CPU time tells that its branches are missed.
        assertThat(branches.mean("cpuTime")).isGreaterThan(2 * sorted.mean("cpuTime"));
        assertThat(report.mean("allocated")).isGreaterThan(5 * checkout.mean("allocated"));
        assertThat(measured.get("GET /sessions").mean("allocated")).isBetween(4.6e6, 6e6);
        assertThat(shipping.mean("cpuTime")).isLessThan(0.2 * shipping.mean("duration"));

        assertThat(lineByLine.events()).allSatisfy(request -> {
            assertThat(request.getLong("sqlStatements")).isEqualTo(1 + History.LINES);
            assertThat(request.getDuration("sqlDuration").toMillis()).isGreaterThanOrEqualTo(1 + History.LINES);
        });
        assertThat(joined.events()).allSatisfy(request -> assertThat(request.getLong("sqlStatements"))
                .isEqualTo(1));
        assertThat(delivery.events()).allSatisfy(request -> {
            assertThat(request.getLong("httpCalls")).isEqualTo(1);
            assertThat(request.getDuration("httpCallDuration").toMillis()).isGreaterThanOrEqualTo(10);
        });
        Requests vouchers = measured.get("GET /vouchers/{id}");
        assertThat(vouchers.events()).allSatisfy(request -> assertThat(request.getLong("otherThreads"))
                .isEqualTo(4));
        // Its own thread only waits for those that compute.
        assertThat(vouchers.mean("cpuTime")).isGreaterThan(2 * vouchers.mean("timeOnCpu"));
        assertThat(checkout.mean("cpuTime")).isLessThan(1.1 * checkout.mean("timeOnCpu"));
    }

    /** Each span that there was, of every endpoint and all rounds, and each second of each name. */
    private static void assertThatPartsAddUp(ShopUnderAgent shop) throws Exception {
        Map<String, List<RecordedEvent>> spans = new TreeMap<>();
        for (RecordedEvent span : shop.events(SPANS)) {
            String type = span.getEventType().getName();
            String name =
                    type.equals("pitot.HttpRequest") ? span.getString("method") + " " + span.getString("route") : type;
            spans.computeIfAbsent(name, any -> new ArrayList<>()).add(span);
        }
        assertThat(spans.keySet())
                .containsAll(ENDPOINTS.stream().map(Endpoint::name).toList())
                .contains("pitot.SqlStatement", "pitot.ConnectionWait", "pitot.HttpCall");
        SoftAssertions all = new SoftAssertions();
        spans.forEach((name, events) -> {
            List<String> off = events.stream()
                    .filter(span -> !addsUp(span))
                    .map(span -> span.getDuration().toNanos() + " ns is not " + sum(span, "time"))
                    .toList();
            // A thread may lose its CPU between its own clock and that of its event.
            all.assertThat(off).as(name + ": " + off).hasSizeLessThanOrEqualTo(Math.max(2, events.size() / 50));
        });
        List<RecordedEvent> summaries = shop.events(SUMMARIES);
        all.assertThat(summaries).hasSizeGreaterThan(ENDPOINTS.size());
        for (RecordedEvent summary : summaries) {
            long duration = summary.getLong("totalDuration");
            all.assertThat((double) sum(summary, "totalTime"))
                    .as(summary.toString())
                    .isBetween(0.999 * duration, 1.001 * duration);
        }
        all.assertAll();
    }

    /** Within 3 %, and of the shortest within what lies between two clocks that are read by code that is not compiled yet. */
    private static boolean addsUp(RecordedEvent span) {
        long duration = span.getDuration().toNanos();
        return Math.abs(sum(span, "time") - duration) <= Math.max(0.03 * duration, 10_000);
    }

    private static long sum(RecordedEvent event, String prefix) {
        return PARTS.stream().mapToLong(part -> event.getLong(prefix + part)).sum();
    }

    /** Requests of the last round by the name of their endpoint. */
    private static Map<String, Requests> measure(ShopUnderAgent shop) throws Exception {
        round(shop, ENDPOINTS);
        // The agent weaves in the background.
        await("woven").atMost(Duration.ofSeconds(60)).until(() -> isWatched(shop));
        Map<String, Requests> measured = new LinkedHashMap<>();
        List<Endpoint> left = ENDPOINTS;
        // Where no CPU is to spare it takes the JVM long to stop, to go on or to wake a thread, which may hit anything.
        // Such an endpoint is asked again.
        for (int attempt = 1; attempt <= 10 && !left.isEmpty(); attempt++) {
            round(shop, left);
            measured.putAll(lastRound(shop.requests(), left));
            left = left.stream()
                    .filter(endpoint -> !measured.get(endpoint.name()).isExplainedBy(endpoint.winner()))
                    .toList();
        }
        return measured;
    }

    /** Whether statements are counted, calls timed and tasks followed. */
    private static boolean isWatched(ShopUnderAgent shop) throws Exception {
        for (String path : List.of("/history/1", "/delivery/1", "/vouchers/1")) {
            shop.send("GET", path, 1, 1);
        }
        Map<String, List<RecordedEvent>> requests = shop.requests();
        return Map.of("history", "sqlStatements", "delivery", "httpCalls", "vouchers", "otherThreads")
                .entrySet()
                .stream()
                .allMatch(kind -> requests.getOrDefault("GET /" + kind.getKey() + "/{id}", List.of()).stream()
                        .anyMatch(request -> request.getLong(kind.getValue()) > 0));
    }

    private static Map<String, Requests> lastRound(Map<String, List<RecordedEvent>> byName, List<Endpoint> asked) {
        Map<String, Requests> last = new LinkedHashMap<>();
        for (Endpoint endpoint : asked) {
            List<RecordedEvent> events = byName.getOrDefault(endpoint.name(), List.of());
            int sent = endpoint.groups() * endpoint.together();
            assertThat(events).as(endpoint.name()).hasSizeGreaterThanOrEqualTo(sent);
            last.put(endpoint.name(), new Requests(events.subList(events.size() - sent, events.size())));
        }
        return last;
    }

    private static void round(ShopUnderAgent shop, List<Endpoint> asked) {
        for (Endpoint endpoint : asked) {
            shop.send(endpoint.method(), endpoint.path(), endpoint.groups(), endpoint.together());
        }
    }

    /** The requests to one endpoint. */
    private record Requests(List<RecordedEvent> events) {
        double mean(String field) {
            return events.stream().mapToLong(request -> value(request, field)).sum() / (double) events.size();
        }

        /** Of time spans in nanoseconds. */
        private static long value(RecordedEvent request, String field) {
            return field.equals("duration") ? request.getDuration().toNanos() : request.getLong(field);
        }

        double share(String part) {
            return mean("time" + part) / mean("duration");
        }

        /** What took most of the time; how long others kept the CPU busy is no property of an endpoint. */
        String winner() {
            return PARTS.stream()
                    .filter(part -> !part.equals("RunQueue"))
                    .max((a, b) -> Double.compare(share(a), share(b)))
                    .orElseThrow();
        }

        boolean isExplainedBy(String part) {
            return winner().equals(part) && share("Unknown") <= 0.1;
        }

        @Override
        public String toString() {
            StringBuilder text = new StringBuilder(String.format("%.2f ms", mean("duration") / 1e6));
            PARTS.stream()
                    .filter(part -> share(part) >= 0.001)
                    .forEach(part -> text.append(String.format(", %s %.1f %%", part, 100 * share(part))));
            return text.toString();
        }
    }
}
