package dev.pitot.web.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.pitot.web.live.Json;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.Statement;
import java.util.UUID;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Storage, retention, pins and the audit by REST. */
class StorageRoutesIT {
    private static final UUID JVM = new UUID(7, 7);

    @TempDir
    static Path folder;

    private static TestCollector collector;

    @BeforeAll
    static void start() throws Exception {
        collector = new TestCollector(folder);
        try (Connection c = collector.database.connection();
                Statement s = c.createStatement()) {
            s.execute("""
                    insert into jvm (jvm_id, service, host, pid, started_at, agent_version, java_version, jvm_name, labels,
                        first_seen, last_seen, ended, clock_skew_ns)
                    values ('%s', 'shop', 'h', 1, now(), '', '', '', '{}', now(), now(), false, 0)""".formatted(JVM));
        }
    }

    @AfterAll
    static void stop() {
        collector.close();
    }

    private static HttpResponse<String> send(String method, String path, String body, String... headers)
            throws Exception {
        HttpRequest.Builder request = collector
                .request(path)
                .method(
                        method,
                        body.isEmpty()
                                ? HttpRequest.BodyPublishers.noBody()
                                : HttpRequest.BodyPublishers.ofString(body));
        if (!body.isEmpty()) {
            request.header("Content-Type", "application/json");
        }
        for (int i = 0; i < headers.length; i += 2) {
            request.header(headers[i], headers[i + 1]);
        }
        return collector.send(request);
    }

    private static HttpResponse<String> asAdmin(String method, String path, String body) throws Exception {
        return send(method, path, body, "Authorization", "Bearer " + collector.tokens.admin());
    }

    private static JsonNode get(String path) throws Exception {
        HttpResponse<String> response = collector.send(collector.asViewer(path));
        assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
        return Json.MAPPER.readTree(response.body());
    }

    private static String error(HttpResponse<String> response) throws Exception {
        return response.statusCode() + " "
                + Json.MAPPER.readTree(response.body()).path("error").asText();
    }

    @Test
    void onlyAnAdminChangesAnythingAndOnlyFromThisPage() throws Exception {
        String retention = "/api/v1/settings/retention";
        String change = "{\"ages\": {\"hours\": \"900d\"}}";
        String[][] routes = {
            {"PUT", retention, change},
            {"POST", "/api/v1/pins", "{}"},
            {"DELETE", "/api/v1/pins/" + JVM, ""}
        };
        String viewer = collector.session();
        for (String[] route : routes) {
            assertThat(send(route[0], route[1], route[2]).statusCode()).isEqualTo(401);
            for (String token : new String[] {collector.tokens.ingest(), collector.tokens.view()}) {
                assertThat(send(route[0], route[1], route[2], "Authorization", "Bearer " + token)
                                .statusCode())
                        .isEqualTo(403);
            }
            assertThat(error(send(route[0], route[1], route[2], "Cookie", viewer)))
                    .startsWith("403 Only an admin changes this");
            assertThat(error(send(
                            route[0],
                            route[1],
                            route[2],
                            "Authorization",
                            "Bearer " + collector.tokens.admin(),
                            "Origin",
                            "http://evil.example")))
                    .startsWith("403 Pages of");
        }
        assertThat(send(
                                "PUT",
                                retention,
                                "",
                                "Authorization",
                                "Bearer " + collector.tokens.admin(),
                                "Content-Type",
                                "text/plain")
                        .statusCode())
                .isEqualTo(415);
        assertThat(get(retention).path("mayChange").asBoolean()).isFalse();
    }

    @Test
    void aChangeOfTheRetentionHoldsAtOnceAndIsAudited() throws Exception {
        HttpResponse<String> changed = asAdmin(
                "PUT", "/api/v1/settings/retention", "{\"ages\": {\"quarters\": \"100d\", \"blocks\": \"3d\"}}");
        assertThat(changed.statusCode()).as(changed.body()).isEqualTo(200);
        assertThat(Json.MAPPER.readTree(changed.body()).path("mayChange").asBoolean())
                .isTrue();
        JsonNode quarters = get("/api/v1/settings/retention").path("tiers").path(4);
        assertThat(quarters.path("tier").asText()).isEqualTo("quarters");
        assertThat(quarters.path("age").asText()).isEqualTo("100d");
        assertThat(quarters.path("standard").asText()).isEqualTo("90d");
        assertThat(quarters.path("changedBy").asText()).isEqualTo("admin token from 127.0.0.1");

        assertThat(asAdmin(
                                "PUT",
                                "/api/v1/settings/retention",
                                "{\"service\": \"shop\", \"ages\": {\"events\": \"1h\"}}")
                        .statusCode())
                .isEqualTo(200);
        assertThat(get("/api/v1/settings/retention").at("/services/shop/events").asText())
                .isEqualTo("1h");
        JsonNode newest = get("/api/v1/audit?limit=1").path("audit").path(0);
        assertThat(newest.path("what").asText()).isEqualTo("retention.events/shop");
        assertThat(newest.path("before").isNull()).isTrue();
        assertThat(newest.path("after").asText()).isEqualTo("1h");
        assertThat(get("/api/v1/audit?before=1").path("audit")).isEmpty();
    }

