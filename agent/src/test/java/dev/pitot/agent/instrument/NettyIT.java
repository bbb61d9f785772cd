package dev.pitot.agent.instrument;

import static dev.pitot.agent.instrument.HttpServerIT.histogramSum;
import static dev.pitot.agent.instrument.HttpServerIT.sum;
import static org.assertj.core.api.Assertions.assertThat;

import dev.pitot.agent.target.TargetJvm;
import java.io.File;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import jdk.jfr.consumer.RecordedEvent;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class NettyIT {
    private static final String TRACE = "0af7651916cd43dd8448eb211c80319c";

    @TempDir
    Path folder;

    /** Netty 4.1 of the test class path, and the newest. */
    static Stream<Arguments> servers() {
        List<TargetJvm.Jdk> jdks = TargetJvm.jdks().toList();
        return Stream.of(
                Arguments.of("netty41", jdks.get(0), false), Arguments.of("netty42", jdks.get(jdks.size() - 1), true));
    }

    private static String classPath(String server) throws IOException {
        Stream<Path> jars = server.equals("netty41")
                ? Stream.of(System.getProperty("java.class.path").split(File.pathSeparator))
                        .filter(entry -> new File(entry).getName().matches("netty-.*4\\.1\\..*\\.jar"))
                        .map(Path::of)
                : Files.list(Path.of(System.getProperty("pitot.test.servers")).resolve(server));
        try (jars) {
            return TargetJvm.codeSource("dev.pitot.agent.target.NettyTarget")
                    + jars.map(Path::toString).collect(Collectors.joining(File.pathSeparator, File.pathSeparator, ""));
        }
    }

    /** Sends all at once, and reads until the server closes the connection. */
    private static void exchange(TargetJvm target, String text) throws IOException {
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), target.port)) {
            socket.setSoTimeout(20_000);
            socket.getOutputStream().write(text.getBytes(StandardCharsets.US_ASCII));
            socket.getInputStream().readAllBytes();
        }
    }

    @ParameterizedTest(name = "{0} on {1}")
    @MethodSource("servers")
    void everyRequestIsCountedOnceWhateverItsAnswer(String server, TargetJvm.Jdk jdk, boolean split) throws Exception {
        try (TargetJvm target = TargetJvm.start(
                jdk,
                folder,
                classPath(server),
                "dev.pitot.agent.target.NettyTarget",
                "http.slow=10000ms,http.events=100000,http.query=true,http.headers=user-agent",
                "-Dsplit=" + split)) {
            for (int i = 0; i < 20; i++) {
                assertThat(target.get("/hello?secret=" + i)).isEqualTo(200);
                assertThat(target.get("/items/" + (1000 + i))).isEqualTo(200);
                assertThat(target.get("/chunked")).isEqualTo(200);
                assertThat(target.get("/broken")).isEqualTo(500);
                assertThat(target.get("/later")).isEqualTo(200);
                assertThat(target.get("/call")).isEqualTo(200);
            }
            String traced =
                    "GET /piped HTTP/1.1\r\nhost: x\r\ntraceparent: 00-" + TRACE + "-b7ad6b7169203331-01\r\n\r\n";
            // Three requests before the first answer; one of them waits to be told to go on.
            exchange(
                    target,
                    traced
                            + "HEAD /piped HTTP/1.1\r\nhost: x\r\n\r\n"
                            + "POST /piped HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\nabc"
                            + "GET /cut HTTP/1.1\r\nhost: x\r\n\r\n");
            exchange(target, "GET /upgrade HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n");
            exchange(target, "GET /cut HTTP/1.0\r\nhost: x\r\n\r\n");
            TargetJvm.Result result = target.finish();

            assertThat(result.status("http").getString("state"))
                    .as(result.status("http").getString("reason"))
                    .isEqualTo("on");
            assertThat(result.out()).isEqualTo("end\n");
            assertThat(result.err()).doesNotContain("VerifyError", "pitot");

            List<RecordedEvent> summaries = result.of("pitot.EndpointSummary");
            assertThat(summaries)
                    .allSatisfy(e -> assertThat(histogramSum(e)).isEqualTo(e.getLong("count")))
                    .allSatisfy(e -> assertThat(e.getLong("untimed")).isZero());
            Map<String, Integer> counts = Map.of(
                    "/hello",
                    20,
                    "/items/{id}",
                    20,
                    "/chunked",
                    20,
                    "/broken",
                    20,
                    "/later",
                    20,
                    "/call",
                    20,
                    "/called",
                    20,
                    "/piped",
                    3,
                    "/cut",
                    2,
                    "/upgrade",
                    1);
            counts.forEach((route, n) ->
                    assertThat(sum(summaries, route, "count")).as(route).isEqualTo(n.longValue()));
            assertThat(summaries.stream().mapToLong(e -> e.getLong("count")).sum())
                    .isEqualTo(counts.values().stream().mapToLong(n -> n).sum());
            assertThat(summaries.stream().mapToLong(e -> e.getLong("errors")).sum())
                    .isEqualTo(20);
            assertThat(sum(summaries, "/later", "async")).isEqualTo(20);
            List<RecordedEvent> requests = result.of("pitot.HttpRequest");
            assertThat(requests)
                    .filteredOn(e -> e.getString("route").equals("/hello"))
                    .allSatisfy(e -> assertThat(e.getString("query")).isEqualTo("secret=***"))
                    .allSatisfy(e -> assertThat(e.getString("headers")).startsWith("user-agent: Java-http-client"));
            Map<String, Integer> statuses = Map.of("/broken", 500, "/upgrade", 101, "/cut", 0);
            assertThat(requests).allSatisfy(e -> assertThat(e.getInt("status"))
                    .as(e.getString("route"))
                    .isEqualTo(statuses.getOrDefault(e.getString("route"), 200)));
            assertThat(requests)
                    .filteredOn(e -> e.getString("route").equals("/piped"))
                    .extracting(e -> e.getString("method"))
                    .containsExactlyInAnyOrder("GET", "HEAD", "POST");
            assertThat(requests)
                    .filteredOn(e -> TRACE.equals(e.getString("traceId")))
                    .hasSize(1)
                    .allSatisfy(e -> assertThat(e.getString("method")).isEqualTo("GET"));
        }
    }
}
