package dev.pitot.agent.instrument;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pitot.agent.target.TargetJvm;
import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import jdk.jfr.consumer.RecordedEvent;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** HTTP calls and logged errors: the newest clients and logging frameworks on the newest JDK, older ones on the oldest. */
class ClientsIT {
    private static final String MAIN = "dev.pitot.agent.target.ClientsTarget";
    private static final String CAME_IN = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    private static final String STATE = "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE";
    private static final String OWN = "00-11111111111111111111111111111111-2222222222222222-00";
    private static final List<String> CLIENTS =
            List.of("jdk", "jdkAsync", "url", "apache4", "apache5", "apache5Async", "okHttp", "okHttpAsync");
    private static final List<String> CASES =
            List.of("ok", "own", "post", "error", "missing", "moved", "refused", "refusedPost", "timeout", "cancelled");
    /** Of one client alone. */
    private static final Map<String, String> SPECIAL =
            Map.of("url", "unwritten", "apache4", "whole", "okHttpAsync", "rejected");

    private static final List<String> LOGS = List.of("logback", "log4j", "java", "bridge");

    @TempDir
    Path folder;

    static Stream<TargetJvm.Jdk> jdks() {
        return TargetJvm.jdks();
    }

    private static boolean isAsync(String client) {
        return client.endsWith("Async");
    }

    private static TargetJvm start(TargetJvm.Jdk jdk, Path folder, String arguments) throws IOException {
        Path servers = Path.of(System.getProperty("pitot.test.servers"));
        StringBuilder path = new StringBuilder(TargetJvm.codeSource(MAIN).toString());
        for (String libraries : jdk.version() < 21 ? List.of("older-clients", "clients") : List.of("clients")) {
            try (Stream<Path> files = Files.list(servers.resolve(libraries))) {
                files.sorted().forEach(file -> path.append(File.pathSeparator).append(file));
            }
        }
        return TargetJvm.start(jdk, folder, path.toString(), MAIN, arguments);
    }

