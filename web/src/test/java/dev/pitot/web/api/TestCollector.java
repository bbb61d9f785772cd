package dev.pitot.web.api;

import dev.pitot.web.access.Access;
import dev.pitot.web.access.Tokens;
import dev.pitot.web.ingest.Ingest;
import dev.pitot.web.ingest.IngestSettings;
import dev.pitot.web.live.Live;
import dev.pitot.web.metrics.Metrics;
import dev.pitot.web.peers.Peers;
import dev.pitot.web.postgres.TestPostgres;
import dev.pitot.web.store.Database;
import dev.pitot.web.store.DatabaseSettings;
import dev.pitot.web.store.Queries;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.UUID;

/** A whole collector on a free port and a database of its own, in this JVM. */
final class TestCollector implements AutoCloseable {
    final Tokens tokens;
    final Access access;
    final Database database;
    final TestPostgres.Database at;
    final UUID id = UUID.randomUUID();
    final Database forQueries;
    final Live live;
    final Peers peers;
    final Ingest ingest;
    final HttpServer http;
    final URI address;
    final HttpClient client = HttpClient.newBuilder()
            .connectTimeout(Duration.ofSeconds(5))
            .followRedirects(HttpClient.Redirect.NEVER)
            .build();

    TestCollector(Path folder) throws Exception {
        this(folder, Clock.systemUTC(), TestPostgres.freshDatabase());
    }

    /** @param clock of sessions and logins */
    TestCollector(Path folder, Clock clock) throws Exception {
        this(folder, clock, TestPostgres.freshDatabase());
    }

    /** @param at a database that may have other collectors */
    TestCollector(Path folder, Clock clock, TestPostgres.Database at) throws Exception {
        Files.createDirectories(folder);
        tokens = Tokens.in(folder, warning -> {});
        access = new Access(tokens, clock, folder, warning -> {});
        this.at = at;
        database = Database.open(DatabaseSettings.of(at.url(), at.user(), at.password()));
        forQueries = database.openForQueries();
        live = new Live(Clock.systemUTC());
        IngestSettings settings = IngestSettings.standard().withEventPatterns(List.of("com.acme.*"));
        ingest = new Ingest(database, live, settings, id);
        peers = new Peers(database, live, id, Clock.systemUTC(), new Peers.Pace(200, 100, 1_000));
        Path agentJar = Files.write(folder.resolve("pitot-agent.jar"), new byte[] {'P', 'K', 3, 4});
        http = HttpServer.start(
                new HttpServer.Parts(
                        access,
                        live,
                        ingest,
                        new Queries(forQueries),
                        database,
                        forQueries,
                        peers,
                        new Metrics("test", live, ingest, database, forQueries, folder),
                        agentJar,
                        folder.resolve(Tokens.INGEST_FILE),
                        settings.eventPatterns(),
                        "test",
                        Clock.systemUTC()),
                "127.0.0.1",
                0);
        address = URI.create("http://127.0.0.1:" + http.port());
        peers.start(address.toString(), "test");
    }

    HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(URI.create(address + path)).timeout(Duration.ofSeconds(30));
    }

    /** Name of the session cookie, as {@code docs/spec/api.md} says. */
    String cookie() {
        return "pitot_session_" + http.port();
    }

    /** Logs in; the cookie as a browser sends it back. */
    String session() throws IOException, InterruptedException {
        HttpResponse<String> response = send(login("{\"token\": \"" + tokens.view() + "\"}"));
        if (response.statusCode() != 204) {
            throw new AssertionError(response.statusCode() + " " + response.body());
        }
        String cookie = response.headers().firstValue("Set-Cookie").orElseThrow();
        return cookie.substring(0, cookie.indexOf(';'));
    }

    HttpRequest.Builder login(String body) {
        return request("/api/v1/login")
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(body));
    }

    HttpRequest.Builder asViewer(String path) {
        return request(path).header("Authorization", "Bearer " + tokens.view());
    }

    HttpResponse<String> send(HttpRequest.Builder request) throws IOException, InterruptedException {
        return client.send(request.build(), HttpResponse.BodyHandlers.ofString());
    }

    HttpResponse<byte[]> sendForBytes(HttpRequest.Builder request) throws IOException, InterruptedException {
        return client.send(request.build(), HttpResponse.BodyHandlers.ofByteArray());
    }

    @Override
    public void close() {
        http.close();
        peers.close();
        access.close();
        ingest.close();
        live.close();
        forQueries.close();
        database.close();
    }
}
