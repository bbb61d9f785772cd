package dev.pitot.web.ingest;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.zip.DeflaterOutputStream;
import org.awaitility.Awaitility;

/**
 * The chunks of a recording that a real JVM made, with the headers of all flush boundaries, in the past and stretched in time
 * so that a few seconds of recording are several minutes of data.
 */
record Flight(UUID jvm, List<FlightChunk> chunks) {
    static final int HEADER = 68;

    /** @param headers at each boundary, in order; the last one is that of the finished chunk */
    record FlightChunk(List<byte[]> headers, byte[] bytes) {
        long startNanos() {
            return ByteBuffer.wrap(bytes).getLong(32);
        }

        String name() {
            return startNanos() + "." + ByteBuffer.wrap(bytes).getLong(48);
        }

        static long size(byte[] header) {
            return ByteBuffer.wrap(header).getLong(8);
        }
    }

    /** One segment of the flight. */
    record Part(int chunk, int offset, int length, byte[] header, boolean last) {}

    /** Made once for all tests that ask for it, as it takes five seconds. */
    private static final class Recorded {
        static final Flight FLIGHT = make();

        private static Flight make() {
            try {
                Path folder = Files.createTempDirectory("flight");
                try {
                    return record(folder, 3, 25, 60);
                } finally {
                    try (Stream<Path> files = Files.walk(folder)) {
                        for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                            Files.delete(file);
                        }
                    }
                }
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        }
    }

    /** Three chunks of 25 flushes each that ended a minute before they were first asked for; the same for all, so {@link #as} somebody. */
    static Flight recorded() {
        return Recorded.FLIGHT;
    }

