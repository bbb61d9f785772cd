package dev.pitot.agent.recording;

import dev.pitot.agent.config.AgentConfig;
import java.io.IOException;
import java.io.Reader;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a JVM that was killed left in its JFR repository. Each JVM with the agent keeps a {@link Marker} in its repository and
 * holds a lock on it as long as it lives; the kernel lets go of the lock when the process dies, in another
 * container too. JFR deletes the folder at an orderly exit.
 */
public final class Leftovers implements AutoCloseable {
    private static final Duration MAX_AGE = Duration.ofDays(1);
    /** Chunks at most; the collector takes no list of more than 1024, and no preamble of more than 64 KiB. */
    private static final int MAX_CHUNKS = 600;

    private final Path folder;
    private final FileChannel lock;
    private final String instance;
    private final Map<String, String> hello;
    private final Backlog backlog = new Backlog();
    /** Every chunk file of the dead JVM. */
    private final List<Path> files = new ArrayList<>();

    private Leftovers(Path folder, FileChannel lock, String instance, Map<String, String> hello) {
        this.folder = folder;
        this.lock = lock;
        this.instance = instance;
        this.hello = hello;
    }

    /**
     * Takes over the next repository beside ours that a dead JVM of the same service, user and collector left behind, the youngest
     * first. Deletes those that any dead JVM with the agent left more than a day ago.
     *
     * @param passed folders that are left alone
     * @return null when there is none (left)
     */
    public static @Nullable Leftovers next(Path repository, AgentConfig config, Set<Path> passed) {
        Path parent = repository.getParent();
        if (parent == null) {
            return null;
        }
        Map<Path, Duration> found = new LinkedHashMap<>();
        try (DirectoryStream<Path> folders = Files.newDirectoryStream(parent)) {
            Object owner = Files.getOwner(repository, LinkOption.NOFOLLOW_LINKS);
            for (Path folder : folders) {
                Path marker = folder.resolve(Marker.NAME);
                if (!folder.equals(repository)
                        && !passed.contains(folder)
                        && Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)
                        && Files.isRegularFile(marker, LinkOption.NOFOLLOW_LINKS)
                        && owner.equals(Files.getOwner(folder, LinkOption.NOFOLLOW_LINKS))
                        && owner.equals(Files.getOwner(marker, LinkOption.NOFOLLOW_LINKS))) {
                    found.put(folder, age(folder));
                }
            }
        } catch (IOException | DirectoryIteratorException | UnsupportedOperationException unreadable) {
            return null;
        }
        List<Path> youngestFirst = new ArrayList<>(found.keySet());
        youngestFirst.sort(Comparator.comparing(folder -> found.getOrDefault(folder, MAX_AGE)));
        for (Path folder : youngestFirst) {
            boolean stale = found.getOrDefault(folder, MAX_AGE).compareTo(MAX_AGE) >= 0;
            Leftovers taken = take(folder, config, stale);
            if (taken != null && stale) {
                taken.delete();
                taken.close();
            } else if (taken != null) {
                return taken;
            }
        }
        return null;
    }

    /** Time since anything was written there; a recording is written to at least each second or so. */
    private static Duration age(Path folder) {
        List<Path> files = new ArrayList<>(Tail.files(folder).keySet());
        files.add(folder.resolve(Marker.NAME));
        long newest = 0;
        for (Path file : files) {
            try {
                newest = Math.max(
                        newest,
                        Files.getLastModifiedTime(file, LinkOption.NOFOLLOW_LINKS)
                                .toMillis());
            } catch (IOException gone) {
                // Somebody else takes it over.
            }
        }
        return Duration.ofMillis(System.currentTimeMillis() - newest);
    }

    /** @param anyService not only what is for our service and collector */
    private static @Nullable Leftovers take(Path folder, AgentConfig config, boolean anyService) {
        FileChannel lock = null;
        Leftovers taken = null;
        Path marker = folder.resolve(Marker.NAME);
        try {
            lock = FileChannel.open(
                    marker, StandardOpenOption.READ, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS);
            FileLock held = lock.tryLock();
            if (held == null || lock.size() > 1 << 16) {
                return null;
            }
            Properties content = new Properties();
            Reader reader = Channels.newReader(lock, StandardCharsets.UTF_8);
            content.load(reader);
            String instance = content.getProperty("instance", "");
            boolean ours = instance.length() == 36 && (anyService || isFor(config, content, instance));
            if (!ours || isAlive(content) || !Files.exists(marker)) {
                return null;
            }
            Map<String, String> hello = new LinkedHashMap<>();
            for (String key : content.stringPropertyNames()) {
                if (key.startsWith("hello.")) {
                    hello.put(key, content.getProperty(key));
                }
            }
            Leftovers candidate = new Leftovers(folder, lock, instance, hello);
            candidate.open(Long.parseLong(content.getProperty("since", "0")));
            taken = candidate;
            return taken;
        } catch (IOException | RuntimeException unusable) {
            // OverlappingFileLockException: this JVM is at it already. Everything else: not a marker of ours.
            return null;
        } finally {
            if (taken == null && lock != null) {
                close(lock);
            }
        }
    }

    /** What was recorded for one collector is not for another, nor for another tenant of the same one. */
    private static boolean isFor(AgentConfig config, Properties marker, String instance) {
        return config.service().equals(marker.getProperty("hello.service"))
                && config.collector().toString().equals(marker.getProperty("collector"))
                && Marker.tokenMark(config, instance).equals(marker.getProperty("token"));
    }

    /** A lock may not work on a shared file system, so the process is looked for too. */
    private static boolean isAlive(Properties marker) {
        try {
            String start = Marker.processStart(Long.parseLong(marker.getProperty("hello.pid", "-1")));
            return !start.isEmpty() && start.equals(marker.getProperty("process.started"));
        } catch (NumberFormatException malformed) {
            return true;
        }
    }

    private void open(long since) {
        List<Chunk> found = new ArrayList<>();
        for (Path file : Tail.files(folder).keySet()) {
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS)) {
                ChunkHeader header = ChunkHeader.leftBehind(channel);
                if (header == null) {
                    // Killed before its first flush: nothing in it can be read by anyone.
                    files.add(file);
                } else if (header.startNanos() >= since) {
                    files.add(file);
                    found.add(Chunk.leftBehind(file, header));
                }
            } catch (IOException unreadable) {
                // Not a chunk of a format we know: it stays.
            }
        }
        found.sort(Comparator.comparingLong(Chunk::startNanos));
        for (int i = 0; i < found.size(); i++) {
            if (i < found.size() - MAX_CHUNKS) {
                backlog.lose(found.get(i));
            } else {
                backlog.add(found.get(i));
            }
        }
    }

    /** Instance of the dead JVM. */
    public String instance() {
        return instance;
    }

    /** Its {@code hello.*}. */
    public Map<String, String> hello() {
        return hello;
    }

    public Path folder() {
        return folder;
    }

    public Backlog backlog() {
        return backlog;
    }

    /** Now that the collector has said what it has: gives up the oldest beyond so many bytes that it has not. */
    public void keepNewest(long maxSize) {
        backlog.keepNewest(maxSize);
    }

    /** Deletes the dead JVM's chunks, shipped or given up, the marker, and the folder if nothing else is in it. */
    public void delete() {
        try {
            for (Path file : files) {
                Files.deleteIfExists(file);
            }
            Files.deleteIfExists(folder.resolve(Marker.NAME));
            Files.deleteIfExists(folder);
        } catch (IOException notEmpty) {
            // Somebody else's files are in it: they stay.
        }
    }

    /** Lets go of the folder; another JVM may take it over. */
    @Override
    public void close() {
        backlog.close();
        close(lock);
    }

    private static void close(FileChannel channel) {
        try {
            channel.close();
        } catch (IOException ignored) {
            // Nothing was written to it.
        }
    }
}
