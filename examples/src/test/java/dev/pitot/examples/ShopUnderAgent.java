package dev.pitot.examples;

import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;

/** The shop in a JVM of its own with the real flag and no collector; its recording says what its requests were. */
final class ShopUnderAgent implements AutoCloseable {
    private final Path jdk;
    private final Path folder;
    private final Process process;
    private final URI uri;
    private final HttpClient client =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    /** @param arguments of the agent */
    ShopUnderAgent(Path jdk, Path folder, String arguments) throws IOException {
        this.jdk = jdk;
        this.folder = folder;
        Path portFile = folder.resolve("port");
        List<String> command = new ArrayList<>(
                List.of(jdk.resolve("bin").resolve("java").toString(), "-Xmx128m", "-Djava.io.tmpdir=" + folder));
        if (version(jdk) >= 24) {
            command.add("--enable-native-access=ALL-UNNAMED");
        }
        command.addAll(List.of(
                "-javaagent:" + System.getProperty("pitot.test.agentJar") + "=" + arguments,
                "-jar",
                System.getProperty("pitot.test.examplesJar"),
                "--port-file",
                portFile.toString(),
                "--exit-with-parent",
                Long.toString(ProcessHandle.current().pid())));
        ProcessBuilder builder = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve("out").toFile());
        builder.environment().keySet().removeIf(name -> name.startsWith("PITOT_") || name.startsWith("JAVA_TOOL_"));
        process = builder.start();
        await().atMost(Duration.ofSeconds(60)).until(() -> Files.exists(portFile) || !process.isAlive());
        uri = URI.create("http://127.0.0.1:" + Files.readString(portFile));
    }

    /** Sends requests in groups of so many at the same time; in the path {@code #} is their number. */
    void send(String method, String path, int groups, int together) {
        for (int group = 0; group < groups; group++) {
            int first = 1 + group * together;
            CompletableFuture.allOf(IntStream.range(first, first + together)
                            .mapToObj(number -> send(method, path.replace("#", Integer.toString(number))))
                            .toArray(CompletableFuture<?>[]::new))
                    .join();
        }
    }

    private CompletableFuture<Void> send(String method, String path) {
        HttpRequest request = HttpRequest.newBuilder(uri.resolve(path))
                .method(method, HttpRequest.BodyPublishers.noBody())
                .build();
        return client.sendAsync(request, HttpResponse.BodyHandlers.discarding()).thenAccept(answer -> {
            if (answer.statusCode() != 200) {
                throw new AssertionError(path + " was answered with " + answer.statusCode());
            }
        });
    }

    /** The requests so far by method and route, in the order in which they ended. */
    Map<String, List<RecordedEvent>> requests() throws IOException, InterruptedException {
        Map<String, List<RecordedEvent>> byEndpoint = new LinkedHashMap<>();
        for (RecordedEvent event : events(Set.of("pitot.HttpRequest"))) {
            String endpoint = event.getString("method") + " " + event.getString("route");
            byEndpoint.computeIfAbsent(endpoint, name -> new ArrayList<>()).add(event);
        }
        return byEndpoint;
    }

    /** All events of some types so far, in the order in which they ended. */
    List<RecordedEvent> events(Set<String> types) throws IOException, InterruptedException {
        Path dump = folder.resolve("dump.bin");
        Process jcmd = new ProcessBuilder(
                        jdk.resolve("bin").resolve("jcmd").toString(),
                        Long.toString(process.pid()),
                        "JFR.dump",
                        "name=pitot",
                        "filename=" + dump)
                .redirectErrorStream(true)
                .start();
        String said = new String(jcmd.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (jcmd.waitFor() != 0 || !Files.exists(dump)) {
            throw new IOException("No dump: " + said + Files.readString(folder.resolve("out")));
        }
        List<RecordedEvent> events = new ArrayList<>();
        try (RecordingFile recording = new RecordingFile(dump)) {
            while (recording.hasMoreEvents()) {
                RecordedEvent event = recording.readEvent();
                if (types.contains(event.getEventType().getName())) {
                    events.add(event);
                }
            }
        }
        Files.delete(dump);
        events.sort(Comparator.comparing(RecordedEvent::getEndTime));
        return events;
    }

    static int version(Path jdk) throws IOException {
        return Files.readAllLines(jdk.resolve("release")).stream()
                .filter(line -> line.startsWith("JAVA_VERSION="))
                .mapToInt(
                        line -> Integer.parseInt(line.replaceAll("[^0-9.]", "").split("\\.")[0]))
                .findFirst()
                .orElse(0);
    }

    @Override
    public void close() throws InterruptedException {
        process.destroy();
        if (!process.waitFor(10, TimeUnit.SECONDS)) {
            process.destroyForcibly().waitFor();
        }
    }
}
