package dev.pitot.web.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.pitot.web.live.Json;
import dev.pitot.web.postgres.TestPostgres;
import java.net.ServerSocket;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.Statement;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Two collectors on one database, in this JVM; posts and pages go over HTTP, samples are put where a parser puts them. */
class PeersIT {
    private static final String TYPE = "pitot.JvmMemory";
    private static final String[] FIELDS = {"heapUsed"};

    private final TestPostgres.Database at = TestPostgres.freshDatabase();
    private final UUID jvm = UUID.randomUUID();

    @TempDir
    private Path folder;

    private TestCollector here;
    private TestCollector there;

    @BeforeEach
    void start() throws Exception {
        here = collector("here");
        there = collector("there");
    }

    private TestCollector collector(String name) throws Exception {
        return new TestCollector(folder.resolve(name), Clock.systemUTC(), at);
    }

    @AfterEach
    void stop() {
        here.close();
        there.close();
    }

    /** A post with nothing but a hello; the cadence of the reply in milliseconds. */
    private int post(TestCollector to) throws Exception {
        HttpResponse<String> reply = to.send(to.request("/ingest/v1")
                .header("Authorization", "Bearer " + to.tokens.ingest())
                .header("Content-Type", "application/vnd.pitot.segment")
                .POST(HttpRequest.BodyPublishers.ofString("wire=1\njvm=" + jvm + "\nsent="
                        + System.currentTimeMillis() * 1_000_000
                        + "\nhello.service=shop\nhello.host=h\nhello.pid=1\nhello.started=1000\n"
                        + "hello.agent=1\nhello.java=17\nhello.jvm=HotSpot\n\n")));
        assertThat(reply.statusCode()).isEqualTo(200);
        return Integer.parseInt(reply.body()
                .lines()
                .filter(l -> l.startsWith("cadence="))
                .findFirst()
                .orElseThrow()
                .substring(8));
    }

    private void sample(TestCollector to, long time, double value) {
        to.live.metric(jvm, TYPE, null, time, FIELDS, new double[] {value}, new String[1]);
        to.live.flushed(jvm);
    }

    /** What a page was told. */
    private final class Page implements WebSocket.Listener {
        final Map<Long, Double> samples = new ConcurrentHashMap<>();
        final List<String> states = new CopyOnWriteArrayList<>();
        final List<String> others = new CopyOnWriteArrayList<>();
        final WebSocket socket;
        private final StringBuilder text = new StringBuilder();

        Page(TestCollector to) {
            socket = to.client
                    .newWebSocketBuilder()
                    .header("Authorization", "Bearer " + to.tokens.view())
                    .buildAsync(java.net.URI.create(to.address.toString().replace("http", "ws") + "/api/v1/live"), this)
                    .join();
            socket.sendText("{\"watch\": \"jvm\", \"id\": \"" + jvm + "\"}", true)
                    .join();
        }

        @Override
        public CompletionStage<?> onText(WebSocket from, CharSequence data, boolean last) {
            text.append(data);
            if (last) {
                try {
                    JsonNode message = Json.MAPPER.readTree(text.toString());
                    switch (message.path("kind").asText()) {
                        case "samples" -> {
                            for (int i = 0; i < message.path("t").size(); i++) {
                                samples.put(
                                        message.path("t").get(i).asLong(),
                                        message.path("fields")
                                                .path("heapUsed")
                                                .get(i)
                                                .asDouble());
                            }
                        }
                        case "jvm" ->
                            states.add(message.path("jvm").path("state").asText());
                        case "error", "lagged" -> others.add(text.toString());
                        default -> {
                            // Tables, of which there are none.
                        }
                    }
                } catch (com.fasterxml.jackson.core.JsonProcessingException e) {
                    others.add(text.toString());
                }
                text.setLength(0);
            }
            from.request(1);
            return null;
        }
    }

