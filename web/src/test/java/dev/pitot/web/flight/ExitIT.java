package dev.pitot.web.flight;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A service that is stopped takes hardly longer with the agent, and what it did in its last second arrives. */
class ExitIT {
    private static final int LAST_REQUESTS = 25;

    @TempDir
    Path folder;

    static Collection<Jdks.Jdk> jdks() {
        return Jdks.all();
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void theRequestsOfTheLastSecondAreStoredAndTheExitIsHeldUpLessThanTwoSeconds(Jdks.Jdk jdk) throws Exception {
        Duration alone = exitAfterRequests(jdk, "alone", null);
        try (CollectorProcess collector = new CollectorProcess(folder.resolve("collector"))) {
            collector.start();
            Duration measured = exitAfterRequests(jdk, "measured", collector);
            assertThat(measured).isLessThan(alone.plusSeconds(2));
            await("every request is in SQL")
                    .atMost(Duration.ofSeconds(20))
                    .untilAsserted(() -> assertThat(countedRequests(collector)).isEqualTo(LAST_REQUESTS));
            assertThat(collector.jvm("exit").get("state").asText()).isEqualTo("ended");
        }
    }

    /** Starts the shop, sends requests and stops it at once; how long it took to end. */
    private Duration exitAfterRequests(Jdks.Jdk jdk, String name, CollectorProcess collector) throws Exception {
        Path portFile = folder.resolve(name + ".port");
        List<String> command = new ArrayList<>(List.of(jdk.tool("java").toString(), "-Xmx128m"));
        if (collector != null) {
            command.add("-javaagent:" + System.getProperty("pitot.test.agentJar") + "=" + collector.agentArguments()
                    + ",service=exit");
        }
        command.addAll(List.of(
                "-cp",
                System.getProperty("pitot.test.pitotJar"),
                "dev.pitot.examples.Shop",
                "--port",
                "0",
                "--port-file",
                portFile.toString()));
        try (Child shop = Child.start(folder, name, Map.of(), command)) {
            await("the shop listens").atMost(Duration.ofSeconds(30)).until(() -> Files.exists(portFile));
            if (collector != null) {
                await("the agent ships")
                        .atMost(Duration.ofSeconds(30))
                        .ignoreExceptions()
                        .until(() -> !collector
                                .get("/api/v1/jvms/"
                                        + collector.jvm("exit").get("id").asText())
                                .get("status")
                                .isEmpty());
            }
            HttpClient http = HttpClient.newHttpClient();
            URI health =
                    URI.create("http://127.0.0.1:" + Files.readString(portFile).strip() + "/health");
            for (int i = 0; i < LAST_REQUESTS; i++) {
                assertThat(http.send(HttpRequest.newBuilder(health).build(), HttpResponse.BodyHandlers.discarding())
                                .statusCode())
                        .isEqualTo(200);
            }
            long start = System.nanoTime();
            shop.terminate();
            shop.awaitExit(Duration.ofSeconds(10));
            return Duration.ofNanos(System.nanoTime() - start);
        }
    }

    private static long countedRequests(CollectorProcess collector) throws Exception {
        try (Connection connection = collector.database().connect();
                Statement statement = connection.createStatement();
                ResultSet result = statement.executeQuery("select coalesce(sum(requests), 0) from endpoint_seconds")) {
            result.next();
            return result.getLong(1);
        }
    }
}
