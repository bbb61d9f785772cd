package dev.pitot.agent.recording;

import dev.pitot.agent.config.AgentConfig;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import java.util.Properties;
import java.util.zip.CRC32;
import org.jspecify.annotations.Nullable;

/**
 * The file in a JFR repository that says whose it is, locked as long as this JVM lives: what a kill -9 leaves is known by it, see
 * {@link Leftovers}. Safe on any thread; calls nothing of JFR.
 */
public final class Marker {
    static final String NAME = "pitot.marker";

    private final String text;
    private @Nullable Path folder;
    private @Nullable FileChannel lock;
    private boolean removed;

    /** @param since nanoseconds since the epoch; chunks that began earlier are not ours */
    public Marker(AgentConfig config, JvmIdentity jvm, long since) {
        Properties content = new Properties();
        content.putAll(jvm.hello());
        String instance = jvm.instance().toString();
        content.setProperty("instance", instance);
        content.setProperty("since", Long.toString(since));
        content.setProperty("process.started", processStart(jvm.pid()));
        content.setProperty("collector", config.collector().toString());
        content.setProperty("token", tokenMark(config, instance));
        StringWriter store = new StringWriter();
        try {
            content.store(store, null);
        } catch (IOException impossible) {
            throw new IllegalStateException(impossible);
        }
        text = store.toString();
    }

    /**
     * Tells one token from another and tells nobody the token: recordings go to nobody but the collector they were made for. 32 bits are
     * too few to find a token by; a digest proper would load the application's security providers.
     */
    static String tokenMark(AgentConfig config, String salt) {
        if (config.tokenFile() != null) {
            // The token in it may be renewed.
            return "file " + config.tokenFile();
        }
        if (config.token() == null) {
            return "none";
        }
        CRC32 crc = new CRC32();
        crc.update((salt + config.token()).getBytes(StandardCharsets.UTF_8));
        return "crc " + Long.toHexString(crc.getValue());
    }

    static String processStart(long pid) {
        Optional<ProcessHandle> process = ProcessHandle.of(pid);
        return process.flatMap(handle -> handle.info().startInstant())
                .map(instant -> Long.toString(instant.toEpochMilli()))
                .orElse("");
    }

    /** Marks this repository, and no longer the one before; does nothing when it is marked already. */
    public synchronized void moveTo(Path repository) {
        if (removed || repository.equals(folder)) {
            return;
        }
        clear();
        folder = repository;
        try {
            lock = write(repository.resolve(NAME));
        } catch (IOException | UnsupportedOperationException unwritable) {
            // Without it the next start cannot ship what a kill -9 leaves: JFR itself could write, so this is rare.
        }
    }

    private FileChannel write(Path file) throws IOException {
        var options = java.util.Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
        FileChannel channel = file.getFileSystem().supportedFileAttributeViews().contains("posix")
                ? FileChannel.open(
                        file,
                        options,
                        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")))
                : FileChannel.open(file, options);
        try {
            // Locked before it is written: an empty marker is nobody's, a full one without a lock a dead JVM's.
            channel.tryLock();
            channel.write(ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)));
            return channel;
        } catch (IOException failure) {
            channel.close();
            throw failure;
        }
    }

    /** At an orderly exit nothing is left over, also where JFR was told to keep its repository. Never marks again. */
    public synchronized void remove() {
        removed = true;
        clear();
    }

    private void clear() {
        Path marked = folder;
        try {
            if (marked != null) {
                Files.deleteIfExists(marked.resolve(NAME));
            }
            FileChannel held = lock;
            if (held != null) {
                held.close();
            }
        } catch (IOException kept) {
            // Then JFR deletes it with the folder.
        }
        lock = null;
    }
}
