package dev.pitot.web.flight;

import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.pitot.web.postgres.TestPostgres;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** {@code pitot.jar serve} as a user starts it, on one port and one database for the whole test, stopped and killed as the test likes. */
final class CollectorProcess implements AutoCloseable {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Path folder;
    private final TestPostgres.Database database;
    private final int port;
    private final HttpClient http = HttpClient.newHttpClient();
    private Child child;

    CollectorProcess(Path folder) throws IOException {
        this.folder = folder;
        this.database = TestPostgres.freshDatabase();
        try (ServerSocket free = new ServerSocket(0)) {
            port = free.getLocalPort();
        }
    }

    void start() throws IOException {
        Files.createDirectories(folder);
        Path password = folder.resolve("db-password");
        Files.writeString(password, database.password());
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx256m",
                "-XX:TieredStopAtLevel=1",
                "-jar",
                System.getProperty("pitot.test.pitotJar"),
                "serve",
                "--port",
                String.valueOf(port),
                "--data",
                data().toString(),
                "--db-url",
                database.url(),
                "--db-user",
                database.user(),
                "--db-password-file",
                password.toString()));
        child = Child.start(folder, "collector", Map.of(), command);
        await("the collector answers").atMost(Duration.ofSeconds(60)).until(this::answers);
    }

    private boolean answers() throws InterruptedException {
        if (!child.alive()) {
            throw new AssertionError("the collector ended: " + child.out() + child.err());
        }
        try {
            return http.send(
                                    HttpRequest.newBuilder(uri("/health/live")).build(),
                                    HttpResponse.BodyHandlers.discarding())
                            .statusCode()
                    == 200;
        } catch (IOException notYet) {
            return false;
        }
    }

    /** As Ctrl-C or a service manager does. */
    void stop() throws InterruptedException {
        child.terminate();
        child.awaitExit(Duration.ofSeconds(20));
    }

    void kill9() throws InterruptedException {
        child.kill9();
        child.awaitExit(Duration.ofSeconds(10));
    }

    URI uri(String path) {
        return URI.create("http://127.0.0.1:" + port + path);
    }

    Path data() {
        return folder.resolve("data");
    }

    /** What an agent needs to reach this collector, as agent arguments. */
    String agentArguments() {
        return "collector=" + uri("") + ",token-file=" + data().resolve("ingest.token");
    }

    TestPostgres.Database database() {
        return database;
    }

    JsonNode get(String path) throws IOException, InterruptedException {
        HttpResponse<String> response = http.send(request(path), HttpResponse.BodyHandlers.ofString());
        if (response.statusCode() != 200) {
            throw new IOException(path + " answered " + response.statusCode() + ": " + response.body());
        }
        return JSON.readTree(response.body());
    }

    Path download(String path, Path file) throws IOException, InterruptedException {
        HttpResponse<Path> response = http.send(request(path), HttpResponse.BodyHandlers.ofFile(file));
        if (response.statusCode() != 200) {
            throw new IOException(path + " answered " + response.statusCode() + ": " + Files.readString(file));
        }
        return file;
    }

    private HttpRequest request(String path) throws IOException {
        String token = Files.readString(data().resolve("view.token")).strip();
        return HttpRequest.newBuilder(uri(path))
                .header("Authorization", "Bearer " + token)
                .timeout(Duration.ofSeconds(60))
                .build();
    }

    /** The JVM of this service that the collector knows; fails until there is exactly one. */
    JsonNode jvm(String service) throws IOException, InterruptedException {
        List<JsonNode> found = new ArrayList<>();
        for (JsonNode jvm : get("/api/v1/jvms").get("jvms")) {
            if (jvm.get("service").asText().equals(service)) {
                found.add(jvm);
            }
        }
        if (found.size() != 1) {
            throw new AssertionError("expected one JVM of " + service + ", found " + found);
        }
        return found.get(0);
    }

    @Override
    public void close() {
        if (child != null) {
            child.close();
        }
    }
}