    private static String get(TargetJvm target, String path, String traceparent) throws Exception {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + target.port + path));
        if (traceparent != null) {
            request.header("traceparent", traceparent).header("tracestate", STATE);
            request.header("authorization", "Basic c2VjcmV0");
        }
        return target.client
                .send(request.build(), HttpResponse.BodyHandlers.ofString())
                .body();
    }

    /** What each client made of each case, by {@code /call/CLIENT/CASE}; all clients at the same time. */
    private static Map<String, String> callAll(TargetJvm target, String traceparent) throws Exception {
        Map<String, String> answers = new ConcurrentSkipListMap<>();
        ExecutorService threads = Executors.newFixedThreadPool(CLIENTS.size());
        List<Future<?>> all = new ArrayList<>();
        for (String client : CLIENTS) {
            all.add(threads.submit(() -> {
                String special = SPECIAL.get(client);
                if (special != null) {
                    String path = "/call/" + client + "/" + special;
                    answers.put(path, get(target, path, traceparent));
                }
                for (String each : CASES) {
                    if (!each.equals("cancelled") || isAsync(client)) {
                        String path = "/call/" + client + "/" + each;
                        answers.put(path, get(target, path + (each.equals("own") ? "?" + OWN : ""), traceparent));
                    }
                }
                return null;
            }));
        }
        for (Future<?> each : all) {
            each.get();
        }
        threads.shutdown();
        return answers;
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void callsAreCountedOnceAndLeftAsTheyAre(TargetJvm.Jdk jdk) throws Exception {
        // Meanwhile the same without the agent.
        ExecutorService other = Executors.newSingleThreadExecutor();
        Future<Map<String, String>> plain = other.submit(() -> {
            try (TargetJvm target = start(jdk, Files.createDirectory(folder.resolve("plain")), null)) {
                return callAll(target, CAME_IN);
            }
        });
        other.shutdown();
        // On the older one the agent reads what it needs of the kernel as a program without native code does.
        String arguments = "calls.slow=10000ms,calls.events=100000,http.events=100000";
        if (jdk.version() < 21) {
            arguments += ",counters=none,http.query=true,http.headers=traceparent+Authorization+x-none";
        }
        try (TargetJvm target = start(jdk, folder, arguments)) {
            Map<String, String> answers = callAll(target, null);
            Map<String, String> traced = callAll(target, CAME_IN);
            for (String log : LOGS) {
                assertThat(get(target, "/log/" + log, null)).isEqualTo("logged");
            }
            TargetJvm.Result result = target.finish();

            Map<String, String> without = plain.get();
            assertThat(answers).as("nothing is invented").isEqualTo(without);
            without.forEach((path, answer) -> assertThat(traced.get(path))
                    .as(path)
                    .isEqualTo(answer.replace(
                            "traceparent=null tracestate=null",
                            "traceparent=[" + CAME_IN + "] tracestate=[" + STATE + "]")));
            assertThat(traced.get("/call/jdk/ok")).contains(CAME_IN);
            for (String client : CLIENTS) {
                assertThat(traced.get("/call/" + client + "/own"))
                        .as(client)
                        .contains("traceparent=[" + OWN + "] tracestate=null");
            }

            Map<String, List<RecordedEvent>> requests = new TreeMap<>();
            for (RecordedEvent request : result.of("pitot.HttpRequest")) {
                requests.computeIfAbsent(request.getString("route"), route -> new ArrayList<>())
                        .add(request);
            }
            Map<String, RecordedEvent> callsByParent = new TreeMap<>();
            List<RecordedEvent> calls = result.of("pitot.HttpCall");
            for (RecordedEvent call : calls) {
                assertThat(callsByParent.put(call.getString("parentSpanId"), call))
                        .as("one call for each request: %s", call)
                        .isNull();
            }
            for (String path : answers.keySet()) {
                String client = path.split("/")[2];
                String each = path.split("/")[3];
                assertThat(requests.get(path)).as(path).hasSize(2);
                if (each.equals("unwritten")) {
                    assertThat(requests.get(path)).as(path).allSatisfy(e -> assertThat(e.getLong("httpCalls"))
                            .isZero());
                    continue;
                }
                if (each.equals("missing")) {
                    // By now nobody loads classes any more.
                    assertThat(requests.get(path)).as(path).anySatisfy(e -> assertThat(
                                    e.getDuration("timeFile").toNanos())
                            .isZero());
                }
                for (RecordedEvent request : requests.get(path)) {
                    RecordedEvent call = callsByParent.get(request.getString("spanId"));
                    assertThat(call).as(path).isNotNull();
                    check(client, each, target.port, call);
                    assertThat(call.getString("traceId")).as(path).isEqualTo(request.getString("traceId"));
                    if (!each.equals("cancelled")) {
                        // The application does not wait for the end of a call that it has cancelled.
                        assertThat(request.getLong("httpCalls")).as(path).isEqualTo(1);
                        assertThat(request.getLong("httpCallDuration"))
                                .as(path)
                                .isBetween(1L, request.getDuration().toNanos());
                    }
                }
            }
            assertThat(calls).hasSize(2 * (answers.size() - 1));
            List<RecordedEvent> summaries = result.of("pitot.CallSummary");
            assertThat(summaries.stream().mapToLong(e -> e.getLong("count")).sum())
                    .isEqualTo(calls.size());
            assertThat(summaries.stream().mapToLong(e -> e.getLong("errors")).sum())
                    .isEqualTo(
                            calls.stream().filter(e -> e.getBoolean("failed")).count());

            checkShown(requests.get("/call/url/own"), jdk.version() < 21);
            checkLogs(result, requests);
            assertThat(result.status("calls").getString("state")).isEqualTo("on");
            assertThat(result.status("log").getString("state")).isEqualTo("on");
            assertThat(result.out()).isEqualTo("end\n");
        }
    }

    private static void check(String client, String each, int port, RecordedEvent call) {
        String path = client + " " + each;
        boolean answered = !List.of("refused", "refusedPost", "timeout", "cancelled", "rejected")
                .contains(each);
        int status =
                switch (each) {
                    case "error" -> 500;
                    case "missing" -> 404;
                    default -> 200;
                };
        assertThat(call.getInt("status")).as(path).isEqualTo(answered ? status : 0);
        assertThat(call.getBoolean("failed")).as(path).isEqualTo(!answered || status == 500);
        assertThat(call.getBoolean("async")).as(path).isEqualTo(isAsync(client));
        assertThat(call.getString("method"))
                .as(path)
                .isEqualTo(each.equals("post") || each.equals("refusedPost") ? "POST" : "GET");
        String route =
                switch (each) {
                    case "ok", "own", "post", "whole" -> "/back/echo/{id}";
                    case "refusedPost" -> "/back/refused";
                    case "timeout", "cancelled" -> "/back/never";
                    default -> "/back/" + each;
                };
        assertThat(call.getString("route")).as(path).isEqualTo(route);
        if (each.startsWith("refused")) {
            assertThat(call.getString("target")).as(path).startsWith("127.0.0.1:");
        } else {
            assertThat(call.getString("target")).as(path).isEqualTo("127.0.0.1:" + port);
        }
        if (answered) {
            assertThat(call.getString("error")).as(path).isNull();
        } else {
            assertThat(call.getString("error")).as(path).contains("Exception");
        }
        if (each.equals("timeout")) {
            assertThat(call.getDuration("duration").toMillis()).as(path).isGreaterThanOrEqualTo(190);
        }
        if (isAsync(client) && each.equals("timeout")) {
            assertThat(call.getDuration("timeHandoff").toMillis()).as(path).isGreaterThanOrEqualTo(100);
        }
    }

    private static void checkShown(List<RecordedEvent> requests, boolean asked) {
        assertThat(requests).extracting(e -> e.getString("query")).containsOnly(asked ? OWN : null);
        assertThat(requests)
                .extracting(e -> e.getString("headers"))
                .containsExactlyInAnyOrder(null, asked ? "traceparent: " + CAME_IN + "\nauthorization: ***" : null);
    }

    private static void checkLogs(TargetJvm.Result result, Map<String, List<RecordedEvent>> requests) {
        List<RecordedEvent> logged = result.of("pitot.LoggedErrors");
        for (String log : LOGS) {
            assertThat(logged.stream()
                            .filter(e -> e.getString("logger").equals("of." + log))
                            .mapToLong(e -> e.getLong("count"))
                            .sum())
                    .as(log)
                    .isEqualTo(2);
            assertThat(requests.get("/log/" + log)).as(log).singleElement().satisfies(e -> assertThat(
                            e.getLong("loggedErrors"))
                    .isEqualTo(2));
        }
        assertThat(requests.get("/call/apache5Async/ok"))
                .as("what a callback logs")
                .allSatisfy(e -> assertThat(e.getLong("loggedErrors")).isEqualTo(1));
        assertThat(logged).extracting(e -> e.getString("error")).contains("java.lang.IllegalStateException");
        assertThat(logged.stream().mapToLong(e -> e.getLong("count")).sum()).isEqualTo(8 + 2);
    }
}
