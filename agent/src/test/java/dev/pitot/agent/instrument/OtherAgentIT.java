package dev.pitot.agent.instrument;

import static dev.pitot.agent.instrument.HttpServerIT.sum;
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
import java.util.stream.Stream;
import jdk.jfr.consumer.RecordedEvent;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The OpenTelemetry agent, which weaves the same classes, in the same JVM. */
class OtherAgentIT {
    private static final String MAIN = "dev.pitot.agent.target.TomcatTarget";
    private static final List<String> PAGES =
            List.of("/shop/hello", "/shop/broken", "/shop/async", "/shop/forward", "/shop/away");
    private static final String TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    @TempDir
    Path folder;

    static Stream<TargetJvm.Jdk> jdks() {
        return TargetJvm.jdks();
    }

    private TargetJvm start(TargetJvm.Jdk jdk, String arguments, String... flags) throws IOException {
        String classPath = String.join(
                File.pathSeparator,
                TargetJvm.codeSource(MAIN).toString(),
                TargetJvm.codeSource("org.apache.catalina.startup.Tomcat").toString(),
                TargetJvm.codeSource("jakarta.annotation.Resource").toString());
        List<String> all = new ArrayList<>(List.of(flags));
        all.add("-Dbase=" + folder);
        return TargetJvm.start(jdk, folder, classPath, MAIN, arguments, all.toArray(String[]::new));
    }

    /** Status, headers and body, but for the time of day. */
    private static List<String> answers(TargetJvm target) throws Exception {
        List<String> answers = new ArrayList<>();
        for (String page : PAGES) {
            HttpResponse<String> answer = target.client.send(
                    HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + target.port + page))
                            .header("traceparent", TRACE)
                            .build(),
                    HttpResponse.BodyHandlers.ofString());
            Map<String, List<String>> headers = new TreeMap<>(answer.headers().map());
            headers.remove("date");
            answers.add(page + " " + answer.statusCode() + " " + headers + " "
                    + answer.body()
                            .lines()
                            .filter(line -> !line.contains("\tat "))
                            .toList());
        }
        return answers;
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void bothMeasureAndTheApplicationAnswersAsWithNeither(TargetJvm.Jdk jdk) throws Exception {
        List<String> alone;
        try (TargetJvm target = start(jdk, null)) {
            alone = answers(target);
            target.finish();
        }
        Path other = Path.of(System.getProperty("pitot.test.agents")).resolve("opentelemetry-javaagent.jar");
        assertThat(other).exists();
        try (TargetJvm target = start(
                jdk,
                "http.events=1000,host=false",
                "-javaagent:" + other,
                "-Dotel.traces.exporter=none",
                "-Dotel.metrics.exporter=none",
                "-Dotel.logs.exporter=none")) {
            assertThat(answers(target)).isEqualTo(alone);
            assertThat(answers(target)).isEqualTo(alone);
            TargetJvm.Result result = target.finish();

            assertThat(result.exit()).isZero();
            assertThat(result.out()).isEqualTo("end\n");
            assertThat(result.err()).doesNotContain("VerifyError", "LinkageError", "dev.pitot.events", "[pitot]");
            // Proof that it was there: it says its version when it starts.
            assertThat(Files.readString(folder.resolve("err"))).contains("opentelemetry-javaagent - version");
            assertThat(result.status("http").getString("state")).isEqualTo("on");
            List<RecordedEvent> summaries = result.of("pitot.EndpointSummary");
            for (String page : PAGES) {
                assertThat(sum(summaries, page, "count")).as(page).isEqualTo(2);
            }
            assertThat(result.of("pitot.HttpRequest")).hasSize(2 * PAGES.size()).allSatisfy(request -> assertThat(
                            request.getString("traceId"))
                    .isEqualTo("0af7651916cd43dd8448eb211c80319c"));
        }
    }
}
