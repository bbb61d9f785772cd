package dev.pitot.web.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.pitot.web.access.Access;
import dev.pitot.web.access.Watch;
import dev.pitot.web.archive.GrowingRecording;
import dev.pitot.web.live.Diagnosis;
import dev.pitot.web.live.Json;
import dev.pitot.web.live.JvmInfo;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.Socket;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.net.http.WebSocketHandshakeException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.zip.DeflaterOutputStream;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.openjdk.jmc.common.item.IItemIterable;
import org.openjdk.jmc.flightrecorder.JfrLoaderToolkit;

class HttpServerIT {
    private static final UUID ID = UUID.fromString("8f14e45f-ceea-467f-a9d2-1b2c3d4e5f60");
    private static final String[] FIELDS = {"userTime", "hardwareSource"};

    @TempDir
    static Path folder;

    private static TestCollector collector;

    @BeforeAll
    static void start() throws Exception {
        collector = new TestCollector(folder);
        collector.live.hello(new JvmInfo(ID, "shop", "host", 7, 1000, "1", "17", "HotSpot", Map.of("zone", "a")));
        collector.live.heard(ID, System.currentTimeMillis(), false);
    }

    @AfterAll
    static void stop() {
        collector.close();
    }

    @ParameterizedTest
    @CsvSource({
        // method, path, without a token, ingest token, view token or cookie
        "GET, /health/live, 200, 200, 200",
        "GET, /health/ready, 200, 200, 200",
        "GET, /api/v1/jvms, 401, 403, 200",
        "GET, /api/v1/jvms/ID, 401, 403, 200",
        "GET, /api/v1/jvms/ID/metrics?type=jdk.CPULoad, 401, 403, 200",
        "GET, /api/v1/jvms/ID/endpoints, 401, 403, 200",
        "GET, /api/v1/jvms/ID/statements, 401, 403, 200",
        "GET, /api/v1/jvms/ID/calls, 401, 403, 200",
        "GET, /api/v1/jvms/ID/pools, 401, 403, 200",
        "GET, /api/v1/jvms/ID/logged, 401, 403, 200",
        "GET, /api/v1/jvms/ID/sql?statement=0f, 401, 403, 200",
        "GET, /api/v1/jvms/ID/spans?type=pitot.HttpRequest, 401, 403, 200",
        "GET, /api/v1/jvms/ID/events?type=pitot.HttpRequest, 401, 403, 200",
        "GET, /api/v1/events?type=pitot.HttpRequest, 401, 403, 200",
        "GET, /api/v1/jvms/ID/recording, 401, 403, 404",
        "GET, /api/v1/metrics, 401, 403, 200",
        "GET, /api/v1/metrics/range?metric=ipc, 401, 403, 200",
        "GET, /api/v1/metrics/latest?metric=ipc, 401, 403, 200",
        "GET, /api/v1/top?metric=endpoint.cpuCores&by=endpoint, 401, 403, 200",
        "GET, /api/v1/agent/pitot-agent.jar, 401, 403, 200",
        "GET, /api/v1/self, 401, 403, 200",
        "GET, /api/v1/storage, 401, 403, 200",
        "GET, /api/v1/settings/retention, 401, 403, 200",
        "PUT, /api/v1/settings/retention, 401, 403, 403",
        "GET, /api/v1/audit, 401, 403, 200",
        "GET, /api/v1/pins, 401, 403, 200",
        "POST, /api/v1/pins, 401, 403, 403",
        "DELETE, /api/v1/pins/ID, 401, 403, 403",
        "GET, /api/v1/live, 401, 403, 400",
        "POST, /api/v1/logout, 401, 403, 204",
        "POST, /ingest/v1, 401, 415, 403",
        "HEAD, /, 200, 200, 200",
        "HEAD, /style.css, 200, 200, 200",
        "HEAD, /health/live, 200, 200, 200",
        "HEAD, /health/ready, 200, 200, 200",
        "HEAD, /api/v1/jvms, 401, 403, 200",
        "HEAD, /api/v1/self, 401, 403, 200",
        "HEAD, /api/v1/jvms/ID/recording, 401, 403, 404",
        "HEAD, /login/x, 405, 405, 405",
    })
    void eachRouteWantsItsToken(String method, String path, int nobody, int agent, int viewer) throws Exception {
        String session = collector.session();
        record Try(String name, String header, String value, int status) {}
        for (Try t : List.of(
                new Try("no token", "X-None", "x", nobody),
                new Try("a wrong token", "Authorization", "Bearer " + "x".repeat(43), nobody),
                new Try("a scheme that is not Bearer", "Authorization", "Basic " + collector.tokens.view(), nobody),
                new Try("a wrong cookie", "Cookie", collector.cookie() + "=" + "x".repeat(43), nobody),
                new Try("the ingest token", "Authorization", "Bearer " + collector.tokens.ingest(), agent),
                new Try("the view token", "Authorization", "Bearer " + collector.tokens.view(), viewer),
                new Try("the cookie", "Cookie", session, viewer))) {
            HttpResponse<String> response = collector.send(collector
                    .request(path.replace("ID", ID.toString()))
                    .method(method, BodyPublishers.noBody())
                    .header(t.header(), t.value()));
            assertThat(response.statusCode())
                    .as("%s %s with %s", method, path, t.name())
                    .isEqualTo(t.status());
            if (response.statusCode() == 401) {
                assertThat(response.headers().firstValue("WWW-Authenticate")).contains("Bearer");
            }
        }
    }

    @Test
    void theSessionCookieIsOutOfReachOfScriptsAndOtherSites() throws Exception {
        HttpResponse<String> response =
                collector.send(collector.login("{\"token\": \"" + collector.tokens.view() + "\"}"));
        assertThat(response.statusCode()).isEqualTo(204);
        assertThat(response.headers().firstValue("Set-Cookie").orElseThrow())
                .startsWith("pitot_session_" + collector.http.port() + "=")
                .contains("HttpOnly")
                .contains("SameSite=Strict")
                .containsIgnoringCase("path=/");
    }

