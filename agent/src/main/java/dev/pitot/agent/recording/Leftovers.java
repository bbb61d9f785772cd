package dev.pitot.agent.recording;

import java.io.IOException;
import java.io.Reader;
import java.io.StringWriter;
import java.nio.ByteBuffer;
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
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import org.jspecify.annotations.Nullable;

/**
 * What a JVM that was killed left in its JFR repository. Each JVM with the agent keeps a marker file in its repository that says whose it
 * is, and holds a lock on it as long as it lives; the kernel lets go of the lock when the process dies, in another
 * container too. JFR deletes the folder at an orderly exit.
 */
public final class Leftovers implements AutoCloseable {
    private static final String MARKER = "pitot.marker";
    private static final int MAX_FOLDERS = 10;
    private static final Duration MAX_AGE = Duration.ofDays(1);

    private final Path folder;
    private final FileChannel lock;
    private final String instance;
    private final Map<String, String> hello;
    private final Backlog backlog = new Backlog();
    /** Chunk files without anything in them that could be shipped. */
    private final List<Path> empty = new ArrayList<>();

    private Leftovers(Path folder, FileChannel lock, String instance, Map<String, String> hello) {
        this.folder = folder;
        this.lock = lock;
        this.instance = instance;
        this.hello = hello;
    }

    /**
     * Marks a repository as that of this JVM.
     *
     * @param since nanoseconds since the epoch; chunks that began earlier are not ours
     * @return the open, locked marker: it must stay open as long as the JVM lives
     */
    public static FileChannel mark(Path repository, JvmIdentity jvm, long since) throws IOException {
        Properties marker = new Properties();
        marker.putAll(jvm.hello());
        marker.setProperty("instance", jvm.instance().toString());
        marker.setProperty("since", Long.toString(since));
        marker.setProperty("process.started", processStart(jvm.pid()));
        StringWriter text = new StringWriter();
        marker.store(text, null);
        var options = java.util.Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
        Path file = repository.resolve(MARKER);
        FileChannel channel =
                repository.getFileSystem().supportedFileAttributeViews().contains("posix")
                        ? FileChannel.open(
                                file,
                                options,
                                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")))
                        : FileChannel.open(file, options);
        // Locked before it is written: an empty marker is nobody's, a full one without a lock a dead JVM's.
        channel.tryLock();
        channel.write(ByteBuffer.wrap(text.toString().getBytes(StandardCharsets.UTF_8)));
        return channel;
    }

    /** At an orderly exit nothing is left over, also where JFR was told to keep its repository. */
    public static void unmark(Path repository) {
        try {
            Files.deleteIfExists(repository.resolve(MARKER));
        } catch (IOException kept) {
            // Then JFR deletes it with the folder.
        }
    }

    private static String processStart(long pid) {
        Optional<ProcessHandle> process = ProcessHandle.of(pid);
        return process.flatMap(handle -> handle.info().startInstant())
                .map(instant -> Long.toString(instant.toEpochMilli()))
                .orElse("");
    }

    /**
     * Takes over the next repository beside ours that a dead JVM of the same service and user left behind.
     *
     * @param maxSize bytes to take over at most
     * @return null when there is none (left)
     */
    public static @Nullable Leftovers next(Path repository, String service, long maxSize) {
        Path parent = repository.getParent();
        if (parent == null) {
            return null;
        }
        List<Path> markers = new ArrayList<>();
        try (DirectoryStream<Path> folders = Files.newDirectoryStream(parent)) {
            Object owner = Files.getOwner(repository, LinkOption.NOFOLLOW_LINKS);
            for (Path folder : folders) {
                Path marker = folder.resolve(MARKER);
                if (!folder.equals(repository)
                        && Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)
                        && Files.isRegularFile(marker, LinkOption.NOFOLLOW_LINKS)
                        && owner.equals(Files.getOwner(folder, LinkOption.NOFOLLOW_LINKS))
                        && owner.equals(Files.getOwner(marker, LinkOption.NOFOLLOW_LINKS))
                        && age(marker).compareTo(MAX_AGE) < 0) {
                    markers.add(marker);
                }
            }
        } catch (IOException | DirectoryIteratorException | UnsupportedOperationException unreadable) {
            return null;
        }
        markers.sort(Comparator.comparing(Leftovers::age));
        for (Path marker : markers.subList(0, Math.min(MAX_FOLDERS, markers.size()))) {
            Leftovers taken = take(marker, service, maxSize);
            if (taken != null) {
                return taken;
            }
        }
        return null;
    }

    private static Duration age(Path marker) {
        try {
            return Duration.ofMillis(System.currentTimeMillis()
                    - Files.getLastModifiedTime(marker, LinkOption.NOFOLLOW_LINKS)
                            .toMillis());
        } catch (IOException gone) {
            return MAX_AGE;
        }
    }

    private static @Nullable Leftovers take(Path marker, String service, long maxSize) {
        FileChannel lock = null;
        Leftovers taken = null;
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
            boolean ours = service.equals(content.getProperty("hello.service")) && instance.length() == 36;
            if (!ours || isAlive(content) || !Files.exists(marker)) {
                return null;
            }
            Map<String, String> hello = new LinkedHashMap<>();
            for (String key : content.stringPropertyNames()) {
                if (key.startsWith("hello.")) {
                    hello.put(key, content.getProperty(key));
                }
            }
            Path folder = marker.toAbsolutePath().getParent();
            if (folder != null) {
                Leftovers candidate = new Leftovers(folder, lock, instance, hello);
                candidate.open(Long.parseLong(content.getProperty("since", "0")), maxSize);
                taken = candidate;
            }
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

    /** A lock may not work on a shared file system, so the process is looked for too. */
    private static boolean isAlive(Properties marker) {
        try {
            String start = processStart(Long.parseLong(marker.getProperty("hello.pid", "-1")));
            return !start.isEmpty() && start.equals(marker.getProperty("process.started"));
        } catch (NumberFormatException malformed) {
            return true;
        }
    }

    private void open(long since, long maxSize) {
        List<Chunk> found = new ArrayList<>();
        for (Path file : Tail.files(folder).keySet()) {
            FileChannel channel = null;
            try {
                channel = FileChannel.open(file, StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS);
                ChunkHeader header = ChunkHeader.leftBehind(channel);
                if (header == null) {
                    // Killed before its first flush: nothing in it can be read by anyone.
                    close(channel);
                    empty.add(file);
                } else if (header.startNanos() < since) {
                    close(channel);
                } else {
                    found.add(new Chunk(file, channel, header));
                }
            } catch (IOException unreadable) {
                if (channel != null) {
                    close(channel);
                }
            }
        }
        found.sort(Comparator.comparingLong(Chunk::startNanos).reversed());
        long bytes = 0;
        for (Chunk chunk : found) {
            bytes += chunk.size();
            if (bytes <= maxSize) {
                backlog.add(chunk);
            } else {
                backlog.lose(chunk);
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

    public Backlog backlog() {
        return backlog;
    }

    /** Deletes what was shipped completely, the marker, and the folder if nothing else is in it. */
    public void delete() {
        try {
            List<Path> files = new ArrayList<>(empty);
            files.addAll(backlog.shippedFiles());
            for (Path file : files) {
                Files.deleteIfExists(file);
            }
            Files.deleteIfExists(folder.resolve(MARKER));
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