    private JsonNode get(TestCollector from, String path) throws Exception {
        HttpResponse<String> response = from.send(from.asViewer(path));
        assertThat(response.statusCode()).as(path + ": " + response.body()).isEqualTo(200);
        return Json.MAPPER.readTree(response.body());
    }

    private void awaitKnown(TestCollector at) {
        await().until(() -> at.live.jvm(jvm).isPresent());
    }

    @Test
    void aPageShowsAJvmThatPostsToAnotherCollector() throws Exception {
        post(there);
        long now = System.currentTimeMillis();
        sample(there, now - 1000, 1);
        awaitKnown(here);
        await().untilAsserted(() -> {
            JsonNode fleet = get(here, "/api/v1/jvms").path("jvms");
            assertThat(fleet).hasSize(1);
            assertThat(fleet.get(0).path("latest").path("heapUsed").asDouble()).isEqualTo(1);
            assertThat(fleet.get(0).path("state").asText()).isEqualTo("live");
        });
        Page page = new Page(here);
        await().untilAsserted(() -> assertThat(page.samples).containsEntry(now - 1000, 1.0));
        assertThat(post(there)).as("cadence").isEqualTo(1_000);
        sample(there, now, 2);
        await().untilAsserted(() -> assertThat(page.samples).containsEntry(now, 2.0));
        JsonNode metrics = get(here, "/api/v1/jvms/" + jvm + "/metrics?type=" + TYPE);
        assertThat(metrics.path("t")).hasSize(2);

        page.socket.abort();
        await().until(() -> there.live.viewers() == 0);
        assertThat(page.others).isEmpty();
        assertThat(page.states).containsOnly("live");
    }

    @Test
    void thePageFollowsAJvmFromOneCollectorToTheOtherAndBack() throws Exception {
        post(there);
        awaitKnown(here);
        Page page = new Page(here);
        Map<Long, Double> sent = new TreeMap<>();
        long time = System.currentTimeMillis() - 60_000;
        for (int i = 0; i < 5; i++) {
            sent.put(time += 1000, (double) sent.size());
            sample(there, time, sent.get(time));
        }
        await().untilAsserted(() -> assertThat(page.samples).containsAllEntriesOf(sent));

        there.close();
        post(here);
        for (int i = 0; i < 5; i++) {
            sent.put(time += 1000, (double) sent.size());
            sample(here, time, sent.get(time));
        }
        await().untilAsserted(() -> assertThat(page.samples).containsAllEntriesOf(sent));

        there = collector("there");
        for (int i = 0; i < 5; i++) {
            sent.put(time += 1000, (double) sent.size());
            post(there);
            sample(there, time, sent.get(time));
        }
        await().atMost(Duration.ofSeconds(20))
                .untilAsserted(() -> assertThat(page.samples).containsAllEntriesOf(sent));
        assertThat(page.samples).containsExactlyInAnyOrderEntriesOf(sent);
        assertThat(page.others).isEmpty();
        assertThat(page.states).containsOnly("live");
    }

    @Test
    void aJvmThatPostsToEachInTurnIsWatchedAtItsOwnPaceWhereverThePageIs() throws Exception {
        post(there);
        awaitKnown(here);
        Page page = new Page(here);
        AtomicBoolean end = new AtomicBoolean();
        Thread agent = new Thread(() -> {
            try {
                for (int i = 0; !end.get(); i++) {
                    post(i % 2 == 0 ? here : there);
                    long now = System.currentTimeMillis();
                    sample(here, now, i);
                    sample(there, now, i);
                    Thread.sleep(100);
                }
            } catch (Exception e) {
                throw new AssertionError(e);
            }
        });
        agent.start();
        try {
            // Longer than the pace at which collectors here change their mind.
            await().during(Duration.ofMillis(1_200))
                    .atMost(Duration.ofSeconds(15))
                    .until(() -> there.live.viewers() == 0);
            await().untilAsserted(
                            () -> assertThat(List.of(post(here), post(there))).containsOnly(1_000));
            int before = page.samples.size();
            await().until(() -> page.samples.size() > before + 3);
        } finally {
            end.set(true);
            agent.join();
        }
        assertThat(page.others).isEmpty();
        assertThat(page.states).containsOnly("live");
    }

