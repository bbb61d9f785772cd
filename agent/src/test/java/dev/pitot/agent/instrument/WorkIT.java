package dev.pitot.agent.instrument;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pitot.agent.target.TargetJvm;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import jdk.jfr.ValueDescriptor;
import jdk.jfr.consumer.RecordedEvent;
import org.assertj.core.api.SoftAssertions;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What other threads do for a request, and what a thread waits for. */
class WorkIT {
    private static final String MAIN = "dev.pitot.agent.target.WorkTarget";
    private static final long SPIN = 20_000_000;
    private static final long TURNS = 20_000_000;

    /** Leave their work to other threads. */
    private static final List<String> FOLLOWED = List.of(
            "submit",
            "submitToOldThread",
            "execute",
            "invokeAll",
            "shared",
            "schedule",
            "forkJoinSubmit",
            "fork",
            "parallelStream",
            "stages",
            "stagesOfAliens",
            "delayed",
            "thread");

    /** Look on while other threads spin that do not work for them, or not any more. */
    private static final List<String> NOT_FOLLOWED = List.of("alien", "periodic", "leave", "left");

    /** Wait, and for what. */
    private static final Map<String, String> WAITS = Map.of(
            "monitor", "timeLock",
            "lock", "timeLock",
            "sleep", "timePark",
            "park", "timePark",
            "queue", "timePark",
            "objectWait", "timePark",
            "socket", "timeSocket",
            "pipe", "timeFile");

    @TempDir
    Path folder;

    static Stream<TargetJvm.Jdk> jdks() {
        return TargetJvm.jdks();
    }

    static Stream<TargetJvm.Jdk> jdksWhoseMonitorsLetVirtualThreadsGo() {
        return TargetJvm.jdks().filter(jdk -> jdk.version() >= 24);
    }

    private TargetJvm start(TargetJvm.Jdk jdk, String... flags) throws Exception {
        return TargetJvm.start(
                jdk,
                folder,
                TargetJvm.codeSource(MAIN).toString(),
                MAIN,
                "http.slow=10000ms,http.events=100000",
                flags);
    }

