package dev.pitot.agent.instrument;

import static dev.pitot.agent.instrument.HttpServerIT.histogramSum;
import static dev.pitot.agent.instrument.HttpServerIT.sum;
import static org.assertj.core.api.Assertions.assertThat;

import dev.pitot.agent.target.TargetJvm;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import javax.tools.ToolProvider;
import jdk.jfr.consumer.RecordedEvent;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class TomcatIT {
    private static final String MAIN = "dev.pitot.agent.target.TomcatTarget";

    @TempDir
    Path folder;

    /** Each Tomcat on one JDK, and the one of the test class path on all. */
    static Stream<Arguments> servers() {
        List<TargetJvm.Jdk> jdks = TargetJvm.jdks().toList();
        return Stream.concat(
                Stream.of("tomcat9", "tomcat11").map(server -> Arguments.of(server, jdks.get(jdks.size() - 1))),
                jdks.stream().map(jdk -> Arguments.of("tomcat10", jdk)));
    }

    private String classPath(String server) throws IOException {
        if (server.equals("tomcat10")) {
            return TargetJvm.codeSource(MAIN)
                    + File.pathSeparator
                    + TargetJvm.codeSource("org.apache.catalina.startup.Tomcat")
                    + File.pathSeparator
                    + TargetJvm.codeSource("jakarta.annotation.Resource");
        }
        Path jars = Path.of(System.getProperty("pitot.test.servers")).resolve(server);
        try (Stream<Path> files = Files.list(jars)) {
            String libraries = files.map(Path::toString)
                    .reduce((a, b) -> a + File.pathSeparator + b)
                    .orElseThrow();
            return (server.equals("tomcat9")
                            ? compileForJavax(libraries)
                            : TargetJvm.codeSource(MAIN).toString())
                    + File.pathSeparator
                    + libraries;
        }
    }

    private String compileForJavax(String libraries) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                "-proc:none", "-cp", libraries, "-d", folder.resolve("classes").toString()));
        for (String name : List.of("TomcatTarget.java", "AsyncPage.java")) {
            Path source = folder.resolve(name);
            String text = Files.readString(
                    Path.of("src/test/java/dev/pitot/agent/target").resolve(name));
            Files.writeString(source, text.replace("jakarta.servlet", "javax.servlet"));
            command.add(source.toString());
        }
        Path classes = Files.createDirectory(folder.resolve("classes"));
        int failed = ToolProvider.getSystemJavaCompiler().run(null, null, null, command.toArray(String[]::new));
        assertThat(failed).isZero();
        return classes.toString();
    }

    private TargetJvm start(String server, TargetJvm.Jdk jdk, String arguments) throws IOException {
        return TargetJvm.start(
                jdk,
                folder,
                classPath(server),
                MAIN,
                arguments,
                "-Dbase=" + folder,
                // A runtime image that lacks what the agent can do without, the JDK's HTTP server above all.
                "--limit-modules=java.se,jdk.jfr,jdk.management,jdk.unsupported");
    }

    @ParameterizedTest(name = "{0} on {1}")
    @MethodSource("servers")
    void everyRequestIsCountedOnceUnderItsRoute(String server, TargetJvm.Jdk jdk) throws Exception {
        try (TargetJvm target = start(server, jdk, "http.slow=10000ms,http.events=100000")) {
            CompletableFuture<?>[] load = IntStream.range(0, 4)
                    .mapToObj(thread -> CompletableFuture.runAsync(() -> {
                        for (int i = 0; i < 50; i++) {
                            get(target, "/shop/hello?secret=" + i);
                            get(target, "/shop/items/" + i + "/x");
                        }
                    }))
                    .toArray(CompletableFuture<?>[]::new);
            CompletableFuture.allOf(load).join();
            for (int i = 0; i < 10; i++) {
                assertThat(get(target, "/shop/forward")).isEqualTo(200);
                assertThat(get(target, "/shop/include")).isEqualTo(200);
                assertThat(get(target, "/shop/broken")).isEqualTo(500);
                assertThat(get(target, "/shop/away")).isEqualTo(503);
                assertThat(get(target, "/shop/gone")).isEqualTo(502);
                assertThat(get(target, "/shop/mapped/carts/" + i)).isEqualTo(200);
                assertThat(get(target, "/shop/spring")).isEqualTo(200);
                assertThat(get(target, "/shop/forwards/first/" + i)).isEqualTo(200);
                assertThat(get(target, "/shop/named")).isEqualTo(200);
                assertThat(get(target, "/shop/other/" + (1000 + i) + ";jsessionid=1A2B"))
                        .isEqualTo(200);
            }
            ServletContainersIT.askForAllAsync(target);
            TargetJvm.Result result = target.finish();

            List<RecordedEvent> summaries = result.of("pitot.EndpointSummary");
            assertThat(summaries)
                    .allSatisfy(e -> assertThat(histogramSum(e)).isEqualTo(e.getLong("count")))
                    .allSatisfy(e -> assertThat(e.getLong("untimed")).isZero());
            long async = ServletContainersIT.assertThatAllAsyncIsCounted(result);
            assertThat(sum(summaries, "/shop/hello", "count")).isEqualTo(200);
            assertThat(sum(summaries, "/shop/items/{id}/x", "count")).isEqualTo(200);
            for (String route : List.of(
                    "/shop/forward",
                    "/shop/include",
                    "/shop/broken",
                    "/shop/away",
                    "/shop/gone",
                    "/shop/mapped/carts/{cart}",
                    "/shop/spring/{name}",
                    "/shop/forwards/{kind}/{name}",
                    "/shop/named/{name}",
                    "/shop/other/{id}")) {
                assertThat(sum(summaries, route, "count")).as(route).isEqualTo(10);
            }
            assertThat(summaries.stream().mapToLong(e -> e.getLong("count")).sum())
                    .isEqualTo(500 + async);
            assertThat(sum(summaries, "/shop/broken", "errors")).isEqualTo(10);
            assertThat(sum(summaries, "/shop/away", "errors")).isEqualTo(10);
            assertThat(sum(summaries, "/shop/gone", "errors")).isEqualTo(10);
            assertThat(sum(summaries, "/shop/hello", "async")).isZero();
            assertThat(summaries.stream().mapToLong(e -> e.getLong("errors")).sum())
                    .isEqualTo(30 + 19);

            List<RecordedEvent> requests = result.of("pitot.HttpRequest");
            assertThat(requests).hasSize((int) (500 + async));
            assertThat(requests)
                    .allSatisfy(e -> assertThat(e.getString("method")).isEqualTo("GET"));
            assertThat(requests)
                    .filteredOn(e -> e.getString("route").equals("/shop/broken"))
                    .allSatisfy(e -> assertThat(e.getInt("status")).isEqualTo(500))
                    .allSatisfy(e -> assertThat(e.getBoolean("failed")).isTrue());
            assertThat(result.status("http").getString("state")).isEqualTo("on");
            assertThat(result.out()).isEqualTo("end\n");
        }
    }

    static Stream<TargetJvm.Jdk> jdks() {
        return TargetJvm.jdks();
    }

    private TargetJvm startIsolated(TargetJvm.Jdk jdk, String... flags) throws IOException {
        List<String> all = new ArrayList<>(List.of(flags));
        all.add("-Dbase=" + folder);
        all.add("-Disolated.path=" + classPath("tomcat10"));
        all.add("-Disolated.main=" + MAIN);
        String tests = TargetJvm.codeSource(MAIN).toString();
        return TargetJvm.start(
                jdk,
                folder,
                tests,
                "dev.pitot.agent.target.IsolatedTarget",
                "http.slow=10000ms,http.events=100000",
                all.toArray(String[]::new));
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void aServerWhoseClassLoaderHidesTheBridgeServesOnUnmeasured(TargetJvm.Jdk jdk) throws Exception {
        try (TargetJvm target = startIsolated(jdk)) {
            for (int i = 0; i < 10; i++) {
                assertThat(get(target, "/shop/hello")).isEqualTo(200);
            }
            TargetJvm.Result result = target.finish();
            assertThat(result.of("pitot.HttpRequest")).isEmpty();
            RecordedEvent http = result.status("http");
            assertThat(http.getString("state")).isEqualTo("partial");
            assertThat(http.getString("reason")).contains("class loader does not let dev.pitot.events through");
            assertThat(http.getString("remedy")).contains("jboss.modules.system.pkgs", "bootdelegation");
            assertThat(result.out()).isEqualTo("end\n");
            assertThat(result.err()).doesNotContain("Pitot", "[pitot]", "dev.pitot.events");
        }
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void withTheRemedyItIsMeasured(TargetJvm.Jdk jdk) throws Exception {
        try (TargetJvm target = startIsolated(jdk, "-Djboss.modules.system.pkgs=dev.pitot.events")) {
            assertThat(get(target, "/shop/hello")).isEqualTo(200);
            TargetJvm.Result result = target.finish();
            assertThat(result.of("pitot.HttpRequest")).hasSize(1);
            assertThat(result.status("http").getString("state")).isEqualTo("on");
        }
    }

    private static int get(TargetJvm target, String path) {
        try {
            return target.get(path);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
