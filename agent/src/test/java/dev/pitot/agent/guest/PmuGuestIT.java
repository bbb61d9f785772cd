package dev.pitot.agent.guest;

import static dev.pitot.agent.guest.LoopFigures.field;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.data.Percentage.withPercentage;

import dev.pitot.agent.target.TargetJvm;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import jdk.jfr.consumer.RecordedEvent;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The agent as it is shipped, on a machine that has hardware counters and where each instruction takes two nanoseconds: the
 * guest's clock, which knows nothing of perf_event, tells what its counters must say.
 */
@Tag("pmu-guest")
class PmuGuestIT {
    private static final String MAIN = LoopTarget.class.getName();
    private static final double NANOS_OF_AN_INSTRUCTION = 2;

    /** Iterations of the loop that is seen in the process: a second of the guest's time. */
    private static final int ITERATIONS = 5_000_000;

    private static PmuGuest guest;

    @TempDir
    Path folder;

    @BeforeAll
    static void build() throws Exception {
        guest = PmuGuest.in(agentJar().resolveSibling("pmu-guest"));
    }

    private static Path agentJar() {
        return Path.of(System.getProperty("pitot.test.agentJar"));
    }

    /**
     * @param paranoid of {@code kernel.perf_event_paranoid}
     * @param jvm options of the JVM
     * @param agent arguments of the agent
     */
    private LoopFigures run(int paranoid, String user, String jvm, String agent, int requests, int iterations)
            throws Exception {
        String java = "java -XX:+UseSerialGC -Xmx256m " + jvm
                + " -javaagent:pitot-agent.jar=collector=http://127.0.0.1:9,token=none,host=false," + agent
                + " -cp /job " + MAIN + " /tmp/loop.jfr " + requests + " " + iterations;
        String script = "sysctl -q -w kernel.perf_event_paranoid=" + paranoid + " && su -s /bin/sh " + user + " -c '"
                + java + "' && cp /tmp/loop.jfr $ANSWER";
        Path classes = TargetJvm.codeSource(MAIN);
        PmuGuest.Answer answer = guest.run(
                folder,
                List.of(
                        new PmuGuest.Part(agentJar().getParent(), "pitot-agent.jar"),
                        new PmuGuest.Part(classes, "dev/pitot/agent/guest")),
                script);
        assertThat(answer.exit()).as(answer.err()).isZero();
        assertThat(answer.out()).isEmpty();
        return LoopFigures.of(answer.folder().resolve("loop.jfr"));
    }

    /** Two nanoseconds an instruction, and two cycles: to the last one where they are read together. */
    private static void cyclesAreTwiceTheInstructions(LoopFigures figures) {
        assertThat(figures.of("pitot.HttpRequest"))
                .allSatisfy(request ->
                        assertThat(request.getDouble("counterRunning")).isEqualTo(1));
        assertThat(figures.of("pitot.ProcessCounters"))
                .allSatisfy(sample ->
                        assertThat(sample.getDouble("hardwareRunning")).isEqualTo(1));
        for (String type : List.of("pitot.HttpRequest", "pitot.ProcessCounters", "pitot.ThreadKindCounters")) {
            assertThat(figures.of(type)).allSatisfy(event -> assertThat(event.getDouble("cycles"))
                    .isEqualTo(2 * event.getDouble("instructions")));
        }
    }

    /** The same for all that the process did, GC, JIT compiler and agent included. */
    private static double cpuTimeOfTheProcess(LoopFigures figures) {
        return figures.total(
                "pitot.ProcessCounters",
                sample -> sample.getDuration("userTime").toNanos()
                        + sample.getDuration("systemTime").toNanos());
    }

    private static double instructionsByTheClock(LoopFigures figures) {
        return figures.ofRequests(request -> request.getDuration("cpuTime").toNanos()) / NANOS_OF_AN_INSTRUCTION;
    }

    private static void print(String what, LoopFigures figures) {
        System.out.printf(
                Locale.ROOT,
                "%s: instructions of an iteration %.4f in requests, %.4f in the application's threads, %.4f in the"
                        + " process, %.4f by the clock; the whole process %.4f of its clock%n",
                what,
                figures.ofRequests(field("instructions")),
                figures.ofApplication(field("instructions")),
                figures.ofProcess(field("instructions")),
                instructionsByTheClock(figures),
                figures.total("pitot.ProcessCounters", field("instructions"))
                        * NANOS_OF_AN_INSTRUCTION
                        / cpuTimeOfTheProcess(figures));
    }

    @Test
    void aRootProcessCountsUserAndKernelExactly() throws Exception {
        LoopFigures figures = run(3, "root", "-Xint", "counters=default", 12, ITERATIONS);

        print("user and kernel", figures);
        figures.agree("perf", 2);
        assertThat(figures.ofRequests(field("instructions")))
                .isCloseTo(instructionsByTheClock(figures), withPercentage(0.5));
        assertThat(figures.total("pitot.ProcessCounters", field("instructions")) * NANOS_OF_AN_INSTRUCTION)
                .isCloseTo(cpuTimeOfTheProcess(figures), withPercentage(3));
        cyclesAreTwiceTheInstructions(figures);
        assertThat(figures.requests("/large")).allSatisfy(request -> assertThat(request.getDouble("contextSwitches"))
                .isNotNegative());
        double share = figures.shareOfBusyRequests(field("instructions"), field("instructions"));
        System.out.printf(Locale.ROOT, "requests that compute: %.4f of the process's instructions%n", share);
        assertThat(share).isBetween(0.9, 1.0);
        // This PMU knows no caches and branches, and that is no zero.
        assertThat(figures.of("pitot.ProcessCounters")).allSatisfy(sample -> assertThat(sample.getDouble("cacheMisses"))
                .isNaN());
        assertThat(figures.status("hardware counters").getString("state")).isEqualTo("partial");
        assertThat(figures.status("hardware counters").getString("reason")).contains("cache-misses");
    }

