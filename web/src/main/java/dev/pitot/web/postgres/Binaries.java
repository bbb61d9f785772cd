package dev.pitot.web.postgres;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.JarURLConnection;
import java.net.URL;
import java.net.URLConnection;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.jspecify.annotations.Nullable;
import org.tukaani.xz.XZInputStream;

/** PostgreSQL's own programs (initdb, pg_ctl, postgres and what they load), unpacked from the archive on the class path. */
final class Binaries {
    /** The version in the archives; a test compares it with what {@code postgres -V} says. */
    static final String VERSION = "18.6";

    static final String MAJOR = VERSION.substring(0, VERSION.indexOf('.'));

    private static final String MARKER = ".complete";

    private Binaries() {}

    /**
     * The archive for a platform.
     *
     * @throws PostgresException if there is none
     */
    static String archiveFor(String osName, String arch, boolean glibc) {
        String name =
                switch (arch.toLowerCase(Locale.ROOT)) {
                    case "amd64", "x86_64" -> "postgres-linux-x86_64.txz";
                    case "aarch64", "arm64" -> "postgres-linux-arm_64.txz";
                    default -> "";
                };
        boolean linux = osName.toLowerCase(Locale.ROOT).startsWith("linux");
        if (name.isEmpty() || !linux || !glibc) {
            throw new PostgresException("No PostgreSQL for " + osName + " on " + arch
                    + (linux && !glibc ? " without glibc" : "")
                    + " is inside pitot.jar (there is one for Linux with glibc on x86-64 and aarch64); use a PostgreSQL of your"
                    + " own with --db-url.");
        }
        return name;
    }

    private static boolean hasGlibc() {
        // The dynamic loader the programs ask for; on Alpine and other musl systems it is another one.
        return Stream.of("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1", "/lib64/ld-linux-aarch64.so.1")
                .anyMatch(loader -> Files.exists(Path.of(loader)));
    }

    /**
     * The folder with {@code bin/postgres} in it, unpacked now if it is not there yet. The caller holds the lock of the folder.
     *
     * @param folder private folder that will hold {@code bin-<version>-<archive>}
     */
    static Path in(Path folder, Consumer<String> progress) {
        String archive = archiveFor(System.getProperty("os.name", "?"), System.getProperty("os.arch", "?"), hasGlibc());
        URL url = Binaries.class.getClassLoader().getResource(archive);
        if (url == null) {
            throw new PostgresException("The PostgreSQL binaries (" + archive
                    + ") are missing from pitot.jar; build it again or use a PostgreSQL of your own with --db-url.");
        }
        // Repackaged binaries of the same version get a folder of their own: an orphan may still run from the old one.
        Path home = folder.resolve("bin-" + VERSION + "-" + fingerprint(url));
        if (isComplete(home)) {
            return home;
        }
        progress.accept("Unpacking PostgreSQL " + VERSION + " (75 MB, only at the first start).");
        Path unfinished = folder.resolve("bin.unpacking");
        try {
            delete(unfinished);
            delete(home);
            unpack(url, unfinished);
            Files.writeString(unfinished.resolve(MARKER), Long.toString(bytesIn(unfinished)));
            Files.move(unfinished, home, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            throw new PostgresException(
                    "The PostgreSQL binaries could not be unpacked to " + folder + ": " + PrivateFolder.describe(e)
                            + "; they need 75 MB of disk there, or choose another folder with --data.",
                    e);
        }
        return home;
    }

    /** Removes binaries of other versions. */
    static void removeOthers(Path folder, Path home) {
        try (Stream<Path> children = Files.list(folder)) {
            for (Path child : (Iterable<Path>) children::iterator) {
                if (child.getFileName().toString().startsWith("bin-") && !child.equals(home)) {
                    delete(child);
                }
            }
        } catch (IOException e) {
            // They only cost disk space; the next start tries again.
        }
    }

    private static String fingerprint(URL url) {
        try {
            URLConnection connection = url.openConnection();
            connection.setUseCaches(false);
            if (connection instanceof JarURLConnection jar) {
                try (var file = jar.getJarFile()) {
                    return String.format("%08x", jar.getJarEntry().getCrc());
                }
            }
            try (InputStream in = connection.getInputStream()) {
                return Long.toHexString(connection.getContentLengthLong());
            }
        } catch (IOException e) {
            throw new PostgresException(
                    "The PostgreSQL binaries at " + url + " could not be read: " + PrivateFolder.describe(e) + ".", e);
        }
    }

    private static boolean isComplete(Path home) {
        try {
            // The sum of sizes finds what a power cut leaves when it comes after the rename but before the data.
            return Files.readString(home.resolve(MARKER)).equals(Long.toString(bytesIn(home)));
        } catch (IOException e) {
            return false; // not there, or not readable: unpack again
        }
    }

    private static long bytesIn(Path home) throws IOException {
        long[] bytes = {0};
        Files.walkFileTree(home, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
                if (attributes.isRegularFile() && !file.endsWith(MARKER)) {
                    bytes[0] += attributes.size();
                }
                return FileVisitResult.CONTINUE;
            }
        });
        return bytes[0];
    }

    static void unpack(URL url, Path folder) throws IOException {
        URLConnection connection = url.openConnection();
        connection.setUseCaches(false);
        try (TarArchiveInputStream tar = new TarArchiveInputStream(
                new XZInputStream(new BufferedInputStream(connection.getInputStream(), 1 << 16)))) {
            createFolder(folder);
            for (TarArchiveEntry entry = tar.getNextEntry(); entry != null; entry = tar.getNextEntry()) {
                Path target = inside(folder, folder.resolve(entry.getName()), entry);
                if (entry.isDirectory()) {
                    createFolder(target);
                    continue;
                }
                Path parent = target.getParent();
                if (parent != null) {
                    createFolder(parent);
                }
                if (entry.isSymbolicLink()) {
                    inside(folder, target.resolveSibling(entry.getLinkName()), entry);
                    Files.createSymbolicLink(target, Path.of(entry.getLinkName()));
                } else if (entry.isFile()) {
                    Files.copy(tar, target);
                    boolean program = (entry.getMode() & 0100) != 0;
                    Files.setPosixFilePermissions(
                            target, PosixFilePermissions.fromString(program ? "rwxr-xr-x" : "rw-r--r--"));
                } else {
                    throw new IOException("unexpected kind of entry " + entry.getName());
                }
            }
        }
    }

    /** Folders are made readable for the service account whatever the umask; the folder around them is private. */
    private static void createFolder(Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            Path parent = folder.getParent();
            if (parent != null) {
                createFolder(parent);
            }
            Files.createDirectory(folder);
            Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxr-xr-x"));
        }
    }

    private static Path inside(Path folder, Path target, TarArchiveEntry entry) throws IOException {
        Path normal = target.normalize();
        if (!normal.startsWith(folder)) {
            throw new IOException("entry " + entry.getName() + " points out of the archive");
        }
        return normal;
    }

    /** Deletes a file or a folder with all that is in it; links are removed, not followed. */
    static void delete(Path path) throws IOException {
        if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        Files.walkFileTree(path, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                Files.delete(file);
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path folder, @Nullable IOException failure) throws IOException {
                if (failure != null && !(failure instanceof NoSuchFileException)) {
                    throw failure;
                }
                Files.delete(folder);
                return FileVisitResult.CONTINUE;
            }
        });
    }
}
