package dev.pitot.web.live;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class LiveTest {
    private static final String TYPE = "pitot.ProcessCounters";
    private static final String[] FIELDS = {"userTime"};
    private static final UUID ID = UUID.fromString("8f14e45f-ceea-467f-a9d2-1b2c3d4e5f60");
    private static final long T0 = 1_800_000_000_000L;

    private final AtomicLong now = new AtomicLong(T0);
    private final Live live = new Live(new Clock() {
        @Override
        public Instant instant() {
            return Instant.ofEpochMilli(now.get());
        }

        @Override
        public ZoneOffset getZone() {
            return ZoneOffset.UTC;
        }

        @Override
        public Clock withZone(java.time.ZoneId zone) {
            return this;
        }
    });

    @AfterEach
    void stop() {
        live.close();
    }

    /** A page that reads at once, or never. */
    private static final class Page implements Viewer.Outlet {
        final List<JsonNode> messages = new CopyOnWriteArrayList<>();
        final List<Consumer<Throwable>> pending = new ArrayList<>();
        volatile boolean stalled;

        @Override
        public void send(String message, Consumer<Throwable> done) {
            try {
                messages.add(Json.MAPPER.readTree(message));
            } catch (Exception e) {
                throw new AssertionError(e);
            }
            if (stalled) {
                synchronized (pending) {
                    pending.add(done);
                }
            } else {
                done.accept(null);
            }
        }

        void readOn() {
            stalled = false;
            List<Consumer<Throwable>> waiting;
            synchronized (pending) {
                waiting = List.copyOf(pending);
                pending.clear();
            }
            waiting.forEach(done -> done.accept(null));
        }

        List<JsonNode> of(String kind) {
            return messages.stream()
                    .filter(message -> message.path("kind").asText().equals(kind))
                    .toList();
        }

        long[] sampleTimes() {
            return of("samples").stream()
                    .flatMapToLong(
                            message -> LongStream.range(0, message.path("t").size())
                                    .map(i -> message.path("t").get((int) i).asLong()))
                    .toArray();
        }
    }

    private void hello() {
        live.hello(new JvmInfo(ID, "shop", "host", 7, T0, "1", "17", "HotSpot", Map.of()));
        live.heard(ID, T0, false);
    }

    private void sample(long time, double value) {
        live.metric(ID, TYPE, null, time, FIELDS, new double[] {value}, new String[1]);
    }

    private void keyed(long time, String key, double value) {
        live.metric(ID, "pitot.HostDisk", key, time, FIELDS, new double[] {value}, new String[1]);
    }

    private void endpoint(long time, String route, long count, long errors, String histogram) {
        live.span(
                ID,
                span(
                        SpanKind.ENDPOINT,
                        time,
                        Map.of("method", "GET", "route", route, "histogram", histogram),
                        Map.of(
                                "count",
                                count,
                                "errors",
                                errors,
                                "untimed",
                                0,
                                "totalDuration",
                                count * 1000,
                                "maxDuration",
                                2000,
                                "measured",
                                count,
                                "totalCpuTime",
                                count * 500,
                                "totalAllocated",
                                count * 64)));
    }

    /** A summary with these fields only. */
    private static SpanSecond span(SpanKind kind, long time, Map<String, String> texts, Map<String, Number> numbers) {
        return SpanSecond.of(kind, time, new SpanSecond.Fields() {
            @Override
            public boolean has(String name) {
                return texts.containsKey(name) || numbers.containsKey(name);
            }

            @Override
            public String text(String name) {
                return texts.getOrDefault(name, "");
            }

            @Override
            public double number(String name) {
                return numbers.getOrDefault(name, Double.NaN).doubleValue();
            }
        });
    }

    @Test
    void aPageGetsWhatMemoryHoldsAndThenEachSampleOnce() {
        hello();
        sample(T0, 1);
        live.flushed(ID);
        Page page = new Page();
        Viewer viewer = live.connect(page);
        live.watchJvm(viewer, ID, null);
        await().until(() -> page.sampleTimes().length == 1);
        for (int i = 1; i <= 50; i++) {
            sample(T0 + i * 1000L, i);
            live.flushed(ID);
        }
        await().until(() -> page.sampleTimes().length >= 51);
        assertThat(page.sampleTimes())
                .containsExactly(
                        LongStream.rangeClosed(0, 50).map(i -> T0 + i * 1000).toArray());
        assertThat(page.of("jvm").get(0).path("jvm").path("service").asText()).isEqualTo("shop");
    }

    @Test
    void sinceLimitsWhatIsSentFirst() {
        hello();
        for (int i = 0; i < 20; i++) {
            sample(T0 + i * 1000L, i);
        }
        Page page = new Page();
        live.watchJvm(live.connect(page), ID, T0 + 16_000);
        await().until(() -> page.sampleTimes().length > 0);
        assertThat(page.sampleTimes()).containsExactly(T0 + 17_000, T0 + 18_000, T0 + 19_000);
    }

    @Test
    void aStalledPageIsToldThatItLagsAndHoldsUpNobody() {
        hello();
        Page stalled = new Page();
        stalled.stalled = true;
        Page reading = new Page();
        live.watchJvm(live.connect(stalled), ID, null);
        live.watchJvm(live.connect(reading), ID, null);
        await().until(() -> !reading.of("jvm").isEmpty());
        int samples = 300;
        for (int i = 0; i < samples; i++) {
            sample(T0 + i * 1000L, i);
            live.flushed(ID);
            int seen = i + 1;
            await().pollInterval(Duration.ofMillis(1)).until(() -> reading.sampleTimes().length >= seen);
        }
        assertThat(reading.sampleTimes()).hasSize(samples);
        assertThat(reading.of("lagged")).isEmpty();

        stalled.readOn();
        await().until(() -> stalled.of("lagged").size() == 1);
        assertThat(stalled.messages.size()).isLessThan(samples);
        assertThat(stalled.messages
                        .get(stalled.messages.size() - 1)
                        .path("kind")
                        .asText())
                .as("nothing comes until the page asks again")
                .isEqualTo("lagged");
    }

    @Test
    void eachKeyIsAMessageOfItsOwnAndManyKeysAreNoReasonToLag() {
        hello();
        sample(T0, 1);
        int keys = 200;
        for (int i = 0; i < 100; i++) {
            for (int k = 0; k < keys; k++) {
                keyed(T0 + i * 1000L, "disk " + k, k);
            }
        }
        Page page = new Page();
        page.stalled = true;
        live.watchJvm(live.connect(page), ID, null);
        await().until(() -> !page.of("jvm").isEmpty());
        for (int i = 0; i < 30; i++) {
            for (int k = 0; k < keys; k++) {
                keyed(T0 + 100_000 + i * 1000L, "disk " + k, k);
            }
            live.flushed(ID);
        }
        page.readOn();
        await().until(() -> page.of("samples").stream()
                .anyMatch(message -> message.path("key").asText().equals("disk 199")
                        && message.path("t").path(message.path("t").size() - 1).asLong() == T0 + 129_000));
        assertThat(page.of("lagged")).isEmpty();
        List<JsonNode> disk = page.of("samples").stream()
                .filter(message -> message.path("key").asText().equals("disk 7"))
                .toList();
        assertThat(disk.get(0).path("type").asText()).isEqualTo("pitot.HostDisk");
        assertThat(disk.get(0).path("t")).hasSize(100);
        assertThat(disk.get(0).path("fields").path("userTime").get(99).asDouble())
                .isEqualTo(7);
        assertThat(page.of("samples").stream()
                        .filter(message -> message.path("type").asText().equals(TYPE)))
                .allSatisfy(message -> assertThat(message.has("key")).isFalse());
    }

    @Test
    void theHistoryOfVeryManyKeysIsCutToItsNewestPart() {
        hello();
        String[] fields = LongStream.range(0, 20).mapToObj(i -> "field" + i).toArray(String[]::new);
        double[] numbers = new double[20];
        for (int i = 0; i < 300; i++) {
            for (int k = 0; k < 250; k++) {
                live.metric(ID, "pitot.Counter", "k" + k, T0 + i * 1000L, fields, numbers, new String[20]);
            }
        }
        Page page = new Page();
        live.watchJvm(live.connect(page), ID, null);
        await().until(() -> page.of("samples").size() == 250);
        assertThat(page.of("lagged")).isEmpty();
        assertThat(page.of("samples")).allSatisfy(message -> {
            assertThat(message.path("t")).hasSize(40);
            assertThat(message.path("t").get(39).asLong()).isEqualTo(T0 + 299_000);
        });
    }

    @Test
    void keysAreBoundedAndThoseNotHeardOfForLongestGoFirst() {
        hello();
        for (int k = 0; k < 256; k++) {
            keyed(T0 + k, "k" + k, 1);
        }
        keyed(T0 + 300, "one too many", 1);
        keyed(T0 + 20_000, "k0", 1);
        keyed(T0 + 35_000, "late", 1);
        Map<String, Live.Tail> held = live.metricsByKey(ID, "pitot.HostDisk", null, 0, Long.MAX_VALUE);
        assertThat(held).hasSize(256).containsKeys("k0", "late").doesNotContainKeys("one too many", "k1");
        sample(T0 + 310_000, 1);
        live.flushed(ID);
        assertThat(live.metricsByKey(ID, "pitot.HostDisk", null, 0, Long.MAX_VALUE))
                .containsOnlyKeys("k0", "late");
        for (int type = 0; type < 5; type++) {
            for (int k = 0; k < 250; k++) {
                live.metric(ID, "t" + type, "k" + k, T0 + 310_000, FIELDS, new double[1], new String[1]);
            }
        }
        assertThat(live.metricsByKey(ID, "t4", null, 0, Long.MAX_VALUE)).hasSize(LiveJvm.MOST_KEYS - 1000 - 2);
    }

    @Test
    void aJvmIsWatchedAsLongAsAPageWatchesIt() {
        hello();
        assertThat(live.watched(ID)).isFalse();
        Page page = new Page();
        Viewer viewer = live.connect(page);
        live.watchJvm(viewer, ID, null);
        await().until(() -> live.watched(ID));
        live.watchFleet(viewer);
        await().until(() -> !live.watched(ID));
        live.watchJvm(viewer, ID, null);
        await().until(() -> live.watched(ID));
        live.disconnect(viewer);
        await().until(() -> !live.watched(ID));
        assertThat(live.viewers()).isZero();
    }

    private static Diagnosis line(String subject, String state, long ts) {
        return new Diagnosis(subject, "rung", state, "", "", "", "", "", ts);
    }

    @Test
    void aPageSeesTheNewestLineOfEachSubjectInTheOrderTheyCame() {
        hello();
        live.diagnosis(ID, line("process", "no", T0));
        live.diagnosis(ID, line("host", "no", T0 + 1));
        Page page = new Page();
        live.watchJvm(live.connect(page), ID, null);
        await().until(() -> page.of("jvm").size() == 1);
        live.diagnosis(ID, line("process", "yes", T0 + 2000));
        live.diagnosis(ID, line("host", "of before", T0));
        for (int i = 0; i < 100; i++) {
            live.diagnosis(ID, line("subject " + i, "no", T0 + 2000));
        }
        await().until(() -> page.of("jvm").size() == 2);
        JsonNode lines = page.of("jvm").get(1).path("diagnosis");
        assertThat(lines).hasSize(64);
        assertThat(lines.get(0).path("subject").asText()).isEqualTo("process");
        assertThat(lines.get(0).path("state").asText()).isEqualTo("yes");
        assertThat(lines.get(1).path("state").asText()).isEqualTo("no");
        assertThat(lines.get(1).path("ts").asLong()).isEqualTo(T0 + 1);
    }

    @Test
    void anUnknownJvmIsRefusedWithASentence() {
        Page page = new Page();
        live.watchJvm(live.connect(page), UUID.randomUUID(), null);
        await().until(() -> page.of("error").size() == 1);
    }

    @Test
    void endpointsOfOneSecondAddUpToOneRateAndQuietSecondsAreZero() {
        hello();
        Page page = new Page();
        live.watchJvm(live.connect(page), ID, null);
        await().until(() -> !page.of("jvm").isEmpty());
        for (int second = 0; second < 10; second++) {
            long time = T0 + second * 1000L;
            sample(time, 1);
            if (second < 2 || second == 7) {
                endpoint(time + 3, "/a", 10, 1, "100:10");
                endpoint(time + 5, "/b", 5, 0, "400:5");
            }
        }
        live.flushed(ID);
        await().until(() -> !page.of("rates").isEmpty());
        JsonNode rates = page.of("rates").get(0);
        assertThat(rates.path("requests").toString()).isEqualTo("[15,15,0,0,0,0,0,15]");
        assertThat(rates.path("errors").toString()).isEqualTo("[1,1,0,0,0,0,0,1]");
        assertThat(rates.path("p99").get(0).asDouble())
                .isEqualTo(
                        DurationHistogram.start(400) / 1e6,
                        org.assertj.core.api.Assertions.withPrecision(DurationHistogram.start(400) / 1e6 * 0.07));
        assertThat(rates.path("p99").get(3).isNull()).isTrue();
    }

    @Test
    void theTableOfEndpointsCoversTheLastMinuteOfData() {
        hello();
        for (int second = 0; second < 100; second++) {
            endpoint(T0 + second * 1000L, "/a", 3, second == 99 ? 1 : 0, "100:3");
        }
        SpanTable window = live.spans(ID, SpanKind.ENDPOINT).orElseThrow();
        assertThat(window.to() - window.from()).isEqualTo(60_000);
        SpanRow a = window.rows().get(0);
        assertThat(a.count()).isEqualTo(180);
        assertThat(a.errors()).isEqualTo(1);
        assertThat(a.rate()).isEqualTo(3);
        assertThat(a.costs())
                .as("and nothing of what was not measured")
                .isEqualTo(Map.of("cpu", 500 / 1e6, "allocated", 64.0));
        assertThat(a.time()).isNull();
    }

    @Test
    void aJvmIsLiveThenQuietAndEndedWhenItSaidSo() {
        hello();
        assertThat(live.jvm(ID).orElseThrow().state()).isEqualTo("live");
        now.set(T0 + 31_000);
        assertThat(live.jvm(ID).orElseThrow().state()).isEqualTo("quiet");
        live.heard(ID, now.get(), true);
        assertThat(live.jvm(ID).orElseThrow().state()).isEqualTo("ended");
    }

    @Test
    void samplesOfAJvmThatIsSilentForLongAreForgottenButNotTheJvm() {
        hello();
        sample(T0, 1);
        now.set(T0 + 31 * 60_000);
        live.forgetTheSilent();
        assertThat(live.metrics(ID, TYPE, 0, Long.MAX_VALUE).t()).isEmpty();
        assertThat(live.jvm(ID)).isPresent();
    }

    @Test
    void unknownNumbersAreNullInJson() {
        assertThat(Json.text(new double[] {1, 2.5, Double.NaN, 1e18, Double.POSITIVE_INFINITY}))
                .isEqualTo("[1,2.5,null,1.0E18,null]");
    }

    @Test
    void durationsOfWhatWasNotSeenToEndAreUnknownAndDiluteNoMean() {
        Map<String, Number> numbers =
                Map.of("count", 4, "async", 3, "totalDuration", 1_000_000, "maxDuration", 900_000);
        SpanRow ofAnOlderAgent = row(numbers, "300:1");
        assertThat(ofAnOlderAgent.count()).isEqualTo(4);
        assertThat(ofAnOlderAgent.async()).isEqualTo(3);
        assertThat(ofAnOlderAgent.untimed()).isEqualTo(3);
        assertThat(ofAnOlderAgent.mean()).isEqualTo(1.0);
        assertThat(ofAnOlderAgent.p99()).isNotNull();
        assertThat(ofAnOlderAgent.time()).isNull();

        Map<String, Number> seen = new HashMap<>(numbers);
        seen.put("untimed", 0);
        assertThat(row(seen, "300:4").mean())
                .as("requests that other threads finished have a duration now")
                .isEqualTo(0.25);

        SpanRow none = row(Map.of("count", 2, "untimed", 2, "totalTimeOnCpu", 0), "");
        assertThat(none.rate()).isEqualTo(2.0);
        assertThat(none.mean()).isNull();
        assertThat(none.p50()).isNull();
        assertThat(none.max()).isNull();
        assertThat(none.time()).isNull();
    }

    private static SpanRow row(Map<String, Number> numbers, String histogram) {
        Map<String, String> texts = Map.of("method", "GET", "route", "/later", "histogram", histogram);
        return SpanRow.over(SpanKind.ENDPOINT, List.of(span(SpanKind.ENDPOINT, T0, texts, numbers)), 1000)
                .get(0);
    }

    @Test
    void eachFigureIsPerSpanThatItIsKnownOf() throws Exception {
        Map<String, String> pool = Map.of("pool", "main", "histogram", "300:4");
        SpanSecond first = span(
                SpanKind.POOL,
                T0,
                pool,
                Map.of(
                        "count", 4,
                        "untimed", 0,
                        "totalDuration", 8_000_000,
                        "measured", 2,
                        "totalRunQueueWait", 3_000_000,
                        "counted", 1,
                        "totalCycles", 1_234_567,
                        "counterRunning", 0.5,
                        "totalTimeOnCpu", 2_000_000,
                        "totalTimeUnknown", 6_000_000));
        SpanSecond second = span(
                SpanKind.POOL,
                T0 + 1000,
                pool,
                Map.of(
                        "count",
                        4,
                        "measured",
                        4,
                        "totalRunQueueWait",
                        Long.MIN_VALUE,
                        "counted",
                        1,
                        "totalCycles",
                        Double.NaN));
        SpanTable table = SpanTable.of(SpanKind.POOL, List.of(first, second), T0, T0 + 2000);
        JsonNode row =
                Json.MAPPER.readTree(Json.text(table.json())).path("pools").get(0);
        assertThat(row.path("pool").asText()).isEqualTo("main");
        assertThat(row.path("rate").asDouble()).isEqualTo(4);
        assertThat(row.path("runQueueWait").asDouble()).isEqualTo(1.5);
        assertThat(row.path("cycles").asDouble()).as("five digits").isEqualTo(1_234_600);
        assertThat(row.path("running").asDouble()).isEqualTo(0.5);
        assertThat(row.has("cpu")).isFalse();
        assertThat(row.path("time").toString()).isEqualTo("{\"onCpu\":0.5,\"unknown\":1.5}");
    }

    @Test
    void aPageGetsTheRowsThatTakeTheTimeAndTheApiAllOfThem() {
        hello();
        int statements = Live.MOST_ROWS_SENT + 50;
        for (int i = 0; i < statements; i++) {
            live.span(
                    ID,
                    span(
                            SpanKind.STATEMENT,
                            T0,
                            Map.of("statement", "hash " + i, "histogram", "300:1"),
                            Map.of(
                                    "count",
                                    1,
                                    "untimed",
                                    0,
                                    "totalDuration",
                                    i,
                                    "measured",
                                    1,
                                    "totalOwnCpuTime",
                                    1,
                                    "totalOwnAllocated",
                                    1)));
        }
        Page page = new Page();
        live.watchJvm(live.connect(page), ID, null);
        await().until(() -> !page.of("statements").isEmpty());
        JsonNode message = page.of("statements").get(0);
        assertThat(message.path("total").asInt()).isEqualTo(statements);
        assertThat(message.path("statements")).hasSize(Live.MOST_ROWS_SENT);
        JsonNode most = message.path("statements").get(0);
        assertThat(most.path("statement").asText()).isEqualTo("hash " + (statements - 1));
        assertThat(most.has("ownCpu")).isTrue();
        assertThat(most.has("ownAllocated")).isFalse();
        SpanTable all = live.spans(ID, SpanKind.STATEMENT).orElseThrow();
        assertThat(all.rows()).hasSize(statements);
        assertThat(all.rows().get(0).costs()).containsKey("ownAllocated");
        assertThat(live.spans(ID, SpanKind.POOL)).isEmpty();
        assertThat(live.spans(ID, SpanKind.ENDPOINT)).isEmpty();
    }

    @Test
    void loggedErrorsAreCountedByLoggerOverTenMinutes() {
        hello();
        live.logged(ID, T0, "com.acme.A", "java.io.IOException", 5);
        live.logged(ID, T0 + 700_000, "com.acme.A", "", 1);
        live.logged(ID, T0 + 700_000, "com.acme.B", "java.lang.IllegalStateException", 2);
        live.logged(ID, T0 + 701_000, "com.acme.B", "", 1);
        live.flushed(ID);
        assertThat(live.logged(ID).orElseThrow().loggers())
                .containsExactly(
                        new LoggedTable.Row("com.acme.B", "java.lang.IllegalStateException", 3, T0 + 701_000),
                        new LoggedTable.Row("com.acme.A", "", 1, T0 + 700_000));
    }
}
