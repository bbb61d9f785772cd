package dev.pitot.web;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import dev.pitot.web.compare.Comparison;
import dev.pitot.web.compare.Comparison.Change;
import dev.pitot.web.live.Json;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a build sees of a comparison: exit codes and texts. */
class CompareCommandTest {
    private record Run(int exit, String out, String err) {}

    @TempDir
    Path folder;

    private HttpServer server;
    private volatile int status = 200;
    private volatile String body = "";
    private volatile String asked = "";

    @BeforeEach
    void aCollector() throws Exception {
        Files.writeString(folder.resolve("view.token"), "secret\n");
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", exchange -> {
            asked = exchange.getRequestURI() + " "
                    + exchange.getRequestHeaders().getFirst("Authorization");
            byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(status, bytes.length);
            exchange.getResponseBody().write(bytes);
            exchange.close();
        });
        server.start();
        Comparison.Side side =
                new Comparison.Side("version=1", 0, 3_600_000, 60_000, 60, "metric_1m", List.of("shop"), 1);
        answer(new Comparison(
                side,
                side,
                0.01,
                2,
                3,
                List.of(
                        change("GET /checkout", "cpu", 2.0, 2.6, 0.3, Comparison.WORSE, ""),
                        change(
                                "GET /a|b",
                                "cpu",
                                2.0,
                                2.1,
                                0.05,
                                Comparison.NO_CLEAR_CHANGE,
                                "the interval contains 0"),
                        change("GET /rare", "p99", 2.0, 9.0, 3.5, Comparison.TOO_LITTLE, "A has 7 of them")),
                List.of(),
                List.of(new Comparison.Only("endpoint", "GET /new", 5)),
                List.of()));
    }

    @AfterEach
    void stop() {
        server.stop(0);
    }

    private void answer(Comparison comparison) {
        body = Json.text(comparison);
    }

    private static Change change(
            String key, String metric, double a, double b, double change, String verdict, String reason) {
        boolean measured = !verdict.equals(Comparison.TOO_LITTLE);
        Double low = measured ? (Double) (change - 0.1) : null;
        Double high = measured ? (Double) (change + 0.1) : null;
        return new Change("endpoint", key, metric, "ms", false, a, b, change, low, high, low, verdict, reason);
    }

    private Run compare(String... more) {
        List<String> line = new ArrayList<>(List.of("compare", "--a", "version=1", "--b", "version=2 -1h..now"));
        line.addAll(
                List.of("--collector", "http://127.0.0.1:" + server.getAddress().getPort()));
        line.addAll(List.of("--token-file", folder.resolve("view.token").toString()));
        line.addAll(Arrays.asList(more));
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        int exit = Pitot.run(line.toArray(String[]::new), new PrintWriter(out, true), new PrintWriter(err, true));
        return new Run(exit, out.toString(), err.toString());
    }

    @Test
    void whatChangedClearlyIsShownAndWithoutAConditionNothingFails() {
        Run run = compare("--min-change", "5%");
        assertThat(run.exit()).as(run.err()).isZero();
        assertThat(run.out())
                .contains("worse    GET /checkout  cpu", "2.000 ms", "2.600 ms", "+30.0 %", "+20.0 % to +40.0 %")
                .contains("Only in B: endpoint GET /new.")
                .doesNotContain("/a|b");
        assertThat(compare("--all").out()).contains("/a|b", "A has 7 of them");
        assertThat(compare("--format", "markdown", "--all").out()).contains("| worse | GET /checkout |", "/a\\|b");
        compare("--min-change", "5%", "--warmup", "30s");
        assertThat(asked).contains("a=version%3D1&b=version%3D2+-1h..now&warmup=30s&minChange=5%25", "Bearer secret");
    }

    @Test
    void exitCodesSayPassedFailedAndUnknown() {
        assertThat(compare("--fail-on", "cpu > +50%").exit()).isZero();
        Run failed = compare("--fail-on", "endpoint:GET /ch* cpu > +5% significant", "--fail-on", "mean > 1s");
        assertThat(failed.exit()).isEqualTo(1);
        assertThat(failed.out()).contains("FAILED   endpoint:GET /ch*", "UNKNOWN  mean > 1s");
        assertThat(compare("--fail-on", "cpu > +3% significant", "--format", "json")
                        .out())
                .contains("\"outcome\" : \"failed\"");
        Run unknown = compare("--fail-on", "endpoint:GET /rare p99 > +5%");
        assertThat(unknown.exit()).isEqualTo(2);
        assertThat(unknown.out()).contains("A has 7 of them");
        assertThat(compare("--fail-on", "endpoint:GET /rare p99 > +5%", "--allow-missing")
                        .exit())
                .isZero();
    }

    @Test
    void nothingToCompareIsNoPass() {
        Comparison.Side none = new Comparison.Side("v=1", 0, 60_000, 1_000, 0, "event", List.of(), 1);
        answer(new Comparison(none, none, 0.01, 0, 0, List.of(), List.of(), List.of(), List.of()));
        assertThat(compare().exit()).isEqualTo(2);
        assertThat(compare("--allow-missing").exit()).isZero();
        status = 404;
        body = Json.text(Map.of("error", "No JVM was heard of that matches A."));
        Run gone = compare("--allow-missing");
        assertThat(gone.exit()).isEqualTo(2);
        assertThat(gone.err().strip()).isEqualTo("No JVM was heard of that matches A.");
        body = "<html>";
        assertThat(compare().err()).contains("status 404");
        server.stop(0);
        assertThat(compare().exit()).isEqualTo(2);
    }
}
