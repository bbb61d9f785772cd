package dev.pitot.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.sun.net.httpserver.HttpServer;
import dev.pitot.agent.uplink.FakeCollector;
import dev.pitot.agent.uplink.FakeCollector.StoredJvm;
import dev.pitot.agent.uplink.TestCertificate;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A real JVM with the flag, its recording and its uplink, against a collector that is there, away, new or wrong. */
@Execution(ExecutionMode.CONCURRENT)
class ShippingIT {
    private static final Duration SOON = Duration.ofSeconds(30);

    @TempDir
    Path temporary;

    private FakeCollector collector;

    @BeforeEach
    void collect() throws IOException {
        collector = new FakeCollector();
    }

    @AfterEach
    void end() {
        collector.close();
        collector.assertNoComplaint();
    }

    private static Stream<Path> jdks() {
        return Target.jdks();
    }

    /** For what the uplink and the collector settle between them, whatever JFR of whatever JDK has written. */
    private static Stream<Path> newest() {
        return jdks().reduce((older, newer) -> newer).stream();
    }

    /** A target whose recording has begun to arrive. */
    private Target target(Path jdk) throws IOException {
        int before = collector.jvms().size();
        Target target = new Target(jdk, temporary, List.of(Target.flag(arguments())));
        await().atMost(SOON)
                .until(() -> collector.look(jvms -> jvms.size() > before
                        && !jvms.get(jvms.size() - 1).chunks.isEmpty()));
        return target;
    }

    private String arguments() {
        return "collector=" + collector.address() + ",token=secret-token,service=shipping";
    }

    /** Numbers of the marks that arrived, of all JVMs, in the order of arrival. */
    private List<Integer> marks() throws IOException {
        List<Integer> numbers = new ArrayList<>();
        for (byte[] recording :
                collector.look(jvms -> jvms.stream().map(StoredJvm::recording).toList())) {
            numbers.addAll(marks(recording));
        }
        return numbers;
    }

    private List<Integer> marks(byte[] recording) throws IOException {
        List<Integer> numbers = new ArrayList<>();
        if (recording.length == 0) {
            return numbers;
        }
        Path file = Files.createTempFile(temporary, "received", ".bin");
        try {
            Files.write(file, recording);
            try (RecordingFile events = new RecordingFile(file)) {
                while (events.hasMoreEvents()) {
                    var event = events.readEvent();
                    if (event.getEventType().getName().equals("test.Mark") && event.getInt("number") >= 0) {
                        numbers.add(event.getInt("number"));
                    }
                }
            }
            return numbers;
        } finally {
            Files.deleteIfExists(file);
        }
    }

