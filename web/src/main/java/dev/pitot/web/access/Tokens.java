package dev.pitot.web.access;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.Set;
import java.util.function.Consumer;

/**
 * The secrets of a collector, kept in files that only their owner can read.
 *
 * @param ingest what agents show to {@code /ingest/v1}
 * @param view what people show to read everything else
 * @param admin what people show to change something
 */
public record Tokens(String ingest, String view, String admin) {
    /** Names of the files in the data folder. */
    public static final String INGEST_FILE = "ingest.token";

    public static final String VIEW_FILE = "view.token";
    public static final String ADMIN_FILE = "admin.token";

    private static final Set<PosixFilePermission> OWNER_ONLY = PosixFilePermissions.fromString("rw-------");
    private static final int SHORTEST = 32;

    /**
     * Reads them, making what is missing. A file that others may read is closed to them, as its owner surely meant; the token
     * in it may have been seen, which is said.
     *
     * @param folder the data folder, private already
     * @param warn gets one sentence for each file whose permissions were too wide
     * @throws IOException when a file cannot be read, is no regular file or holds no token; the message is a sentence
     */
    public static Tokens in(Path folder, Consumer<String> warn) throws IOException {
        return new Tokens(
                readOrMake(folder.resolve(INGEST_FILE), warn),
                readOrMake(folder.resolve(VIEW_FILE), warn),
                readOrMake(folder.resolve(ADMIN_FILE), warn));
    }

    private static String readOrMake(Path file, Consumer<String> warn) throws IOException {
        if (Files.notExists(file, LinkOption.NOFOLLOW_LINKS)) {
            make(file);
        }
        if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
            throw new IOException(file + " is not a regular file; remove it, and a new token is made.");
        }
        Set<PosixFilePermission> permissions = Files.getPosixFilePermissions(file, LinkOption.NOFOLLOW_LINKS);
        if (!OWNER_ONLY.containsAll(permissions)) {
            Files.setPosixFilePermissions(file, OWNER_ONLY);
            warn.accept(file + " was open to others (" + PosixFilePermissions.toString(permissions)
                    + ") and is 0600 now; remove it and restart for a new token if somebody may have read it.");
        }
        String token = Files.readString(file, StandardCharsets.US_ASCII)
                .lines()
                .findFirst()
                .orElse("")
                .strip();
        if (token.length() < SHORTEST) {
            throw new IOException(file + " holds no token (its first line has fewer than " + SHORTEST
                    + " characters); remove it, and a new one is made.");
        }
        return token;
    }

    private static void make(Path file) throws IOException {
        Path folder = file.toAbsolutePath().getParent();
        Path fresh = Files.createTempFile(folder, "token", ".new", PosixFilePermissions.asFileAttribute(OWNER_ONLY));
        try {
            Files.writeString(fresh, random() + "\n", StandardOpenOption.TRUNCATE_EXISTING);
            // A link fails when the name exists: a token that another start has just made is never replaced.
            Files.createLink(file, fresh);
        } catch (FileAlreadyExistsException madeMeanwhile) {
            // By another start; its token is read next.
        } finally {
            Files.deleteIfExists(fresh);
        }
    }

    /** 256 random bits as 43 characters that need no quoting anywhere. */
    static String random() {
        byte[] bits = new byte[32];
        Holder.RANDOM.nextBytes(bits);
        return Base64.getUrlEncoder().withoutPadding().encodeToString(bits);
    }

    /** Secrets never get into a log by accident. */
    @Override
    public String toString() {
        return "Tokens[]";
    }

    private static final class Holder {
        static final SecureRandom RANDOM = new SecureRandom();
    }
}
