package dev.pitot.agent.instrument;

import static dev.pitot.agent.instrument.HttpServerIT.sum;
import static org.assertj.core.api.Assertions.assertThat;

import dev.pitot.agent.target.TargetJvm;
import java.io.File;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import jdk.jfr.consumer.RecordedEvent;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Containers other than Tomcat, each on the newest JDK of this machine. */
class ServletContainersIT {
    @TempDir
    Path folder;

    private TargetJvm start(String server, boolean filter) throws Exception {
        String libraries =
                server.equals("Jetty") ? "jetty|slf4j|servlet-api" : "undertow|xnio|jboss|wildfly|servlet-api|smallrye";
        String path = Stream.of(System.getProperty("java.class.path").split(File.pathSeparator))
                .filter(entry -> new File(entry).getName().matches("(.*[.-])?(" + libraries + ").*\\.jar"))
                .filter(entry -> !new File(entry).getName().startsWith("javax"))
                .collect(Collectors.joining(File.pathSeparator));
        String main = "dev.pitot.agent.target." + server + "Target";
        List<TargetJvm.Jdk> jdks = TargetJvm.jdks().toList();
        return TargetJvm.start(
                jdks.get(jdks.size() - 1),
                folder,
                TargetJvm.codeSource("dev.pitot.agent.target.TargetJvm") + File.pathSeparator + path,
                main,
                "http.slow=10000ms,http.events=100000" + (filter ? ",http.query=true,http.headers=user-agent" : ""),
                "-Dfilter=" + filter);
    }

    /** The ways of {@code AsyncPage}, and what they are answered with. */
    private static final Map<String, Integer> WAYS = Map.of(
            "dispatched",
            200,
            "twice",
            200,
            "started",
            200,
            "plain",
            200,
            "once",
            200,
            "failed",
            503,
            "thrown",
            500,
            "timeout",
            500);

    static void askForAllAsync(TargetJvm target) {
        WAYS.forEach((way, status) -> {
            for (int i = 0; i < (way.equals("timeout") ? 1 : 9); i++) {
                try {
                    assertThat(target.get("/shop/" + way)).as(way).isEqualTo(status);
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            }
        });
    }

    /** And how many that are. */
    static long assertThatAllAsyncIsCounted(TargetJvm.Result result) {
        List<RecordedEvent> summaries = result.of("pitot.EndpointSummary");
        WAYS.forEach((way, status) -> {
            int n = way.equals("timeout") ? 1 : 9;
            // The others may be answered before the handler has returned.
            boolean late = List.of("dispatched", "twice", "thrown", "timeout").contains(way);
            String route = "/shop/" + way;
            assertThat(sum(summaries, route, "count")).as(route).isEqualTo(n);
            assertThat(sum(summaries, route, "async")).as(route).isBetween(late ? n : 0L, (long) n);
            assertThat(sum(summaries, route, "errors")).as(route).isEqualTo(status < 500 ? 0 : n);
            assertThat(result.of("pitot.HttpRequest"))
                    .filteredOn(e -> e.getString("route").equals(route))
                    .as(route)
                    .hasSize(n)
                    .allSatisfy(e -> assertThat(e.getInt("status")).isEqualTo(status))
                    .allSatisfy(e -> assertThat(e.getDuration().toNanos()).isPositive())
                    .allSatisfy(e -> assertThat(String.valueOf(e.getString("error")))
                            .endsWith(way.equals("thrown") ? ".ServletException" : "null"))
                    // The second half of a dispatched request is a further piece of it.
                    .allSatisfy(e -> assertThat(e.getLong("otherThreads"))
                            .isGreaterThanOrEqualTo(way.equals("dispatched") || way.equals("twice") ? 1 : 0));
            if (way.equals("timeout")) {
                assertThat(sum(summaries, route, "totalTimeHandoff")).isGreaterThanOrEqualTo(40_000_000);
            }
        });
        return 9 * (WAYS.size() - 1) + 1;
    }

    @ParameterizedTest
    @CsvSource({"Jetty, true", "Jetty, false", "Undertow, true"})
    void everyRequestIsCountedOnceWhateverAnswersIt(String server, boolean filter) throws Exception {
        try (TargetJvm target = start(server, filter)) {
            for (int i = 0; i < 10; i++) {
                assertThat(target.get("/shop/hello?page=" + i)).isEqualTo(200);
                assertThat(target.get("/shop/forward")).isEqualTo(200);
                assertThat(target.get("/shop/generic")).isEqualTo(200);
                if (filter) {
                    assertThat(target.get("/shop/denied")).isEqualTo(401);
                }
            }
            askForAllAsync(target);
            TargetJvm.Result result = target.finish();
            long async = assertThatAllAsyncIsCounted(result);
            List<RecordedEvent> summaries = result.of("pitot.EndpointSummary");
            for (String route : List.of("/shop/hello", "/shop/forward", "/shop/generic")) {
                assertThat(sum(summaries, route, "count")).as(route).isEqualTo(10);
            }
            assertThat(result.of("pitot.HttpRequest"))
                    .filteredOn(e -> e.getString("route").equals("/shop/hello"))
                    .allSatisfy(e -> assertThat(e.getString("query"))
                            .matches(page -> filter ? page.startsWith("page=") : page == null))
                    .allSatisfy(e -> assertThat(e.getString("headers"))
                            .matches(line -> filter ? line.startsWith("user-agent: ") : line == null));
            assertThat(sum(summaries, "unmatched", "count")).isEqualTo(filter ? 10 : 0);
            assertThat(summaries.stream().mapToLong(e -> e.getLong("count")).sum())
                    .isEqualTo((filter ? 40 : 30) + async);
            assertThat(result.status("http").getString("state"))
                    .as(result.status("http").getString("reason"))
                    .isEqualTo("on");
        }
    }
}
