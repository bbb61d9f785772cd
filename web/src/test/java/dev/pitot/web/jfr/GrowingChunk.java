package dev.pitot.web.jfr;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.awaitility.Awaitility;

/**
 * A chunk of a real child JVM, watched while it grew: its header and its size at each flush, and all its bytes.
 *
 * @param headers the 68 bytes at each flush, the last of them those of the finished chunk
 * @param bytes the finished chunk
 */
record GrowingChunk(List<byte[]> headers, byte[] bytes) {

    /** JDKs from 17 on: those of {@code PITOT_TEST_JDKS} (a path list), else those in the usual folder. */
    static List<Path> jdks() throws IOException {
        String given = System.getProperty("PITOT_TEST_JDKS", System.getenv("PITOT_TEST_JDKS"));
        List<Path> homes = new ArrayList<>();
        if (given != null && !given.isBlank()) {
            for (String home : given.split(File.pathSeparator)) {
                homes.add(Path.of(home));
            }
        } else if (Files.isDirectory(Path.of("/usr/lib/jvm"))) {
            try (Stream<Path> found = Files.list(Path.of("/usr/lib/jvm"))) {
                homes.addAll(found.sorted().toList());
            }
        }
        homes.add(Path.of(System.getProperty("java.home")));
        Set<Path> jdks = new LinkedHashSet<>();
        for (Path home : homes) {
            if (Files.isExecutable(home.resolve("bin/jcmd"))
                    && Files.exists(home.resolve("release"))
                    && Files.readString(home.resolve("release"))
                            .matches("(?s).*JAVA_VERSION=\"(1[7-9]|[2-9][0-9])[.\"].*")) {
                jdks.add(home.toRealPath());
            }
        }
        return List.copyOf(jdks);
    }

    /** Runs {@link Workload} on this JDK, watches its first chunk for some flushes, then has it rotated. */
    static GrowingChunk record(Path jdk, Path folder, int flushes) throws Exception {
        Path repository = Files.createDirectories(folder.resolve("repository"));
        Path out = folder.resolve("out.txt");
        Process child = new ProcessBuilder(
                        jdk.resolve("bin/java").toString(),
                        "-XX:StartFlightRecording:settings=profile",
                        "-XX:FlightRecorderOptions:repository=" + repository,
                        "-cp",
                        Path.of(Workload.class
                                        .getProtectionDomain()
                                        .getCodeSource()
                                        .getLocation()
                                        .toURI())
                                .toString(),
                        Workload.class.getName())
                .redirectErrorStream(true)
                .redirectOutput(out.toFile())
                .start();
        try {
            Path file = Awaitility.await()
                    .atMost(Duration.ofSeconds(60))
                    .until(() -> firstChunk(repository), Optional::isPresent)
                    .orElseThrow();
            return watch(jdk, child, file, folder, flushes);
        } catch (Exception e) {
            throw new IllegalStateException("child said: " + Files.readString(out), e);
        } finally {
            child.getOutputStream().close();
            if (!child.waitFor(20, TimeUnit.SECONDS)) {
                child.destroyForcibly().waitFor();
            }
        }
    }

    private static GrowingChunk watch(Path jdk, Process child, Path file, Path folder, int flushes) throws Exception {
        List<byte[]> headers = new ArrayList<>();
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            Awaitility.await()
                    .pollInterval(Duration.ofMillis(20))
                    .atMost(Duration.ofSeconds(60))
                    .until(() -> {
                        note(channel, headers);
                        return headers.size() >= flushes;
                    });
            Process dump = new ProcessBuilder(
                            jdk.resolve("bin/jcmd").toString(),
                            Long.toString(child.pid()),
                            "JFR.dump",
                            "filename=" + folder.resolve("dump.jfr"))
                    .redirectErrorStream(true)
                    .redirectOutput(folder.resolve("jcmd.txt").toFile())
                    .start();
            Awaitility.await()
                    .pollInterval(Duration.ofMillis(20))
                    .atMost(Duration.ofSeconds(60))
                    .until(() -> {
                        note(channel, headers);
                        return headers.get(headers.size() - 1)[64] == 0;
                    });
            if (!dump.waitFor(30, TimeUnit.SECONDS)) {
                dump.destroyForcibly().waitFor();
            }
            int size = (int) size(headers.get(headers.size() - 1));
            return new GrowingChunk(headers, read(channel, size));
        }
    }

    /** Empty when there is none yet, or when the JVM removed a file or folder while they were walked. */
    private static Optional<Path> firstChunk(Path repository) throws IOException {
        try (Stream<Path> files = Files.walk(repository)) {
            return files.filter(f -> f.toString().endsWith(".jfr")).min(Comparator.naturalOrder());
        } catch (UncheckedIOException | NoSuchFileException goneMeanwhile) {
            return Optional.empty();
        }
    }

    private static void note(FileChannel channel, List<byte[]> headers) throws IOException {
        byte[] header = read(channel, ChunkHeader.SIZE);
        byte[] again = read(channel, ChunkHeader.SIZE);
        boolean settled = header.length == ChunkHeader.SIZE
                && Arrays.equals(header, again)
                && header[64] != (byte) 255
                && size(header) > ChunkHeader.SIZE;
        byte[] last = headers.isEmpty() ? null : headers.get(headers.size() - 1);
        if (settled && (last == null || size(last) != size(header) || last[64] != 0 && header[64] == 0)) {
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

    private static long size(byte[] header) {
        return ByteBuffer.wrap(header).getLong(8);
    }

    /** What the JVM would have left, had it stopped after this flush: that flush's header, marked finished. */
    byte[] cut(int flush) {
        byte[] header = headers.get(flush).clone();
        byte[] cut = Arrays.copyOf(bytes, (int) size(header));
        header[64] = 0;
        System.arraycopy(header, 0, cut, 0, header.length);
        return cut;
    }

    /** The bytes between the flush before and this one. */
    byte[] segment(int flush) {
        int from = flush == 0 ? 0 : (int) size(headers.get(flush - 1));
        byte[] cut = Arrays.copyOf(bytes, (int) size(headers.get(flush)));
        System.arraycopy(headers.get(flush), 0, cut, 0, ChunkHeader.SIZE);
        return Arrays.copyOfRange(cut, from, cut.length);
    }
}
