package dev.pitot.web.archive;

import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.Recording;

/** One chunk of this JVM's own flight recording, taken in pieces while it was written, as an agent would ship it. */
public final class GrowingRecording {
    /** Bytes from an offset on, and the header of the flush boundary that they lead to. */
    public record Piece(long offset, byte[] bytes, byte[] header, boolean last) {
        public long boundary() {
            return ByteBuffer.wrap(header).getLong(8);
        }
    }

    @Name("pitot.test.Mark")
    @Label("Mark")
    static final class Mark extends Event {
        @Label("Number")
        long number;
    }

    private GrowingRecording() {}

    /** Records until the chunk was flushed a number of times, ends it and returns the pieces in order. */
    public static List<Piece> capture(int flushes) throws IOException {
        List<Piece> pieces = new ArrayList<>();
        try (Recording recording = new Recording()) {
            recording.enable(Mark.class).withoutStackTrace();
            recording.enable("jdk.CPULoad").withPeriod(Duration.ofSeconds(1));
            recording.enable("jdk.JavaThreadStatistics").withPeriod(Duration.ofSeconds(1));
            recording.start();
            Path chunk = newestChunk();
            long[] taken = {0};
            long[] number = {0};
            try (FileChannel channel = FileChannel.open(chunk, StandardOpenOption.READ)) {
                await().atMost(Duration.ofSeconds(60))
                        .pollInterval(Duration.ofMillis(20))
                        .until(() -> {
                            for (int i = 0; i < 10; i++) {
                                Mark mark = new Mark();
                                mark.number = number[0]++;
                                mark.commit();
                            }
                            byte[] header = settledHeader(channel);
                            if (header != null && ByteBuffer.wrap(header).getLong(8) > Math.max(taken[0], 68)) {
                                taken[0] = take(channel, taken[0], header, false, pieces);
                            }
                            return pieces.size() >= flushes;
                        });
                recording.stop();
                take(channel, taken[0], read(channel, 0, 68), true, pieces);
            }
        }
        return pieces;
    }

    private static long take(FileChannel channel, long from, byte[] header, boolean last, List<Piece> pieces)
            throws IOException {
        long to = ByteBuffer.wrap(header).getLong(8);
        pieces.add(new Piece(from, read(channel, from, Math.toIntExact(to - from)), header, last));
        return to;
    }

    private static byte[] settledHeader(FileChannel channel) throws IOException {
        if (channel.size() < 68) {
            return null;
        }
        byte[] header = read(channel, 0, 68);
        byte[] again = read(channel, 0, 68);
        return header[64] != -1 && header[64] == again[64] ? header : null;
    }

    private static byte[] read(FileChannel channel, long at, int length) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(length);
        while (buffer.hasRemaining()) {
            if (channel.read(buffer, at + buffer.position()) < 0) {
                throw new IOException("the chunk is shorter than its header says");
            }
        }
        return buffer.array();
    }

    private static Path newestChunk() throws IOException {
        try (Stream<Path> files = Files.list(Path.of(System.getProperty("jdk.jfr.repository")))) {
            return files.filter(file -> file.toString().endsWith(".jfr"))
                    .max(Comparator.naturalOrder())
                    .orElseThrow();
        }
    }
}
