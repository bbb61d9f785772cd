package dev.pitot.agent.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.pitot.agent.target.TargetJvm;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The same as in the guest where this machine has a PMU of its own and lets it be used; skipped elsewhere. */
class HostPmuIT {
    private static final String MAIN = LoopTarget.class.getName();

    @TempDir
    Path folder;

    @Test
    void eachIterationIsTheSameNumberOfInstructions() throws Exception {
        String[] pmus = new File("/sys/bus/event_source/devices")
                .list((devices, name) -> name.startsWith("cpu") || name.startsWith("armv8"));
        assumeThat(pmus).as("a PMU of this machine").isNotNull().isNotEmpty();
        Path recording = folder.resolve("loop.jfr");
        Path log = folder.resolve("log");
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xint",
                        "-XX:+UseSerialGC",
                        "-Xmx256m",
                        "-Djava.io.tmpdir=" + folder,
                        "-javaagent:" + System.getProperty("pitot.test.agentJar")
                                + "=collector=http://127.0.0.1:9,token=none,host=false,counters=default",
                        "-cp",
                        TargetJvm.codeSource(MAIN).toString(),
                        MAIN,
                        recording.toString(),
                        "12",
                        "20000000")
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        try {
            assertThat(process.waitFor(120, TimeUnit.SECONDS)).isTrue();
            assertThat(process.exitValue()).as(Files.readString(log)).isZero();
        } finally {
            process.destroyForcibly();
        }
        LoopFigures figures = LoopFigures.of(recording);
        String source = figures.of("pitot.ProcessCounters").get(0).getString("hardwareSource");
        assumeThat(source).isIn(List.of("perf", "perf, user only"));
        assumeThat(figures.status("hardware counters").getString("reason"))
                .as("what else uses the counters")
                .doesNotContain("take turns", "no hardware counter ran");
        figures.agree(source, 10);
    }
}
