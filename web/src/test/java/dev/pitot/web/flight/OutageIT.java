package dev.pitot.web.flight;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.pitot.examples.LoadGenerator;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import jdk.jfr.consumer.RecordedEvent;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The collector goes away under load and comes back, while it watches a JVM of each JDK. Whatever happened meanwhile is in the database exactly once, and what the
 * collector exports is what the target itself dumps.
 */
class OutageIT {
    private static final ObjectMapper JSON = new ObjectMapper();

    /** Types that docs/spec/events.md stores as rows and that this workload produces. */
    private static final List<String> STORED = List.of(
            "pitot.HttpRequest",
            "pitot.EndpointSummary",
            "pitot.AgentStatus",
            "pitot.JvmInformation",
            "jdk.GarbageCollection",
            "jdk.GCHeapSummary",
            "jdk.JavaMonitorEnter");

    /** Types that docs/spec/events.md keeps as metrics. */
    private static final List<String> METRICS =
            List.of("pitot.ProcessCounters", "pitot.JvmMemory", "jdk.CPULoad", "jdk.JavaThreadStatistics");

    @TempDir
    Path folder;

    @Test
    void everyEventOfATenSecondStopIsStoredOnceAndTheExportEqualsTheTargetsDump() throws Exception {
        outage(CollectorProcess::stop, Duration.ofSeconds(10));
    }

    @Test
    void everyEventAroundAKillIsStoredOnceAndTheExportEqualsTheTargetsDump() throws Exception {
        outage(CollectorProcess::kill9, Duration.ofSeconds(2));
    }

    private interface Blow {
        void strike(CollectorProcess collector) throws Exception;
    }

    /** A shop under load, until it is closed. */
    private record LoadedShop(Jdks.Jdk jdk, Child process, LoadGenerator load) implements AutoCloseable {
        String service() {
            return "outage-" + jdk.feature();
        }

        @Override
        public void close() {
            load.close();
            process.close();
        }
    }

    /** One outage for the shops of all JDKs. */
    private void outage(Blow blow, Duration away) throws Exception {
        List<LoadedShop> shops = new ArrayList<>();
        try (CollectorProcess collector = new CollectorProcess(folder.resolve("collector"))) {
            collector.start();
            for (Jdks.Jdk jdk : Jdks.all()) {
                shops.add(open(jdk, collector));
            }
            for (LoadedShop shop : shops) {
                await("the first requests of " + shop.service() + " are stored")
                        .atMost(Duration.ofSeconds(60))
                        .until(() -> requests(collector, shop.service()) > 0);
            }
            List<Long> before =
                    shops.stream().map(shop -> shop.load().counts().ok()).toList();
            blow.strike(collector);
            Instant back = Instant.now().plus(away);
            await("the collector has been away long enough")
                    .atMost(away.plusSeconds(5))
                    .until(() -> Instant.now().isAfter(back));
            for (LoadedShop shop : shops) {
                assertThat(shop.load().counts().ok())
                        .as("requests that %s served while the collector was away", shop.service())
                        .isGreaterThan(before.get(shops.indexOf(shop)));
            }
            collector.start();
            shops.forEach(shop -> shop.load().close());
            for (LoadedShop shop : shops) {
                compareWithDump(collector, shop);
            }
        } finally {
            shops.forEach(LoadedShop::close);
        }
    }

    private LoadedShop open(Jdks.Jdk jdk, CollectorProcess collector) throws Exception {
        String name = "outage-" + jdk.feature();
        Path portFile = folder.resolve(name + ".port");
        Child shop = Child.start(
                folder,
                name,
                Map.of(),
                List.of(
                        jdk.tool("java").toString(),
                        "-Xmx128m",
                        "-XX:TieredStopAtLevel=1",
                        "-javaagent:" + System.getProperty("pitot.test.agentJar") + "=" + collector.agentArguments()
                                + ",service=" + name + ",http.events=100000",
                        "-cp",
                        System.getProperty("pitot.test.pitotJar"),
                        "dev.pitot.examples.Shop",
                        "--port",
                        "0",
                        "--port-file",
                        portFile.toString()));
        try {
            await("the shop listens").atMost(Duration.ofSeconds(30)).until(() -> Files.exists(portFile));
            URI base =
                    URI.create("http://127.0.0.1:" + Files.readString(portFile).strip());
            LoadGenerator load = new LoadGenerator(base, 60, Duration.ofMinutes(2), 42);
            load.start();
            return new LoadedShop(jdk, shop, load);
        } catch (Exception | Error failure) {
            shop.close();
            throw failure;
        }
    }