    /** Records in a JVM of its own: so many chunks, so many flushes in each. */
    static Flight record(Path folder, int chunkCount, int flushes, int stretch) throws Exception {
        Path repository = Files.createDirectories(folder.resolve("repository"));
        Path out = folder.resolve("out.txt");
        Process child = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx128m",
                        "--add-exports=jdk.jfr/jdk.jfr.internal=ALL-UNNAMED",
                        "-XX:FlightRecorderOptions:repository=" + repository,
                        "-cp",
                        System.getProperty("java.class.path"),
                        FlightWorkload.class.getName())
                .redirectErrorStream(true)
                .redirectOutput(out.toFile())
                .start();
        List<FlightChunk> chunks = new ArrayList<>();
        try {
            for (int i = 0; i < chunkCount; i++) {
                int index = i;
                Path file = Awaitility.await()
                        .pollInterval(Duration.ofMillis(5))
                        .atMost(Duration.ofSeconds(60))
                        .until(() -> chunkFile(repository, index), f -> f != null);
                chunks.add(watch(child, file, flushes));
            }
        } catch (Exception e) {
            throw new IllegalStateException("the workload said: " + Files.readString(out), e);
        } finally {
            child.getOutputStream().close();
            if (!child.waitFor(20, TimeUnit.SECONDS)) {
                child.destroyForcibly().waitFor();
            }
        }
        return stretched(chunks, stretch);
    }

    private static FlightChunk watch(Process child, Path file, int flushes) throws Exception {
        List<byte[]> headers = new ArrayList<>();
        boolean[] rotated = {false};
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            Awaitility.await()
                    .pollInterval(Duration.ofMillis(5))
                    .atMost(Duration.ofSeconds(60))
                    .until(() -> {
                        note(channel, headers);
                        if (headers.size() >= flushes && !rotated[0]) {
                            rotated[0] = true;
                            child.getOutputStream().write('\n');
                            child.getOutputStream().flush();
                        }
                        return !headers.isEmpty() && headers.get(headers.size() - 1)[64] == 0;
                    });
            int size = (int) FlightChunk.size(headers.get(headers.size() - 1));
            return new FlightChunk(headers, read(channel, size));
        }
    }

    /** Null when there is none yet, or when the JVM removed a file or folder while they were walked. */
    private static Path chunkFile(Path repository, int index) throws IOException {
        try (Stream<Path> files = Files.walk(repository)) {
            List<Path> found = files.filter(f -> f.toString().endsWith(".jfr"))
                    .filter(f -> f.toFile().length() > HEADER)
                    .sorted(Comparator.comparing(f -> f.toString().replace(".jfr", "")))
                    .toList();
            return found.size() > index ? found.get(index) : null;
        } catch (UncheckedIOException | NoSuchFileException goneMeanwhile) {
            return null;
        }
    }

    private static void note(FileChannel channel, List<byte[]> headers) throws IOException {
        byte[] header = read(channel, HEADER);
        byte[] again = read(channel, HEADER);
        byte[] last = headers.isEmpty() ? null : headers.get(headers.size() - 1);
        if (header.length == HEADER
                && Arrays.equals(header, again)
                && header[64] != (byte) 255
                && FlightChunk.size(header) > HEADER
                && (last == null || FlightChunk.size(last) != FlightChunk.size(header) || header[64] == 0)) {
            headers.add(header);
        }
    }

    private static byte[] read(FileChannel channel, int size) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(size);
        while (buffer.hasRemaining() && channel.read(buffer, buffer.position()) >= 0) {
            // until the buffer is full or the file ends
        }
        return Arrays.copyOf(buffer.array(), buffer.position());
    }

    /** Slows the chunks' clock down and moves their start, so that the flight ended a minute ago. */
    private static Flight stretched(List<FlightChunk> chunks, int stretch) {
        long first = chunks.get(0).startNanos();
        long lastStart = chunks.get(chunks.size() - 1).startNanos();
        long length = (lastStart - first + 5_000_000_000L) * stretch;
        long origin = System.currentTimeMillis() * 1_000_000 - length - 60_000_000_000L;
        for (FlightChunk chunk : chunks) {
            long start = origin + (chunk.startNanos() - first) * stretch;
            Stream.concat(chunk.headers().stream(), Stream.of(chunk.bytes())).forEach(bytes -> {
                ByteBuffer header = ByteBuffer.wrap(bytes);
                header.putLong(32, start);
                header.putLong(56, header.getLong(56) / stretch);
            });
        }
        return new Flight(UUID.randomUUID(), chunks);
    }

    Flight as(UUID other) {
        return new Flight(other, chunks);
    }

    /** Its first two chunks, flushed a third as often. */
    Flight brief() {
        return new Flight(
                jvm,
                chunks.subList(0, 2).stream()
                        .map(c -> new FlightChunk(
                                IntStream.range(0, c.headers().size())
                                        .filter(i ->
                                                i % 3 == 2 || i == c.headers().size() - 1)
                                        .mapToObj(c.headers()::get)
                                        .toList(),
                                c.bytes()))
                        .toList());
    }

    /** As after an outage: no boundary of a chunk is known but its last. */
    Flight backlog() {
        return new Flight(
                jvm,
                chunks.stream()
                        .map(c -> new FlightChunk(
                                List.of(c.headers().get(c.headers().size() - 1)), c.bytes()))
                        .toList());
    }

    /** The same where the clock was set back before a chunk began. */
    Flight setBack(int from, Duration by) {
        List<FlightChunk> moved = new ArrayList<>(chunks.subList(0, from));
        for (FlightChunk chunk : chunks.subList(from, chunks.size())) {
            FlightChunk copy = new FlightChunk(
                    chunk.headers().stream().map(byte[]::clone).toList(),
                    chunk.bytes().clone());
            Stream.concat(copy.headers().stream(), Stream.of(copy.bytes()))
                    .map(ByteBuffer::wrap)
                    .forEach(header -> header.putLong(32, header.getLong(32) - by.toNanos()));
            moved.add(copy);
        }
        return new Flight(jvm, moved);
    }

    /** The bytes as an agent may send them: up to each boundary, some of them cut further. */
    List<Part> parts(Random random) {
        List<Part> parts = new ArrayList<>();
        for (int c = 0; c < chunks.size(); c++) {
            FlightChunk chunk = chunks.get(c);
            int at = 0;
            for (byte[] header : chunk.headers()) {
                int end = (int) FlightChunk.size(header);
                while (at < end) {
                    int length =
                            random.nextInt(3) == 0 && end - at > 200 ? 100 + random.nextInt(end - at - 100) : end - at;
                    boolean last = header[64] == 0;
                    parts.add(new Part(c, at, length, header, last));
                    at += length;
                }
            }
        }
        return parts;
    }

    String hello() {
        return "hello.service=workload\nhello.host=here\nhello.pid=42\nhello.started=1700000000000\nhello.agent=1\n"
                + "hello.java=17\nhello.jvm=HotSpot\nhello.label.zone=a%25b\n";
    }

    byte[] body(Part part, String more) throws IOException {
        FlightChunk chunk = chunks.get(part.chunk());
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        body.write(
                ("wire=1\njvm=" + jvm + "\nsent=" + System.currentTimeMillis() * 1_000_000 + "\nchunk=" + chunk.name()
                                + "\noffset=" + part.offset() + "\nlength=" + part.length() + "\nheader="
                                + Base64.getEncoder().encodeToString(part.header()) + "\nstate="
                                + (part.last() ? "final" : "open")
                                + "\n" + more + "\n")
                        .getBytes(StandardCharsets.UTF_8));
        try (DeflaterOutputStream zlib = new DeflaterOutputStream(body)) {
            zlib.write(chunk.bytes(), part.offset(), part.length());
        }
        return body.toByteArray();
    }

    byte[] heartbeat(String more) {
        return ("wire=1\njvm=" + jvm + "\nsent=" + System.currentTimeMillis() * 1_000_000 + "\n" + more + "\n")
                .getBytes(StandardCharsets.UTF_8);
    }

    /** The line {@code have=} with all chunks. */
    String have() {
        StringBuilder have = new StringBuilder("have=");
        for (FlightChunk chunk : chunks) {
            have.append(have.length() > 5 ? "," : "")
                    .append(chunk.name())
                    .append(':')
                    .append(chunk.bytes().length)
                    .append(":final");
        }
        return have.append('\n').toString();
    }
}
