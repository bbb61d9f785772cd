package dev.pitot.agent.samplers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assumptions.assumeThat;
import static org.awaitility.Awaitility.await;

import dev.pitot.agent.target.TargetJvm;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import jdk.jfr.consumer.RecordedEvent;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class MeasurementsIT {
    private static final String MAIN = "dev.pitot.agent.target.HttpServerTarget";
    private static final String NATIVE = "--enable-native-access=ALL-UNNAMED";

    @TempDir
    Path folder;

    static Stream<TargetJvm.Jdk> jdks() {
        return TargetJvm.jdks();
    }

    private TargetJvm start(TargetJvm.Jdk jdk, String arguments, String... flags) throws Exception {
        return TargetJvm.start(jdk, folder, TargetJvm.codeSource(MAIN).toString(), MAIN, arguments, flags);
    }

    private static void awaitSeconds(TargetJvm target, int seconds) {
        long until = System.nanoTime() + seconds * 1_000_000_000L + 200_000_000L;
        await().until(() -> System.nanoTime() > until);
        assertThat(target.pid()).isPositive();
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void theProcessIsSampledOnceASecond(TargetJvm.Jdk jdk) throws Exception {
        try (TargetJvm target = start(jdk, "counters=default", NATIVE)) {
            awaitSeconds(target, 3);
            TargetJvm.Result result = target.finish();

            List<RecordedEvent> counters = result.of("pitot.ProcessCounters");
            assertThat(counters).hasSizeBetween(3, 5);
            assertThat(counters).allSatisfy(e -> {
                assertThat(e.getString("softwareSource")).isEqualTo("getrusage");
                assertThat(e.getLong("userTime")).isBetween(0L, 2_000_000_000L);
                // Not isNotNegative(), which takes NaN for the largest of all numbers.
                assertThat(e.getDouble("minorFaults")).isBetween(0.0, 1e15);
                String source = e.getString("hardwareSource");
                assertThat(source).matches("perf|perf, user only|none: .+");
                assertThat(Double.isNaN(e.getDouble("cycles"))).isEqualTo(source.startsWith("none"));
            });
            assertThat(counters.subList(0, 3))
                    .allSatisfy(e -> assertThat(e.getLong("interval")).isBetween(900_000_000L, 1_300_000_000L));
            assertThat(counters.stream()
                            .mapToDouble(e -> e.getDouble("voluntaryContextSwitches"))
                            .sum())
                    .isBetween(1.0, 1e15);
            assertThat(result.of("pitot.JvmMemory")).hasSameSizeAs(counters).allSatisfy(e -> {
                assertThat(e.getLong("residentSize")).isGreaterThan(10 << 20);
                assertThat(e.getLong("heapUsed")).isBetween(1L, e.getLong("heapCommitted"));
                assertThat(e.getLong("heapMax")).isEqualTo(256L << 20);
            });
            assertThat(result.status("software counters").getString("state")).isEqualTo("on");
            assertThat(result.status("test reads").getString("state")).isEqualTo("on");
            assertThat(result.of("pitot.Diagnosis"))
                    .as("what the doctor says, once in the first minute")
                    .filteredOn(e -> e.getString("subject").equals("getrusage"))
                    .singleElement()
                    .satisfies(e -> {
                        assertThat(e.getString("category")).isEqualTo("rung");
                        assertThat(e.getString("state")).isEqualTo("yes");
                    });
            assertThat(result.of("pitot.Diagnosis"))
                    .allSatisfy(e -> assertThat(e.getString("detail").length()
                                    + e.getString("blocker").length())
                            .isLessThanOrEqualTo(1000))
                    .filteredOn(e -> "no".equals(e.getString("state")))
                    .allSatisfy(e -> assertThat(e.getString("blocker")).isNotEmpty());
            assertThat(result.err()).isEmpty();
            theMachineIsSampledToo(result, counters.size());
        }
    }

    /** Every event of the machine that this machine has the files for. */
    private static void theMachineIsSampledToo(TargetJvm.Result result, int seconds) throws IOException {
        assertThat(result.status("host").getString("state")).isEqualTo("on");
        int cpus = Runtime.getRuntime().availableProcessors();
        assertThat(result.of("pitot.HostCpu"))
                .hasSizeBetween(seconds - 1, seconds)
                .allSatisfy(e -> {
                    assertThat(e.getDouble("cpus")).isBetween((double) cpus, 1e6);
                    assertThat(e.getDouble("load1")).isBetween(0.0, 1e15);
                });
        assertThat(result.of("pitot.HostCpu").stream()
                        .mapToDouble(e -> e.getDouble("contextSwitches"))
                        .sum())
                .isBetween(1.0, 1e15);
        // In sum only: the last interval may be shorter than the 10 ms that the kernel counts in.
        long wall = 0;
        long all = 0;
        for (RecordedEvent e : result.of("pitot.HostCpu")) {
            wall += e.getLong("interval");
            all += e.getLong("userTime") + e.getLong("systemTime") + e.getLong("idleTime") + e.getLong("ioWaitTime");
        }
        double reported = result.of("pitot.HostCpu").get(0).getDouble("cpus");
        assertThat((double) all).isBetween(1.0, (wall + 2e9) * reported);
        assertThat(result.of("pitot.HostCore"))
                .hasSize(
                        reported > 32
                                ? 0
                                : (int) reported * result.of("pitot.HostCpu").size());
        assertThat(result.of("pitot.HostMemory")).isNotEmpty().allSatisfy(e -> {
            assertThat(e.getLong("used")).isBetween(1L, e.getLong("total"));
            assertThat(e.getLong("available")).isEqualTo(e.getLong("total") - e.getLong("used"));
        });
        assertThat(result.of("pitot.HostPaging")).isNotEmpty().allSatisfy(e -> assertThat(e.getDouble("faults"))
                .isBetween(0.0, 1e15));
        if (Files.readString(Path.of("/proc/net/dev")).matches("(?s).* lo: *[1-9].*")) {
            assertThat(result.of("pitot.HostNetwork"))
                    .anySatisfy(e -> assertThat(e.getString("device")).isEqualTo("lo"));
        }
        assertThat(result.of("pitot.HostTcp")).isNotEmpty().allSatisfy(e -> {
            assertThat(e.getDouble("established")).isBetween(0.0, 1e15);
            assertThat(e.getDouble("listening")).isBetween(0.0, 1e15);
            assertThat(e.getLong("memory")).isNotNegative();
        });
        assertThat(result.of("pitot.HostFileSystem")).allSatisfy(e -> {
            assertThat(e.getString("mount")).startsWith("/");
            assertThat(e.getLong("used")).isBetween(0L, e.getLong("total"));
        });
        if (Files.readString(Path.of("/proc/self/mounts")).matches("(?s).* / (ext4|xfs|btrfs|overlay) .*")) {
            assertThat(result.of("pitot.HostFileSystem"))
                    .anySatisfy(e -> assertThat(e.getString("mount")).isEqualTo("/"));
        }
        if (Files.isDirectory(Path.of("/sys/block/vda")) || Files.isDirectory(Path.of("/sys/block/sda"))) {
            assertThat(result.of("pitot.HostDisk")).isNotEmpty().allSatisfy(e -> {
                assertThat(e.getLong("readBytes")).isNotNegative();
                assertThat(e.getLong("busyTime")).isNotNegative();
            });
        }
        if (Files.isReadable(Path.of("/proc/pressure/cpu"))) {
            assertThat(result.of("pitot.Pressure"))
                    .anySatisfy(e -> assertThat(e.getString("resource")).isEqualTo("cpu"))
                    .allSatisfy(e -> assertThat(e.getLong("someTime")).isNotNegative());
        }
        String groups = Files.readString(Path.of("/proc/self/cgroup"));
        if (groups.contains("memory:/") || Files.exists(Path.of("/sys/fs/cgroup/memory.current"))) {
            assertThat(result.of("pitot.CgroupCpu")).isNotEmpty().allSatisfy(e -> {
                assertThat(e.getLong("version")).isBetween(1L, 2L);
                assertThat(e.getLong("usageTime")).isNotNegative();
            });
            assertThat(result.of("pitot.CgroupMemory")).isNotEmpty().allSatisfy(e -> {
                assertThat(e.getLong("used")).isPositive();
                assertThat(e.getLong("workingSet")).isBetween(0L, e.getLong("used"));
            });
        }
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void whatTheProcessDidIsTheSumOfItsKindsOfThreadsAndNamedCountersAgree(TargetJvm.Jdk jdk) throws Exception {
        String names = "default+task-clock+context-switches+no-such-event";
        try (TargetJvm target = start(jdk, "counters=" + names + ",counters.host=true", NATIVE)) {
            for (int i = 0; i < 200; i++) {
                assertThat(target.get("/hello")).isEqualTo(200);
            }
            awaitSeconds(target, 2);
            TargetJvm.Result result = target.finish();

            List<RecordedEvent> process = result.of("pitot.ProcessCounters");
            double cpuTime = process.stream()
                    .mapToDouble(e -> e.getLong("userTime") + e.getLong("systemTime"))
                    .sum();
            List<RecordedEvent> kinds = result.of("pitot.ThreadKindCounters");
            assertThat(kinds).hasSize(5 * process.size());
            assertThat(kinds.stream().mapToDouble(e -> e.getLong("cpuTime")).sum() / cpuTime)
                    .isCloseTo(1, within(0.02));
            assertThat(kinds).extracting(e -> e.getString("kind")).contains("application", "gc", "jit", "vm", "agent");
            assertThat(cpuTimeOf(kinds, "application")).isGreaterThan(0);
            assertThat(cpuTimeOf(kinds, "jit")).isGreaterThan(0);
            assertThat(cpuTimeOf(kinds, "agent")).isGreaterThan(0);
            double ownTimes = 0;
            double ownClocks = 0;
            for (String kind : List.of("gc", "jit", "vm", "agent")) {
                ownTimes += cpuTimeOf(kinds, kind);
                ownClocks += valueOf(result.of("pitot.Counter"), kind, "task-clock");
            }
            if (ownClocks > 0) {
                // What the kernel's scheduler says of those threads, and what its perf events say.
                assertThat(ownTimes / ownClocks).isCloseTo(1, within(0.3));
            }
            assertThat(process)
                    .allSatisfy(e -> assertThat(e.getLong("runQueueWait")).isNotNegative());

            List<RecordedEvent> top = result.of("pitot.TopThread");
            assertThat(top).isNotEmpty().allSatisfy(e -> {
                assertThat(e.getString("thread")).isNotBlank();
                assertThat(e.getLong("cpuTime")).isPositive();
                assertThat(e.getLong("osThreadId")).isPositive();
            });

            String refused = result.status("hardware counters").getString("reason");
            assertThat(refused).contains("no-such-event");
            List<RecordedEvent> named = result.of("pitot.Counter");
            assumeThat(named).as("software events are allowed here").isNotEmpty();
            assertThat(named).allSatisfy(e -> {
                assertThat(e.getDouble("running")).matches(share -> Double.isNaN(share) || share == 1);
                assertThat(e.getString("source")).isEqualTo("perf");
            });
            double clock = valueOf(named, "process", "task-clock");
            double ofKinds = Stream.of("application", "gc", "jit", "vm", "agent")
                    .mapToDouble(kind -> valueOf(named, kind, "task-clock"))
                    .sum();
            assertThat(ofKinds / clock).isCloseTo(1, within(1e-9));
            assertThat(clock / cpuTime).isCloseTo(1, within(0.05));
            if (result.status("host counters").getString("state").equals("off")) {
                assertThat(valueOf(named, "host", "context-switches")).isZero();
            } else {
                assertThat(valueOf(named, "host", "context-switches"))
                        .isGreaterThan(valueOf(named, "process", "context-switches"));
            }
        }
    }

    private static double cpuTimeOf(List<RecordedEvent> kinds, String kind) {
        return kinds.stream()
                .filter(e -> kind.equals(e.getString("kind")))
                .mapToDouble(e -> e.getLong("cpuTime"))
                .sum();
    }

    private static double valueOf(List<RecordedEvent> counters, String scope, String name) {
        return counters.stream()
                .filter(e -> scope.equals(e.getString("scope")) && name.equals(e.getString("name")))
                .mapToDouble(e -> e.getDouble("value"))
                .sum();
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void whatTheApplicationPrintsIsTheSameWithAndWithout(TargetJvm.Jdk jdk) throws Exception {
        TargetJvm.Result without;
        try (TargetJvm target = start(jdk, null)) {
            assertThat(target.get("/hello")).isEqualTo(200);
            without = target.finish();
        }
        Path temporary = Files.createDirectory(folder.resolve("tmp"));
        Path home = Files.createDirectory(folder.resolve("home"));
        try (TargetJvm target =
                start(jdk, "counters=default", "-Djava.io.tmpdir=" + temporary, "-Duser.home=" + home)) {
            assertThat(target.get("/hello")).isEqualTo(200);
            TargetJvm.Result with = target.finish();

            assertThat(with.out()).isEqualTo(without.out());
            assertThat(with.exit()).isEqualTo(without.exit());
            // From 24 on the JVM itself warns once that native code is loaded; see the documentation.
            List<String> warnings =
                    with.err().lines().filter(line -> !line.isEmpty()).toList();
            assertThat(warnings).hasSize(jdk.version() >= 24 ? 4 : 0);
            assertThat(warnings).allMatch(line -> line.startsWith("WARNING: "));
            assertThat(temporary).isEmptyDirectory();
            assertThat(home).isEmptyDirectory();
        }
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void withCountersOffNoNativeCodeIsLoaded(TargetJvm.Jdk jdk) throws Exception {
        try (TargetJvm target = start(jdk, "counters=none")) {
            assertThat(target.get("/hello")).isEqualTo(200);
            assertThat(Files.readString(Path.of("/proc/" + target.pid() + "/maps")))
                    .doesNotContain("jna");
            TargetJvm.Result result = target.finish();

            assertThat(result.err()).isEmpty();
            assertThat(result.of("pitot.ProcessCounters")).isNotEmpty().allSatisfy(e -> {
                assertThat(e.getString("softwareSource")).isEqualTo("procfs");
                assertThat(e.getLong("userTime")).isNotNegative();
                assertThat(e.getDouble("voluntaryContextSwitches")).isNaN();
                assertThat(e.getString("hardwareSource")).isEqualTo("none: Switched off by counters=none");
            });
            assertThat(result.of("pitot.HttpRequest")).hasSize(1).allSatisfy(e -> {
                assertThat(e.getDuration("cpuTime")).isPositive();
                assertThat(e.getDouble("contextSwitches")).isNaN();
            });
            assertThat(result.status("thread counters").getString("state")).isEqualTo("off");
        }
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void nativeCodeThatCannotBeLoadedCostsOnlyItsCounters(TargetJvm.Jdk jdk) throws Exception {
        boolean deniable = jdk.version() >= 24;
        String[] flags = deniable ? new String[] {"--illegal-native-access=deny"} : new String[] {"-Djna.tmpdir=/proc"};
        try (TargetJvm target = start(jdk, "counters=default", flags)) {
            assertThat(target.get("/hello")).isEqualTo(200);
            TargetJvm.Result result = target.finish();

            assertThat(result.err()).isEmpty();
            assertThat(result.status("software counters").getString("state")).isEqualTo("partial");
            assertThat(result.status("hardware counters").getString("reason"))
                    .contains(deniable ? "--illegal-native-access=deny" : "could not be loaded");
            assertThat(result.status("hardware counters").getString("remedy")).isNotEmpty();
            assertThat(result.of("pitot.HttpRequest")).hasSize(1);
        }
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void shortLivedThreadsLeaveNoDescriptors(TargetJvm.Jdk jdk) throws Exception {
        try (TargetJvm target = start(jdk, "counters=default", NATIVE, "-Dthreads=each")) {
            target.get("/hello");
            File descriptors = new File("/proc/" + target.pid() + "/fd");
            int before = descriptors.list().length;
            for (int i = 0; i < 500; i++) {
                assertThat(target.get("/hello")).isEqualTo(200);
            }
            await().until(() -> descriptors.list().length <= before + 8);
            TargetJvm.Result result = target.finish();
            assertThat(result.of("pitot.EndpointSummary").stream()
                            .mapToLong(e -> e.getLong("count"))
                            .sum())
                    .isEqualTo(501);
            assertThat(result.status("thread counters").getString("reason")).doesNotContain("descriptor");
        }
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void threadsThatForgetTheirThreadLocalsOpenTheirCountersOnce(TargetJvm.Jdk jdk) throws Exception {
        try (TargetJvm target = start(jdk, "counters=default", NATIVE, "-Dthreads=common")) {
            for (int i = 0; i < 400; i++) {
                assertThat(target.get("/hello")).isEqualTo(200);
            }
            // At most a few threads of the pool, with two events each.
            assertThat(perfDescriptors(target.pid())).isLessThanOrEqualTo(16);
            TargetJvm.Result result = target.finish();
            assertThat(result.of("pitot.EndpointSummary").stream()
                            .mapToLong(e -> e.getLong("count"))
                            .sum())
                    .isEqualTo(400);
            assertThat(result.status("thread counters").getString("reason")).doesNotContain("descriptor");
        }
    }

    private static long perfDescriptors(long pid) throws IOException {
        try (Stream<Path> files = Files.list(Path.of("/proc/" + pid + "/fd"))) {
            return files.filter(file -> {
                        try {
                            return Files.readSymbolicLink(file).toString().contains("perf_event");
                        } catch (IOException closed) {
                            return false;
                        }
                    })
                    .count();
        }
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void theAgentLeavesNoErrorOfItsOwnInTheRecording(TargetJvm.Jdk jdk) throws Exception {
        try (TargetJvm target = start(jdk, "counters=default", NATIVE)) {
            assertThat(target.get("/hello")).isEqualTo(200);
            assertThat(target.finish().of("jdk.JavaErrorThrow"))
                    .filteredOn(e -> String.valueOf(e.getString("message")).contains("isVirtual"))
                    .isEmpty();
        }
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void aServerThatWasLoadedBeforeIsMeasuredToo(TargetJvm.Jdk jdk) throws Exception {
        try (TargetJvm target = start(jdk, "counters=none,late=true")) {
            assertThat(target.get("/hello")).isEqualTo(200);
            TargetJvm.Result result = target.finish();
            assertThat(result.status("http").getString("reason")).isEmpty();
            assertThat(result.of("pitot.HttpRequest")).hasSize(1);
        }
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void theApplicationMayStillNameItsOwnLogManager(TargetJvm.Jdk jdk) throws Exception {
        String main = "dev.pitot.agent.target.LogManagerTarget";
        String agent = "-javaagent:" + System.getProperty("pitot.test.agentJar") + "=collector=http://127.0.0.1:1";
        try (TargetJvm target =
                TargetJvm.start(jdk, folder, TargetJvm.codeSource(main).toString(), main, null, agent, NATIVE)) {
            Path maps = Path.of("/proc/" + target.pid() + "/maps");
            await().until(() -> Files.readString(maps).contains("jna"));
            assertThat(target.finish().out()).isEqualTo("Own\n");
        }
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void withoutHttpAndHostNeitherIsMeasured(TargetJvm.Jdk jdk) throws Exception {
        try (TargetJvm target = start(jdk, "counters=none,http=false,host=false")) {
            assertThat(target.get("/hello")).isEqualTo(200);
            TargetJvm.Result result = target.finish();
            assertThat(result.of("pitot.HttpRequest")).isEmpty();
            assertThat(result.of("pitot.EndpointSummary")).isEmpty();
            assertThat(result.status("http").getString("state")).isEqualTo("off");
            assertThat(result.of("pitot.HostMemory")).isEmpty();
            assertThat(result.status("host").getString("state")).isEqualTo("off");
        }
    }

    static Stream<TargetJvm.Jdk> jdksWithVirtualThreads() {
        return TargetJvm.jdks().filter(jdk -> jdk.version() >= 21);
    }

    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("jdksWithVirtualThreads")
    void virtualThreadsHaveTimesButNoCostOfTheirOwn(TargetJvm.Jdk jdk) throws Exception {
        try (TargetJvm target = start(jdk, "counters=default", NATIVE, "-Dthreads=virtual")) {
            for (int i = 0; i < 20; i++) {
                assertThat(target.get("/hello")).isEqualTo(200);
            }
            TargetJvm.Result result = target.finish();
            assertThat(result.of("pitot.HttpRequest")).hasSize(20).allSatisfy(e -> {
                assertThat(e.getLong("cpuTime")).isEqualTo(Long.MIN_VALUE);
                assertThat(e.getLong("allocated")).isEqualTo(Long.MIN_VALUE);
                assertThat(e.getDouble("contextSwitches")).isNaN();
                assertThat(e.getDuration()).isPositive();
            });
            assertThat(result.of("pitot.EndpointSummary"))
                    .allSatisfy(e -> assertThat(e.getLong("measured")).isZero());
        }
    }
}
