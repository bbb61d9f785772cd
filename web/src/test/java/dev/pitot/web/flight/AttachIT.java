package dev.pitot.web.flight;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
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
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** {@code pitot.jar attach}, as a user types it, on JVMs that run already. */
@EnabledOnOs(OS.LINUX)
class AttachIT {
    private static final int REQUESTS = 20;

    @TempDir
    Path folder;

    private record Run(int exit, String out, String err) {}

    /** A service that listens before anything of Pitot is there. */
    private record Service(Child child, Path portFile, String name, String path) {
        URI uri() throws IOException {
            return URI.create("http://127.0.0.1:" + Files.readString(portFile).strip() + path);
        }
    }

    @Test
    void requestsOfServicesThatServeAlreadyAreCountedFromTheAttachOn() throws Exception {
        List<Service> services = new ArrayList<>();
        try (CollectorProcess collector = new CollectorProcess(folder.resolve("collector"))) {
            // Each server and each Java once: all four pairs would show nothing more and take twice as long.
            services.add(shop(Jdks.all().iterator().next(), "shop"));
            services.add(tomcat(Jdks.all().stream().reduce((a, b) -> b).orElseThrow(), "tomcat"));
            collector.start();
            // Side by side, as each waits for JFR to start.
            CompletableFuture.allOf(services.stream()
                            .map(service -> CompletableFuture.runAsync(() -> attachAndCall(service, collector)))
                            .toArray(CompletableFuture[]::new))
                    .get(120, TimeUnit.SECONDS);

            Service first = services.get(0);
            Run again = attach(first.child(), "service=other");
            assertThat(again.exit()).isZero();
            assertThat(again.out())
                    .contains("Pitot already runs in process " + first.child().pid());
            // As a tool that does not ask first, and from another file.
            Path copy =
                    Files.copy(collector.data().resolve("agent/pitot-agent.jar"), folder.resolve("another-name.jar"));
            Child.run(
                    folder,
                    List.of(
                            Jdks.all().iterator().next().tool("jcmd").toString(),
                            String.valueOf(first.child().pid()),
                            "JVMTI.agent_load",
                            copy.toString(),
                            "service=other"));

            // Their last post comes at once, the next one up to ten seconds later.
            services.forEach(service -> service.child().terminate());
            Map<String, Long> expected = new TreeMap<>();
            services.forEach(service -> expected.put(service.name(), (long) REQUESTS));
            await("every request is in SQL")
                    .atMost(Duration.ofSeconds(30))
                    .untilAsserted(() -> assertThat(countedRequests(collector)).isEqualTo(expected));
            assertThat(collector.get("/api/v1/jvms").get("jvms")).hasSize(services.size());
            for (Service service : services) {
                assertThat(service.child().err()).doesNotContain("[pitot]").doesNotContain("Exception");
            }
        } finally {
            services.forEach(service -> service.child().close());
        }
    }

    private void attachAndCall(Service service, CollectorProcess collector) {
        try {
            await(service.name()).atMost(Duration.ofSeconds(60)).until(() -> Files.exists(service.portFile()));
            // The classes that serve are loaded and have served.
            assertThat(get(service.uri())).isEqualTo(200);
            Run run = attach(service.child(), "service=" + service.name(), "collector=" + collector.uri(""));
            assertThat(run.err()).isEmpty();
            assertThat(run.out())
                    .contains("Pitot now runs in process " + service.child().pid());
            for (int i = 0; i < REQUESTS; i++) {
                assertThat(get(service.uri())).isEqualTo(200);
            }
        } catch (Exception failed) {
            throw new AssertionError(service.name(), failed);
        }
    }

    @Test
    void whatIsInTheWayIsOneSentence() throws Exception {
        Jdks.Jdk newest = Jdks.all().stream().reduce((a, b) -> b).orElseThrow();
        Service deaf = shop(newest, "deaf", "-XX:+DisableAttachMechanism");
        Service closed = shop(newest, "closed", "-XX:-EnableDynamicAgentLoading");
        Service bare =
                shop(newest, "bare", "--limit-modules=java.base,java.instrument,java.net.http,java.sql,jdk.httpserver");
        try {
            for (Service service : List.of(deaf, closed, bare)) {
                await(service.name()).atMost(Duration.ofSeconds(60)).until(() -> Files.exists(service.portFile()));
            }
            assertRefused(attach(deaf.child()), 1, "-XX:+DisableAttachMechanism");
            assertThat(deaf.child().out()).as("no thread dump").doesNotContain("Full thread dump");
            assertRefused(attach(closed.child()), 1, "-XX:+EnableDynamicAgentLoading");
            assertRefused(attach(bare.child(), "colector=x"), 2, "the nearest known key is \"collector\"");
            assertRefused(attach(bare.child()), 2, "no Flight Recorder (module jdk.jfr)");
            assertRefused(attach(bare.child(), "labels=" + "x".repeat(1000)), 2, "config=FILE");
            assertThat(get(bare.uri())).isEqualTo(200);
            signal(bare.child(), "STOP");
            assertRefused(attach(bare.child()), 1, "kill -CONT " + bare.child().pid());
            signal(bare.child(), "CONT");
            assertThat(get(bare.uri())).isEqualTo(200);
            assertThat(bare.child().out()).as("no thread dump").doesNotContain("Full thread dump");

            Run list = pitot(List.of(), "attach");
            assertThat(list.exit()).isEqualTo(2);
            assertThat(list.err()).contains("Give the PID");
            assertThat(list.out())
                    .containsPattern("(?m)^ *" + bare.child().pid() + " +\\S+ +- +dev.pitot.examples.Shop$");
        } finally {
            List.of(deaf, closed, bare).forEach(service -> service.child().close());
        }
    }

