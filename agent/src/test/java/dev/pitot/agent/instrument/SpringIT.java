package dev.pitot.agent.instrument;

import static dev.pitot.agent.instrument.HttpServerIT.histogramSum;
import static dev.pitot.agent.instrument.HttpServerIT.sum;
import static org.assertj.core.api.Assertions.assertThat;

import dev.pitot.agent.target.TargetJvm;
import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import jdk.jfr.consumer.RecordedEvent;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class SpringIT {
    private static final int EACH = 5;

    @TempDir
    Path folder;

    static Stream<Arguments> applications() {
        List<TargetJvm.Jdk> jdks = TargetJvm.jdks().toList();
        return Stream.of(Arguments.of("REACTIVE", jdks.get(0)), Arguments.of("SERVLET", jdks.get(jdks.size() - 1)));
    }

    private TargetJvm start(String web, TargetJvm.Jdk jdk, String arguments) throws IOException {
        String libraries = Stream.of(System.getProperty("java.class.path").split(File.pathSeparator))
                .filter(entry -> new File(entry)
                        .getName()
                        .matches("(spring|reactor|reactive|netty|tomcat|micrometer|jackson|jakarta.annotation"
                                + "|snakeyaml|slf4j-api).*\\.jar"))
                // Else it would serve WebFlux too.
                .filter(entry ->
                        !web.equals("REACTIVE") || !new File(entry).getName().startsWith("tomcat-embed-core"))
                .collect(Collectors.joining(File.pathSeparator));
        return TargetJvm.start(
                jdk,
                Files.createDirectories(folder.resolve(arguments == null ? "without" : "with")),
                TargetJvm.codeSource("dev.pitot.agent.target.SpringTarget") + File.pathSeparator + libraries,
                "dev.pitot.agent.target.SpringTarget",
                arguments,
                "-Dweb=" + web,
                "-Dserver.http2.enabled=true",
                // What JNA makes newer JDKs say is told elsewhere.
                jdk.version() < 24 ? "-Dnone" : "--enable-native-access=ALL-UNNAMED");
    }

    /** What a client sees of each page: status, headers and body, without the time of day. */
    private static List<String> ask(TargetJvm target) throws Exception {
        List<String> answers = new ArrayList<>();
        for (int i = 0; i < EACH; i++) {
            for (String path : List.of("/items/a", "/later/b", "/broken/c", "/function/d", "/echo", "/missing")) {
                HttpRequest.Builder request = HttpRequest.newBuilder(
                        URI.create("http://127.0.0.1:" + target.port + path + (path.length() < 6 ? "" : "-" + i)));
                if (path.equals("/echo")) {
                    request.POST(HttpRequest.BodyPublishers.ofString("text " + i));
                }
                HttpResponse<String> answer = target.client.send(request.build(), HttpResponse.BodyHandlers.ofString());
                TreeMap<String, List<String>> headers =
                        new TreeMap<>(answer.headers().map());
                headers.remove("date");
                if (answer.statusCode() >= 400) {
                    // An error page has the time and the number of the request in it.
                    headers.remove("content-length");
                }
                answers.add(answer.statusCode()
                        + " "
                        + headers
                        + " "
                        + answer.body().replaceAll("\"(timestamp|requestId)\":\"[^\"]*\"", ""));
            }
        }
        return answers;
    }

    /** Streams of one connection, all at once: the first request asks for HTTP/2 and is the first of them. */
    private static void askByHttp2(TargetJvm target) {
        HttpClient client =
                HttpClient.newBuilder().version(HttpClient.Version.HTTP_2).build();
        List<CompletableFuture<HttpResponse<String>>> answers = new ArrayList<>();
        for (int i = 0; i < EACH; i++) {
            for (String path : List.of("/items/h", "/later/h", "/broken/h", "/function/h")) {
                CompletableFuture<HttpResponse<String>> answer = client.sendAsync(
                        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + target.port + path))
                                .build(),
                        HttpResponse.BodyHandlers.ofString());
                if (answers.isEmpty()) {
                    answer.join();
                }
                answers.add(answer);
            }
        }
        assertThat(answers)
                .allSatisfy(answer -> assertThat(answer.join().version()).isEqualTo(HttpClient.Version.HTTP_2));
    }

    @ParameterizedTest(name = "{0} on {1}")
    @MethodSource("applications")
    void everyRequestIsCountedByItsPatternAndAnsweredAsWithoutTheAgent(String web, TargetJvm.Jdk jdk) throws Exception {
        // Meanwhile the same without the agent.
        AtomicReference<TargetJvm.Result> plain = new AtomicReference<>();
        ExecutorService other = Executors.newSingleThreadExecutor();
        Future<List<String>> without = other.submit(() -> {
            try (TargetJvm target = start(web, jdk, null)) {
                List<String> answers = ask(target);
                plain.set(target.finish());
                return answers;
            }
        });
        other.shutdown();
        try (TargetJvm target = start(web, jdk, "http.slow=10000ms,http.events=100000")) {
            assertThat(ask(target)).isEqualTo(without.get());
            askByHttp2(target);
            TargetJvm.Result result = target.finish();
            assertThat(result.status("http").getString("state"))
                    .as(result.status("http").getString("reason"))
                    .isEqualTo("on");
            assertThat(result.out()).isEqualTo(plain.get().out());
            assertThat(result.err()).isEqualTo(plain.get().err());

            List<RecordedEvent> summaries = result.of("pitot.EndpointSummary");
            for (String route : List.of("/items/{id}", "/later/{id}", "/broken/{id}", "/function/{id}")) {
                assertThat(sum(summaries, route, "count")).as(route).isEqualTo(2 * EACH);
            }
            assertThat(sum(summaries, "/echo", "count")).isEqualTo(EACH);
            assertThat(summaries.stream().mapToLong(e -> e.getLong("count")).sum())
                    .isEqualTo((6 + 4) * EACH);
            assertThat(sum(summaries, "/broken/{id}", "errors")).isEqualTo(2 * EACH);
            assertThat(summaries.stream().mapToLong(e -> e.getLong("errors")).sum())
                    .isEqualTo(2 * EACH);
            assertThat(sum(summaries, "/later/{id}", "async")).isEqualTo(2 * EACH);
            assertThat(summaries)
                    .allSatisfy(e -> assertThat(histogramSum(e)).isEqualTo(e.getLong("count")))
                    .allSatisfy(e -> assertThat(e.getLong("untimed")).isZero());
            assertThat(result.of("pitot.HttpRequest"))
                    .filteredOn(e -> e.getString("route").equals("/later/{id}"))
                    .hasSize(2 * EACH)
                    .allSatisfy(e -> assertThat(e.getInt("status")).isEqualTo(200))
                    // On a busy machine the first thread may let go of one only when the answer is there already.
                    .anySatisfy(e ->
                            assertThat(e.getDuration("timeHandoff").toNanos()).isPositive());
        }
    }
}
