package dev.pitot.examples.cost;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The measurement itself, as a person runs it. */
class StartupCostIT {
    private static final String JAR = System.getProperty("pitot.test.examplesJar");

    private final List<Process> started = new ArrayList<>();

    /** Stands for the folder of temporary files: what is left in it, and which process names it, was left behind. */
    @TempDir
    Path temporary;

    @AfterEach
    void endWhatWasStarted() {
        started.forEach(Process::destroyForcibly);
    }

    @Test
    void aRecordingCostsAProgramMoreThanNoFlag() throws Exception {
        String classes = Path.of(Brief.class
                        .getProtectionDomain()
                        .getCodeSource()
                        .getLocation()
                        .toURI())
                .toString();
        List<String> table = table("--runs", "1", "--", "-cp", classes, Brief.class.getName());

        assertThat(table.get(1)).contains("wall ms", "CPU ms", "peak RSS MB", "metaspace MB", "peak threads");
        double[] none = row(table, "none");
        double[] jfr = row(table, "jfr");
        assertThat(Arrays.stream(none).boxed())
                .allSatisfy(value -> assertThat(value).isPositive());
        // CPU, RSS, metaspace: each clearly more. Wall and threads are too noisy to compare in one run.
        for (int column = 1; column <= 3; column++) {
            assertThat(jfr[column]).as(table.get(1) + " column " + column).isGreaterThan(1.2 * none[column]);
        }
    }

    @Test
    void aServerIsAwaitedReadAndStopped() throws Exception {
        List<String> table = table(
                "--runs",
                "1",
                "--settle",
                "1",
                "--requests",
                "500",
                "--app",
                "http://127.0.0.1:{port}/health",
                "--",
                marker(),
                "-jar",
                JAR,
                "--port",
                "{port}");

        assertThat(table.get(1))
                .contains("ready ms", "CPU till ready ms", "CPU in all ms", "RSS MB", "threads", "exit ms");
        assertThat(row(table, "jfr")[0]).isPositive();
        List<String> columns =
                Arrays.stream(table.get(1).split("[|]")).map(String::strip).toList();
        // A row's numbers follow its name, as the columns follow theirs and an empty one.
        assertThat(row(table, "none")[columns.indexOf("wall us/request") - 2]).isPositive();
        assertThat(processesThatName(marker())).isEmpty();
    }

    @Test
    void aProgramThatDoesNotEndIsEndedAfterTheTimeout() throws Exception {
        Process cost = cost("--timeout", "1", "--", marker(), "-jar", JAR);

        assertThat(cost.waitFor(30, TimeUnit.SECONDS)).isTrue();
        assertThat(cost.exitValue()).isEqualTo(1);
        assertThat(errors(cost)).contains("variant 'none' did not end within 1 s");
        assertThat(processesThatName(marker())).isEmpty();
    }

    @Test
    void aFailingProgramIsNamedWithItsOwnWords() throws Exception {
        Process cost =
                cost("--variant", "odd=-XX:Nonsense", "--runs", "1", "--", "-cp", JAR, "dev.pitot.examples.Hello");

        assertThat(cost.waitFor(30, TimeUnit.SECONDS)).isTrue();
        assertThat(cost.exitValue()).isEqualTo(1);
        assertThat(errors(cost)).contains("variant 'odd' ended with status 1: Unrecognized VM option 'Nonsense'");
    }

    @Test
    void aMissingProgramIsOneSentenceAndStatusTwo() throws Exception {
        Process cost = cost("--runs", "3");

        assertThat(cost.waitFor(30, TimeUnit.SECONDS)).isTrue();
        assertThat(cost.exitValue()).isEqualTo(2);
        assertThat(errors(cost)).startsWith("The program to measure is missing").hasLineCount(1);
    }

    private List<String> table(String... arguments) throws Exception {
        Process cost = cost(arguments);
        String out = new String(cost.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(cost.waitFor(10, TimeUnit.SECONDS)).isTrue();
        assertThat(cost.exitValue()).as(errors(cost)).isZero();
        try (Stream<Path> left = Files.list(temporary)) {
            assertThat(left.filter(file -> file.getFileName().toString().startsWith("pitot-cost")))
                    .isEmpty();
        }
        return out.lines().toList();
    }

    /** The figures of one variant without their ratios. */
    private static double[] row(List<String> table, String variant) {
        String row = table.stream()
                .filter(line -> line.startsWith("| " + variant + " "))
                .findFirst()
                .orElseThrow();
        return Arrays.stream(row.split("\\|"))
                .skip(2)
                .mapToDouble(cell -> Double.parseDouble(cell.strip().split(" ")[0]))
                .toArray();
    }

    private Process cost(String... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Djava.io.tmpdir=" + temporary,
                "-cp",
                JAR,
                StartupCost.class.getName()));
        command.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().remove("JAVA_TOOL_OPTIONS");
        Process process = builder.start();
        started.add(process);
        return process;
    }

    private static String errors(Process process) throws IOException {
        return new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
    }

    /** Tells this test's processes from anybody else's. */
    private String marker() {
        return "-Dpitot.test.marker=" + temporary;
    }

    private static List<String> processesThatName(String text) {
        return ProcessHandle.allProcesses()
                .flatMap(process -> process.info().commandLine().stream())
                .filter(line -> line.contains(text))
                .toList();
    }
}
