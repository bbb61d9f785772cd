package dev.pitot.web.access;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The sessions that logins have made, by the hash of their id, and a file that lets them outlive the collector. Any thread; a
 * login, a logout and at most one use in {@link #WRITTEN_EVERY} wait for the file.
 *
 * <p>The file holds no secret: an id has 256 random bits, which its hash does not give back. Its first line names the view
 * and the admin token by a hash: whoever replaces one wants the sessions of the old one to end.
 *
 * <pre>
 * pitot-sessions 1 &lt;hash of the tokens, 64 hex digits&gt;
 * &lt;hash of the session's id, 64 hex digits&gt; &lt;last use, ms since the epoch&gt;[ admin]
 * </pre>
 */
final class Sessions implements AutoCloseable {
    /** Name of the file in the data folder. */
    static final String FILE = "sessions";

    static final int MOST = 1000;
    /** How old the last uses in the file may be: a collector that is killed forgets this much of a session's use. */
    static final Duration WRITTEN_EVERY = Duration.ofMinutes(5);

    private static final Set<PosixFilePermission> OWNER_ONLY = PosixFilePermissions.fromString("rw-------");
    private static final Pattern FIRST_LINE = Pattern.compile("pitot-sessions 1 ([0-9a-f]{64})");
    private static final Pattern LINE = Pattern.compile("([0-9a-f]{64}) (\\d{1,15})( admin)?");
    private static final long MOST_BYTES = 110L * (MOST + 1);
    private static final Logger LOG = LoggerFactory.getLogger(Sessions.class);

    /** @param admin whether the session may change settings */
    private record Use(long last, boolean admin) {}

    private final @Nullable Path file;
    private final String owner;
    private final Clock clock;
    private final Duration idle;
    /** To the time of the last use; the one used last is last. */
    private final LinkedHashMap<String, Use> lastUses = new LinkedHashMap<>(16, 0.75f, true);

    private long written;
    private boolean changed;
    private boolean complained;

    /**
     * @param folder null: in memory only
     * @param owner hash of the tokens that log in
     * @param warn gets a sentence when there is a file that does not count
     */
    Sessions(@Nullable Path folder, String owner, Clock clock, Duration idle, Consumer<String> warn) {
        this.file = folder == null ? null : folder.resolve(FILE);
        this.owner = owner;
        this.clock = clock;
        this.idle = idle;
        this.written = clock.millis();
        if (file != null) {
            String problem = read(file);
            if (problem != null) {
                lastUses.clear();
                warn.accept("The sessions in " + file + " are not taken up because " + problem + "; log in again.");
            }
        }
    }

    /** Takes up what the file holds; null when all is well, else why not. */
    private @Nullable String read(Path from) {
        List<String> lines;
        try {
            if (!Files.isRegularFile(from, LinkOption.NOFOLLOW_LINKS)) {
                return Files.exists(from, LinkOption.NOFOLLOW_LINKS) ? "that is not a regular file" : null;
            }
            if (!OWNER_ONLY.containsAll(Files.getPosixFilePermissions(from, LinkOption.NOFOLLOW_LINKS))) {
                return "others may have written to it";
            }
            if (Files.size(from) > MOST_BYTES) {
                return "it is larger than it can be";
            }
            lines = Files.readAllLines(from, StandardCharsets.US_ASCII);
        } catch (NoSuchFileException removedMeanwhile) {
            return null;
        } catch (IOException e) {
            return "it cannot be read";
        }
        Matcher first = FIRST_LINE.matcher(lines.isEmpty() ? "" : lines.get(0));
        if (!first.matches()) {
            return "its content makes no sense";
        }
        if (!first.group(1).equals(owner)) {
            return "there is a new view or admin token";
        }
        long now = clock.millis();
        for (String line : lines.subList(1, lines.size())) {
            Matcher session = LINE.matcher(line);
            if (!session.matches()) {
                return "its content makes no sense";
            }
            // A clock that was set back must not lengthen a session.
            long lastUse = Math.min(now, Long.parseLong(session.group(2)));
            if (now - lastUse <= idle.toMillis()) {
                lastUses.put(session.group(1), new Use(lastUse, session.group(3) != null));
            }
        }
        dropEldest();
        return null;
    }

    /** A new one; the one that was not used for the longest time makes room where there are too many. */
    synchronized void add(String hash, boolean admin) {
        lastUses.put(hash, new Use(clock.millis(), admin));
        dropEldest();
        write();
    }

    /** Whether there is this session; asking is a use. */
    synchronized boolean use(String hash) {
        Use use = lastUses.get(hash);
        long now = clock.millis();
        if (use == null) {
            return false;
        }
        if (now - use.last() > idle.toMillis()) {
            lastUses.remove(hash);
            changed = true;
            return false;
        }
        lastUses.put(hash, new Use(now, use.admin()));
        changed = true;
        if (now - written >= WRITTEN_EVERY.toMillis()) {
            write();
        }
        return true;
    }

    /** Whether there is this session and it is an admin's. */
    synchronized boolean isAdmin(String hash) {
        Use use = lastUses.get(hash);
        return use != null && use.admin();
    }

    /**
     * Ends one for good.
     *
     * @throws IOException when it has ended here, but would be there again after a restart; the message is a sentence
     */
    synchronized void remove(String hash) throws IOException {
        if (lastUses.remove(hash) == null || write() || file == null) {
            return;
        }
        // Nothing can be written, on a full disk say. Removing needs no room: all others log in again after a restart.
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            throw new IOException(
                    "The session has ended, but it stays in " + file
                            + ", which can neither be written nor removed, so a restart would bring it back; remove that file.",
                    e);
        }
    }

    private void dropEldest() {
        while (lastUses.size() > MOST) {
            Map.Entry<String, Use> eldest = lastUses.entrySet().iterator().next();
            lastUses.remove(eldest.getKey());
        }
    }

    /** Whole or not at all; false when it could not be. */
    private boolean write() {
        if (file == null) {
            return true;
        }
        written = clock.millis();
        StringBuilder text = new StringBuilder("pitot-sessions 1 " + owner + "\n");
        lastUses.forEach((hash, use) ->
                text.append(hash).append(' ').append(use.last()).append(use.admin() ? " admin\n" : "\n"));
        Path fresh = file.resolveSibling(FILE + ".new");
        try {
            Files.deleteIfExists(fresh);
            try (FileChannel channel = FileChannel.open(
                    fresh,
                    Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
                    PosixFilePermissions.asFileAttribute(OWNER_ONLY))) {
                ByteBuffer bytes = ByteBuffer.wrap(text.toString().getBytes(StandardCharsets.US_ASCII));
                while (bytes.hasRemaining()) {
                    channel.write(bytes);
                }
                channel.force(true);
            }
            Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            changed = false;
            complained = false;
            return true;
        } catch (IOException e) {
            if (!complained) {
                complained = true;
                LOG.warn("Sessions cannot be kept in {}, so a restart ends them; check the disk space there.", file);
                LOG.debug("Sessions cannot be kept", e);
            }
            return false;
        }
    }

    /** Writes down the last uses. */
    @Override
    public synchronized void close() {
        if (changed) {
            write();
        }
    }
}
