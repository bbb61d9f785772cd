package dev.pitot.agent.instrument;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pitot.agent.target.TargetJvm;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import jdk.jfr.consumer.RecordedEvent;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What requests cost against what the process cost: together they are never more, and nearly all when they only compute. */
class CpuBoundIT {
    private static final String MAIN = "dev.pitot.agent.target.HttpServerTarget";
    private static final int CLIENTS = 2;
    /** Nanoseconds of a second. */
    private static final long OTHERWISE_BUSY = 50_000_000;

    @TempDir
    Path folder;

    static Stream<TargetJvm.Jdk> jdks() {
        return TargetJvm.jdks();
    }

    static Stream<Arguments> threads() {
        return jdks().flatMap(jdk -> (jdk.version() == 25 ? Stream.of("pool", "virtual") : Stream.of("pool"))
                .map(threads -> Arguments.of(jdk, threads)));
    }

    @ParameterizedTest
    @MethodSource("threads")
    void requestsThatComputeAreNearlyAllThatTheProcessDoesAndNeverMore(TargetJvm.Jdk jdk, String threads)
            throws Exception {
        try (TargetJvm target = TargetJvm.start(
                jdk,
                folder,
                TargetJvm.codeSource(MAIN).toString(),
                MAIN,
                "host=false,http.slow=1h,budget=none",
                "-Dthreads=" + threads)) {
            ExecutorService clients = Executors.newFixedThreadPool(CLIENTS);
            long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(6);
            for (int i = 0; i < CLIENTS; i++) {
                clients.submit(() -> {
                    while (System.nanoTime() < until) {
                        target.get("/spin");
                    }
                    return null;
                });
            }
            clients.shutdown();
            assertThat(clients.awaitTermination(30, TimeUnit.SECONDS)).isTrue();
            TargetJvm.Result result = target.finish();
            List<RecordedEvent> requests = inOrder(result.of("pitot.EndpointSummary"));
            List<RecordedEvent> process = inOrder(result.of("pitot.ProcessCounters"));
            assertThat(requests.size()).isGreaterThan(4);
            assertThat(requests.stream()
                            .mapToLong(e -> e.getLong("totalCpuTime"))
                            .sum())
                    .isLessThanOrEqualTo(
                            process.stream().mapToLong(CpuBoundIT::cpuTime).sum());

            // Whole seconds of load, after the one in which the JVM, JFR and the agent have started.
            long ofRequests = 0;
            long ofProcess = 0;
            List<RecordedEvent> seconds = requests.subList(2, requests.size() - 1);
            for (RecordedEvent second : seconds) {
                ofRequests += second.getLong("totalCpuTime");
                ofProcess += cpuTime(process.stream()
                        .filter(sample -> !sample.getStartTime().isAfter(second.getStartTime()))
                        .reduce((earlier, later) -> later)
                        .orElseThrow());
            }
            assertThat(ofRequests / 1.03).isLessThanOrEqualTo(ofProcess);
            // Compilers and JFR take some of each second, which is much of the little that a busy machine leaves to it.
            assertThat(ofRequests + seconds.size() * OTHERWISE_BUSY).isGreaterThanOrEqualTo(ofProcess / 10 * 9);
        }
    }

    private static List<RecordedEvent> inOrder(List<RecordedEvent> events) {
        return events.stream()
                .sorted(Comparator.comparing(RecordedEvent::getStartTime))
                .toList();
    }

    private static long cpuTime(RecordedEvent sample) {
        return sample.getLong("userTime") + sample.getLong("systemTime");
    }
}
