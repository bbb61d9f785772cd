package dev.pitot.web.api;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pitot.web.live.JvmInfo;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MetricsIT {
    private static final Pattern LINE =
            Pattern.compile("([a-z_][a-z0-9_]*(?:\\{[a-z]+=\"(?:[^\"\\\\\n]|\\\\.)*\".*})?) (-?[0-9.E+-]+|NaN|\\+Inf)");

    @TempDir
    static Path folder;

    private static TestCollector collector;

    @BeforeAll
    static void start() throws Exception {
        collector = new TestCollector(folder.resolve("data"));
    }

    @AfterAll
    static void stop() {
        collector.close();
    }

    private static Map<String, Double> scrape() throws Exception {
        HttpResponse<String> response = collector.send(collector.asViewer("/metrics"));
        assertThat(response.statusCode()).isEqualTo(200);
        assertThat(response.headers().firstValue("Content-Type"))
                .hasValueSatisfying(type -> assertThat(type).startsWith("text/plain; version=0.0.4"));
        Map<String, Double> values = new LinkedHashMap<>();
        for (String line : response.body().split("\n")) {
            if (!line.startsWith("# ")) {
                Matcher matcher = LINE.matcher(line);
                assertThat(matcher.matches()).as(line).isTrue();
                values.put(matcher.group(1), Double.valueOf(matcher.group(2).replace("+Inf", "Infinity")));
            }
        }
        return values;
    }

    @Test
    void onlyTheViewTokenReadsThem() throws Exception {
        assertThat(collector.send(collector.request("/metrics")).statusCode()).isEqualTo(401);
        assertThat(collector
                        .send(collector
                                .request("/metrics")
                                .header("Authorization", "Bearer " + collector.tokens.ingest()))
                        .statusCode())
                .isEqualTo(403);
        assertThat(collector.send(collector.asViewer("/metrics?jvm=x")).statusCode())
                .isEqualTo(400);
    }

    @Test
    void theyTellOfTheCollectorItsQueuesAndItsDatabase() throws Exception {
        Map<String, Double> values = scrape();
        assertThat(values)
                .containsEntry("pitot_build_info{version=\"test\"}", 1.0)
                .containsEntry("pitot_database_up", 1.0)
                .containsEntry("pitot_queue_limit{queue=\"posts\"}", 1024.0)
                .containsEntry("pitot_queue_depth{queue=\"posts\"}", 0.0)
                .containsEntry("pitot_database_connections_limit{pool=\"queries\"}", (double)
                        collector.forQueries.use().most())
                .containsKeys(
                        "pitot_ingest_segments_total",
                        "pitot_ingest_commit_seconds_bucket{le=\"+Inf\"}",
                        "pitot_ingest_commit_seconds_count",
                        "pitot_viewers",
                        "process_cpu_seconds_total",
                        "process_resident_memory_bytes",
                        "jvm_memory_used_bytes{area=\"heap\"}",
                        "pitot_disk_free_bytes");
        assertThat(values.get("pitot_database_size_bytes")).isGreaterThan(1_000_000);
        assertThat(values.get("pitot_table_size_bytes{table=\"segment\"}")).isPositive();
        double now = System.currentTimeMillis() / 1e3;
        assertThat(values.get("pitot_table_oldest_timestamp_seconds{table=\"segment\"}"))
                .isBetween(now - 4 * 86_400, now);
    }

    @Test
    void postsAreCountedByTheirAnswerAlsoThoseWithoutAToken() throws Exception {
        String refused = "pitot_ingest_posts_total{status=\"401\"}";
        double before = scrape().getOrDefault(refused, 0.0);
        collector.send(collector
                .request("/ingest/v1")
                .header("Content-Type", "application/vnd.pitot.segment")
                .POST(HttpRequest.BodyPublishers.noBody()));
        assertThat(scrape()).containsEntry(refused, before + 1);
    }

    @Test
    void eachJvmHasItsNewestValuesUntilItEnds() throws Exception {
        UUID id = UUID.randomUUID();
        collector.live.hello(
                new JvmInfo(id, "the \"shop\"\n", "host-1", 7, 1000, "1", "17", "HotSpot", Map.of("zone", "b")));
        long now = System.currentTimeMillis();
        collector.live.metric(
                id,
                "pitot.JvmMemory",
                null,
                now,
                new String[] {"heapUsed", "heapMax"},
                new double[] {12_345_678, 99_000_000},
                new String[2]);
        collector.live.heard(id, now, false);
        String labels = "{host=\"host-1\",jvm=\"" + id + "\",service=\"the \\\"shop\\\"\\n\"}";
        assertThat(scrape())
                .containsEntry("pitot_jvm_up" + labels, 1.0)
                .containsEntry("pitot_jvm_heap_used_bytes" + labels, 12_345_678.0)
                .containsEntry("pitot_jvm_heap_max_bytes" + labels, 99_000_000.0)
                // Nothing was measured: no value, rather than a zero.
                .doesNotContainKey("pitot_jvm_cpu_ratio" + labels);
        collector.live.heard(id, now, true);
        assertThat(scrape()).doesNotContainKey("pitot_jvm_up" + labels);
    }

    @Test
    void aScraperMayPreferOpenMetrics() throws Exception {
        HttpResponse<String> response = collector.send(
                collector.asViewer("/metrics").header("Accept", "application/openmetrics-text; version=1.0.0"));
        assertThat(response.headers().firstValue("Content-Type"))
                .hasValueSatisfying(type -> assertThat(type).startsWith("application/openmetrics-text"));
        assertThat(response.body()).endsWith("# EOF\n");
    }
}
