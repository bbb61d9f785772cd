package dev.pitot.agent.instrument;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pitot.agent.target.TargetJvm;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import jdk.jfr.consumer.RecordedEvent;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class HttpServerIT {
    private static final String MAIN = "dev.pitot.agent.target.HttpServerTarget";

    @TempDir
    Path folder;

    static Stream<TargetJvm.Jdk> jdks() {
        return TargetJvm.jdks();
    }

    private TargetJvm start(TargetJvm.Jdk jdk, String arguments, String... flags) throws Exception {
        return TargetJvm.start(jdk, folder, TargetJvm.codeSource(MAIN).toString(), MAIN, arguments, flags);
    }

    /** Sends n requests from 8 threads. */
    private static void load(TargetJvm target, int n, String path) throws Exception {
        ExecutorService clients = Executors.newFixedThreadPool(8);
        List<Future<Integer>> answers = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            String at = path.replace("#", Integer.toString(i));
            answers.add(clients.submit(() -> target.get(at)));
        }
        for (Future<Integer> answer : answers) {
            answer.get();
        }
        clients.shutdown();
    }

    static long sum(List<RecordedEvent> summaries, String route, String field) {
        return summaries.stream()
                .filter(e -> route.equals(e.getString("route")))
                .mapToLong(e -> e.getLong(field))
                .sum();
    }

    static long histogramSum(RecordedEvent summary) {
        return Stream.of(summary.getString("histogram").split(" "))
                .filter(pair -> !pair.isEmpty())
                .mapToLong(pair -> Long.parseLong(pair.substring(pair.indexOf(':') + 1)))
                .sum();
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void everyRequestIsCountedOnceUnderConcurrentLoad(TargetJvm.Jdk jdk) throws Exception {
        try (TargetJvm target = start(jdk, "http.slow=50ms,http.events=100000")) {
            load(target, 600, "/hello");
            load(target, 300, "/hello/#/items");
            load(target, 10, "/broken");
            load(target, 20, "/unavailable");
            load(target, 30, "/missing");
            load(target, 5, "/slow");
            load(target, 8, "/later");
            load(target, 8, "/later/body");
            load(target, 8, "/later/cut");
            load(target, 8, "/cut");
            load(target, 8, "/allocate");
            TargetJvm.Result result = target.finish();

            List<RecordedEvent> summaries = result.of("pitot.EndpointSummary");
            assertThat(sum(summaries, "/hello", "count")).isEqualTo(600);
            assertThat(sum(summaries, "/hello/{id}/items", "count")).isEqualTo(300);
            // The client sends a request again when the connection is cut without an answer.
            assertThat(sum(summaries, "/broken", "count")).isBetween(10L, 20L);
            assertThat(sum(summaries, "/broken", "errors")).isEqualTo(sum(summaries, "/broken", "count"));
            assertThat(sum(summaries, "/unavailable", "errors")).isEqualTo(20);
            assertThat(sum(summaries, "/missing", "count")).isEqualTo(30);
            assertThat(sum(summaries, "/missing", "errors")).isZero();
            assertThat(summaries).allSatisfy(e -> {
                assertThat(histogramSum(e)).isEqualTo(e.getLong("count"));
                assertThat(e.getLong("untimed")).isZero();
                assertThat(e.getLong("errors")).isBetween(0L, e.getLong("count"));
                assertThat(e.getLong("measured")).isEqualTo(e.getLong("count"));
                assertThat(e.getLong("maxDuration")).isBetween(1L, e.getLong("totalDuration"));
            });
            assertThat(sum(summaries, "/later", "async")).isEqualTo(8);
            assertThat(sum(summaries, "/later/body", "async")).isEqualTo(8);
            // As above, and the first of two may be answered before its handler returns.
            assertThat(sum(summaries, "/later/cut", "count")).isBetween(8L, 16L);
            assertThat(sum(summaries, "/cut", "count")).isBetween(8L, 16L);
            assertThat(sum(summaries, "/cut", "async") + sum(summaries, "/cut", "errors"))
                    .isZero();
            assertThat(sum(summaries, "/allocate", "totalAllocated")).isBetween(8L << 20, 12L << 20);

            List<RecordedEvent> requests = result.of("pitot.HttpRequest");
            assertThat(requests)
                    .filteredOn(e -> e.getString("route").equals("/broken"))
                    .hasSize((int) sum(summaries, "/broken", "count"))
                    .allSatisfy(e -> assertThat(e.getInt("status")).isEqualTo(500))
                    .allSatisfy(e -> assertThat(e.getBoolean("failed")).isTrue());
            assertThat(requests)
                    .filteredOn(e -> e.getString("route").equals("/slow"))
                    .hasSize(5)
                    .allSatisfy(e -> assertThat(e.getDuration().toMillis()).isBetween(55L, 2000L))
                    .allSatisfy(
                            e -> assertThat(e.getDuration("cpuTime").toMillis()).isLessThan(50))
                    // N/A where the kernel lets nobody but root watch it.
                    .allSatisfy(e -> assertThat(
                                    Double.isNaN(e.getDouble("contextSwitches")) || e.getDouble("contextSwitches") >= 1)
                            .isTrue());
            assertThat(requests)
                    .filteredOn(e -> e.getString("route").equals("/later"))
                    .hasSize(8)
                    .allSatisfy(e -> assertThat(e.getBoolean("async")).isTrue())
                    .allSatisfy(e -> assertThat(e.getInt("status")).isEqualTo(200));
            assertThat(requests)
                    .filteredOn(e -> e.getString("route").equals("/later/body"))
                    .hasSize(8)
                    .allSatisfy(e -> assertThat(e.getInt("status")).isEqualTo(203));
            assertThat(result.status("http").getString("state")).isEqualTo("on");
            assertThat(result.out()).isEqualTo("end\n");
        }
    }
}
