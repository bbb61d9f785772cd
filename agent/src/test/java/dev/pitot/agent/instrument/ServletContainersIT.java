package dev.pitot.agent.instrument;

import static dev.pitot.agent.instrument.HttpServerIT.sum;
import static org.assertj.core.api.Assertions.assertThat;

import dev.pitot.agent.target.TargetJvm;
import java.io.File;
import java.nio.file.Path;
import java.util.List;
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

    private TargetJvm start(String server, String... flags) throws Exception {
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
                "http.slow=10000ms,http.events=100000",
                flags);
    }

    @ParameterizedTest
    @CsvSource({"Jetty, true", "Jetty, false", "Undertow, true"})
    void everyRequestIsCountedOnceWhateverAnswersIt(String server, boolean filter) throws Exception {
        try (TargetJvm target = start(server, "-Dfilter=" + filter)) {
            for (int i = 0; i < 10; i++) {
                assertThat(target.get("/shop/hello")).isEqualTo(200);
                assertThat(target.get("/shop/forward")).isEqualTo(200);
                assertThat(target.get("/shop/generic")).isEqualTo(200);
                if (filter) {
                    assertThat(target.get("/shop/denied")).isEqualTo(401);
                }
            }
            TargetJvm.Result result = target.finish();
            List<RecordedEvent> summaries = result.of("pitot.EndpointSummary");
            for (String route : List.of("/shop/hello", "/shop/forward", "/shop/generic")) {
                assertThat(sum(summaries, route, "count")).as(route).isEqualTo(10);
            }
            assertThat(sum(summaries, "unmatched", "count")).isEqualTo(filter ? 10 : 0);
            assertThat(summaries.stream().mapToLong(e -> e.getLong("count")).sum())
                    .isEqualTo(filter ? 40 : 30);
            assertThat(result.status("http").getString("state"))
                    .as(result.status("http").getString("reason"))
                    .isEqualTo("on");
        }
    }
}