    @Test
    void aLoginIsJsonOfThisSite() throws Exception {
        String right = "{\"token\": \"" + collector.tokens.view() + "\"}";
        HttpRequest.Builder plain = collector.request("/api/v1/login").POST(BodyPublishers.ofString(right));
        assertThat(collector.send(plain.copy()).statusCode()).isEqualTo(415);
        assertThat(collector
                        .send(plain.copy().header("Content-Type", "text/plain"))
                        .statusCode())
                .isEqualTo(415);
        for (String origin : List.of("http://evil.example", "null", "http://127.0.0.1:1")) {
            HttpResponse<String> refused = collector.send(collector.login(right).header("Origin", origin));
            assertThat(refused.statusCode()).as(origin).isEqualTo(403);
            assertThat(refused.body()).contains(origin);
            assertThat(refused.headers().firstValue("Set-Cookie")).isEmpty();
        }
        assertThat(collector
                        .send(collector.login(right).header("Origin", collector.address.toString()))
                        .statusCode())
                .isEqualTo(204);
    }

    @Test
    void twoCollectorsOnOneHostDoNotLogEachOtherOut(@TempDir Path other) throws Exception {
        try (TestCollector second = new TestCollector(other)) {
            String both = collector.session() + "; " + second.session();
            for (TestCollector one : List.of(collector, second)) {
                assertThat(one.send(one.request("/api/v1/self").header("Cookie", both))
                                .statusCode())
                        .isEqualTo(200);
            }
        }
    }

    @Test
    void headIsGetWithoutTheBody() throws Exception {
        HttpResponse<String> get = collector.send(collector.request("/style.css"));
        HttpResponse<String> head =
                collector.send(collector.request("/style.css").method("HEAD", BodyPublishers.noBody()));
        assertThat(head.body()).isEmpty();
        for (String header : List.of("Content-Type", "ETag", "Content-Security-Policy")) {
            assertThat(head.headers().firstValue(header))
                    .as(header)
                    .isPresent()
                    .isEqualTo(get.headers().firstValue(header));
        }
    }

    @Test
    void headDoesNotUseUpALoginLink() throws Exception {
        String link = "/login/" + collector.access.newLoginCode();
        HttpResponse<String> head = collector.send(collector.request(link).method("HEAD", BodyPublishers.noBody()));
        assertThat(head.statusCode()).isEqualTo(405);
        assertThat(head.headers().firstValue("Set-Cookie")).isEmpty();
        assertThat(collector.send(collector.request(link)).statusCode()).isEqualTo(302);
    }