    private void awaitMark(int number) {
        await().atMost(SOON).pollInterval(Duration.ofMillis(200)).untilAsserted(() -> assertThat(marks())
                .contains(number));
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void aLiveRecordingArrivesAndEndsWithItsLastEvent(Path jdk) throws IOException {
        try (Target target = target(jdk)) {
            target.say("mark 1");
            awaitMark(1);
            target.say("mark-and-return 2");
            assertThat(target.waitForEnd(Duration.ofSeconds(10))).isZero();
            assertThat(target.err()).isEmpty();
            assertThat(target.out()).containsExactly("ready", "done");
        }
        StoredJvm jvm = collector.jvms().get(0);
        assertThat(marks()).containsExactly(1, 2);
        assertThat(jvm.ended).isTrue();
        assertThat(jvm.lost).isEmpty();
        assertThat(jvm.chunks.values())
                .allSatisfy(chunk -> assertThat(chunk.state).isEqualTo("final"));
        assertThat(jvm.hello)
                .containsEntry("hello.service", "shipping")
                .containsKeys("hello.pid", "hello.started", "hello.host", "hello.java", "hello.jvm", "hello.agent");
        assertThat(Target.repository(temporary)).isNull();
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void whatArrivedEqualsTheDumpByteForByteAcrossRotations(Path jdk) throws IOException {
        try (Target target = target(jdk)) {
            target.say("mark 1");
            target.say("fill 300");
            Path first = temporary.resolve("first.bin");
            assertThat(target.jcmd("JFR.dump", "name=pitot", "filename=" + first))
                    .contains("Dumped");
            target.say("mark 2");
            Path dump = temporary.resolve("dump.bin");
            awaitMark(2);
            assertThat(target.jcmd("JFR.dump", "name=pitot", "filename=" + dump))
                    .contains("Dumped");
            await().atMost(SOON).untilAsserted(() -> assertThat(collector.jvms().get(0).chunks.values().stream()
                            .filter(chunk -> chunk.state.equals("final"))
                            .count())
                    .isGreaterThanOrEqualTo(2));
            byte[] dumped = Files.readAllBytes(dump);
            byte[] received = collector.look(jvms -> jvms.get(0).recording());
            assertThat(received.length).isGreaterThanOrEqualTo(dumped.length);
            assertThat(java.util.Arrays.copyOf(received, dumped.length)).isEqualTo(dumped);
            assertThat(target.err()).isEmpty();
        }
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void nothingIsLostWhileTheCollectorIsAwayAndTheChunksRotate(Path jdk) throws IOException {
        try (Target target = target(jdk)) {
            target.say("mark 1");
            awaitMark(1);
            collector.stop();
            target.say("mark 2");
            assertThat(target.jcmd("JFR.dump", "name=pitot", "filename=" + temporary.resolve("a.bin")))
                    .contains("Dumped");
            target.say("mark 3");
            Path repository = Target.repository(temporary);
            // Another recording of the user's would delete old chunks at its end: shipped or not, they must not be
            // lost.
            try (var files = Files.list(repository)) {
                Path oldest = files.filter(file -> file.toString().endsWith(".jfr"))
                        .sorted()
                        .findFirst()
                        .orElseThrow();
                Files.delete(oldest);
            }
            collector.start();
            awaitMark(3);
            assertThat(marks()).containsExactly(1, 2, 3);
            assertThat(collector.jvms()).hasSize(1);
            assertThat(collector.jvms().get(0).lost).isEmpty();
            assertThat(target.err()).isEmpty();
        }
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void aCollectorThatLostItsStoreGetsAllThatIsStillOnDisk(Path jdk) throws IOException {
        try (Target target = target(jdk)) {
            target.say("mark 1");
            assertThat(target.jcmd("JFR.dump", "name=pitot", "filename=" + temporary.resolve("a.bin")))
                    .contains("Dumped");
            target.say("mark 2");
            awaitMark(2);
            collector.stop();
            collector.forget();
            collector.start();
            target.say("mark 3");
            awaitMark(3);
            await().atMost(SOON).untilAsserted(() -> assertThat(marks()).containsExactly(1, 2, 3));
            assertThat(collector.jvms().get(0).hello).containsEntry("hello.service", "shipping");
        }
    }

    @ParameterizedTest
    @MethodSource("newest")
    void theWantedOffsetOfTheReplyDecidesWhereToGoOn(Path jdk) throws IOException {
        try (Target target = target(jdk)) {
            target.say("mark 1");
            awaitMark(1);
            collector.forgetTail();
            target.say("mark 2");
            awaitMark(2);
            assertThat(marks()).containsExactly(1, 2);
            assertThat(target.err()).isEmpty();
        }
    }

    @ParameterizedTest
    @MethodSource("newest")
    void aWrongTokenIsReportedOnceAndItsFileReadAgain(Path jdk) throws IOException {
        Path file = Files.writeString(temporary.resolve("token"), "wrong\n");
        try (Target target = new Target(
                jdk, temporary, List.of(Target.flag("collector=" + collector.address() + ",token-file=" + file)))) {
            await().atMost(SOON).until(() -> collector.requests() >= 2);
            assertThat(target.err())
                    .singleElement()
                    .asString()
                    .startsWith("[pitot] ")
                    .contains("401", "token-file");
            Files.writeString(file, "secret-token\n");
            await().atMost(SOON).until(() -> !collector.jvms().isEmpty());
            target.say("mark 1");
            awaitMark(1);
            assertThat(target.err()).hasSize(1);
            assertThat(collector.jvms().get(0).hello).containsEntry("hello.service", "Application");
        }
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void switchedOffByTheReplyItMeasuresNoMore(Path jdk) throws IOException {
        collector.off = true;
        try (Target target = new Target(jdk, temporary, List.of(Target.flag(arguments())))) {
            await().atMost(SOON).until(() -> collector.requests() > 0);
            await().atMost(SOON)
                    .untilAsserted(() -> assertThat(target.jcmd("JFR.check")).contains("No available recordings"));
            assertThat(target.err()).isEmpty();
            target.say("mark 1");
            target.say("exit 7");
            assertThat(target.waitForEnd(Duration.ofSeconds(10))).isEqualTo(7);
        }
    }

    @ParameterizedTest
    @MethodSource("newest")
    void theExitIsNotHeldUpByACollectorThatNeverAnswers(Path jdk) throws IOException {
        try (Target target = target(jdk)) {
            collector.silent = true;
            target.say("mark 1");
            long before = System.nanoTime();
            target.say("exit 3");
            assertThat(target.waitForEnd(Duration.ofSeconds(10))).isEqualTo(3);
            assertThat(Duration.ofNanos(System.nanoTime() - before)).isLessThan(Duration.ofSeconds(2));
            assertThat(target.err()).isEmpty();
        }
    }

    @ParameterizedTest
    @MethodSource("newest")
    void theExitWaitsForNoCollectorThatIsAway(Path jdk) throws IOException {
        collector.stop();
        try (Target target = new Target(jdk, temporary, List.of(Target.flag(arguments())))) {
            await().atMost(SOON).until(() -> !target.err().isEmpty());
            assertThat(target.err())
                    .singleElement()
                    .asString()
                    .startsWith("[pitot] the collector " + collector.address());
            long before = System.nanoTime();
            target.say("exit 3");
            assertThat(target.waitForEnd(Duration.ofSeconds(10))).isEqualTo(3);
            assertThat(Duration.ofNanos(System.nanoTime() - before)).isLessThan(Duration.ofSeconds(1));
            assertThat(target.err()).hasSize(1);
            assertThat(target.out()).containsExactly("ready");
        }
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void whatAKilledJvmLeftIsShippedByTheNextAndThenRemoved(Path jdk) throws IOException {
        Path repository;
        try (Target target = target(jdk)) {
            target.say("mark 1");
            awaitMark(1);
            collector.stop();
            target.say("mark 2");
            // Two looks apart by more than a flush: the mark is on disk.
            repository = Target.repository(temporary);
            long size = chunkSize(repository);
            await().atMost(SOON).pollInterval(Duration.ofMillis(300)).until(() -> chunkSize(repository) > size + 100);
            target.kill();
        }
        assertThat(repository.resolve("pitot.marker")).exists();
        collector.start();
        Path stranger = Files.createDirectory(temporary.resolve("2020_01_01_00_00_00_1"));
        Files.writeString(stranger.resolve("kept.jfr"), "not ours");
        try (Target next = target(jdk)) {
            await().atMost(SOON).until(() -> collector.look(jvms -> jvms.get(0).ended));
            assertThat(collector.jvms()).hasSize(2);
            assertThat(marks()).containsExactly(1, 2);
            await().atMost(SOON).until(() -> !Files.exists(repository));
            assertThat(stranger.resolve("kept.jfr")).exists();
            assertThat(next.err()).isEmpty();
        }
    }

    /** Settled size of the newest chunk as its header says. */
    private static long chunkSize(Path repository) throws IOException {
        try (var files = Files.list(repository)) {
            Path newest = files.filter(file -> file.toString().endsWith(".jfr"))
                    .sorted()
                    .reduce((a, b) -> b)
                    .orElseThrow();
            try (var in = new java.io.DataInputStream(Files.newInputStream(newest))) {
                in.skipBytes(8);
                return in.readLong();
            }
        }
    }

    @ParameterizedTest
    @MethodSource("newest")
    void theCadenceOfTheReplyIsFollowed(Path jdk) throws IOException {
        collector.cadence = 600_000;
        try (Target target = target(jdk)) {
            // What had piled up at the start is sent at once; one more may be under way.
            int before = collector.requests() + 1;
            target.say("mark 1");
            // More than two flushes with nothing sent.
            await().during(Duration.ofMillis(2500)).atMost(SOON).until(() -> collector.requests() <= before);
            target.say("exit 0");
            target.waitForEnd(Duration.ofSeconds(10));
            assertThat(marks()).containsExactly(1);
        }
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void aFinishedChunkIsSentBeforeItsTime(Path jdk) throws IOException {
        collector.cadence = 600_000;
        try (Target target = target(jdk)) {
            target.say("mark 1");
            target.jcmd("JFR.dump", "name=pitot", "filename=" + temporary.resolve("a.bin"));
            awaitMark(1);
        }
    }

    @ParameterizedTest
    @MethodSource("newest")
    void aCollectorThatWasOnlyBusyGetsTheEnd(Path jdk) throws IOException {
        try (Target target = target(jdk)) {
            collector.status = 503;
            collector.retryAfter = 30;
            int before = collector.requests();
            await().atMost(SOON).until(() -> collector.requests() > before);
            target.say("mark-and-return 1");
            collector.status = 200;
            assertThat(target.waitForEnd(Duration.ofSeconds(10))).isZero();
        }
        assertThat(marks()).containsExactly(1);
        assertThat(collector.jvms().get(0).ended).isTrue();
    }

    @ParameterizedTest
    @MethodSource("newest")
    void whatIsLeftOfADeadJvmAndRefusedIsLeftToTheNextStart(Path jdk) throws IOException {
        Path repository;
        try (Target target = target(jdk)) {
            repository = Target.repository(temporary);
            target.kill();
        }
        collector.refused = collector.instances().get(0);
        try (Target next = target(jdk)) {
            StoredJvm dead = collector.jvms().get(0);
            await().atMost(SOON).until(() -> collector.look(jvms -> dead.refusals == 5));
            next.say("mark 1");
            awaitMark(1);
            await().during(Duration.ofSeconds(2)).atMost(SOON).until(() -> collector.look(jvms -> dead.refusals == 5));
            assertThat(repository.resolve("pitot.marker")).exists();
        }
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void theMarkerGoesWhereTheRecordingGoes(Path jdk) throws IOException {
        try (Target target = target(jdk)) {
            Path first = Target.repository(temporary);
            Path elsewhere = Files.createDirectory(temporary.resolve("elsewhere"));
            target.jcmd("JFR.configure", "repositorypath=" + elsewhere);
            target.say("mark 1");
            awaitMark(1);
            await().atMost(SOON).untilAsserted(() -> {
                assertThat(first.resolve("pitot.marker")).doesNotExist();
                assertThat(Target.repository(elsewhere).resolve("pitot.marker")).exists();
            });
            target.say("mark-and-return 2");
            assertThat(target.waitForEnd(Duration.ofSeconds(10))).isZero();
            assertThat(Target.repository(elsewhere)).isNull();
        }
        assertThat(marks()).containsExactly(1, 2);
    }

    /** Handshake, some answers, and then a peer that reads no more: the uplink is blocked in a write that holds the TLS lock. */
    @ParameterizedTest
    @MethodSource("jdks")
    void theExitIsNotHeldUpByATlsCollectorThatStopsReading(Path jdk) throws Exception {
        TestCertificate certificate = TestCertificate.in(temporary);
        CountDownLatch recording = new CountDownLatch(1);
        CountDownLatch stalled = new CountDownLatch(1);
        CountDownLatch over = new CountDownLatch(1);
        try (ServerSocket server =
                certificate.context().getServerSocketFactory().createServerSocket()) {
            server.setReceiveBufferSize(4096);
            server.bind(new InetSocketAddress("127.0.0.1", 0));
            Thread thread = new Thread(() -> {
                while (true) {
                    try (Socket socket = server.accept()) {
                        answerUntilMuchComes(socket, recording);
                        stalled.countDown();
                        over.await();
                    } catch (IOException | InterruptedException ended) {
                        if (server.isClosed()) {
                            return;
                        }
                    }
                }
            });
            thread.setDaemon(true);
            thread.start();
            String flag = Target.flag("collector=https://127.0.0.1:" + server.getLocalPort() + ",token=secret-token");
            try (Target target = new Target(
                    jdk,
                    temporary,
                    List.of(
                            flag,
                            "-Xmx512m",
                            "-Djavax.net.ssl.trustStore=" + certificate.trusted(),
                            "-Djavax.net.ssl.trustStorePassword=" + TestCertificate.PASSWORD))) {
                assertThat(recording.await(20, TimeUnit.SECONDS)).isTrue();
                target.say("noise 6000");
                assertThat(stalled.await(20, TimeUnit.SECONDS)).isTrue();
                await().atMost(SOON).until(() -> target.isUplinkIn("implWrite"));
                long before = System.nanoTime();
                target.say("exit 3");
                assertThat(target.waitForEnd(Duration.ofSeconds(10))).isEqualTo(3);
                assertThat(Duration.ofNanos(System.nanoTime() - before)).isLessThan(Duration.ofMillis(2500));
                assertThat(target.err()).isEmpty();
            }
            over.countDown();
            try (Target target = new Target(jdk, temporary, List.of(flag))) {
                await().atMost(SOON).untilAsserted(() -> assertThat(target.err())
                        .singleElement()
                        .asString()
                        .startsWith("[pitot] the collector https://127.0.0.1:")
                        .contains("cannot be reached"));
            }
        } finally {
            over.countDown();
        }
    }

    private static void answerUntilMuchComes(Socket socket, CountDownLatch recording) throws IOException {
        InputStream in = new BufferedInputStream(socket.getInputStream());
        while (true) {
            StringBuilder head = new StringBuilder();
            while (head.indexOf("\r\n\r\n") < 0) {
                int b = in.read();
                if (b < 0) {
                    throw new IOException("closed");
                }
                head.append((char) b);
            }
            int length = Integer.parseInt(head.toString().replaceAll("(?s).*Content-Length: (\\d+).*", "$1"));
            if (length > 1 << 20) {
                return;
            }
            String body = new String(in.readNBytes(length), java.nio.charset.StandardCharsets.ISO_8859_1);
            String reply = "wire=1\ncadence=1000\n";
            var segment = java.util.regex.Pattern.compile("chunk=(.*)\noffset=(\\d+)\nlength=(\\d+)\n")
                    .matcher(body);
            if (segment.find()) {
                recording.countDown();
                reply += "durable=" + segment.group(1) + ":"
                        + (Long.parseLong(segment.group(2)) + Long.parseLong(segment.group(3))) + "\n";
            }
            socket.getOutputStream()
                    .write(("HTTP/1.1 200 OK\r\nContent-Length: " + reply.length() + "\r\n\r\n" + reply)
                            .getBytes(java.nio.charset.StandardCharsets.ISO_8859_1));
            socket.getOutputStream().flush();
        }
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void secretsStayInTheTargetAndAnotherRecordingThatTellsThemIsNamed(Path jdk) throws IOException {
        try (Target target = new Target(
                jdk, temporary, List.of(Target.flag(arguments()), "-Ddb.password=hunter2", "-Dplain=visible"))) {
            await().atMost(SOON)
                    .until(() -> collector.look(
                            jvms -> !jvms.isEmpty() && !jvms.get(0).chunks.isEmpty()));
            target.say("mark 1");
            awaitMark(1);
            String received = new String(
                    collector.look(jvms -> jvms.get(0).recording()), java.nio.charset.StandardCharsets.ISO_8859_1);
            assertThat(received).contains("visible", "-Ddb.password=***").doesNotContain("hunter2", "secret-token");
            target.say("record");
            await().atMost(SOON).pollInterval(Duration.ofMillis(300)).untilAsserted(() -> assertThat(new String(
                            collector.look(jvms -> jvms.get(0).recording()),
                            java.nio.charset.StandardCharsets.ISO_8859_1))
                    .contains("of the application", "turns on jdk.InitialSystemProperty"));
        }
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void aChunkThatBeganRightBeforeTheExitArrivesToo(Path jdk) throws IOException {
        try (Target target = target(jdk)) {
            target.say("rotate-mark-and-return 1");
            assertThat(target.waitForEnd(Duration.ofSeconds(10))).isZero();
        }
        assertThat(marks()).containsExactly(1);
        assertThat(collector.jvms().get(0).ended).isTrue();
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void aRecordingThatSomebodyStopsEndsTheShippingAndLaterOnesAreNotShipped(Path jdk) throws IOException {
        try (Target target = target(jdk)) {
            target.jcmd("JFR.stop", "name=pitot");
            await().atMost(SOON).untilAsserted(() -> assertThat(target.err())
                    .singleElement()
                    .asString()
                    .startsWith("[pitot] the recording was stopped: somebody stopped"));
            target.jcmd("JFR.start", "name=theirs");
            int before = collector.requests();
            await().during(Duration.ofMillis(2500)).atMost(SOON).until(() -> collector.requests() <= before + 1);
            assertThat(collector.jvms().get(0).chunks).hasSize(1);
            target.say("exit 0");
            assertThat(target.waitForEnd(Duration.ofSeconds(10))).isZero();
        }
    }

    @ParameterizedTest
    @MethodSource("newest")
    void aServerThatIsNoCollectorIsRefusedOnceAndNotFloodedWithTheRecording(Path jdk) throws IOException {
        AtomicInteger requests = new AtomicInteger();
        HttpServer other = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
        other.createContext("/", exchange -> {
            requests.incrementAndGet();
            exchange.getRequestBody().readAllBytes();
            exchange.sendResponseHeaders(200, 2);
            exchange.getResponseBody().write("ok".getBytes(java.nio.charset.StandardCharsets.US_ASCII));
            exchange.close();
        });
        other.start();
        String address = "http://127.0.0.1:" + other.getAddress().getPort();
        try (Target target =
                new Target(jdk, temporary, List.of(Target.flag("collector=" + address + ",token=secret-token")))) {
            await().atMost(SOON).untilAsserted(() -> assertThat(target.err())
                    .singleElement()
                    .asString()
                    .contains("refuses this JVM", "not as a Pitot collector"));
            int before = requests.get();
            await().during(Duration.ofSeconds(3)).atMost(SOON).until(() -> requests.get() <= before + 4);
            target.say("exit 0");
            assertThat(target.waitForEnd(Duration.ofSeconds(10))).isZero();
        } finally {
            other.stop(0);
        }
    }
}