    @Test
    void whatCannotBeIsRefusedByName() throws Exception {
        String path = "/api/v1/settings/retention";
        assertThat(error(asAdmin("PUT", path, "{\"ages\": {\"days\": \"1h\"}}")))
                .contains("'days'", "quarters");
        assertThat(error(asAdmin("PUT", path, "{\"ages\": {\"events\": \"soon\"}}")))
                .startsWith("400 'events': 'soon'");
        assertThat(error(asAdmin("PUT", path, "{\"ages\": {\"events\": \"1s\"}}")))
                .contains("from 1m to 3650d");
        assertThat(error(asAdmin("PUT", path, "{\"ages\": {}}"))).contains("'ages'");
        assertThat(error(asAdmin("PUT", path, "{\"age\": {}}"))).contains("'age'");
        assertThat(error(asAdmin("PUT", path, "{\"service\": \"a\\u0000\", \"ages\": {\"events\": \"1h\"}}")))
                .contains("'service'");
        assertThat(error(asAdmin("PUT", path, "[1]"))).contains("object");
        assertThat(error(asAdmin("PUT", path, "{"))).contains("not JSON");
        String pin = "{\"jvm\": \"%s\", \"from\": %s, \"to\": %s, \"note\": \"x\"}";
        assertThat(error(asAdmin("POST", "/api/v1/pins", pin.formatted("x", 1, 2))))
                .contains("UUID");
        assertThat(error(asAdmin("POST", "/api/v1/pins", pin.formatted(JVM, 2, 1))))
                .contains("'from'");
        assertThat(error(asAdmin("POST", "/api/v1/pins", pin.formatted(JVM, "\"1\"", 2))))
                .contains("'from'");
        assertThat(error(asAdmin("POST", "/api/v1/pins", pin.formatted(new UUID(1, 1), 1, 2))))
                .startsWith("404");
        assertThat(error(asAdmin("DELETE", "/api/v1/pins/" + new UUID(1, 1), "")))
                .startsWith("404");
    }

    @Test
    void aPinIsMadeListedAndRemoved() throws Exception {
        HttpResponse<String> made = asAdmin(
                "POST",
                "/api/v1/pins",
                "{\"jvm\": \"" + JVM + "\", \"from\": 1000, \"to\": 2000, \"note\": \"the <b>outage\"}");
        assertThat(made.statusCode()).as(made.body()).isEqualTo(201);
        String id = Json.MAPPER.readTree(made.body()).path("id").asText();
        JsonNode pin = get("/api/v1/pins").path("pins").path(0);
        assertThat(pin.path("id").asText()).isEqualTo(id);
        assertThat(pin.path("service").asText()).isEqualTo("shop");
        assertThat(pin.path("note").asText()).isEqualTo("the <b>outage");
        assertThat(asAdmin("DELETE", "/api/v1/pins/" + id, "").statusCode()).isEqualTo(204);
        assertThat(get("/api/v1/pins").path("pins")).isEmpty();
    }

    @Test
    void theStorageIsToldByTierAndService() throws Exception {
        JsonNode storage = get("/api/v1/storage");
        assertThat(storage.path("bytes").asLong()).isPositive();
        assertThat(storage.path("tiers").findValuesAsText("tier"))
                .containsExactly("events", "segments", "blocks", "minutes", "quarters", "hours");
        assertThat(storage.at("/services/0/service").asText()).isEqualTo("shop");
        assertThat(storage.at("/disk/room").asText()).isEqualTo("enough");
        assertThat(storage.path("gaps")).isEmpty();
        HttpResponse<String> ready = collector.send(collector.asViewer("/health/ready"));
        assertThat(Json.MAPPER.readTree(ready.body()).has("disk")).isFalse();
    }
}