    @Test
    void readinessIsForAnybodyAndItsDetailsForViewers(@TempDir Path other) throws Exception {
        try (TestCollector mine = new TestCollector(other)) {
            assertThat(mine.send(mine.request("/health/ready")).body()).isEqualTo("ready");
            assertThat(mine.send(mine.asViewer("/health/ready")).body())
                    .isEqualTo("{\"database\":true,\"stopping\":false}");
            mine.database.close();
            await().until(() -> mine.send(mine.request("/health/ready")).statusCode() == 503);
            assertThat(mine.send(mine.request("/health/ready")).body()).isEqualTo("not ready");
            assertThat(mine.send(mine.asViewer("/health/ready")).body())
                    .isEqualTo("{\"database\":false,\"stopping\":false}");
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "GET|/api/v1/jvms/1-1-1-1-1|400",
                "GET|/api/v1/jvms/nonsense/metrics?type=jdk.CPULoad|400",
                "GET|/api/v1/jvms/00000000-0000-0000-0000-000000000000|404",
                "GET|/api/v1/jvms/00000000-0000-0000-0000-000000000000/recording|404",
                "GET|/api/v1/jvms/ID/metrics|400",
                "GET|/api/v1/jvms/ID/metrics?type=|400",
                "GET|/api/v1/jvms/ID/metrics?type=jdk.Nothing|400",
                "GET|/api/v1/jvms/ID/metrics?type=jdk.CPULoad&type=jdk.CPULoad|400",
                "GET|/api/v1/jvms/ID/metrics?type=jdk.CPULoad&from=yesterday|400",
                "GET|/api/v1/jvms/ID/metrics?type=jdk.CPULoad&from=-1|400",
                "GET|/api/v1/jvms/ID/metrics?type=jdk.CPULoad&from=1e3|400",
                "GET|/api/v1/jvms/ID/metrics?type=jdk.CPULoad&from=|400",
                "GET|/api/v1/jvms/ID/metrics?type=jdk.CPULoad&from=2000&to=1000|400",
                "GET|/api/v1/jvms/ID/metrics?type=jdk.CPULoad&from=2000&to=2000|400",
                "GET|/api/v1/jvms/ID/metrics?type=jdk.CPULoad&from=1&to=99999999999999|400",
                "GET|/api/v1/jvms/ID/metrics?type=jdk.CPULoad&to=99999999999999999999999|400",
                "GET|/api/v1/jvms/ID/metrics?type=jdk.CPULoad&key=x|400",
                "GET|/api/v1/jvms/ID/metrics?type=pitot.HostDisk&key=a&key=b|400",
                "GET|/api/v1/jvms/ID/metrics?type=pitot.HostDisk&key=unknown%00|200",
                "GET|/api/v1/jvms/ID/endpoints?from=x|400",
                "GET|/api/v1/jvms/ID/endpoints?from=0&to=99999999999|400",
                "GET|/api/v1/jvms/ID/statements?from=x|400",
                "GET|/api/v1/jvms/00000000-0000-0000-0000-000000000000/pools|404",
                "GET|/api/v1/jvms/ID/logged?from=1|400",
                "GET|/api/v1/jvms/ID/sql|400",
                "GET|/api/v1/jvms/ID/sql?statement=%00,,|200",
                "GET|/api/v1/jvms/ID/spans|400",
                "GET|/api/v1/jvms/ID/spans?type=pitot.AgentStatus|400",
                "GET|/api/v1/jvms/ID/spans?parent=x'or|400",
                "GET|/api/v1/jvms/ID/spans?parent=00000000000000ab|200",
                "GET|/api/v1/jvms/ID/spans?type=pitot.HttpCall&min=3600001|400",
                "GET|/api/v1/jvms/ID/spans?type=pitot.HttpCall&limit=1001|400",
                "GET|/api/v1/jvms/ID/events?type=a.b'%3Bdrop|400",
                "GET|/api/v1/jvms/ID/events?type=com.other.Thing|400",
                "GET|/api/v1/jvms/ID/events?type=com.acme.Thing|200",
                "GET|/api/v1/events|400",
                "GET|/api/v1/events?type=pitot.JvmMemory|400",
                "GET|/api/v1/events?type=com.acme.Thing|200",
                "GET|/api/v1/events?type=pitot.HttpRequest&sort=fast|400",
                "GET|/api/v1/events?type=pitot.HttpRequest&label=version|400",
                "GET|/api/v1/events?type=pitot.HttpRequest&jvm=1|400",
                "GET|/api/v1/events?type=pitot.HttpRequest&jvm=00000000-0000-4000-8000-000000000000|404",
                "GET|/api/v1/events?type=pitot.HttpRequest&where=status|400",
                "GET|/api/v1/events?type=pitot.HttpRequest&after=MSAy|400",
                "GET|/api/v1/events?type=pitot.HttpRequest&after=%C3%A4|400",
                "GET|/api/v1/jvms/ID/events?type=pitot.HttpRequest&limit=0|400",
                "GET|/api/v1/jvms/ID/events?type=pitot.HttpRequest&limit=1001|400",
                "GET|/api/v1/jvms/ID/events?type=pitot.HttpRequest&limit=many|400",
                "GET|/api/v1/jvms/ID/recording?from=5&to=3|400",
                "GET|/api/v1/jvms/ID/recording?from=0&to=1000|404",
                "GET|/api/v1/nothing|404",
                "GET|/..%2f..%2fetc/passwd|404",
                "GET|/%00|400",
                "GET|/a/b/c/d|404",
                "POST|/api/v1/jvms|405",
                "DELETE|/api/v1/jvms/ID|405",
                "PUT|/ingest/v1|405",
                "GET|/ingest/v1|405",
                "PATCH|/health/live|405",
                "POST|/api/v1/login|415",
                "GET|/api/v1/jvms?x=1|400",
                "GET|/api/v1/self?x=|400",
                "GET|/api/v1/jvms/ID/recording?form=1|400",
                "HEAD|/api/v1/jvms/ID/recording?form=1|400",
            })
    void whatCannotBeAnsweredIsASentence(String method, String path, int status) throws Exception {
        HttpResponse<String> response = collector.send(
                collector.asViewer(path.replace("ID", ID.toString())).method(method, BodyPublishers.noBody()));
        assertThat(response.statusCode()).as(response.body()).isEqualTo(status);
        if (status >= 400 && !method.equals("HEAD")) {
            assertThat(response.body())
                    .doesNotContain("Exception")
                    .doesNotContain("\tat ")
                    .hasSizeLessThan(600);
            if (path.equals("/ingest/v1")) {
                assertThat(response.body()).as("agents read this").matches("wire=1\nmessage=.*\\.\n");
            } else {
                assertThat(Json.MAPPER.readTree(response.body()).path("error").asText())
                        .as(response.body())
                        .endsWith(".");
                assertThat(response.headers().firstValue("Content-Type").orElse(""))
                        .startsWith("application/json");
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "metrics?type=jdk.CPULoad&form=1, form, from",
        "metrics?typ=jdk.CPULoad, typ, type",
        "metrics?type=pitot.HostDisk&keys=sda, keys, key",
        "events?type=pitot.HttpRequest&limits=5, limits, limit",
        "endpoints?until=5, until, to",
        "spans?parents=00000000000000ab, parents, parent",
        "recording?From=5, From, from",
    })
    void aMistypedParameterIsNamedWithTheOneThatWasMeant(String call, String given, String meant) throws Exception {
        HttpResponse<String> response = collector.send(collector.asViewer("/api/v1/jvms/" + ID + "/" + call));
        assertThat(response.statusCode()).isEqualTo(400);
        assertThat(response.body()).contains("'" + given + "'").contains("did you mean '" + meant + "'?");
    }

    @Test
    void bodiesAreBounded() throws Exception {
        HttpResponse<String> login = collector.send(collector.login("x".repeat(5000)));
        assertThat(login.statusCode()).isEqualTo(413);
        // The answer comes before the body, which a client that writes first may not live to see: so none is sent.
        try (Socket socket = new Socket("127.0.0.1", collector.http.port())) {
            socket.getOutputStream()
                    .write(("POST /ingest/v1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer "
                                    + collector.tokens.ingest()
                                    + "\r\nContent-Type: application/vnd.pitot.segment\r\nContent-Length: "
                                    + ((8 << 20) + 1) + "\r\n\r\n")
                            .getBytes(StandardCharsets.US_ASCII));
            String announced = new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
            assertThat(announced).startsWith("HTTP/1.1 413 ").contains("\r\n\r\nwire=1\nmessage=");
        }
        // Without a length in front, and not a byte more than is read.
        List<byte[]> parts = new ArrayList<>(Collections.nCopies(8, new byte[1 << 20]));
        parts.add(new byte[1]);
        HttpResponse<String> streamed = collector.send(collector
                .request("/ingest/v1")
                .header("Authorization", "Bearer " + collector.tokens.ingest())
                .header("Content-Type", "application/vnd.pitot.segment")
                .POST(BodyPublishers.ofByteArrays(parts)));
        assertThat(streamed.statusCode()).isEqualTo(413);
    }

    @Test
    void headersKeepBrowsersFromHarm() throws Exception {
        for (String path : List.of("/api/v1/jvms", "/health/live", "/nothing", "/")) {
            var headers = collector.send(collector.asViewer(path)).headers();
            assertThat(headers.firstValue("Content-Security-Policy").orElse(""))
                    .as(path)
                    .contains("frame-ancestors 'none'")
                    .contains("script-src 'self'")
                    .doesNotContain("unsafe");
            assertThat(headers.firstValue("X-Content-Type-Options")).contains("nosniff");
            assertThat(headers.firstValue("Referrer-Policy")).isPresent();
            assertThat(headers.firstValue("Server")).isEmpty();
        }
        assertThat(collector.send(collector.asViewer("/api/v1/jvms")).headers().firstValue("Cache-Control"))
                .contains("no-store");
    }

    @ParameterizedTest
    @ValueSource(strings = {"/", "/lib/uplot/uPlot.iife.min.js", "/lib/uplot/uPlot.min.css"})
    void filesOfThePageNeedNoTokenAndAreKeptByBrowsers(String path) throws Exception {
        HttpResponse<String> first = collector.send(collector.request(path));
        assertThat(first.statusCode()).isEqualTo(200);
        String etag = first.headers().firstValue("ETag").orElseThrow();
        assertThat(collector
                        .send(collector.request(path).header("If-None-Match", etag))
                        .statusCode())
                .isEqualTo(304);
    }

    @Test
    void aLoginLinkWorksOnce() throws Exception {
        String code = collector.access.newLoginCode();
        HttpResponse<String> first = collector.send(collector.request("/login/" + code));
        assertThat(first.statusCode()).isEqualTo(302);
        assertThat(first.headers().firstValue("Location").orElseThrow()).endsWith("/");
        String cookie = first.headers().firstValue("Set-Cookie").orElseThrow();
        assertThat(collector
                        .send(collector
                                .request("/api/v1/jvms")
                                .header("Cookie", cookie.substring(0, cookie.indexOf(';'))))
                        .statusCode())
                .isEqualTo(200);
        assertThat(collector.send(collector.request("/login/" + code)).statusCode())
                .isEqualTo(401);
    }

    @Test
    void aLogoutEndsTheSession() throws Exception {
        String session = collector.session();
        assertThat(collector
                        .send(collector.request("/api/v1/self").header("Cookie", session))
                        .statusCode())
                .isEqualTo(200);
        assertThat(collector
                        .send(collector
                                .request("/api/v1/logout")
                                .header("Cookie", session)
                                .POST(BodyPublishers.noBody()))
                        .statusCode())
                .isEqualTo(204);
        assertThat(collector
                        .send(collector.request("/api/v1/self").header("Cookie", session))
                        .statusCode())
                .isEqualTo(401);
    }

    private static final class Page implements WebSocket.Listener {
        final List<JsonNode> messages = new CopyOnWriteArrayList<>();
        final StringBuilder text = new StringBuilder();
        volatile int closed;
        volatile String reason;

        @Override
        public CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean last) {
            text.append(data);
            if (last) {
                try {
                    messages.add(Json.MAPPER.readTree(text.toString()));
                } catch (IOException e) {
                    throw new AssertionError(e);
                }
                text.setLength(0);
            }
            socket.request(1);
            return null;
        }

        @Override
        public CompletionStage<?> onClose(WebSocket socket, int status, String reason) {
            this.reason = reason;
            closed = status;
            return null;
        }

        List<JsonNode> of(String kind) {
            return messages.stream()
                    .filter(m -> m.path("kind").asText().equals(kind))
                    .toList();
        }
    }