    private void compareWithDump(CollectorProcess collector, LoadedShop shop) throws Exception {
        Path dump = folder.resolve(shop.service() + ".jfr");
        Child.run(
                folder,
                List.of(
                        shop.jdk().tool("jcmd").toString(),
                        String.valueOf(shop.process().pid()),
                        "JFR.dump",
                        "name=pitot",
                        "filename=" + dump));
        Map<Long, byte[]> dumped = Chunks.split(dump);
        assertThat(dumped).as("chunks in the dump").isNotEmpty();

        JsonNode jvm = collector.jvm(shop.service());
        String id = jvm.get("id").asText();
        await("every dumped chunk is complete at the collector")
                .atMost(Duration.ofSeconds(60))
                .until(() -> completeChunks(collector, id)
                        .containsAll(dumped.keySet().stream()
                                .map(nanos -> Math.floorDiv(nanos, 1_000_000L))
                                .toList()));

        long now = System.currentTimeMillis();
        Path export = collector.download(
                "/api/v1/jvms/" + id + "/recording?from=" + (now - 3_600_000) + "&to=" + (now + 60_000),
                folder.resolve(shop.service() + "-export.jfr"));
        Map<Long, byte[]> exported = Chunks.split(export);
        assertThat(exported.keySet()).as("chunks in the export").containsAll(dumped.keySet());
        for (Map.Entry<Long, byte[]> chunk : dumped.entrySet()) {
            assertThat(Chunks.multiset(Chunks.events(exported.get(chunk.getKey()))))
                    .as("events of chunk %d in the export and in the target's dump", chunk.getKey())
                    .isEqualTo(Chunks.multiset(Chunks.events(chunk.getValue())));
        }

        List<RecordedEvent> events = Chunks.allEvents(dumped.values());
        Map<String, Integer> expected = new HashMap<>();
        events.stream()
                .filter(event -> STORED.contains(event.getEventType().getName()))
                .forEach(event -> expected.merge(key(event), 1, Integer::sum));
        assertThat(expected.keySet().stream().filter(key -> key.startsWith("pitot.HttpRequest")))
                .as("single requests in the dump")
                .hasSizeGreaterThan(100);
        await("all rows of the dumped chunks are stored")
                .atMost(Duration.ofSeconds(30))
                .untilAsserted(() -> assertThat(stored(collector, UUID.fromString(id), dumped.keySet()))
                        .isEqualTo(expected));

        for (String type : METRICS) {
            List<Long> seconds = events.stream()
                    .filter(event -> event.getEventType().getName().equals(type))
                    .map(event -> event.getStartTime().toEpochMilli())
                    .sorted()
                    .toList();
            assertThat(seconds).as("samples of %s in the dump", type).hasSizeGreaterThan(3);
            await("every sample of " + type + " is there, and once")
                    .atMost(Duration.ofSeconds(30))
                    .untilAsserted(() -> assertThat(
                                    samples(collector, id, type, seconds.get(0), seconds.get(seconds.size() - 1) + 1))
                            .isEqualTo(seconds));
        }
    }

    /** Times of the samples of a metric in {@code [from, to)}, milliseconds. */
    private static List<Long> samples(CollectorProcess collector, String jvm, String type, long from, long to)
            throws Exception {
        List<Long> times = new ArrayList<>();
        collector
                .get("/api/v1/jvms/" + jvm + "/metrics?type=" + type + "&from=" + from + "&to=" + to)
                .get("t")
                .forEach(time -> times.add(time.asLong()));
        return times;
    }

    /** Starts of the chunks that are wholly there, in milliseconds. */
    private static List<Long> completeChunks(CollectorProcess collector, String id) throws Exception {
        List<Long> complete = new ArrayList<>();
        for (JsonNode chunk : collector.get("/api/v1/jvms/" + id).get("chunks")) {
            if (chunk.get("state").asText().equals("complete")) {
                complete.add(chunk.get("start").asLong());
            }
        }
        return complete;
    }

    private static long requests(CollectorProcess collector, String service) throws Exception {
        try (Connection connection = collector.database().connect();
                PreparedStatement query = connection.prepareStatement(
                        "select count(*) from event join jvm using (jvm_id) where type = 'pitot.HttpRequest' and service = ?")) {
            query.setString(1, service);
            try (ResultSet result = query.executeQuery()) {
                result.next();
                return result.getLong(1);
            }
        }
    }

    /** What tells an event apart: its type, its start in microseconds and two of its fields. */
    private static String key(RecordedEvent event) {
        Instant start = event.getStartTime();
        long micros = Math.floorDiv(start.getEpochSecond() * 1_000_000_000L + start.getNano(), 1000L);
        Map<String, String> fields = new LinkedHashMap<>();
        for (String field : List.of("route", "status", "part", "gcId", "when")) {
            if (event.hasField(field)) {
                fields.put(field, String.valueOf((Object) event.getValue(field)));
            }
        }
        return event.getEventType().getName() + " " + micros + " " + fields;
    }

    private static Map<String, Integer> stored(CollectorProcess collector, UUID jvm, Collection<Long> chunks)
            throws Exception {
        Map<String, Integer> rows = new HashMap<>();
        try (Connection connection = collector.database().connect();
                PreparedStatement query = connection.prepareStatement("""
                        select type, (extract(epoch from ts) * 1000000)::bigint, data
                        from event where jvm_id = ? and chunk_start = any (?) and type = any (?)
                        """)) {
            query.setObject(1, jvm);
            query.setArray(2, connection.createArrayOf("bigint", chunks.toArray()));
            query.setArray(3, connection.createArrayOf("text", STORED.toArray()));
            try (ResultSet result = query.executeQuery()) {
                while (result.next()) {
                    JsonNode data = JSON.readTree(result.getString(3));
                    Map<String, String> fields = new LinkedHashMap<>();
                    for (String field : List.of("route", "status", "part", "gcId", "when")) {
                        if (data.has(field)) {
                            fields.put(field, data.get(field).asText());
                        }
                    }
                    rows.merge(result.getString(1) + " " + result.getLong(2) + " " + fields, 1, Integer::sum);
                }
            }
        }
        return rows;
    }
}
