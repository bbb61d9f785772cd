package dev.pitot.web.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.pitot.web.live.Json;
import dev.pitot.web.store.Partitions;
import dev.pitot.web.store.RetentionSettings;
import java.net.URLEncoder;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Clock;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code GET /api/v1/events} as a client meets it. */
class EventRoutesIT {
    @TempDir
    static Path folder;

    private static TestCollector collector;

    @BeforeAll
    static void start() throws Exception {
        collector = new TestCollector(folder);
        new Partitions(collector.database, RetentionSettings.standard(), Clock.systemUTC()).maintain();
        try (Connection c = collector.database.connection();
                Statement s = c.createStatement()) {
            s.execute("""
                    insert into jvm (jvm_id, service, host, pid, started_at, agent_version, java_version, jvm_name, labels, first_seen,
                        last_seen, ended, clock_skew_ns)
                    select ('00000000-0000-4000-8000-00000000000' || i)::uuid, 'service-' || i, 'h', 1, now(), '1', '17', 'HotSpot',
                        jsonb_build_object('version', '1.' || i), now(), now(), false, 0
                    from generate_series(1, 2) i""");
            s.execute("""
                    insert into event (jvm_id, type, ts, chunk_start, chunk_offset, data)
                    select ('00000000-0000-4000-8000-00000000000' || 1 + i % 2)::uuid, 'pitot.SqlStatement', now() - i * interval '1 second', 1234567890123456789, i,
                        jsonb_build_object('statement', '0f', 'duration', i * 50000000, 'failed', i = 3)
                    from generate_series(1, 10) i""");
            s.execute("insert into sql_text values ('00000000-0000-4000-8000-000000000001', '0f', 'select ?', now())");
        }
    }

    @AfterAll
    static void stop() {
        collector.close();
    }

    private static HttpResponse<String> get(String query) throws Exception {
        return collector.send(collector.asViewer("/api/v1/events?type=pitot.SqlStatement" + query));
    }

    private static JsonNode events(String query) throws Exception {
        HttpResponse<String> response = get(query);
        assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
        return Json.MAPPER.readTree(response.body());
    }

    private static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8);
    }

    private static String error(String query) throws Exception {
        HttpResponse<String> response = get(query);
        assertThat(response.statusCode()).as(response.body()).isEqualTo(400);
        return Json.MAPPER.readTree(response.body()).path("error").asText();
    }

    @Test
    void eventsOfTheFleetComeWithTheirServiceAndTheTextsOfTheirStatements() throws Exception {
        JsonNode all = events("");
        assertThat(all.path("events").findValuesAsText("offset"))
                .containsExactly("1", "2", "3", "4", "5", "6", "7", "8", "9", "10");
        assertThat(all.path("events").path(0).path("service").asText()).isEqualTo("service-2");
        assertThat(all.path("events").path(0).path("chunk").isTextual()).isTrue();
        assertThat(all.path("sql").path("0f").asText()).isEqualTo("select ?");
        assertThat(all.path("next").isNull()).isTrue();
        assertThat(all.path("complete").asBoolean()).isTrue();
    }

    @Test
    void aScopeAndConditionsNarrowTheSearch() throws Exception {
        assertThat(events("&service=service-1").path("events")).hasSize(5);
        assertThat(events("&label=" + encoded("version=1.2")).path("events")).hasSize(5);
        assertThat(events("&jvm=00000000-0000-4000-8000-000000000001").path("events"))
                .hasSize(5);
        assertThat(events("&service=nobody").path("events")).isEmpty();
        assertThat(events("&where=" + encoded("failed=true")).path("events").findValuesAsText("offset"))
                .containsExactly("3");
        assertThat(events("&sort=slowest&where=" + encoded("duration<=150ms"))
                        .path("events")
                        .findValuesAsText("offset"))
                .containsExactly("3", "2", "1");
    }

    @Test
    void pagesFollowEachOther() throws Exception {
        for (String sort : new String[] {"time", "slowest"}) {
            JsonNode first = events("&limit=7&sort=" + sort);
            assertThat(first.path("events")).hasSize(7);
            String next = first.path("next").asText();
            JsonNode second = events("&limit=7&sort=" + sort + "&after=" + next);
            assertThat(second.path("events").findValuesAsText("offset"))
                    .containsExactly(
                            sort.equals("time") ? new String[] {"8", "9", "10"} : new String[] {"3", "2", "1"});
            assertThat(second.path("to")).isEqualTo(first.path("to"));
            assertThat(error("&service=service-1&sort=" + sort + "&after=" + next))
                    .contains("another question");
        }
    }

    @Test
    void aMistypedFieldIsNamedWithTheOneThatWasMeant() throws Exception {
        assertThat(error("&where=" + encoded("duratoin>1ms")))
                .contains("'duratoin'")
                .contains("mean 'duration'");
        assertThat(error("&where=" + encoded("Statement=0f"))).contains("mean 'statement'");
        assertThat(events("&where=" + encoded("rollbackReason~deadlock")).path("events"))
                .as("what no event had a value of lately is not there, and no mistake")
                .isEmpty();
        assertThat(error("&where=" + encoded("duration>1parsec"))).contains("'parsec' is no unit");
    }
}