    private static WebSocket connect(Page page, String... headers) {
        return connect(collector, page, headers);
    }

    private static WebSocket connect(TestCollector to, Page page, String... headers) {
        WebSocket.Builder builder = to.client.newWebSocketBuilder();
        for (int i = 0; i < headers.length; i += 2) {
            builder.header(headers[i], headers[i + 1]);
        }
        return builder.buildAsync(
                        java.net.URI.create(to.address.toString().replace("http", "ws") + "/api/v1/live"), page)
                .join();
    }

    @Test
    void aPageSeesSamplesAsTheyCome() {
        Page page = new Page();
        WebSocket socket = connect(page, "Authorization", "Bearer " + collector.tokens.view());
        long now = System.currentTimeMillis();
        sample(now - 2000, 5);
        socket.sendText("{\"watch\":\"jvm\",\"id\":\"" + ID + "\"}", true).join();
        await().until(() -> !page.of("samples").isEmpty());
        assertThat(page.of("jvm").get(0).path("jvm").path("service").asText()).isEqualTo("shop");
        sample(now - 1000, 6);
        collector.live.flushed(ID);
        await().until(() -> page.of("samples").stream()
                .anyMatch(m -> m.path("t").size() == 1 && m.path("t").get(0).asLong() == now - 1000));
        assertThat(collector.live.watched(ID)).isTrue();
        socket.sendText("{\"watch\":\"fleet\"}", true).join();
        await().until(() -> page.of("fleet").size() >= 2);
        socket.abort();
        await().until(() -> collector.live.viewers() == 0);
    }

