package dev.pitot.web.flight;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** {@code pitot.jar doctor}, as a user types it. */
@EnabledOnOs(OS.LINUX)
class DoctorIT {
    private static final List<String> NOBODY =
            List.of("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all");

    @TempDir
    Path folder;

    private final Jdks.Jdk newest = Jdks.all().stream().reduce((a, b) -> b).orElseThrow();

    private String doctor(List<String> before, String... words) throws Exception {
        List<String> command = new ArrayList<>(before);
        command.addAll(List.of(
                newest.tool("java").toString(),
                "-Xmx64m",
                "-XX:TieredStopAtLevel=1",
                "-jar",
                jar().toString(),
                "doctor"));
        command.addAll(List.of(words));
        try (Child child = Child.start(folder, "doctor-" + System.nanoTime(), Map.of(), command)) {
            assertThat(child.awaitExit(Duration.ofSeconds(60))).as(child.err()).isZero();
            assertThat(child.err()).isEmpty();
            return child.out();
        }
    }

    private static Path jar() {
        return Path.of(System.getProperty("pitot.test.pitotJar")).toAbsolutePath();
    }

    private static JsonNode of(String json, String subject) throws IOException {
        for (JsonNode finding : new ObjectMapper().readTree(json).get("findings")) {
            if (finding.get("subject").asText().equals(subject)) {
                return finding;
            }
        }
        throw new AssertionError(subject + " is not in " + json);
    }

    private static String state(String json, String subject) throws IOException {
        return of(json, subject).get("state").asText();
    }

    @Test
    void eachRungHasAStateAndEachMissingOneItsReasonAsTextAndAsJson() throws Exception {
        String json = doctor(List.of(), "--json");
        assertThat(of(json, "kernel").get("detail").asText())
                .isEqualTo(
                        Files.readString(Path.of("/proc/sys/kernel/osrelease")).strip());
        int rungs = 0;
        for (JsonNode finding : new ObjectMapper().readTree(json).get("findings")) {
            if (finding.get("category").asText().equals("rung")) {
                rungs++;
                String state = finding.get("state").asText();
                assertThat(state).isIn("yes", "partial", "no");
                assertThat(finding.get("blocker").asText().isEmpty()).isEqualTo(state.equals("yes"));
            }
        }
        assertThat(rungs).isGreaterThanOrEqualTo(10);
        assertThat(state(json, "getrusage")).isEqualTo("yes");

        String text = doctor(List.of("prlimit", "--nofile=300:300"));
        assertThat(text)
                .startsWith("What can be counted here by this user")
                .containsPattern("(?m)^  yes      getrusage ")
                .containsPattern("(?m)^  partial  file descriptors for counters +75 at most, a quarter")
                .contains("Only 300 files may be open")
                .contains("docker run --ulimit nofile=65536:65536");
    }

    @Test
    void aJvmOfAnUnprivilegedUserIsSeenAsTheKernelSeesIt() throws Exception {
        assumeTrue(
                "root".equals(System.getProperty("user.name")) && Files.isExecutable(Path.of("/usr/bin/setpriv")),
                "needs root, to be somebody else");
        assumeTrue(isOpenToAll(jar()), "the build's folder is closed to others");
        List<String> command = new ArrayList<>(NOBODY);
        command.addAll(List.of(newest.tool("java").toString(), "-Xmx64m", "-cp", jar().toString()));
        command.addAll(List.of("dev.pitot.examples.Shop", "--port", "0"));
        try (Child target = Child.start(folder, "target", Map.of(), command)) {
            await().atMost(Duration.ofSeconds(30)).until(() -> target.out().contains("listens"));
            String pid = String.valueOf(target.pid());
            boolean isOpen = paranoid() <= 1;
            for (List<String> asRootAndAsItself : List.of(List.<String>of(), NOBODY)) {
                String json = doctor(asRootAndAsItself, pid, "--json");
                assertThat(of(json, "user").get("detail").asText()).isEqualTo("65534");
                assertThat(of(json, "getrusage").get("how").asText()).isEqualTo("tried");
                assertThat(state(json, "software events of perf").equals("yes")).isEqualTo(isOpen);
                assertThat(of(json, "software events of perf").get("events"))
                        .extracting(JsonNode::asText)
                        .contains("task-clock");
                assertThat(of(json, "software events of perf").get("blocker").asText())
                        .contains(isOpen ? "" : "kernel.perf_event_paranoid is " + paranoid());
            }
            assertThat(target.alive()).isTrue();
            assertThat(target.err()).isEmpty();
        }
    }

    private static int paranoid() throws IOException {
        return Integer.parseInt(Files.readString(Path.of("/proc/sys/kernel/perf_event_paranoid"))
                .strip());
    }

    private static boolean isOpenToAll(Path file) throws IOException {
        for (Path part = file.getParent(); part != null; part = part.getParent()) {
            if (!Files.getPosixFilePermissions(part).contains(PosixFilePermission.OTHERS_EXECUTE)) {
                return false;
            }
        }
        return true;
    }
}