    @Test
    void eventsThatTakeTurnsAreScaledToWhatTheyWouldHaveBeen() throws Exception {
        // Five more names each for instructions and cycles: this PMU has seven counters.
        List<String> instructions = List.of("r8", "r08", "r008", "r0008", "r00008");
        List<String> cycles = List.of("r11", "r011", "r0011", "r00011", "r000011");
        String counters = "counters=default," + String.join(",", instructions) + "," + String.join(",", cycles);
        LoopFigures figures = run(3, "root", "-Xint", counters, 6, ITERATIONS);

        List<RecordedEvent> samples = figures.of("pitot.ProcessCounters");
        assertThat(samples).allSatisfy(sample -> assertThat(sample.getDouble("hardwareRunning"))
                .isBetween(0.05, 0.6));
        double total = figures.total("pitot.ProcessCounters", field("instructions"));
        assertThat(total * NANOS_OF_AN_INSTRUCTION).isCloseTo(cpuTimeOfTheProcess(figures), withPercentage(5));
        for (String name : instructions) {
            assertThat(ofProcess(figures, name, "value")).as(name).isCloseTo(total, withPercentage(5));
            // Of its own group, which counts it and the instructions at the same moments.
            assertThat(ofProcess(figures, name, "value"))
                    .isCloseTo(ofProcess(figures, name, "groupInstructions"), withPercentage(0.1));
        }
        for (String name : cycles) {
            assertThat(ofProcess(figures, name, "value")).as(name).isCloseTo(2 * total, withPercentage(5));
        }
        List<RecordedEvent> counted = figures.requests("/large").stream()
                .filter(request -> request.getDouble("counterRunning") > 0.1)
                .toList();
        assertThat(counted).isNotEmpty().allSatisfy(request -> {
            assertThat(request.getDouble("counterRunning")).isLessThan(1);
            assertThat(request.getDouble("instructions"))
                    .isCloseTo(request.getDuration("cpuTime").toNanos() / NANOS_OF_AN_INSTRUCTION, withPercentage(10));
        });
        assertThat(figures.of("pitot.HttpRequest"))
                .filteredOn(request -> request.getDouble("counterRunning") == 0)
                .allSatisfy(
                        request -> assertThat(request.getDouble("instructions")).isNaN());
        assertThat(figures.status("hardware counters").getString("reason")).contains("take turns");
    }

    private static double ofProcess(LoopFigures figures, String counter, String field) {
        return figures.of("pitot.Counter").stream()
                .filter(event -> event.getString("scope").equals("process"))
                .filter(event -> event.getString("name").equals(counter))
                .mapToDouble(event -> event.getDouble(field))
                .sum();
    }

    @Test
    void theMachineShowsTheSameLoop() throws Exception {
        LoopFigures figures = run(3, "root", "-Xint", "counters=default,counters.host=true", 3, ITERATIONS);

        assertThat(figures.ofMachine(field("instructions")))
                .isCloseTo(figures.ofRequests(field("instructions")), withPercentage(2));
        assertThat(figures.ofMachine(field("instructions")))
                .isCloseTo(figures.ofProcess(field("instructions")), withPercentage(2));
    }

    @Test
    void anotherUserCountsTheUserSideToTheInstruction() throws Exception {
        LoopFigures figures = run(2, "nobody", "-Xint", "counters=default", 12, ITERATIONS);

        print("user only", figures);
        figures.agree("perf, user only", 2);
        assertThat(figures.ofRequests(field("instructions")))
                .isCloseTo(instructionsByTheClock(figures), withPercentage(1));
        cyclesAreTwiceTheInstructions(figures);
        assertThat(figures.of("pitot.HttpRequest"))
                .allSatisfy(request ->
                        assertThat(request.getDouble("contextSwitches")).isNaN());
        assertThat(figures.status("hardware counters").getString("reason")).contains("Only the user side");
    }

    @Test
    void whoeverIsDeniedHasNoNumbersAndAReason() throws Exception {
        LoopFigures figures = run(3, "nobody", "-XX:TieredStopAtLevel=1", "counters=default", 3, 1000);

        assertThat(figures.of("pitot.HttpRequest"))
                .hasSize(10 + LoopTarget.BUSY)
                .allSatisfy(request -> {
                    assertThat(request.getString("counterSource")).isEqualTo("none");
                    for (String name :
                            List.of("cycles", "instructions", "contextSwitches", "pageFaults", "counterRunning")) {
                        assertThat(request.getDouble(name)).as(name).isNaN();
                    }
                    assertThat(request.getDuration("cpuTime")).isPositive();
                });
        assertThat(figures.status("hardware counters").getString("state")).isEqualTo("off");
        assertThat(figures.status("hardware counters").getString("reason")).contains("perf_event_paranoid is 3");
        assertThat(figures.status("hardware counters").getString("remedy")).isNotEmpty();
        assertThat(figures.status("thread counters").getString("state")).isEqualTo("off");
        assertThat(figures.status("software counters").getString("state")).isEqualTo("on");
    }
}