    @Test
    void samplesOfAKeyedTypeAreAnsweredByKeyFromTheStoreAndMemory() throws Exception {
        long minute = (System.currentTimeMillis() / 60_000 - 2) * 60_000;
        String block = "{\"t\":[500,1500],\"userTime\":[%d,null],\"hardwareSource\":[\"none\",null]}";
        try (Connection c = collector.database.connection();
                PreparedStatement s = c.prepareStatement(
                        "insert into metric_block (jvm_id, type, key, ts, n, data) values (?, 'pitot.HostDisk', ?, to_timestamp(?), ?, ?::jsonb)")) {
            for (String key : List.of("sda", "dm-0 \u00e4", "old")) {
                s.setObject(1, ID);
                s.setString(2, key);
                s.setLong(3, key.equals("old") ? minute / 1000 - 3600 : minute / 1000);
                s.setInt(4, key.equals("old") ? 300_000 : 2);
                s.setString(5, block.formatted(key.length()));
                s.executeUpdate();
            }
        }
        for (long t : new long[] {minute + 1500, minute + 2500}) {
            collector.live.metric(
                    ID, "pitot.HostDisk", "sda", t, FIELDS, new double[] {9, Double.NaN}, new String[] {null, "perf"});
        }
        String path = "/api/v1/jvms/" + ID + "/metrics?type=pitot.HostDisk&from=" + (minute - 60_000);
        JsonNode all =
                Json.MAPPER.readTree(collector.send(collector.asViewer(path)).body());
        String sda = "\"key\":\"sda\",\"t\":[" + (minute + 500) + "," + (minute + 1500) + "," + (minute + 2500)
                + "],\"fields\":{\"userTime\":[3,9,9],\"hardwareSource\":[\"none\",\"perf\",\"perf\"]}}";
        assertThat(all)
                .isEqualTo(
                        Json.MAPPER.readTree("{\"type\":\"pitot.HostDisk\",\"series\":[{\"key\":\"dm-0 \u00e4\",\"t\":["
                                + (minute + 500) + "," + (minute + 1500)
                                + "],\"fields\":{\"userTime\":[6,null],\"hardwareSource\":[\"none\",null]}},{" + sda
                                + "]}"));
        JsonNode one = Json.MAPPER.readTree(
                collector.send(collector.asViewer(path + "&key=sda")).body());
        assertThat(one).isEqualTo(Json.MAPPER.readTree("{\"type\":\"pitot.HostDisk\"," + sda));
        JsonNode none = Json.MAPPER.readTree(
                collector.send(collector.asViewer(path + "&key=sdx")).body());
        assertThat(none)
                .isEqualTo(
                        Json.MAPPER.readTree("{\"type\":\"pitot.HostDisk\",\"key\":\"sdx\",\"t\":[],\"fields\":{}}"));

        HttpResponse<String> tooMuch = collector.send(collector.asViewer(
                "/api/v1/jvms/" + ID + "/metrics?type=pitot.HostDisk&from=" + (minute - 2 * 3_600_000)));
        assertThat(tooMuch.statusCode()).isEqualTo(400);
        assertThat(tooMuch.body()).contains("300004 samples").contains("one 'key' (device)");
        assertThat(collector
                        .send(collector.asViewer(path + "&key=" + "x".repeat(201)))
                        .body())
                .contains("at most 200 characters, not 201");
    }

    @Test
    void spansThatWereSlowOrFailedAreFoundWithWhatWasInThem() throws Exception {
        UUID id = UUID.randomUUID();
        collector.live.remember(new JvmInfo(id, "shop", "host", 7, 1000, "1", "17", "HotSpot", Map.of()), 1, 1, false);
        long second = System.currentTimeMillis() / 1000 - 30;
        try (Connection c = collector.database.connection();
                PreparedStatement s = c.prepareStatement("""
                        insert into event (jvm_id, type, ts, chunk_start, chunk_offset, data)
                        values (?, ?, to_timestamp(?), 1, ?, ?::jsonb)""");
                PreparedStatement text =
                        c.prepareStatement("insert into sql_text values (?, '0f', 'select ?', now())")) {
            text.setObject(1, id);
            text.executeUpdate();
            String within = "\"parentSpanId\": \"00000000000000ab\"";
            List<String> events = List.of(
                    "pitot.HttpRequest {\"route\": \"/slow\", \"duration\": 600000000, \"failed\": false}",
                    "pitot.HttpRequest {\"route\": \"/failed\", \"duration\": 5, \"failed\": true}",
                    "pitot.HttpRequest {\"route\": \"/fast\", \"duration\": 499999999, \"failed\": false}",
                    "pitot.HttpRequest {\"route\": \"/failed\", \"duration\": 6, \"failed\": true}",
                    "pitot.HttpRequest {\"route\": \"/odd\", \"duration\": \"long\", \"failed\": \"perhaps\"}",
                    "pitot.SqlStatement {\"statement\": \"0f\", \"duration\": 5, " + within + "}",
                    "pitot.ConnectionWait {\"pool\": \"main\", \"duration\": 5, " + within + "}",
                    "pitot.StatementSummary {\"statement\": \"0f\", \"count\": 3, \"untimed\": 0, \"totalDuration\": 6000000}");
            for (int i = 0; i < events.size(); i++) {
                String[] event = events.get(i).split(" ", 2);
                s.setObject(1, id);
                s.setString(2, event[0]);
                s.setLong(3, second + i);
                s.setLong(4, i);
                s.setString(5, event[1]);
                s.executeUpdate();
            }
        }
        String path = "/api/v1/jvms/" + id + "/";
        JsonNode slow = answer(path + "spans?type=pitot.HttpRequest&min=500");
        assertThat(slow.path("spans").findValuesAsText("route")).containsExactly("/failed", "/failed", "/slow");
        assertThat(answer(path + "spans?type=pitot.HttpRequest&min=500&limit=2")
                        .path("spans")
                        .findValuesAsText("route"))
                .as("what fails at once leaves places to what is slow")
                .containsExactly("/failed", "/slow");
        assertThat(answer(path + "spans?type=pitot.HttpRequest&min=500&limit=1")
                        .path("spans")
                        .findValuesAsText("route"))
                .containsExactly("/failed");
        JsonNode within = answer(path + "spans?parent=00000000000000ab");
        assertThat(within.path("spans").findValuesAsText("type"))
                .containsExactly("pitot.ConnectionWait", "pitot.SqlStatement");
        assertThat(within.path("sql").toString()).isEqualTo("{\"0f\":\"select ?\"}");
        JsonNode statements = answer(path + "statements?from=" + second * 1000 + "&to=" + (second + 60) * 1000);
        assertThat(statements.path("total").asInt()).isEqualTo(1);
        assertThat(statements.path("statements").get(0).path("sql").asText()).isEqualTo("select ?");
        assertThat(statements.path("statements").get(0).path("mean").asDouble()).isEqualTo(2);
        assertThat(answer(path + "sql?statement=0f,0e").path("sql").toString()).isEqualTo("{\"0f\":\"select ?\"}");
        assertThat(collector
                        .send(collector.asViewer(path + "sql?statement=" + "0f,".repeat(100) + "0e"))
                        .body())
                .contains("at most 100 statements");
        assertThat(answer(path + "logged").path("loggers")).isEmpty();
    }

