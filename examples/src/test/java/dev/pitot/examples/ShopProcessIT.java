package dev.pitot.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.ConnectException;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The shop as its own process, from the built jar. */
class ShopProcessIT {
    private final List<Process> started = new ArrayList<>();

    @TempDir
    Path folder;

    @AfterEach
    void endWhatWasStarted() {
        started.forEach(Process::destroyForcibly);
    }

    @Test
    void saysWhereItListensAndStopsCleanlyOnSigtermWhateverIsInProgress() throws Exception {
        Path portFile = folder.resolve("port");
        Process shop = shop("--port-file", portFile.toString());
        BufferedReader out = shop.inputReader();
        URI uri = URI.create(out.readLine().replace("Shop listens on ", ""));

        assertThat(uri).hasScheme("http").hasHost("127.0.0.1");
        assertThat(Files.readString(portFile)).isEqualTo(Integer.toString(uri.getPort()));
        assertThat(status(uri, "/health")).isEqualTo(200);
        // With the libraries beside the jar.
        assertThat(status(uri, "/history/joined/7")).isEqualTo(200);

        try (Socket socket = new Socket(uri.getHost(), uri.getPort())) {
            // In progress for as long as its body is on the way: the server says "go on", and waits for what never
            // comes.
            socket.getOutputStream()
                    .write(("POST /checkout HTTP/1.1\r\nHost: shop\r\nContent-Length: 100\r\n"
                                    + "Content-Type: application/x-www-form-urlencoded\r\nExpect: 100-continue\r\n\r\n")
                            .getBytes(StandardCharsets.US_ASCII));
            socket.setSoTimeout(10_000);
            BufferedReader answer =
                    new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.US_ASCII));
            assertThat(answer.readLine()).startsWith("HTTP/1.1 100");
            // The handle, as Process.destroy closes the streams that are read below.
            shop.toHandle().destroy();

            assertThat(shop.waitFor(5, TimeUnit.SECONDS)).isTrue();
        }
        assertThat(shop.exitValue()).isZero();
        assertThat(out.readLine()).isNull();
        assertThat(text(shop)).isEmpty();
    }

    @Test
    void endsWhenTheNamedParentIsGone() throws Exception {
        Process parent = start(List.of("sleep", "120"));
        Process shop = shop("--exit-with-parent", Long.toString(parent.pid()));
        URI uri = URI.create(shop.inputReader().readLine().replace("Shop listens on ", ""));
        assertThat(status(uri, "/health")).isEqualTo(200);

        parent.destroyForcibly();

        assertThat(shop.waitFor(5, TimeUnit.SECONDS)).isTrue();
        assertThat(shop.exitValue()).isZero();
        await().untilAsserted(() -> assertThat(refused(uri)).isTrue());
    }

    @Test
    void doesNotOpenForAParentThatIsAlreadyGone() throws Exception {
        Process parent = start(List.of("true"));
        assertThat(parent.waitFor(5, TimeUnit.SECONDS)).isTrue();

        Process shop = shop("--exit-with-parent", Long.toString(parent.pid()));

        assertThat(shop.waitFor(10, TimeUnit.SECONDS)).isTrue();
        assertThat(shop.exitValue()).isZero();
        assertThat(text(shop))
                .contains("The parent process " + parent.pid() + " is gone")
                .hasLineCount(1);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "--prot 1           | Unknown argument '--prot'",
                "--port             | --port needs a value",
                "--port 70000       | --port must be a whole number from 0 to 65535, not '70000'.",
                "--threads none     | --threads must be a whole number from 1 to 256, not 'none'.",
                "--port-file /nowhere/at/all | Cannot write the port to /nowhere/at/all",
            })
    void badArgumentsAreOneSentenceAndStatusTwo(String arguments, String sentence) throws Exception {
        Process shop = shop(arguments.split(" "));

        assertThat(shop.waitFor(10, TimeUnit.SECONDS)).isTrue();
        assertThat(shop.exitValue()).isEqualTo(2);
        assertThat(text(shop)).startsWith(sentence).hasLineCount(1);
    }

    @Test
    void aPortInUseIsOneSentenceAndStatusTwo() throws Exception {
        try (Shop first = new Shop(0, 1)) {
            Process second = shop("--port", Integer.toString(first.port()));

            assertThat(second.waitFor(10, TimeUnit.SECONDS)).isTrue();
            assertThat(second.exitValue()).isEqualTo(2);
            assertThat(text(second))
                    .startsWith("Cannot listen on 127.0.0.1:" + first.port())
                    .hasLineCount(1);
        }
    }

    private Process shop(String... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx128m",
                "-jar",
                System.getProperty("pitot.test.examplesJar")));
        command.addAll(List.of(arguments));
        return start(command);
    }

    private Process start(List<String> command) throws IOException {
        ProcessBuilder builder = new ProcessBuilder(command);
        // The JVM names it on standard error, which these tests read.
        builder.environment().remove("JAVA_TOOL_OPTIONS");
        Process process = builder.start();
        started.add(process);
        return process;
    }

    private static String text(Process process) throws IOException {
        return new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
    }

    private static int status(URI uri, String path) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(uri.resolve(path)).build();
        return HttpClient.newHttpClient()
                .send(request, HttpResponse.BodyHandlers.discarding())
                .statusCode();
    }

    private static boolean refused(URI uri) throws Exception {
        try {
            status(uri, "/health");
            return false;
        } catch (ConnectException e) {
            return true;
        }
    }
}
