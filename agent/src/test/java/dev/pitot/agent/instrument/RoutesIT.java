package dev.pitot.agent.instrument;

import static dev.pitot.agent.instrument.HttpServerIT.sum;
import static org.assertj.core.api.Assertions.assertThat;

import dev.pitot.agent.target.TargetJvm;
import java.io.File;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import jdk.jfr.consumer.RecordedEvent;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Frameworks beyond Spring that name routes, all in one program. */
class RoutesIT {
    /** Paths by framework, and the routes that they are to be counted under. No rule would make these of the paths. */
    private static final Map<String, Map<String, String>> ROUTES = Map.of(
            "javalin",
            Map.of("/javalin/items/red", "/javalin/items/{id}"),
            "vertx",
            Map.of("/vertx/items/red", "/vertx/items/:id"),
            "micronaut",
            Map.of("/micronaut/items/red", "/micronaut/items/{id}"),
            "jersey",
            Map.of(
                    "/jersey/items/red",
                    "/jersey/items/{id}",
                    "/jersey/items/red/parts/round",
                    "/jersey/items/{id}/parts/{part}"),
            "resteasy",
            Map.of(
                    "/resteasy/api/items/red",
                    "/resteasy/api/items/{id}",
                    "/resteasy/api/items/red/parts/round",
                    "/resteasy/api/items/{id}/parts/{part}"));

    @TempDir
    Path folder;

    @Test
    void eachFrameworkNamesTheRouteOfItsRequests() throws Exception {
        TargetJvm.Jdk jdk = TargetJvm.jdks().toList().get(0);
        String libraries = Stream.of(System.getProperty("java.class.path").split(File.pathSeparator))
                .filter(entry -> entry.endsWith(".jar"))
                .filter(entry -> !new File(entry).getName().matches("(spring|junit|archunit|assertj|jmh|byte-buddy).*"))
                .collect(Collectors.joining(File.pathSeparator));
        String main = "dev.pitot.agent.target.RoutesTarget";
        try (TargetJvm target = TargetJvm.start(
                jdk,
                folder,
                TargetJvm.codeSource(main) + File.pathSeparator + libraries,
                main,
                "http.slow=10000ms,http.events=100000")) {
            Map<String, Integer> ports = Stream.of(ask(target, target.port, "/javalin/ports")
                            .replaceAll("[{} ]", "")
                            .split(","))
                    .collect(Collectors.toMap(
                            pair -> pair.substring(0, pair.indexOf('=')),
                            pair -> Integer.valueOf(pair.substring(pair.indexOf('=') + 1))));
            for (Map.Entry<String, Map<String, String>> framework : ROUTES.entrySet()) {
                for (String path : framework.getValue().keySet()) {
                    for (int i = 0; i < 3; i++) {
                        assertThat(ask(target, ports.get(framework.getKey()), path))
                                .isEqualTo(path.substring(path.lastIndexOf('/') + 1));
                    }
                }
            }
            TargetJvm.Result result = target.finish();
            List<RecordedEvent> summaries = result.of("pitot.EndpointSummary");
            ROUTES.values()
                    .forEach(routes -> routes.forEach((path, route) ->
                            assertThat(sum(summaries, route, "count")).as(path).isEqualTo(3)));
            assertThat(summaries.stream().mapToLong(e -> e.getLong("count")).sum())
                    .isEqualTo(1 + 3 * 7);
            assertThat(result.status("http").getString("state"))
                    .as(result.status("http").getString("reason"))
                    .isEqualTo("on");
        }
    }

    private static String ask(TargetJvm target, int port, String path) throws Exception {
        return target.client
                .send(
                        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
                                .build(),
                        HttpResponse.BodyHandlers.ofString())
                .body();
    }
}
