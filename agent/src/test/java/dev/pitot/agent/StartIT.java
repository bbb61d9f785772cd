package dev.pitot.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.pitot.agent.uplink.FakeCollector;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What the agent does to a JVM by starting, by being switched off, and by not being able to start. */
@Execution(ExecutionMode.CONCURRENT)
class StartIT {
    private static final Duration SOON = Duration.ofSeconds(30);

    @TempDir
    Path temporary;

    private static Stream<Path> jdks() {
        return Target.jdks();
    }

    private Target run(Path jdk, Map<String, String> environment, String... options) throws IOException {
        return new Target(jdk, temporary, environment, List.of(options), List.of("return"));
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void switchedOffByAnySourceNothingAtAllHappens(Path jdk) throws IOException {
        Path file = Files.writeString(temporary.resolve("off.properties"), "enabled = false\nunknown = x\n");
        List<List<String>> ways = List.of(
                List.of(Target.flag("enabled=false,nonsense=1")),
                List.of(Target.flag(""), "-Dpitot.enabled=false"),
                List.of(Target.flag("config=" + file)));
        for (List<String> options : ways) {
            try (Target target = run(jdk, Map.of(), options.toArray(String[]::new))) {
                assertThat(target.waitForEnd(SOON)).isZero();
                assertThat(target.allErr()).as(options.toString()).isEmpty();
                assertThat(target.out()).containsExactly("ready");
            }
        }
        try (Target target = run(jdk, Map.of("PITOT_ENABLED", "false"), Target.flag("collector=nonsense"))) {
            assertThat(target.waitForEnd(SOON)).isZero();
            assertThat(target.allErr()).isEmpty();
        }
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void whatIsRefusedIsNamedInOneLineAndTheApplicationRunsOn(Path jdk) throws IOException {
        try (Target target = run(jdk, Map.of(), Target.flag("colector=http://127.0.0.1:1"))) {
            assertThat(target.waitForEnd(SOON)).isZero();
            assertThat(target.out()).containsExactly("ready");
            assertThat(target.allErr())
                    .containsExactly("[pitot] unknown key \"colector\" in the agent arguments; the nearest known key is"
                            + " \"collector\". The agent stays off; the application runs on.");
        }
        try (Target target = run(jdk, Map.of("PITOT_HTTP_SLOW", "fast"), Target.flag(""))) {
            assertThat(target.waitForEnd(SOON)).isZero();
            assertThat(target.allErr())
                    .containsExactly(
                            "[pitot] bad value \"fast\" of key \"http.slow\" in environment variable"
                                    + " PITOT_HTTP_SLOW; give a duration from 0ms to 1h. The agent stays off; the application runs on.");
        }
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void theFlagGivenTwiceStartsOneAgentWhoseThreadsHoldNothingOfTheApplication(Path jdk) throws IOException {
        try (FakeCollector collector = new FakeCollector()) {
            String flag = Target.flag("collector=" + collector.address() + ",token=secret-token");
            try (Target target = new Target(jdk, temporary, List.of(flag, flag))) {
                await().atMost(SOON).until(() -> !collector.jvms().isEmpty());
                AtomicInteger asked = new AtomicInteger();
                await().atMost(SOON).until(() -> {
                    asked.incrementAndGet();
                    target.say("threads");
                    return target.out().stream().anyMatch(line -> line.startsWith("thread pitot-sampler"));
                });
                target.say("exit 0");
                assertThat(target.waitForEnd(SOON)).isZero();
                assertThat(collector.jvms()).hasSize(1);
                assertThat(target.err()).isEmpty();
                assertThat(target.out())
                        .filteredOn(line -> line.startsWith("thread pitot-"))
                        .allMatch(line -> line.endsWith("daemon=true application=false"));
                assertThat(target.out())
                        .filteredOn(line -> line.startsWith("thread pitot-uplink"))
                        .as("one each time")
                        .hasSize(asked.get());
            }
        }
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void aMainThatReturnsAtOnceEndsTheJvmInSilence(Path jdk) throws IOException {
        for (int i = 0; i < 5; i++) {
            try (Target target = run(jdk, Map.of(), Target.flag("collector=http://127.0.0.1:1"))) {
                assertThat(target.waitForEnd(Duration.ofSeconds(5))).isZero();
                assertThat(target.err().stream().filter(line -> !line.contains("cannot be reached")))
                        .isEmpty();
                assertThat(target.out()).containsExactly("ready");
            }
        }
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void withoutAWritableTemporaryFolderTheApplicationRunsOn(Path jdk) throws IOException {
        // Not even root can create a folder there.
        Path unwritable = Path.of("/proc");
        assumeTrue(Files.isDirectory(unwritable), "needs Linux");
        String shown = "http.query=true,http.headers=X-Tenant,accept";
        try (Target target = new Target(jdk, unwritable, List.of(Target.flag(shown)))) {
            await().atMost(SOON)
                    .until(() -> target.err().stream().anyMatch(line -> line.contains("could not be started")));
            assertThat(target.err())
                    .contains(
                            "[pitot] single events carry query strings (http.query=true), the headers x-tenant, accept"
                                    + " (http.headers).");
            assertThat(target.err().get(target.err().size() - 1))
                    .startsWith("[pitot] the flight recording could not be started (")
                    .endsWith("The application runs on without the agent.");
            target.say("exit 5");
            assertThat(target.waitForEnd(Duration.ofSeconds(10))).isEqualTo(5);
            assertThat(target.out()).containsExactly("ready");
        }
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void withoutTheModuleOfFlightRecorderTheApplicationRunsOn(Path jdk) throws IOException {
        try (Target target =
                run(jdk, Map.of(), "--limit-modules", "java.base,java.instrument,java.logging", Target.flag(""))) {
            // Application itself uses JFR only when told to.
            assertThat(target.waitForEnd(SOON)).isZero();
            assertThat(target.allErr())
                    .singleElement()
                    .asString()
                    .startsWith("[pitot] this Java runtime has no Flight Recorder");
        }
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void aModuleThatTheRuntimeImageLacksIsNamed(Path jdk) throws IOException {
        for (String missing : List.of("java.management", "jdk.management")) {
            String modules = "java.base,java.instrument,java.logging,jdk.jfr"
                    + (missing.equals("jdk.management") ? ",java.management" : "");
            try (Target target = run(jdk, Map.of(), "--limit-modules", modules, Target.flag(""))) {
                assertThat(target.waitForEnd(SOON)).isZero();
                assertThat(target.allErr())
                        .singleElement()
                        .asString()
                        .startsWith("[pitot] this Java runtime has no module " + missing)
                        .contains("--add-modules " + missing);
                assertThat(target.out()).containsExactly("ready");
            }
        }
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void aSecurityManagerThatForbidsTheAgentIsSaidInOneLine(Path jdk) throws IOException {
        String release = Files.readString(jdk.resolve("release"));
        assumeTrue(release.contains("JAVA_VERSION=\"17"), "later ones have no security manager to install");
        for (String guard : List.of("guard", "guard-initializers")) {
            try (Target target =
                    new Target(jdk, temporary, Map.of(), List.of(Target.flag("counters=none")), List.of(guard))) {
                await().atMost(SOON).until(() -> target.out().contains("ready"));
                target.await(() -> assertThat(target.err())
                        .filteredOn(line -> line.startsWith("[pitot]"))
                        .singleElement()
                        .asString()
                        .contains("access denied", "The application runs on"));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void anEscapedCommaDoesNotSwitchItOff(Path jdk) throws IOException {
        try (FakeCollector collector = new FakeCollector();
                Target target = new Target(
                        jdk,
                        temporary,
                        List.of(Target.flag("labels=a:b\\,enabled=false,collector=" + collector.address()
                                + ",token=secret-token")))) {
            await().atMost(SOON).until(() -> !collector.jvms().isEmpty());
            assertThat(collector.jvms().get(0).hello).containsEntry("hello.label.a", "b,enabled=false");
        }
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void noRecordingIsStartedOnANearlyFullDisk(Path jdk) throws IOException, InterruptedException {
        Path small = Files.createDirectory(temporary.resolve("small"));
        assumeTrue(mount("mount", "-t", "tmpfs", "-o", "size=100m", "tmpfs", small.toString()), "needs root to mount");
        try (Target target = new Target(jdk, small, List.of(Target.flag("")))) {
            await().atMost(SOON).until(() -> !target.err().isEmpty());
            assertThat(target.err()).singleElement().asString().startsWith("[pitot] no recording is started: ");
            assertThat(target.jcmd("JFR.check")).contains("No available recordings");
            target.say("exit 5");
            assertThat(target.waitForEnd(Duration.ofSeconds(10))).isEqualTo(5);
        } finally {
            mount("umount", small.toString());
        }
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void theRecordingIsStoppedWhenTheDiskFills(Path jdk) throws IOException, InterruptedException {
        Path small = Files.createDirectory(temporary.resolve("filling"));
        assumeTrue(mount("mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", small.toString()), "needs root to mount");
        try (FakeCollector collector = new FakeCollector();
                Target target = new Target(
                        jdk, small, List.of(Target.flag("collector=" + collector.address() + ",token=secret-token")))) {
            await().atMost(SOON).until(() -> !collector.jvms().isEmpty());
            Files.write(small.resolve("ballast"), new byte[160 << 20]);
            await().atMost(SOON).until(() -> !target.err().isEmpty());
            assertThat(target.err()).singleElement().asString().startsWith("[pitot] the recording was stopped: ");
            await().atMost(SOON)
                    .untilAsserted(() -> assertThat(target.jcmd("JFR.check")).contains("No available recordings"));
            target.say("exit 5");
            assertThat(target.waitForEnd(Duration.ofSeconds(10))).isEqualTo(5);
        } finally {
            mount("umount", small.toString());
        }
    }

    private static boolean mount(String... command) throws IOException, InterruptedException {
        try {
            return new ProcessBuilder(command)
                            .redirectErrorStream(true)
                            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                            .start()
                            .waitFor()
                    == 0;
        } catch (IOException noMount) {
            return false;
        }
    }
}