    private static JsonNode answer(String path) throws Exception {
        HttpResponse<String> response = collector.send(collector.asViewer(path));
        assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
        return Json.MAPPER.readTree(response.body());
    }

    @Test
    void whoIsToldToStopIsNotReadyTakesNoPostsAndAnswersThoseThatWereBegun(@TempDir Path own) throws Exception {
        TestCollector mine = new TestCollector(own);
        try (Socket agent = new Socket("127.0.0.1", mine.http.port())) {
            String body = "no post of an agent";
            OutputStream out = agent.getOutputStream();
            out.write(("POST /ingest/v1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + mine.tokens.ingest()
                            + "\r\nContent-Type: application/vnd.pitot.segment\r\nContent-Length: " + body.length()
                            + "\r\n\r\n" + body.substring(0, 5))
                    .getBytes(StandardCharsets.US_ASCII));
            out.flush();
            await().until(() -> mine.http.postsBegun() == 1);
            Thread stopping = new Thread(mine.http::close);
            stopping.start();
            await().until(() -> mine.send(mine.request("/health/ready")).statusCode() == 503);
            assertThat(mine.send(mine.asViewer("/health/ready")).body())
                    .isEqualTo("{\"database\":false,\"stopping\":true}");
            HttpResponse<String> late = mine.send(mine.request("/ingest/v1")
                    .header("Authorization", "Bearer " + mine.tokens.ingest())
                    .header("Content-Type", "application/vnd.pitot.segment")
                    .POST(HttpRequest.BodyPublishers.ofString(body)));
            assertThat(late.statusCode()).isEqualTo(503);
            assertThat(late.headers().firstValue("Retry-After")).isPresent();
            out.write(body.substring(5).getBytes(StandardCharsets.US_ASCII));
            out.flush();
            assertThat(new BufferedReader(new InputStreamReader(agent.getInputStream(), StandardCharsets.US_ASCII))
                            .readLine())
                    .startsWith("HTTP/1.1 400");
            stopping.join();
        } finally {
            mine.close();
        }
    }

    @Test
    void whenAllConnectionsForQueriesAreInUseAPersonIsToldAndIngestGoesOn() throws Exception {
        List<Connection> taken = new ArrayList<>();
        try {
            for (int i = collector.forQueries.use().most(); i > 0; i--) {
                taken.add(collector.forQueries.connection());
            }
            HttpResponse<String> refused =
                    collector.send(collector.asViewer("/api/v1/jvms/" + ID + "/events?type=jdk.GarbageCollection"));
            assertThat(refused.statusCode()).as(refused.body()).isEqualTo(503);
            assertThat(refused.body()).contains("More is asked than");
            assertThat(refused.headers().firstValue("Retry-After")).isPresent();
            assertThat(collector.send(collector.request("/health/ready")).statusCode())
                    .isEqualTo(200);
        } finally {
            for (Connection connection : taken) {
                connection.close();
            }
        }
    }

    @Test
    void theDiagnosisIsThatOfTheStoreUntilTheAgentSpeaksAgain() throws Exception {
        UUID id = UUID.randomUUID();
        collector.live.remember(new JvmInfo(id, "shop", "host", 7, 1000, "1", "17", "HotSpot", Map.of()), 1, 1, false);
        long second = System.currentTimeMillis() / 1000 - 30;
        try (Connection c = collector.database.connection();
                PreparedStatement s = c.prepareStatement("""
                        insert into event (jvm_id, type, ts, chunk_start, chunk_offset, data)
                        values (?, 'pitot.Diagnosis', to_timestamp(?), 1, ?, ?::jsonb)""")) {
            String line =
                    "{\"subject\":\"%s\",\"category\":\"rung\",\"state\":\"%s\",\"detail\":null,\"fixInDocker\":\"docker run\"}";
            for (int i = 0; i < 4; i++) {
                s.setObject(1, id);
                s.setLong(2, second + i);
                s.setLong(3, i);
                s.setString(4, line.formatted(i % 2 == 0 ? "process" : "host", i < 2 ? "no" : "yes"));
                s.executeUpdate();
            }
        }
        JsonNode stored = Json.MAPPER
                .readTree(
                        collector.send(collector.asViewer("/api/v1/jvms/" + id)).body())
                .path("diagnosis");
        assertThat(stored)
                .isEqualTo(Json.MAPPER.readTree(
                        "[" + diagnosis("process", second + 2) + "," + diagnosis("host", second + 3) + "]"));
        collector.live.diagnosis(id, new Diagnosis("process", "rung", "yes", "", "", "", "docker run", "", 5000));
        assertThat(Json.MAPPER
                        .readTree(collector
                                .send(collector.asViewer("/api/v1/jvms/" + id))
                                .body())
                        .path("diagnosis"))
                .isEqualTo(Json.MAPPER.readTree("[" + diagnosis("process", 5) + "]"));
    }

    private static String diagnosis(String subject, long second) {
        return "{\"subject\":\"" + subject
                + "\",\"category\":\"rung\",\"state\":\"yes\",\"detail\":\"\",\"blocker\":\"\","
                + "\"fixOnHost\":\"\",\"fixInDocker\":\"docker run\",\"fixInKubernetes\":\"\",\"ts\":" + second * 1000
                + "}";
    }

    private static void sample(long time, double value) {
        collector.live.metric(
                ID, "pitot.ProcessCounters", null, time, FIELDS, new double[] {value, Double.NaN}, new String[] {
                    null, "none"
                });
    }

