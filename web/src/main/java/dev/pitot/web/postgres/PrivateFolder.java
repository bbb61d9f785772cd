package dev.pitot.web.postgres;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The folder {@code postgres} in the data folder, held against other collectors, and the secrets in it. Any thread.
 */
final class PrivateFolder implements AutoCloseable {
    /**
     * The folders in use in this JVM. POSIX drops all of a process's locks on a file when any descriptor of it is closed, so a
     * second start in the same JVM must not even open the lock file.
     */
    private static final Set<Path> IN_USE = ConcurrentHashMap.newKeySet();

    private final Path path;
    private final FileChannel lock;

    private PrivateFolder(Path path, FileChannel lock) {
        this.path = path;
        this.lock = lock;
    }

    /**
     * Makes the folder if it is missing, and holds it until it is closed.
     *
     * @throws PostgresException when it cannot be had, or another collector holds it
     */
    static PrivateFolder open(Path dataFolder) {
        Path path;
        try {
            path = make(dataFolder);
        } catch (IOException e) {
            throw new PostgresException(
                    "The data folder " + dataFolder + " could not be made: " + describe(e)
                            + "; choose another one with --data.",
                    e);
        }
        if (!IN_USE.add(path)) {
            throw inUse(path, Long.toString(ProcessHandle.current().pid()));
        }
        try {
            return new PrivateFolder(path, takeLock(path));
        } catch (IOException e) {
            IN_USE.remove(path);
            throw cannotBeSetUp(path, e);
        } catch (RuntimeException | Error e) {
            IN_USE.remove(path);
            throw e;
        }
    }

    static PostgresException cannotBeSetUp(Path path, IOException e) {
        return new PostgresException(
                "PostgreSQL could not be set up in " + path + ": " + describe(e)
                        + "; check the folder's disk space and permissions or choose another one with --data.",
                e);
    }

    Path path() {
        return path;
    }

    @Override
    public void close() {
        try {
            Files.deleteIfExists(path.resolve("collector.pid"));
            lock.close();
        } catch (IOException e) {
            // The kernel drops the lock with the process at the latest, and the pid is only there to be shown.
        }
        IN_USE.remove(path);
    }

    private static Path make(Path dataFolder) throws IOException {
        Path absolute = dataFolder.toAbsolutePath().normalize();
        if (absolute.toString().chars().anyMatch(c -> c < ' ' || "\"$`\\".indexOf(c) >= 0)) {
            // pg_ctl starts the server through a shell, with no more than double quotes around the paths.
            throw new PostgresException("The data folder " + absolute
                    + " has a character in its name that PostgreSQL cannot handle (one of \" $ ` \\ or a control character);"
                    + " choose another one with --data.");
        }
        boolean root = ServiceAccount.ownUid() == 0;
        Path parent = absolute.getParent();
        if (parent != null) {
            Files.createDirectories(parent, mode(root ? "rwx--x--x" : "rwx------"));
        }
        makeDirectory(absolute, "rwx------");
        Path folder = absolute.toRealPath().resolve("postgres");
        makeDirectory(folder, "rwx------");
        if (!Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)
                || ServiceAccount.uid(folder) != ServiceAccount.ownUid()) {
            throw new PostgresException("The folder " + folder + " belongs to the system user "
                    + Files.getOwner(folder, LinkOption.NOFOLLOW_LINKS).getName()
                    + "; start Pitot as that user or choose another folder with --data.");
        }
        return folder;
    }

    static void makeDirectory(Path path, String permissions) throws IOException {
        try {
            Files.createDirectory(path, mode(permissions));
        } catch (FileAlreadyExistsException e) {
            if (!Files.isDirectory(path)) {
                throw new IOException(path + " is not a folder", e);
            }
        }
    }

    private static FileAttribute<Set<PosixFilePermission>> mode(String permissions) {
        return PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(permissions));
    }

    private static FileChannel takeLock(Path folder) throws IOException {
        FileChannel channel = FileChannel.open(
                folder.resolve("lock"), Set.of(StandardOpenOption.CREATE, StandardOpenOption.WRITE), mode("rw-------"));
        FileLock lock = null;
        try {
            lock = channel.tryLock();
        } finally {
            if (lock == null) {
                channel.close();
            }
        }
        Path holder = folder.resolve("collector.pid");
        if (lock == null) {
            String pid;
            try {
                pid = Files.readString(holder).strip();
            } catch (IOException e) {
                pid = "?"; // it got the lock this instant and has not written its name yet
            }
            throw inUse(folder, pid);
        }
        write(holder, Long.toString(ProcessHandle.current().pid()));
        return channel;
    }

    private static PostgresException inUse(Path folder, String pid) {
        return new PostgresException("The data folder " + folder.getParent() + " is in use by process " + pid
                + "; stop it or choose another folder with --data.");
    }

    static String secret(Path file) throws IOException {
        try {
            String secret = Files.readString(file).strip();
            if (!secret.isEmpty()) {
                return secret;
            }
        } catch (NoSuchFileException e) {
            // first start
        }
        byte[] random = new byte[24];
        new SecureRandom().nextBytes(random);
        String secret = HexFormat.of().formatHex(random);
        write(file, secret);
        return secret;
    }

    /** Whole or not at all, and never readable by others, not even for a moment. */
    static void write(Path file, String text) throws IOException {
        Path unfinished = file.resolveSibling(file.getFileName() + ".new");
        Files.deleteIfExists(unfinished);
        try (FileChannel channel = FileChannel.open(
                unfinished, Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE), mode("rw-------"))) {
            channel.write(ByteBuffer.wrap((text + "\n").getBytes(StandardCharsets.UTF_8)));
            channel.force(true);
        }
        Files.move(unfinished, file, StandardCopyOption.ATOMIC_MOVE);
    }

    /** Why something about a file could not be, in words. */
    static String describe(IOException e) {
        if (!(e instanceof FileSystemException file)) {
            return String.valueOf(e.getMessage());
        }
        // The JDK's own messages are often the file's name alone.
        String what =
                switch (e.getClass().getSimpleName()) {
                    case "FileAlreadyExistsException" -> "it exists already";
                    case "AccessDeniedException" -> "permission denied";
                    case "NoSuchFileException" -> "it does not exist";
                    default -> file.getReason() == null ? "it cannot be used" : file.getReason();
                };
        return file.getFile() + ": " + what;
    }
}
