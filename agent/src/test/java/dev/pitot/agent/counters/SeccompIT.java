package dev.pitot.agent.counters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pitot.agent.target.TargetJvm;
import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Real JVMs under real seccomp filters. */
@EnabledOnOs(OS.LINUX)
class SeccompIT {
    private static final String MAIN = "dev.pitot.agent.target.HttpServerTarget";

    @TempDir
    Path folder;

    static Stream<TargetJvm.Jdk> jdks() {
        return TargetJvm.jdks();
    }

    private TargetJvm start(TargetJvm.Jdk jdk, String action, String counters) throws IOException {
        String tests = TargetJvm.codeSource(MAIN).toString();
        List<String> launcher = List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                tests + File.pathSeparator + TargetJvm.codeSource("com.sun.jna.Native"),
                "dev.pitot.agent.target.FilterLauncher",
                action);
        return TargetJvm.startBehind(
                launcher,
                jdk,
                folder,
                tests,
                MAIN,
                "counters=" + counters,
                "-XX:+IgnoreUnrecognizedVMOptions",
                "--enable-native-access=ALL-UNNAMED");
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void aFilterThatWouldEndTheJvmIsNotProvoked(TargetJvm.Jdk jdk) throws Exception {
        // Which action the filter has is not looked at, on any JDK.
        for (String action : jdk.version() == 17 ? List.of("kill", "errno") : List.of("kill")) {
            try (TargetJvm target = start(jdk, action, "default")) {
                assertThat(target.get("/hello")).isEqualTo(200);
                Situation seen = new Situation(Path.of("/"), String.valueOf(target.pid()));
                assertNothingIsProbed(Rungs.concluded(seen));
                TargetJvm.Result result = target.finish();
                assertThat(result.exit()).isZero();
                assertThat(result.of("pitot.Diagnosis"))
                        .filteredOn(e -> e.getString("subject").startsWith("hardware counters"))
                        .isNotEmpty()
                        .allSatisfy(e -> assertThat(e.getString("blocker"))
                                .isEqualTo(result.status("hardware counters").getString("reason")));
                for (String part : List.of("hardware counters", "thread counters")) {
                    assertThat(result.status(part).getString("state")).isEqualTo("off");
                    assertThat(result.status(part).getString("reason")).contains("may end the JVM rather than refuse");
                    assertThat(result.status(part).getString("remedy")).contains("counters=perf");
                }
                assertThat(result.status("software counters").getString("state"))
                        .isEqualTo("on");
                assertThat(result.of("pitot.HttpRequest"))
                        .singleElement()
                        .satisfies(e -> assertThat(e.getString("counterSource")).isEqualTo("none"));
                assertThat(result.of("pitot.ProcessCounters")).isNotEmpty().allSatisfy(e -> assertThat(
                                e.getString("softwareSource"))
                        .isEqualTo("getrusage"));
            }
        }
    }

    private static void assertNothingIsProbed(List<Finding> rungs) {
        assertThat(rungs)
                .filteredOn(rung -> rung.subject().matches("hardware .*|software events of perf"))
                .hasSizeGreaterThan(5)
                .allSatisfy(rung -> {
                    assertThat(rung.state()).isEqualTo("no");
                    assertThat(rung.how()).isEqualTo("concluded");
                    assertThat(rung.blocker()).contains("may end the JVM rather than refuse");
                    assertThat(rung.fix().host()).contains("SystemCallFilter=perf_event_open");
                });
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void withCountersPerfItIsTriedAndAnErrnoIsOneReasonMore(TargetJvm.Jdk jdk) throws Exception {
        try (TargetJvm target = start(jdk, "errno", "perf")) {
            assertThat(target.get("/hello")).isEqualTo(200);
            TargetJvm.Result result = target.finish();
            assertThat(result.status("hardware counters").getString("reason")).contains("refuses perf_event");
            assertThat(result.status("software counters").getString("state")).isEqualTo("on");
        }
    }

    /** What the others are spared; without this they would prove nothing. */
    @ParameterizedTest
    @MethodSource("jdks")
    void withCountersPerfAFilterThatKillsEndsTheJvm(TargetJvm.Jdk jdk) {
        assertThatThrownBy(() -> start(jdk, "kill", "perf").close())
                .isInstanceOf(IOException.class)
                .hasMessageContaining("did not start");
    }
}
