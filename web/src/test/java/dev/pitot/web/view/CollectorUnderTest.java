package dev.pitot.web.view;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pitot.web.postgres.TestPostgres;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** {@code pitot.jar demo} in a process of its own: a collector with a page, and the shop under load that it shows. */
final class CollectorUnderTest implements AutoCloseable {
    private static final Pattern LINK = Pattern.compile("(http://127\\.0\\.0\\.1:\\d+)/login/\\S+");

    private final Process process;
    private final Path data;
    private final String loginLink;
    private final String address;

    private CollectorUnderTest(Process process, Path data, Path output) {
        this.process = process;
        this.data = data;
        Matcher[] link = new Matcher[1];
        try {
            await("the demo prints its login link")
                    .atMost(Duration.ofSeconds(90))
                    .pollInterval(Duration.ofMillis(100))
                    .until(() -> {
                        assertThat(process.isAlive())
                                .as(Files.readString(output.resolve("err")))
                                .isTrue();
                        link[0] = LINK.matcher(Files.readString(output.resolve("out")));
                        return link[0].find();
                    });
        } catch (RuntimeException | Error e) {
            close();
            throw e;
        }
        this.loginLink = link[0].group();
        this.address = link[0].group(1);
    }

    static CollectorUnderTest start() throws IOException {
        Path output = Files.createDirectories(Path.of("target", "view-it"));
        Path data = TestPostgres.reachableFolder("view-it-data");
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:TieredStopAtLevel=1",
                        "-jar",
                        System.getProperty("pitot.test.pitotJar"),
                        "demo",
                        "--port",
                        "0",
                        "--data",
                        data.toString())
                .redirectOutput(output.resolve("out").toFile())
                .redirectError(output.resolve("err").toFile())
                .start();
        return new CollectorUnderTest(process, data, output);
    }

    /** Logs in, once. */
    String loginLink() {
        return loginLink;
    }

    /** {@code http://host:port}. */
    String address() {
        return address;
    }

    /** Logs in as often as one likes. */
    String viewToken() throws IOException {
        return Files.readString(data.resolve("view.token")).strip();
    }

    @Override
    public void close() {
        process.destroy();
        try {
            if (!process.waitFor(30, TimeUnit.SECONDS)) {
                process.destroyForcibly();
            }
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }
}
