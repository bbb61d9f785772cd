package dev.pitot.web.postgres;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** What servers wrote into a folder: the end of it for a message, and no more of it than should be kept. Any thread. */
final class ServerLogs implements AutoCloseable {
    private static final int KEPT = 5;

    private final Path folder;
    private final ScheduledExecutorService pruner = Executors.newSingleThreadScheduledExecutor(work -> {
        Thread thread = new Thread(work, "pitot-postgres-logs");
        thread.setDaemon(true);
        return thread;
    });

    ServerLogs(Path folder) {
        this.folder = folder;
    }

    Path folder() {
        return folder;
    }

    /** From now on old files are deleted, each minute. */
    void pruneFromNowOn() {
        pruner.scheduleWithFixedDelay(this::prune, 0, 60, TimeUnit.SECONDS);
    }

    @Override
    public void close() {
        pruner.shutdownNow();
    }

    /** PostgreSQL rotates by size, but deletes nothing. */
    private void prune() {
        try {
            List<Path> all = files();
            for (Path old : all.subList(0, Math.max(0, all.size() - KEPT))) {
                Files.deleteIfExists(old);
            }
        } catch (IOException e) {
            // tried again in a minute
        }
    }

    /** Oldest first. */
    private List<Path> files() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(file -> file.getFileName().toString().startsWith("postgresql-"))
                    .sorted()
                    .toList();
        }
    }

    /** What the server wrote since then, at most the last 4 KB; empty when it did not come so far. */
    String newestTail(FileTime since) {
        try {
            List<Path> all = files();
            if (all.isEmpty()) {
                return "";
            }
            Path newest = all.get(all.size() - 1);
            boolean written =
                    Files.getLastModifiedTime(newest, LinkOption.NOFOLLOW_LINKS).compareTo(since) >= 0;
            return written ? tail(newest) : "";
        } catch (IOException e) {
            return ""; // only makes a message poorer
        }
    }

    /** The last 4 KB. Links are not followed: the folder may belong to a less trusted account than ours. */
    static String tail(Path file) {
        try (SeekableByteChannel channel =
                Files.newByteChannel(file, Set.of(StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS))) {
            ByteBuffer buffer = ByteBuffer.allocate(4096);
            channel.position(Math.max(0, channel.size() - buffer.capacity()));
            while (buffer.hasRemaining() && channel.read(buffer) >= 0) {}
            return new String(buffer.array(), 0, buffer.position(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            return ""; // only makes a message poorer
        }
    }

    static String lastLines(String text) {
        List<String> lines =
                text.lines().map(String::strip).filter(line -> !line.isEmpty()).toList();
        return String.join(" | ", lines.subList(Math.max(0, lines.size() - 6), lines.size()));
    }
}
