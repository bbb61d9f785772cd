package dev.pitot.web.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.pitot.web.live.Json;
import dev.pitot.web.postgres.TestPostgres;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** {@code demo} as a user starts it: the jar, in a process of its own. */
class DemoIT {
    private static final Duration START = Duration.ofSeconds(60);
    private static final Pattern LINK = Pattern.compile("(http://127\\.0\\.0\\.1:\\d+)/login/\\S+");

    private static final AtomicInteger NUMBERS = new AtomicInteger();

    /** New each time, as a user's first start has one: what is left from an earlier run would hide its steps. */
    private final Path data =
            TestPostgres.reachableFolder("demo-it-" + ProcessHandle.current().pid() + "-" + NUMBERS.incrementAndGet());

    private final Path output = Path.of("target", "demo-it-output");
    private final List<Process> started = new ArrayList<>();

    private Process pitot(String command) throws IOException {
        Files.createDirectories(output);
        // A build in the background ignores SIGINT, and a child would inherit that.
        Process process = new ProcessBuilder(
                        "env",
                        "--default-signal=INT",
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-jar",
                        System.getProperty("pitot.test.pitotJar"),
                        command,
                        "--port",
                        "0",
                        "--data",
                        data.toString())
                .redirectOutput(output.resolve("out").toFile())
                .redirectError(output.resolve("err").toFile())
                .start();
        started.add(process);
        return process;
    }

    @AfterEach
    void stop() throws Exception {
        for (Process process : started) {
            process.destroy();
            if (!process.waitFor(20, TimeUnit.SECONDS)) {
                process.destroyForcibly();
            }
        }
        // A test that failed may have left a server that would write on into a folder that is gone.
        for (ProcessHandle left : processes().toList()) {
            left.destroyForcibly();
        }
        await().atMost(Duration.ofSeconds(10)).until(() -> processes().findAny().isEmpty());
        try (Stream<Path> files = Files.exists(data) ? Files.walk(data) : Stream.empty()) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }

    private String address(Process process) {
        Matcher[] link = new Matcher[1];
        await().atMost(START).pollInterval(Duration.ofMillis(50)).until(() -> {
            assertThat(process.isAlive())
                    .as(Files.readString(output.resolve("err")))
                    .isTrue();
            String out = Files.readString(output.resolve("out"));
            link[0] = LINK.matcher(out);
            return link[0].find() && out.contains("Ctrl-C stops.");
        });
        return link[0].group(1);
    }

    private String viewToken() throws IOException {
        return Files.readString(data.resolve("view.token")).strip();
    }

    /** Processes that have to do with the data folder. */
    private Stream<ProcessHandle> processes() {
        return ProcessHandle.allProcesses()
                .filter(process -> process.info().commandLine().orElse("").contains(data.toString()));
    }

    private List<String> commandLines() {
        return processes()
                .map(process -> process.info().commandLine().orElse(""))
                .toList();
    }

    /** Process id of the database server's first process. */
    private long postmaster() throws IOException {
        return Long.parseLong(
                Files.readAllLines(data.resolve("postgres").resolve("data").resolve("postmaster.pid"))
                        .get(0)
                        .strip());
    }

    private static final class Page implements WebSocket.Listener {
        final List<JsonNode> messages = new CopyOnWriteArrayList<>();
        private final StringBuilder text = new StringBuilder();

        @Override
        public CompletionStage<?> onText(WebSocket socket, CharSequence part, boolean last) {
            text.append(part);
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

        boolean has(String kind, String field, String value) {
            return messages.stream()
                    .anyMatch(message -> message.path("kind").asText().equals(kind)
                            && message.path(field).asText().equals(value));
        }
    }

    @Test
    void theDemoShowsTheShopLiveAndCtrlCLeavesNoProcess() throws Exception {
        long begin = System.nanoTime();
        Process demo = pitot("demo");
        String address = address(demo);
        Page page = new Page();
        WebSocket socket = HttpClient.newHttpClient()
                .newWebSocketBuilder()
                .header("Authorization", "Bearer " + viewToken())
                .buildAsync(URI.create(address.replace("http", "ws") + "/api/v1/live"), page)
                .join();
        socket.sendText("{\"watch\":\"fleet\"}", true).join();
        String[] id = new String[1];
        await().atMost(START).pollInterval(Duration.ofMillis(50)).until(() -> {
            for (JsonNode message : page.messages) {
                for (JsonNode jvm : message.path("jvms")) {
                    if (jvm.path("state").asText().equals("live")
                            && jvm.path("service").asText().equals("shop")) {
                        id[0] = jvm.path("id").asText();
                    }
                }
            }
            return id[0] != null;
        });
        socket.sendText("{\"watch\":\"jvm\",\"id\":\"" + id[0] + "\"}", true).join();
        await().atMost(START)
                .pollInterval(Duration.ofMillis(50))
                .until(() -> page.has("samples", "type", "pitot.ProcessCounters"));
        System.out.printf("demo: first live sample after %.1f s%n", (System.nanoTime() - begin) / 1e9);
        await().atMost(START).until(() -> page.messages.stream()
                .anyMatch(message -> message.path("kind").asText().equals("endpoints")
                        && message.path("endpoints").size() > 2));
        await().atMost(START).until(() -> page.messages.stream()
                .anyMatch(message -> message.path("cadence").asInt() == 1000));
        assertThat(Files.readString(output.resolve("out")))
                .contains("Unpacking PostgreSQL")
                .contains("Creating the database");
        assertThat(commandLines())
                .anyMatch(line -> line.contains("dev.pitot.examples.Shop"))
                .anyMatch(line -> line.contains("postgres"));

        interrupt(demo);
        assertThat(demo.waitFor(20, TimeUnit.SECONDS)).isTrue();
        await().atMost(Duration.ofSeconds(5))
                .untilAsserted(() -> assertThat(commandLines()).isEmpty());
        // The pool's remarks on a machine that was too busy to run it in time are no fault of the demo.
        assertThat(Files.readAllLines(output.resolve("err")))
                .allMatch(line -> line.matches("[\\d:]+ WARN HikariPool .*(starvation|clock leap).*"));
    }

    @Test
    void aKilledDemoLeavesNoShopAndTheNextStartTakesTheDatabaseOver() throws Exception {
        Process demo = pitot("demo");
        address(demo);
        long server = postmaster();
        demo.destroyForcibly().waitFor();
        await().atMost(Duration.ofSeconds(15)).untilAsserted(() -> assertThat(commandLines())
                .noneMatch(line -> line.contains("dev.pitot.examples.Shop")));
        assertThat(ProcessHandle.of(server))
                .as("the database of the killed demo")
                .isPresent();
        Process serve = pitot("serve");
        address(serve);
        assertThat(Files.readString(output.resolve("out")))
                .contains("Taking over the running PostgreSQL, process " + server + ".");
        assertThat(postmaster()).isEqualTo(server);
        interrupt(serve);
        assertThat(serve.waitFor(20, TimeUnit.SECONDS)).isTrue();
        await().atMost(Duration.ofSeconds(5))
                .untilAsserted(() -> assertThat(commandLines()).isEmpty());
    }

    private static void interrupt(Process process) throws Exception {
        assertThat(new ProcessBuilder("kill", "-INT", Long.toString(process.pid()))
                        .start()
                        .waitFor())
                .isZero();
    }
}
