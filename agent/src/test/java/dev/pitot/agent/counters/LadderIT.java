package dev.pitot.agent.counters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.pitot.agent.target.TargetJvm;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Each errno that can be provoked without changing the machine is provoked, in a JVM of its own. */
@EnabledOnOs(OS.LINUX)
class LadderIT {
    private static final String JAVA =
            Path.of(System.getProperty("java.home"), "bin", "java").toString();

    @TempDir
    Path folder;

    /** What {@link ChoiceProgram} prints behind a launcher. */
    private List<String> run(List<String> launcher, List<String> flags, String... names) throws Exception {
        return run(classPath(), ChoiceProgram.class.getName(), launcher, flags, names);
    }

    private List<String> run(
            String classPath, String program, List<String> launcher, List<String> flags, String... names)
            throws Exception {
        List<String> command = new ArrayList<>(launcher);
        command.add(JAVA);
        command.addAll(List.of("-Xmx64m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"));
        command.addAll(flags);
        command.addAll(List.of("-cp", classPath, program));
        command.addAll(List.of(names));
        Path out = folder.resolve("out");
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(out.toFile())
                .start();
        try {
            assertThat(process.waitFor(60, TimeUnit.SECONDS))
                    .as("%s ends", command)
                    .isTrue();
            List<String> lines = Files.readAllLines(out);
            assertThat(process.exitValue()).as("%s", lines).isZero();
            return lines;
        } finally {
            process.destroyForcibly();
        }
    }

    private static String classPath() {
        return String.join(
                File.pathSeparator,
                TargetJvm.codeSource(ChoiceProgram.class.getName()).toString(),
                TargetJvm.codeSource(Choice.class.getName()).toString(),
                TargetJvm.codeSource("com.sun.jna.Native").toString());
    }

    private static String line(List<String> lines, String start) {
        return lines.stream()
                .filter(line -> line.startsWith(start))
                .findFirst()
                .orElseThrow(() -> new AssertionError(start + " in " + lines));
    }

    private static void assumeRoot() {
        assumeThat(System.getProperty("user.name"))
                .as("only root can be another user")
                .isEqualTo("root");
    }

    private List<String> behindFilter(String action) {
        return List.of(
                JAVA,
                "-Xmx64m",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                classPath(),
                "dev.pitot.agent.target.FilterLauncher",
                action);
    }

    @Test
    void aFilterThatAnswersEpermIsNamed() throws Exception {
        List<String> lines = run(behindFilter("errno"), List.of(), "default", "task-clock");
        for (String name : List.of("cycles", "branches", "task-clock", "span page-faults")) {
            assertThat(line(lines, name + ": "))
                    .contains("A seccomp filter refuses perf_event_open for ")
                    .contains("SystemCallFilter=perf_event_open")
                    .contains("--security-opt seccomp=");
        }
        assertThat(lines).noneMatch(line -> line.startsWith("counted"));
    }

    /** The JVM lives and reports; with anything probed the filter would have ended it. */
    @Test
    void theDoctorProbesNothingUnderAFilterThatKills() throws Exception {
        List<String> lines = run(classPath(), Doctor.class.getName(), behindFilter("kill"), List.of());
        for (String subject : List.of("hardware counters", "raw events", "software events of perf")) {
            assertThat(line(lines, "{\"category\":\"rung\",\"subject\":\"" + subject + "\""))
                    .contains("\"state\":\"no\",\"how\":\"concluded\"")
                    .contains("may end the JVM rather than refuse");
        }
        assertThat(line(lines, "{\"category\":\"rung\",\"subject\":\"getrusage\""))
                .contains("\"state\":\"yes\",\"how\":\"tried\"");
    }

    @Test
    void aFilterThatHidesTheCallIsAKernelWithoutIt() throws Exception {
        assertThat(line(run(behindFilter("enosys"), List.of(), "default"), "cycles: "))
                .contains("has no perf_event_open");
    }

    @Test
    void withoutFileDescriptorsLeftItIsSaid() throws Exception {
        List<String> lines = run(List.of("prlimit", "--nofile=256:256"), List.of(), "files", "default", "task-clock");
        assumeThat(lines).as("perf_event is permitted").noneMatch(line -> line.contains("perf_event_paranoid"));
        assertThat(line(lines, "task-clock: "))
                .contains("No file descriptor was left for task-clock")
                .contains("--ulimit nofile=");
    }

    @Test
    void anotherUserStandsOnTheRungOfTheParanoidLevel() throws Exception {
        assumeRoot();
        int paranoid = Integer.parseInt(Files.readString(Path.of("/proc/sys/kernel/perf_event_paranoid"))
                .strip());
        // The class path of the test may lie where only root can read.
        Path readable = copyOfClasses();
        List<String> lines = run(
                readable + "/classes" + File.pathSeparator + readable + "/jna.jar",
                ChoiceProgram.class.getName(),
                List.of("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
                List.of(),
                "host",
                "default",
                "task-clock",
                "cs",
                "cycles:k");
        if (paranoid > 2 && lines.stream().noneMatch(line -> line.equals("counted task-clock"))) {
            // Debian's and Ubuntu's kernels.
            assertThat(line(lines, "task-clock: ")).contains("perf_event_paranoid=2");
            return;
        }
        assertThat(lines).contains("counted task-clock", "span counted page-faults", "user only " + (paranoid >= 2));
        if (paranoid >= 2) {
            assertThat(line(lines, "cs: ")).contains("happen in the kernel").contains("perf_event_paranoid=1");
            assertThat(line(lines, "span context-switches: ")).contains("--cap-add=PERFMON");
            assertThat(line(lines, "cycles:k: ")).contains("perf_event_paranoid");
        }
        if (paranoid >= 1) {
            assertThat(line(lines, "host: ")).contains("perf_event_paranoid=0");
        }
    }

    private Path copyOfClasses() throws IOException {
        Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxr-xr-x"));
        for (String of : List.of(ChoiceProgram.class.getName(), Choice.class.getName())) {
            Path from = TargetJvm.codeSource(of);
            for (String name : List.of("dev/pitot/agent/counters", "dev/pitot/agent/config")) {
                if (!Files.isDirectory(from.resolve(name))) {
                    continue;
                }
                Path to = Files.createDirectories(folder.resolve("classes").resolve(name));
                try (Stream<Path> files = Files.list(from.resolve(name))) {
                    for (Path file : files.filter(Files::isRegularFile).toList()) {
                        Files.copy(file, to.resolve(file.getFileName()));
                    }
                }
            }
        }
        Files.copy(TargetJvm.codeSource("com.sun.jna.Native"), folder.resolve("jna.jar"));
        return folder;
    }

    @Test
    void aTemporaryFolderThatForbidsExecutionIsNamed() throws Exception {
        assumeRoot();
        Path mount = Files.createDirectory(folder.resolve("noexec"));
        List<String> launcher = List.of(
                "unshare",
                "--mount",
                "sh",
                "-c",
                "mount -t tmpfs -o noexec tmpfs " + mount + " || { echo no mount; exit 0; }; exec \"$@\"",
                "sh");
        List<String> lines = run(launcher, List.of("-Djava.io.tmpdir=" + mount), "default");
        assumeThat(lines).as("mounting is permitted").doesNotContain("no mount");
        assertThat(line(lines, "library: "))
                .contains("could not be loaded from " + mount + ", which is noexec")
                .contains("docker run --tmpfs /tmp:exec");
    }
}