    private static CompletableFuture<String> send(TargetJvm target, String path) {
        return target.client
                .sendAsync(
                        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + target.port + "/" + path))
                                .build(),
                        HttpResponse.BodyHandlers.ofString())
                .thenApply(answer -> answer.statusCode() == 200 ? answer.body() : "status " + answer.statusCode());
    }

    private static String get(TargetJvm target, String path) throws Exception {
        return send(target, path).get();
    }

    /** The last request of each path. */
    private static Map<String, RecordedEvent> requests(TargetJvm.Result result) {
        Map<String, RecordedEvent> requests = new HashMap<>();
        for (RecordedEvent event : result.of("pitot.HttpRequest")) {
            requests.merge(
                    event.getString("route").substring(1),
                    event,
                    (a, b) -> a.getStartTime().isAfter(b.getStartTime()) ? a : b);
        }
        return requests;
    }

    private static Map<String, Long> parts(RecordedEvent event) {
        Map<String, Long> parts = new HashMap<>();
        for (ValueDescriptor field : event.getFields()) {
            if (field.getName().startsWith("time")) {
                parts.put(field.getName(), event.getLong(field.getName()));
            }
        }
        return parts;
    }

    private static boolean addsUp(RecordedEvent event) {
        long sum = parts(event).values().stream()
                .filter(part -> part > 0)
                .mapToLong(part -> part)
                .sum();
        return Math.abs((double) sum / event.getDuration().toNanos() - 1) <= 0.03;
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void theSpanFollowsTheWorkAndSaysWhatItWaitedFor(TargetJvm.Jdk jdk) throws Exception {
        Map<String, Long> spent = new HashMap<>();
        TargetJvm.Result result;
        try (TargetJvm target = start(jdk)) {
            get(target, "woven");
            get(target, "pipe"); // The first process that a JVM starts takes its time.
            for (String path : FOLLOWED) {
                spent.put(path, Long.parseLong(get(target, path)));
            }
            for (String path : NOT_FOLLOWED) {
                get(target, path);
            }
            get(target, "grow");
            for (String path : WAITS.keySet()) {
                get(target, path);
            }
            // What the application gets is what it would get without us.
            assertThat(get(target, "file")).isEqualTo(String.valueOf(20 * 256 * 1024));
            assertThat(get(target, "socket")).isEqualTo("7");
            assertThat(get(target, "queue")).isEqualTo("null");
            assertThat(get(target, "sameObjects")).isEqualTo("true");
            if (jdk.version() >= 25) {
                assertThat(get(target, "virtualThread")).isEqualTo("scoped");
            }
            result = target.finish();
        }
        Map<String, RecordedEvent> requests = requests(result);
        requests.remove("woven"); // The first request finds everything cold, the measuring too.
        SoftAssertions all = new SoftAssertions();
        for (String path : FOLLOWED) {
            RecordedEvent event = requests.get(path);
            all.assertThat(event.getLong("cpuTime")).as(path).isGreaterThanOrEqualTo(spent.get(path) * 9 / 10);
            all.assertThat(event.getLong("otherThreads")).as(path).isPositive();
        }
        for (String path : NOT_FOLLOWED) {
            all.assertThat(requests.get(path).getLong("cpuTime")).as(path).isBetween(0L, SPIN - 1);
        }
        all.assertThat(requests.get("grow").getLong("cpuTime")).isBetween(SPIN * 9 / 10, 3 * SPIN);
        for (Map.Entry<String, String> wait : WAITS.entrySet()) {
            RecordedEvent event = requests.get(wait.getKey());
            Map<String, Long> parts = parts(event);
            long longest = parts.values().stream().max(Long::compare).orElseThrow();
            all.assertThat(parts.get(wait.getValue())).as(wait + " of " + parts).isEqualTo(longest);
            all.assertThat(parts.get("timeUnknown"))
                    .as("unknown of " + wait + " of " + parts)
                    .isLessThanOrEqualTo(event.getDuration().toNanos() / 10);
        }
        List<RecordedEvent> lasting = requests.values().stream()
                .filter(event -> event.getDuration().toMillis() >= 50)
                .toList();
        // A thread may lose its CPU between the reading of one clock and of the other, on a busy machine above all.
        all.assertThat(lasting.stream().filter(WorkIT::addsUp).count())
                .as("of " + lasting.size() + " add up to their duration")
                .isGreaterThanOrEqualTo(lasting.size() * 3L / 4);
        all.assertThat(requests.get("file").getLong("timeFile")).isPositive();
        if (jdk.version() >= 25) {
            RecordedEvent event = requests.get("virtualThread");
            all.assertThat(event.getLong("otherThreads")).isEqualTo(2);
            all.assertThat(event.getString("counterSource")).isEqualTo("carrier switched: counters partial");
            all.assertThat(event.getLong("cpuTime")).as("never a lie").isEqualTo(Long.MIN_VALUE);
        }
        all.assertThat(result.status("follow").getString("state")).isEqualTo("on");
        all.assertThat(result.status("waits").getString("state")).isEqualTo("on");
        all.assertThat(result.out()).isEqualTo("end\n");
        all.assertThat(result.err()).doesNotContain("Exception", "Error", "dev.pitot");
        all.assertAll();
    }

    @ParameterizedTest
    @MethodSource("jdksWhoseMonitorsLetVirtualThreadsGo")
    void virtualThreadsAreCountedAndNotPinned(TargetJvm.Jdk jdk) throws Exception {
        TargetJvm.Result result;
        long spent = 0;
        try (TargetJvm target =
                start(jdk, "-Dvirtual=true", "--add-exports=java.base/jdk.internal.access=ALL-UNNAMED")) {
            get(target, "woven"); // Begins to weave what follows and, on a virtual thread, what tells of mounts.
            get(target, "woven");
            spent += Long.parseLong(get(target, "turns"));
            assertThat(get(target, "crowd")).isEqualTo("10000");
            List<CompletableFuture<String>> answers = new ArrayList<>();
            for (int i = 0; i < 300; i++) {
                answers.add(send(target, "park"));
                answers.add(send(target, "sleep"));
            }
            List<CompletableFuture<String>> turns = new ArrayList<>();
            for (int i = 0; i < 20; i++) {
                turns.add(send(target, "turns"));
            }
            assertThat(answers).allSatisfy(answer -> assertThat(answer.get()).isEqualTo("0"));
            for (CompletableFuture<String> turn : turns) {
                spent += Long.parseLong(turn.get());
            }
            result = target.finish();
        }
        List<RecordedEvent> summaries = result.of("pitot.EndpointSummary");
        assertThat(HttpServerIT.sum(summaries, "/park", "count")).isEqualTo(300);
        assertThat(HttpServerIT.sum(summaries, "/sleep", "count")).isEqualTo(300);
        Map<String, RecordedEvent> requests = requests(result);
        assertThat(requests.get("crowd").getLong("otherThreads")).isEqualTo(10_000);
        RecordedEvent park = requests.get("park");
        assertThat(result.status("virtual threads").getString("state")).isEqualTo("on");
        List<RecordedEvent> turns = result.of("pitot.HttpRequest").stream()
                .filter(event -> event.getString("route").equals("/turns"))
                .toList();
        assertThat(turns).allSatisfy(turn -> {
            // What the carrier did for others meanwhile is ten times as much.
            assertThat(turn.getLong("cpuTime")).isBetween(TURNS * 9 / 10, TURNS * 2);
            assertThat(turn.getLong("allocated")).isPositive();
            assertThat(turn.getLong("runQueueWait")).isNotEqualTo(Long.MIN_VALUE);
        });
        assertThat((double) turns.stream()
                                .mapToLong(event -> event.getLong("cpuTime"))
                                .sum()
                        / spent)
                .isBetween(0.95, 1.1);
        assertThat(requests.get("crowd").getLong("cpuTime")).isPositive();
        assertThat(park.getLong("cpuTime")).isBetween(0L, 10_000_000L);
        assertThat(park.getString("counterSource")).isEqualTo(turns.get(0).getString("counterSource"));
        assertThat(park.getLong("timePark")).isGreaterThan(park.getDuration().toNanos() / 2);
        assertThat(result.of("jdk.VirtualThreadPinned")).isEmpty();
        assertThat(result.out()).isEqualTo("end\n");
    }
}