    @Test
    void aJvmOfAnotherUserIsNotTouched() throws Exception {
        assumeTrue(isRoot() && Files.isExecutable(Path.of("/usr/bin/setpriv")), "needs root, to be somebody else");
        List<String> command = new ArrayList<>(List.of("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"));
        command.addAll(java(Jdks.all().iterator().next(), readableForAll()));
        command.addAll(List.of("attach", String.valueOf(ProcessHandle.current().pid())));
        assertRefused(run(command), 1, "belongs to the user root");
    }

    private static void assertRefused(Run run, int exit, String what) {
        assertThat(run.err().strip()).contains(what).endsWith(".").doesNotContain("\n");
        assertThat(run.exit()).isEqualTo(exit);
        assertThat(run.out()).isEmpty();
    }

    /** Sends it, and waits until its process is, or is no more, stopped. */
    private static void signal(Child target, String name) throws Exception {
        String pid = String.valueOf(target.pid());
        assertThat(new ProcessBuilder("kill", "-" + name, pid).start().waitFor())
                .isZero();
        await().until(() ->
                Files.readString(Path.of("/proc", pid, "status")).contains("State:\tT") == name.equals("STOP"));
    }

    private static boolean isRoot() {
        return "root".equals(System.getProperty("user.name"));
    }

    /** The temporary folder of a test is its owner's alone. */
    private static Path readableForAll() {
        Path jar = Path.of(System.getProperty("pitot.test.pitotJar")).toAbsolutePath();
        for (Path part = jar.getParent(); part != null; part = part.getParent()) {
            assumeTrue(part.toFile().canExecute() && isOpen(part), part + " is closed to others");
        }
        return jar;
    }

    private static boolean isOpen(Path part) {
        try {
            return Files.getPosixFilePermissions(part).toString().contains("OTHERS_EXECUTE");
        } catch (IOException unreadable) {
            return false;
        }
    }

    private Service shop(Jdks.Jdk jdk, String name, String... flags) throws IOException {
        Path portFile = folder.resolve(name + ".port");
        List<String> command = new ArrayList<>(List.of(jdk.tool("java").toString(), "-Xmx96m"));
        command.addAll(List.of(flags));
        command.addAll(List.of(
                "-cp",
                System.getProperty("pitot.test.pitotJar"),
                "dev.pitot.examples.Shop",
                "--port",
                "0",
                "--port-file",
                portFile.toString()));
        return new Service(Child.start(folder, name, Map.of(), command), portFile, name, "/health");
    }

    private Service tomcat(Jdks.Jdk jdk, String name) throws IOException {
        Path portFile = folder.resolve(name + ".port");
        String classPath = Stream.concat(
                        Stream.of(Path.of("target", "test-classes")
                                .toAbsolutePath()
                                .toString()),
                        Arrays.stream(System.getProperty(
                                                "surefire.test.class.path", System.getProperty("java.class.path"))
                                        .split(File.pathSeparator))
                                .filter(entry -> entry.contains("tomcat-")))
                .collect(Collectors.joining(File.pathSeparator));
        List<String> command = List.of(
                jdk.tool("java").toString(),
                "-Xmx96m",
                "-cp",
                classPath,
                TomcatApplication.class.getName(),
                folder.resolve(name + ".work").toString(),
                portFile.toString());
        return new Service(Child.start(folder, name, Map.of(), command), portFile, name, "/greeting/4711");
    }

    private Run attach(Child target, String... settings) throws Exception {
        List<String> words = new ArrayList<>(List.of("attach", String.valueOf(target.pid())));
        words.addAll(List.of(settings));
        words.addAll(List.of("--data", folder.resolve("collector/data").toString()));
        return pitot(List.of(), words.toArray(String[]::new));
    }

    private Run pitot(List<String> before, String... words) throws Exception {
        List<String> command = new ArrayList<>(before);
        command.addAll(java(Jdks.all().iterator().next(), Path.of(System.getProperty("pitot.test.pitotJar"))));
        command.addAll(List.of(words));
        return run(command);
    }

    private static List<String> java(Jdks.Jdk jdk, Path jar) {
        return List.of(jdk.tool("java").toString(), "-Xmx64m", "-XX:TieredStopAtLevel=1", "-jar", jar.toString());
    }

    private Run run(List<String> command) throws Exception {
        try (Child child = Child.start(folder, "command-" + System.nanoTime(), Map.of(), command)) {
            int exit = child.awaitExit(Duration.ofSeconds(60));
            return new Run(exit, child.out(), child.err());
        }
    }

    private static int get(URI uri) throws Exception {
        return HttpClient.newHttpClient()
                .send(HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.discarding())
                .statusCode();
    }

    private static Map<String, Long> countedRequests(CollectorProcess collector) throws Exception {
        Map<String, Long> counts = new TreeMap<>();
        try (Connection connection = collector.database().connect();
                Statement statement = connection.createStatement();
                ResultSet result = statement.executeQuery(
                        "select jvm.service, sum(requests) from endpoint_seconds join jvm using (jvm_id) group by 1")) {
            while (result.next()) {
                counts.put(result.getString(1), result.getLong(2));
            }
        }
        return counts;
    }
}
