package dev.pitot.agent.recording;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Follows the chunk files of the JFR repository while JFR writes, rotates and deletes them, into a {@link Backlog}.
 *
 * <p>{@link #look} may be called from any thread, also from inside JFR's locks: it calls nothing of JFR.
 */
public final class Tail {
    private static final String SUFFIX = ".jfr";

    private Path folder;
    private final Backlog backlog;
    /** Files known by path and identity: a name is used again within a second. */
    private final Map<Path, Object> known;

    private boolean ended;

    /**
     * @param folder the repository, {@code jdk.jfr.repository}
     * @param before files that were there before our recording began and are none of our business, from {@link #files}
     */
    public Tail(Path folder, Map<Path, Object> before, Backlog backlog) {
        this.folder = folder;
        this.known = new HashMap<>(before);
        this.backlog = backlog;
    }

    /** The chunk files of a repository and their identities. */
    public static Map<Path, Object> files(Path folder) {
        Map<Path, Object> files = new HashMap<>();
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(folder)) {
            for (Path file : entries) {
                Object identity = file.toString().endsWith(SUFFIX) ? identity(file) : null;
                if (identity != null) {
                    files.put(file, identity);
                }
            }
        } catch (IOException | java.nio.file.DirectoryIteratorException gone) {
            // JFR deletes the folder at its end; what is open stays readable.
        }
        return files;
    }

    private static @Nullable Object identity(Path file) {
        try {
            BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
            Object key = attributes.fileKey();
            return key == null ? attributes.creationTime() : key;
        } catch (IOException gone) {
            return null;
        }
    }

    /** Opens new chunks and looks for new flush boundaries in those that are not finished. */
    public synchronized void look() {
        if (!ended) {
            Map<Path, Object> files = files(folder);
            Set<Path> gone = new HashSet<>(known.keySet());
            gone.removeAll(files.keySet());
            gone.forEach(known::remove);
            files.forEach((file, identity) -> {
                if (!identity.equals(known.get(file)) && open(file)) {
                    known.put(file, identity);
                }
            });
        }
        backlog.look();
    }

    /** JFR was told to write elsewhere from now on; the chunks at hand stay open. */
    synchronized void moveTo(Path repository) {
        if (!folder.equals(repository)) {
            look();
            folder = repository;
            known.clear();
        }
    }

    /** Our recording has ended: chunks that begin from now on belong to others. */
    public synchronized void end() {
        look();
        ended = true;
    }

    private boolean open(Path file) {
        FileChannel channel = null;
        try {
            channel = FileChannel.open(file, StandardOpenOption.READ);
            ChunkHeader header = ChunkHeader.settled(channel);
            if (header == null) {
                channel.close();
                return false;
            }
            backlog.add(new Chunk(file, channel, header));
            return true;
        } catch (IOException unreadable) {
            try {
                if (channel != null) {
                    channel.close();
                }
            } catch (IOException ignored) {
                // Opened for reading only: nothing can be lost.
            }
            return false;
        }
    }
}