    @Test
    void onlyAnotherCollectorReadsAsOneAndWhatItAsksIsNotPassedOn() throws Exception {
        post(there);
        sample(there, System.currentTimeMillis(), 1);
        awaitKnown(here);
        String metrics = "/api/v1/jvms/" + jvm + "/metrics?type=" + TYPE;
        await().untilAsserted(() -> assertThat(get(here, metrics).path("t")).hasSize(1));

        assertThat(here.send(here.asViewer("/api/v1/peer")).statusCode()).isEqualTo(403);
        assertThat(here.send(here.request("/api/v1/peer")).statusCode()).isIn(401, 403);
        String secret;
        try (Connection c = at.connect();
                Statement s = c.createStatement();
                ResultSet row = s.executeQuery("select secret from collector where collector_id = '" + here.id + "'")) {
            row.next();
            secret = row.getString(1);
        }
        HttpResponse<String> asPeer = here.send(here.request(metrics).header("Authorization", "Bearer " + secret));
        assertThat(asPeer.statusCode()).isEqualTo(200);
        assertThat(Json.MAPPER.readTree(asPeer.body()).path("t")).isEmpty();
        for (String closed : List.of("/api/v1/jvms", "/api/v1/self", "/api/v1/jvms/" + jvm + "/recording")) {
            assertThat(here.send(here.request(closed).header("Authorization", "Bearer " + secret))
                            .statusCode())
                    .as(closed)
                    .isEqualTo(401);
        }
        assertThat(there.send(there.request(metrics).header("Authorization", "Bearer " + secret))
                        .statusCode())
                .isEqualTo(401);
    }

    @Test
    void aCollectorThatDoesNotAnswerLeavesTheStoresWord() throws Exception {
        try (ServerSocket silent = new ServerSocket(0);
                Connection c = at.connect();
                Statement s = c.createStatement()) {
            post(there);
            sample(there, System.currentTimeMillis(), 1);
            awaitKnown(here);
            s.execute("update collector set address = 'http://127.0.0.1:" + silent.getLocalPort()
                    + "' where collector_id = '" + there.id + "'");
            // Its own heartbeat would set that right again.
            there.close();
            s.execute("insert into collector values ('" + there.id + "', 'http://127.0.0.1:" + silent.getLocalPort()
                    + "', 'x', 'test', now(), now())");
            Page page = new Page(here);
            await().until(() -> page.states.contains("live"));
            JsonNode fleet = get(here, "/api/v1/jvms").path("jvms");
            assertThat(fleet.get(0).path("state").asText()).isEqualTo("live");
            await().untilAsserted(() -> assertThat(get(here, "/api/v1/jvms")
                            .path("jvms")
                            .get(0)
                            .path("latest")
                            .path("heapUsed")
                            .isNull())
                    .isTrue());
            assertThat(get(here, "/api/v1/jvms/" + jvm + "/metrics?type=" + TYPE)
                            .path("t"))
                    .isEmpty();
            assertThat(page.others).isEmpty();
        }
    }

    @Test
    void aCollectorIsWrittenDownWhileItRunsAndJvmsNameTheOneTheyPostTo() throws Exception {
        post(there);
        post(here);
        try (Connection c = at.connect();
                Statement s = c.createStatement()) {
            await().until(() -> one(s, "select count(*) from collector").equals("2"));
            assertThat(one(s, "select collector_id from jvm")).isEqualTo(here.id.toString());
            there.close();
            assertThat(one(s, "select string_agg(address, ' ') from collector")).isEqualTo(here.address.toString());
        }
    }

    private static String one(Statement s, String sql) throws Exception {
        try (ResultSet row = s.executeQuery(sql)) {
            row.next();
            return String.valueOf(row.getString(1));
        }
    }
}