    @Test
    void nonsenseFromAPageIsAnsweredAndTheConnectionStays() {
        Page page = new Page();
        WebSocket socket = connect(page, "Authorization", "Bearer " + collector.tokens.view());
        int errors = 0;
        for (String nonsense : List.of(
                "",
                "{",
                "[]",
                "null",
                "7",
                "{\"watch\":\"all\"}",
                "{\"watch\":\"jvm\"}",
                "{\"watch\":\"jvm\",\"id\":5}",
                "{\"watch\":\"jvm\",\"id\":\"" + UUID.randomUUID() + "\"}",
                "{\"watch\":\"jvm\",\"id\":\"" + ID + "\",\"since\":\"x\"}",
                "{\"watch\":\"jvm\",\"id\":\"" + ID + "\",\"since\":-1}")) {
            socket.sendText(nonsense, true).join();
            int expected = ++errors;
            await(nonsense).until(() -> page.of("error").size() == expected);
        }
        socket.sendBinary(ByteBuffer.wrap(new byte[] {1}), true).join();
        await().until(() -> page.of("error").size() == 12);
        socket.sendText("{\"watch\":\"fleet\"}", true).join();
        await().until(() -> !page.of("fleet").isEmpty());
        socket.sendText("x".repeat(5000), true).join();
        await().until(() -> page.closed == 1009);
    }

    @Test
    void aPageOfAnotherSiteOrWithoutALoginDoesNotConnect() throws Exception {
        String view = "Bearer " + collector.tokens.view();
        assertThat(handshake()).isEqualTo(401);
        assertThat(handshake("Authorization", "Bearer " + collector.tokens.ingest()))
                .isEqualTo(403);
        assertThat(handshake("Authorization", view, "Origin", "http://evil.example"))
                .isEqualTo(403);
        assertThat(handshake("Authorization", view, "Origin", "null")).isEqualTo(403);
        assertThat(handshake("Authorization", view, "Origin", collector.address.toString()))
                .isEqualTo(101);
        assertThat(handshake("Cookie", collector.session())).isEqualTo(101);
    }

    private static int handshake(String... headers) {
        try {
            connect(new Page(), headers).abort();
            return 101;
        } catch (CompletionException e) {
            assertThat(e.getCause()).isInstanceOf(WebSocketHandshakeException.class);
            return ((WebSocketHandshakeException) e.getCause()).getResponse().statusCode();
        }
    }

    @Test
    void aLogoutClosesWhatTheSessionWatchesAndNothingElse() throws Exception {
        String session = collector.session();
        Page mine = new Page();
        Page others = new Page();
        Page byToken = new Page();
        connect(mine, "Cookie", session);
        WebSocket another = connect(others, "Cookie", collector.session());
        WebSocket third = connect(byToken, "Authorization", "Bearer " + collector.tokens.view());
        assertThat(collector
                        .send(collector
                                .request("/api/v1/logout")
                                .header("Cookie", session)
                                .POST(BodyPublishers.noBody()))
                        .statusCode())
                .isEqualTo(204);
        await().until(() -> mine.closed == 4401);
        assertThat(mine.reason).isEqualTo("You have logged out.");
        assertThat(handshake("Cookie", session)).isEqualTo(401);
        for (Map.Entry<Page, WebSocket> open :
                Map.of(others, another, byToken, third).entrySet()) {
            open.getValue().sendText("{\"watch\":\"fleet\"}", true).join();
            await().until(() -> !open.getKey().of("fleet").isEmpty());
            assertThat(open.getKey().closed).isZero();
            open.getValue().abort();
        }
    }

    @Test
    void aSessionLastsWhileItIsWatchedAndItsPageIsClosedWhenItIsOver(@TempDir Path other) throws Exception {
        Watch clock = new Watch(Instant.now());
        try (TestCollector mine = new TestCollector(other, clock)) {
            String session = mine.session();
            Page page = new Page();
            connect(mine, page, "Cookie", session);
            // The client's side of the handshake is done before the server's.
            await().until(() -> mine.live.viewers() == 1);
            for (int i = 0; i < 5; i++) {
                clock.pass(Duration.ofHours(11));
                mine.http.checkSessions();
            }
            assertThat(mine.send(mine.request("/api/v1/self").header("Cookie", session))
                            .statusCode())
                    .as("55 hours later")
                    .isEqualTo(200);
            assertThat(page.closed).isZero();
            clock.pass(Access.SESSION_IDLE.plusMillis(1));
            mine.http.checkSessions();
            await().until(() -> page.closed == 4401);
            assertThat(page.reason).contains("12 hours");
            await().until(() -> mine.live.viewers() == 0);
        }
    }

    @Test
    void aSessionGoesOnAfterARestartOfTheCollector(@TempDir Path other) throws Exception {
        String value;
        try (TestCollector first = new TestCollector(other)) {
            value = first.session().split("=")[1];
        }
        try (TestCollector second = new TestCollector(other)) {
            assertThat(second.send(second.request("/api/v1/self").header("Cookie", second.cookie() + "=" + value))
                            .statusCode())
                    .isEqualTo(200);
        }
    }

    @Test
    void theFlagIsWhatAShellTakesAsOneArgument(@TempDir Path other) throws Exception {
        try (TestCollector mine = new TestCollector(Files.createDirectory(other.resolve("it's, a folder")))) {
            String flag = Json.MAPPER
                    .readTree(mine.send(mine.asViewer("/api/v1/self")).body())
                    .path("flag")
                    .asText();
            Process shell = new ProcessBuilder("/bin/sh", "-c", "printf '%s\\n' " + flag).start();
            List<String> words = shell.inputReader().lines().toList();
            assertThat(words)
                    .containsExactly(HttpServer.agentFlag(
                            mine.address.toString(),
                            other.resolve("it's, a folder").resolve("pitot-agent.jar"),
                            other.resolve("it's, a folder").resolve("ingest.token"),
                            "my-service"));
        }
        assertThat(HttpServer.quoted("-javaagent:/a/b.jar=collector=http://127.0.0.1:7070,service=x"))
                .doesNotContain("'");
    }

