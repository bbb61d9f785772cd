package dev.pitot.web;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.Set;

/** The collector's private folder. */
record DataFolder(Path path) {
    private static final Set<PosixFilePermission> OWNER_ONLY = PosixFilePermissions.fromString("rwx------");
    /** As root: the user that PostgreSQL runs as passes through, and sees nothing. */
    private static final Set<PosixFilePermission> OWNER_AND_PASSAGE = PosixFilePermissions.fromString("rwx--x---");

    /** Makes the folder if it is missing; one that others may look into is refused unless it is empty. */
    static DataFolder open(Path path) {
        if (path.toString().contains("=")) {
            throw CommandFailure.badInput("The data folder " + path
                    + " has a '=' in its name, at which the JVM would cut the path of the agent's jar in -javaagent;"
                    + " choose another one with --data.");
        }
        try {
            Path parent = path.getParent();
            if (parent != null) {
                Files.createDirectories(parent);
            }
            try {
                Files.createDirectory(path, PosixFilePermissions.asFileAttribute(OWNER_ONLY));
            } catch (FileAlreadyExistsException there) {
                if (!Files.isDirectory(path)) {
                    throw CommandFailure.badInput(
                            "The data folder " + path + " is a file; choose another one with --data.");
                }
                close(path);
            }
            if (!Files.isWritable(path)) {
                throw CommandFailure.badInput(
                        "The data folder " + path + " cannot be written to; choose another one with --data.");
            }
            return new DataFolder(path);
        } catch (IOException e) {
            throw CommandFailure.failed(
                    "The data folder " + path + " cannot be made (" + CommandFailure.reason(e)
                            + "); choose another one with --data.",
                    e);
        }
    }

    private static void close(Path path) throws IOException {
        Set<PosixFilePermission> permissions = Files.getPosixFilePermissions(path);
        if (OWNER_AND_PASSAGE.containsAll(permissions)) {
            return;
        }
        // A folder that somebody has made for Pitot is empty; one with files may be a home, whose mode is not ours to
        // change.
        try (DirectoryStream<Path> files = Files.newDirectoryStream(path)) {
            if (files.iterator().hasNext()) {
                throw CommandFailure.badInput("The data folder " + path + " is open to others ("
                        + PosixFilePermissions.toString(permissions) + "), and it will hold secrets; run 'chmod 700 "
                        + path
                        + "' if it is for Pitot alone, or choose another one with --data.");
            }
        }
        Files.setPosixFilePermissions(path, OWNER_ONLY);
    }

    /** The agent jar as a file, written only when it is another one: a running JVM maps the old one. */
    Path unpackAgent() {
        Path jar = path.resolve("agent").resolve("pitot-agent.jar");
        try (InputStream in = DataFolder.class.getClassLoader().getResourceAsStream("agent/pitot-agent.jar")) {
            if (in == null) {
                throw CommandFailure.failed(
                        "This pitot.jar carries no agent; build it whole with 'mvn -DskipTests package'.", null);
            }
            byte[] bytes = in.readAllBytes();
            if (Files.isRegularFile(jar)
                    && Files.size(jar) == bytes.length
                    && Arrays.equals(Files.readAllBytes(jar), bytes)) {
                return jar;
            }
            Files.createDirectories(jar.getParent());
            Path fresh = Files.createTempFile(jar.getParent(), "pitot-agent", ".new");
            try {
                Files.write(fresh, bytes);
                Files.setPosixFilePermissions(fresh, PosixFilePermissions.fromString("rw-r--r--"));
                Files.move(fresh, jar, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            } finally {
                Files.deleteIfExists(fresh);
            }
            return jar;
        } catch (IOException e) {
            throw CommandFailure.failed(
                    "The agent cannot be unpacked to " + jar + " (" + CommandFailure.reason(e)
                            + "); check the permissions and disk space there, or choose another folder with --data.",
                    e);
        }
    }
}
