package dev.pitot.web.flight;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.pitot.web.ingest.SmallDiskFeed;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

/** A real collector with its PostgreSQL on a disk of some hundred megabytes that is filled. Needs root, to mount a tmpfs, and a minute. */
@EnabledIfSystemProperty(named = "pitot.test.smallDisk", matches = "true")
class SmallDiskIT {
    private static final Pattern ADDRESS = Pattern.compile("(http://127\\.0\\.0\\.1:\\d+)/login/");
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String JAVA =
            Path.of(System.getProperty("java.home"), "bin", "java").toString();

    private final HttpClient http = HttpClient.newHttpClient();
    private String address = "";

    private static int run(String... command) throws IOException, InterruptedException {
        return new ProcessBuilder(command).inheritIO().start().waitFor();
    }

    private Process start(Path disk, Path folder) throws IOException {
        Path out = folder.resolve("out");
        Process process = new ProcessBuilder(
                        JAVA,
                        "-Xmx256m",
                        "-jar",
                        System.getProperty("pitot.test.pitotJar"),
                        "serve",
                        "--port",
                        "0",
                        "--data",
                        disk.resolve("data").toString(),
                        "--disk-reserve",
                        "120MB")
                .redirectOutput(out.toFile())
                .redirectErrorStream(true)
                .start();
        await().atMost(Duration.ofSeconds(90)).until(() -> {
            assertThat(process.isAlive()).as(Files.readString(out)).isTrue();
            Matcher found = ADDRESS.matcher(Files.readString(out));
            address = found.find() ? found.group(1) : "";
            return !address.isEmpty();
        });
        return process;
    }

    private JsonNode get(Path disk, String path) throws IOException, InterruptedException {
        String token = Files.readString(disk.resolve("data/view.token")).strip();
        HttpResponse<String> response = http.send(
                HttpRequest.newBuilder(URI.create(address + path))
                        .header("Authorization", "Bearer " + token)
                        .build(),
                HttpResponse.BodyHandlers.ofString());
        assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
        return JSON.readTree(response.body());
    }

    private int post(Path disk, byte[] body) throws IOException, InterruptedException {
        String token = Files.readString(disk.resolve("data/ingest.token")).strip();
        return http.send(
                        HttpRequest.newBuilder(URI.create(address + "/ingest/v1"))
                                .header("Authorization", "Bearer " + token)
                                .header("Content-Type", "application/vnd.pitot.segment")
                                .POST(HttpRequest.BodyPublishers.ofByteArray(body))
                                .build(),
                        HttpResponse.BodyHandlers.discarding())
                .statusCode();
    }

    /** Fills the disk until so many megabytes are left. */
    private static void fill(Path disk, int leaveMegabytes) throws IOException, InterruptedException {
        long more = (Files.getFileStore(disk).getUsableSpace() >> 20) - leaveMegabytes;
        assertThat(run(
                        "dd",
                        "if=/dev/zero",
                        "of=" + disk.resolve("ballast-" + leaveMegabytes),
                        "bs=1M",
                        "count=" + Math.max(0, more),
                        "status=none"))
                .isZero();
    }

    private void becomes(Path disk, String room) {
        await().atMost(Duration.ofSeconds(60))
                .until(() ->
                        get(disk, "/api/v1/storage").at("/disk/room").asText().equals(room));
    }

    private void feed(SmallDiskFeed feed, Path disk, int posts) throws IOException, InterruptedException {
        for (int i = 0; i < posts; i++) {
            assertThat(feed.post(body -> post(disk, body))).isEqualTo(200);
        }
    }

    @Test
    void postgresNeverMeetsAFullDiskAndWhatWasTakenIsThereAfterwards(@TempDir Path folder) throws Exception {
        Path disk = Files.createDirectories(folder.resolve("disk"));
        assertThat(run("chmod", "755", folder.toString())).isZero();
        assertThat(run("mount", "-t", "tmpfs", "-o", "size=600m,mode=755", "tmpfs", disk.toString()))
                .isZero();
        try {
            Process collector = start(disk, folder);
            SmallDiskFeed feed = new SmallDiskFeed(Files.createDirectories(folder.resolve("flight")));
            feed(feed, disk, 100);
            fill(disk, 110);
            becomes(disk, "low");
            // Until its own segments and log have taken the rest.
            fill(disk, 75);
            int status = 200;
            while (status == 200) {
                status = feed.post(body -> post(disk, body));
            }
            assertThat(status).isEqualTo(503);
            assertThat(get(disk, "/health/ready").path("disk").asText()).contains("nothing is stored");
            // It goes on refusing, and its database answers.
            for (int i = 0; i < 20; i++) {
                assertThat(feed.post(body -> post(disk, body))).isEqualTo(503);
            }
            assertThat(get(disk, "/api/v1/storage").path("bytes").asLong()).isPositive();
            long least = Files.getFileStore(disk).getUsableSpace();
            assertThat(least).as("PostgreSQL has room left").isGreaterThan(16L << 20);

            for (Path ballast : List.of(disk.resolve("ballast-110"), disk.resolve("ballast-75"))) {
                Files.delete(ballast);
            }
            becomes(disk, "enough");
            feed(feed, disk, 20);
            JsonNode gap = get(disk, "/api/v1/storage").at("/gaps/0");
            assertThat(gap.path("events").asLong()).isPositive();
            assertThat(gap.path("posts").asLong()).isPositive();

            collector.destroyForcibly().waitFor();
            Process again = start(disk, folder);
            for (SmallDiskFeed.Taken taken : feed.taken()) {
                JsonNode chunks = get(disk, "/api/v1/jvms/" + taken.jvm()).path("chunks");
                long durable = 0;
                for (JsonNode chunk : chunks) {
                    durable += chunk.path("durable").asLong();
                }
                assertThat(durable).as(taken.jvm().toString()).isEqualTo(taken.bytes());
            }
            again.destroy();
            assertThat(again.waitFor(60, TimeUnit.SECONDS)).isTrue();
            System.out.println("least free: " + (least >> 20) + " MB; " + feed.posts() + " posts, "
                    + List.copyOf(feed.taken()).size() + " JVMs");
        } finally {
            run("umount", "-l", disk.toString());
        }
    }
}