    @Test
    void tenWrongLoginsAMinuteAreEnough(@TempDir Path other) throws Exception {
        try (TestCollector mine = new TestCollector(other)) {
            HttpRequest.Builder wrong = mine.login("{\"token\":\"wrong\"}");
            String code = mine.access.newLoginCode();
            for (int i = 0; i < 10; i++) {
                assertThat(mine.send(wrong).statusCode()).isEqualTo(401);
            }
            HttpResponse<String> refused = mine.send(wrong);
            assertThat(refused.statusCode()).isEqualTo(429);
            assertThat(refused.headers().firstValue("Retry-After")).isPresent();
            assertThat(mine.send(mine.request("/login/wrong")).statusCode()).isEqualTo(429);
            assertThat(mine.send(mine.request("/login/" + code)).statusCode())
                    .as("the right link, whatever others have tried")
                    .isEqualTo(302);
            assertThat(mine.session()).as("and the right token").isNotEmpty();
        }
    }

    @Test
    void theExportIsWhatAgentsSentAtEachFlush(@TempDir Path out) throws Exception {
        UUID jvm = UUID.randomUUID();
        List<GrowingRecording.Piece> pieces = GrowingRecording.capture(4);
        ByteArrayOutputStream sent = new ByteArrayOutputStream();
        for (GrowingRecording.Piece piece : pieces) {
            HttpResponse<String> reply = collector.send(collector
                    .request("/ingest/v1")
                    .header("Authorization", "Bearer " + collector.tokens.ingest())
                    .header("Content-Type", "application/vnd.pitot.segment")
                    .POST(BodyPublishers.ofByteArray(segment(jvm, piece))));
            assertThat(reply.statusCode()).as(reply.body()).isEqualTo(200);
            sent.writeBytes(piece.bytes());
            HttpResponse<byte[]> export =
                    collector.sendForBytes(collector.asViewer("/api/v1/jvms/" + jvm + "/recording"));
            assertThat(export.statusCode())
                    .as(new String(export.body(), StandardCharsets.UTF_8))
                    .isEqualTo(200);
            byte[] expected = sent.toByteArray();
            System.arraycopy(piece.header(), 0, expected, 0, 68);
            expected[64] = 0;
            assertThat(export.body()).isEqualTo(expected);
            assertThat(export.headers().firstValueAsLong("Content-Length").orElse(-1))
                    .isEqualTo(expected.length);
            assertThat(export.headers().firstValue("Content-Disposition").orElse(""))
                    .isEqualTo("attachment; filename=\"shop-my_host-" + second(piece, 0) + "-"
                            + second(piece, ByteBuffer.wrap(piece.header()).getLong(40)) + ".jfr\"");
            Path file = Files.write(out.resolve("export.jfr"), export.body());
            int events = RecordingFile.readAllEvents(file).size();
            long inMissionControl = 0;
            for (IItemIterable items : JfrLoaderToolkit.loadEvents(file.toFile())) {
                inMissionControl += items.getItemCount();
            }
            assertThat(inMissionControl).isEqualTo(events).isPositive();
        }
        JsonNode detail = Json.MAPPER.readTree(
                collector.send(collector.asViewer("/api/v1/jvms/" + jvm)).body());
        assertThat(detail.path("chunks").get(0).path("state").asText()).isEqualTo("complete");
    }

    /** So many nanoseconds after the start of the piece's chunk, as the file's name writes it. */
    private static String second(GrowingRecording.Piece piece, long nanos) {
        Instant time = Instant.EPOCH.plusNanos(ByteBuffer.wrap(piece.header()).getLong(32) + nanos);
        return time.truncatedTo(ChronoUnit.SECONDS).toString().replaceAll("[-:]", "");
    }

    @Test
    void aReaderThatGoesAwayGivesItsConnectionBack() throws Exception {
        UUID jvm = UUID.randomUUID();
        for (GrowingRecording.Piece piece : GrowingRecording.capture(1)) {
            collector.send(collector
                    .request("/ingest/v1")
                    .header("Authorization", "Bearer " + collector.tokens.ingest())
                    .header("Content-Type", "application/vnd.pitot.segment")
                    .POST(BodyPublishers.ofByteArray(segment(jvm, piece))));
        }
        for (int i = 0; i < 30; i++) {
            try (Socket socket = new Socket("127.0.0.1", collector.http.port())) {
                socket.getOutputStream()
                        .write(("GET /api/v1/jvms/" + jvm + "/recording HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
                                        + collector.tokens.view() + "\r\n\r\n")
                                .getBytes(StandardCharsets.US_ASCII));
                InputStream in = socket.getInputStream();
                assertThat(in.read()).isEqualTo('H');
                socket.setSoLinger(true, 0);
            }
        }
        assertThat(collector.send(collector.asViewer("/health/ready")).statusCode())
                .isEqualTo(200);
        assertThat(collector.send(collector.asViewer("/api/v1/jvms/" + jvm)).statusCode())
                .isEqualTo(200);
    }

    /** As {@code docs/spec/wire.md} says. */
    private static byte[] segment(UUID jvm, GrowingRecording.Piece piece) throws IOException {
        ByteBuffer header = ByteBuffer.wrap(piece.header());
        String preamble = "wire=1\njvm=" + jvm + "\nsent=" + System.currentTimeMillis() + "000000"
                + "\nhello.service=shop\nhello.host=my host\nhello.pid=1\nhello.started=" + System.currentTimeMillis()
                + "\nhello.agent=1\nhello.java=17\nhello.jvm=HotSpot"
                + "\nchunk=" + header.getLong(32) + "." + header.getLong(48)
                + "\noffset=" + piece.offset() + "\nlength=" + piece.bytes().length
                + "\nheader=" + Base64.getEncoder().encodeToString(piece.header())
                + "\nstate=" + (piece.last() ? "final" : "open") + "\n\n";
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        body.writeBytes(preamble.getBytes(StandardCharsets.UTF_8));
        try (DeflaterOutputStream zlib = new DeflaterOutputStream(body)) {
            zlib.write(piece.bytes());
        }
        return body.toByteArray();
    }
}
