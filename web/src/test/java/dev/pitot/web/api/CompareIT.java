package dev.pitot.web.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.pitot.web.store.Buckets;
import dev.pitot.web.store.Histogram;
import dev.pitot.web.store.Partitions;
import dev.pitot.web.store.RetentionSettings;
import dev.pitot.web.store.Rollup;
import java.net.URLEncoder;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The comparison over rows of a real PostgreSQL, through REST. */
class CompareIT {
    private static final long MINUTE = 60_000;
    private static final int MINUTES = 45;
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    static Path folder;

    private static TestCollector collector;
    private static long start;

    @BeforeAll
    static void twoVersionsOfWhichOneBurnsMoreInOneEndpoint() throws Exception {
        collector = new TestCollector(folder);
        // A whole minute within the partitions of today and yesterday.
        start = (System.currentTimeMillis() / MINUTE - 60) * MINUTE;
        new Partitions(collector.database, RetentionSettings.standard(), Clock.systemUTC())
                .ensure(
                        Partitions.Table.METRIC_1M,
                        Instant.ofEpochMilli(start).atOffset(ZoneOffset.UTC).toLocalDate());
        try (Connection c = collector.database.connection()) {
            c.setAutoCommit(false);
            version(c, "1.4", 1);
            version(c, "1.5", 1.4);
            c.commit();
            c.setAutoCommit(true);
        }
    }

    @AfterAll
    static void close() {
        collector.close();
    }

    private static void version(Connection c, String version, double factor) throws Exception {
        Random random = new Random(version.hashCode());
        UUID jvm = UUID.randomUUID();
        try (PreparedStatement s = c.prepareStatement("""
                insert into jvm (jvm_id, service, host, pid, started_at, agent_version, java_version, jvm_name, labels,
                    first_seen, last_seen, ended, clock_skew_ns) values (?, 'shop', 'h', 1, ?, '', '', '', ?::jsonb, ?, ?, true, 0)""")) {
            s.setObject(1, jvm);
            s.setObject(2, Instant.ofEpochMilli(start).atOffset(ZoneOffset.UTC));
            s.setString(3, "{\"version\": \"" + version + "\"}");
            s.setObject(4, Instant.ofEpochMilli(start).atOffset(ZoneOffset.UTC));
            s.setObject(5, Instant.ofEpochMilli(start + MINUTES * MINUTE).atOffset(ZoneOffset.UTC));
            s.executeUpdate();
        }
        try (PreparedStatement s = c.prepareStatement(
                "insert into metric_1m (jvm_id, type, key, ts, n, agg, hist) values (?, ?, ?, ?, 60, ?::jsonb, ?::jsonb)")) {
            for (int t = 0; t < MINUTES; t++) {
                Rollup process = new Rollup();
                process.events(60);
                process.values("interval", new double[] {30e9, 30e9}, 2);
                process.values("userTime", new double[] {5e9, 6e9 + 1e8 * random.nextGaussian()}, 2);
                process.values("systemTime", new double[] {1e9, 1e9}, 2);
                row(s, jvm, "pitot.ProcessCounters", "", t, process);
                for (String endpoint : new String[] {"GET /checkout", "GET /catalogue"}) {
                    double more = endpoint.equals("GET /checkout") ? factor : 1;
                    Rollup requests = new Rollup();
                    requests.events(60);
                    Histogram histogram = new Histogram();
                    double sum = 0;
                    double max = 0;
                    for (int i = 0; i < 100; i++) {
                        double nanos = 4e6 * Math.exp(0.2 * random.nextGaussian());
                        histogram.add(Buckets.of(nanos), 1);
                        sum += nanos;
                        max = Math.max(max, nanos);
                    }
                    requests.spread("duration", 100, max, sum, histogram);
                    requests.total("count", 100);
                    requests.total("errors", 0);
                    requests.total("measured", 100);
                    requests.total("totalCpuTime", 1e8 * more * (1 + 0.05 * random.nextGaussian()));
                    requests.total("totalAllocated", 1e7);
                    row(s, jvm, "pitot.EndpointSummary", endpoint, t, requests);
                }
            }
            s.executeBatch();
        }
    }

    private static void row(PreparedStatement s, UUID jvm, String type, String key, int minute, Rollup rollup)
            throws Exception {
        s.setObject(1, jvm);
        s.setString(2, type);
        s.setString(3, key);
        s.setObject(4, Instant.ofEpochMilli(start + minute * MINUTE).atOffset(ZoneOffset.UTC));
        s.setString(5, rollup.aggJson());
        s.setString(6, rollup.histJson());
        s.addBatch();
    }

    private static HttpResponse<String> compare(String a, String b, String more) throws Exception {
        return collector.send(collector.asViewer("/api/v1/compare?a=" + URLEncoder.encode(a, StandardCharsets.UTF_8)
                + "&b=" + URLEncoder.encode(b, StandardCharsets.UTF_8) + more));
    }

    @Test
    void theEndpointThatBurnsMoreIsWorseAndNothingElseIsClear() throws Exception {
        HttpResponse<String> response = compare("version=1.4", "service=shop,version=1.5", "");
        assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
        JsonNode answer = JSON.readTree(response.body());
        assertThat(answer.path("a").path("bins").asInt()).isEqualTo(MINUTES);
        assertThat(answer.path("a").path("source").asText()).isEqualTo("metric_1m");
        JsonNode worst = answer.path("changes").get(0);
        assertThat(worst.path("key").asText()).isEqualTo("GET /checkout");
        assertThat(worst.path("metric").asText()).isEqualTo("cpu");
        assertThat(worst.path("verdict").asText()).isEqualTo("worse");
        assertThat(worst.path("change").asDouble()).isBetween(0.35, 0.45);
        assertThat(worst.path("low").asDouble()).isLessThan(worst.path("change").asDouble());
        for (JsonNode change : answer.path("changes")) {
            boolean burnt = change.path("metric").asText().equals("cpu")
                    && (change.path("key").asText().equals("GET /checkout")
                            || change.path("kind").asText().equals("requests"));
            assertThat(change.path("verdict").asText().equals("worse"))
                    .as(change.toString())
                    .isEqualTo(burnt);
        }
        assertThat(compare("version=1.4", "version=1.5", "").body())
                .as("the same data, the same answer")
                .contains(worst.path("change").asText());
    }

    @Test
    void whatCannotBeComparedIsOneSentence() throws Exception {
        assertThat(compare("version=1.4", "version=9", "").statusCode()).isEqualTo(404);
        assertThat(compare("version=9", "version=1.4", "").body()).contains("matches A, 'version=9'");
        assertThat(compare("service=shop", "version=1.4", "").body()).contains("share the JVM");
        assertThat(compare("shop", "version=1.4", "").body()).contains("neither jvm=ID");
        assertThat(compare("version=1.4", "version=1.5", "&minChange=much").body())
                .contains("'much'");
        assertThat(compare("version=1.4", "version=1.5", "&windo=1").body()).contains("'window'");
    }
}
