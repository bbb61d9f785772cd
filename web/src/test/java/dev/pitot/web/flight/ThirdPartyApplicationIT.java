package dev.pitot.web.flight;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.File;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openjdk.jmc.common.item.IItemCollection;
import org.openjdk.jmc.common.item.ItemFilters;
import org.openjdk.jmc.flightrecorder.JfrLoaderToolkit;

/** A Tomcat application gets nothing but the flag, and its endpoints are on the page, in SQL and in JMC. */
class ThirdPartyApplicationIT {
    private static final int GREETINGS = 40;
    private static final int FAILURES = 5;

    @TempDir
    Path folder;

    @Test
    void endpointsOfATomcatApplicationAreCountedExactlyWithOnlyTheFlagAdded() throws Exception {
        Map<String, Child> tomcats = new TreeMap<>();
        try (CollectorProcess collector = new CollectorProcess(folder.resolve("collector"))) {
            collector.start();
            for (Jdks.Jdk jdk : Jdks.all()) {
                // Side by side, as an agent that nobody watches sends every ten seconds only.
                String service = "tomcat-" + jdk.feature();
                tomcats.put(service, serve(jdk, service, collector));
            }
            for (Map.Entry<String, Child> tomcat : tomcats.entrySet()) {
                check(tomcat.getKey(), tomcat.getValue(), collector);
            }
        } finally {
            tomcats.values().forEach(Child::close);
        }
    }

    /** A Tomcat that has answered all requests of the test. */
    private Child serve(Jdks.Jdk jdk, String service, CollectorProcess collector) throws Exception {
        Path portFile = folder.resolve(service + ".port");
        List<String> command = List.of(
                jdk.tool("java").toString(),
                "-Xmx128m",
                "-XX:TieredStopAtLevel=1",
                "-javaagent:" + System.getProperty("pitot.test.agentJar") + "=" + collector.agentArguments()
                        + ",service=" + service,
                "-cp",
                tomcatAndThisApplication(),
                TomcatApplication.class.getName(),
                folder.resolve(service).toString(),
                portFile.toString());
        Child tomcat = Child.start(folder, service, Map.of(), command);
        try {
            await("Tomcat listens").atMost(Duration.ofSeconds(60)).until(() -> Files.exists(portFile));
            await("the agent has started")
                    .atMost(Duration.ofSeconds(60))
                    .ignoreExceptions()
                    .until(() -> collector.jvm(service) != null);
            URI base =
                    URI.create("http://127.0.0.1:" + Files.readString(portFile).strip());
            requests(base, "/greeting/4711", GREETINGS, 200);
            requests(base, "/broken", FAILURES, 500);
            return tomcat;
        } catch (Exception | Error failure) {
            tomcat.close();
            throw failure;
        }
    }

    private void check(String service, Child tomcat, CollectorProcess collector) throws Exception {
        await("every request is in SQL").atMost(Duration.ofSeconds(30)).untilAsserted(() -> assertThat(
                        countsByEndpoint(collector, service))
                .isEqualTo(Map.of(
                        "GET /greeting/{id}", GREETINGS + " requests, 0 errors",
                        "GET /broken", FAILURES + " requests, " + FAILURES + " errors")));
        String id = collector.jvm(service).get("id").asText();
        assertThat(routes(collector.get("/api/v1/jvms/" + id + "/endpoints")))
                .as("endpoints of the page")
                .containsExactlyInAnyOrder("/greeting/{id}", "/broken");

        long now = System.currentTimeMillis();
        Path export = collector.download(
                "/api/v1/jvms/" + id + "/recording?from=" + (now - 600_000) + "&to=" + (now + 60_000),
                folder.resolve(service + ".jfr"));
        assertOpensWithPitotBesideTheJdk(export);
        assertThat(tomcat.err())
                .as("what the agent adds to stderr")
                .doesNotContain("[pitot]")
                .doesNotContain("Exception: dev.pitot");
    }

    private static String tomcatAndThisApplication() {
        String own = Path.of("target", "test-classes").toAbsolutePath().toString();
        return Stream.concat(
                        Stream.of(own),
                        Arrays.stream(System.getProperty(
                                                "surefire.test.class.path", System.getProperty("java.class.path"))
                                        .split(File.pathSeparator))
                                .filter(entry -> entry.contains("tomcat-")))
                .collect(Collectors.joining(File.pathSeparator));
    }

    private static void requests(URI base, String path, int times, int status) throws Exception {
        HttpClient http = HttpClient.newHttpClient();
        for (int i = 0; i < times; i++) {
            HttpResponse<Void> response = http.send(
                    HttpRequest.newBuilder(base.resolve(path)).build(), HttpResponse.BodyHandlers.discarding());
            assertThat(response.statusCode()).isEqualTo(status);
        }
    }

    private static Map<String, String> countsByEndpoint(CollectorProcess collector, String service) throws Exception {
        Map<String, String> counts = new TreeMap<>();
        try (Connection connection = collector.database().connect();
                PreparedStatement query = connection.prepareStatement(
                        "select method, route, sum(requests), sum(errors) from endpoint_seconds where service = ? group by 1, 2")) {
            query.setString(1, service);
            try (ResultSet result = query.executeQuery()) {
                while (result.next()) {
                    counts.put(
                            result.getString(1) + " " + result.getString(2),
                            result.getLong(3) + " requests, " + result.getLong(4) + " errors");
                }
            }
        }
        return counts;
    }

    private static List<String> routes(JsonNode answer) {
        return answer.get("endpoints").findValuesAsText("route");
    }

    private static void assertOpensWithPitotBesideTheJdk(Path export) throws Exception {
        Map<String, Long> types = RecordingFile.readAllEvents(export).stream()
                .map(RecordedEvent::getEventType)
                .collect(Collectors.groupingBy(type -> type.getName(), Collectors.counting()));
        assertThat(types.keySet())
                .contains("pitot.EndpointSummary", "pitot.ProcessCounters", "pitot.AgentStatus", "jdk.CPULoad");

        IItemCollection items = JfrLoaderToolkit.loadEvents(export.toFile());
        for (String type : List.of("pitot.HttpRequest", "pitot.ProcessCounters", "jdk.CPULoad")) {
            long[] count = {0};
            items.apply(ItemFilters.type(type)).forEach(iterable -> iterable.forEach(item -> count[0]++));
            assertThat(count[0]).as(type + " in JMC's parser").isEqualTo(types.get(type));
        }
    }
}
