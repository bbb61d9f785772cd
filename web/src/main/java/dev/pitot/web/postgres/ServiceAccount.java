package dev.pitot.web.postgres;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The operating-system account PostgreSQL runs as. It refuses to run as root, so a collector started by root drops to an
 * existing unprivileged account for PostgreSQL's processes alone; anybody else runs them as themselves.
 *
 * @param prefix the words before each command that change the account; empty when nothing is to change
 */
record ServiceAccount(String name, int uid, int gid, List<String> prefix) {
    /** System property that names the account to drop to; otherwise {@code postgres}, then {@code nobody}. */
    static final String PROPERTY = "pitot.postgres.user";

    private static final Path ROOT = Path.of("/");

    /** Whether PostgreSQL's files belong to another account than this process. */
    boolean isOther() {
        return !prefix.isEmpty();
    }

    /** The effective uid of this JVM. */
    static int ownUid() {
        // Java has no geteuid(). The owner of /proc/self would do, but is root for a java binary with file
        // capabilities.
        try (Stream<String> lines = Files.lines(Path.of("/proc/self/status"))) {
            return lines.filter(line -> line.startsWith("Uid:"))
                    .map(line -> Integer.valueOf(line.split("\\s+")[2])) // real, effective, saved, file system
                    .findFirst()
                    .orElseThrow(() -> new IOException("no line Uid"));
        } catch (IOException e) {
            throw new PostgresException(
                    "The user of this process could not be read from /proc: " + e.getMessage() + ".", e);
        }
    }

    static int uid(Path path) {
        try {
            return (Integer) Files.getAttribute(path, "unix:uid", LinkOption.NOFOLLOW_LINKS);
        } catch (IOException e) {
            throw new PostgresException("The owner of " + path + " could not be read: " + e.getMessage() + ".", e);
        }
    }

    /** @param cluster the data of an earlier start, whose owner stays; may not exist yet */
    static ServiceAccount choose(Path cluster) {
        int uid = ownUid();
        if (uid != 0) {
            return new ServiceAccount(System.getProperty("user.name", "uid " + uid), uid, -1, List.of());
        }
        String wanted = System.getProperty(PROPERTY);
        if (Files.exists(cluster, LinkOption.NOFOLLOW_LINKS)) {
            String owner = ownerName(cluster);
            if (wanted != null && !wanted.equals(owner)) {
                throw new PostgresException(
                        "The data in " + cluster + " belongs to the system user " + owner + ", not to " + wanted
                                + " as " + PROPERTY + " says; remove that setting or change the owner of the data.");
            }
            wanted = owner;
        }
        for (String candidate : wanted == null ? List.of("postgres", "nobody") : List.of(wanted)) {
            ServiceAccount account = lookUp(candidate);
            if (account != null) {
                return account;
            }
        }
        throw new PostgresException("PostgreSQL does not run as root and "
                + (wanted == null
                        ? "neither of the system users postgres and nobody"
                        : "no usable system user " + wanted)
                + " exists here; start Pitot as another user, name one with -D" + PROPERTY
                + "=USER, or use a PostgreSQL of your own with --db-url.");
    }

    /**
     * Refuses a user without a name, as containers started with any number have: initdb looks its own up.
     *
     * @throws PostgresException with the remedy
     */
    void checkName() {
        if (!isNamed(uid)) {
            throw nameless();
        }
    }

    PostgresException nameless() {
        return new PostgresException("PostgreSQL runs as a user of the system only, and the user number " + uid
                + " has no entry in /etc/passwd; start Pitot as a user that has one, or use a PostgreSQL of your own"
                + " with --db-url.");
    }

    /** Whether the system has a name for this user; asked of a program, as not every source of users is a file. */
    static boolean isNamed(int uid) {
        ChildCommand id = run(List.of("id", "--", Integer.toString(uid)));
        return id.exitCode() != 1; // where there is no id(1), initdb decides
    }

    private static String ownerName(Path path) {
        try {
            return Files.getOwner(path, LinkOption.NOFOLLOW_LINKS).getName();
        } catch (IOException e) {
            throw new PostgresException("The owner of " + path + " could not be read: " + e.getMessage() + ".", e);
        }
    }

    private static @Nullable ServiceAccount lookUp(String user) {
        ChildCommand uid = run(List.of("id", "-u", "--", user));
        ChildCommand gid = run(List.of("id", "-g", "--", user));
        if (!uid.succeeded() || !gid.succeeded() || uid.output().equals("0")) {
            return null;
        }
        List<String> setpriv = List.of(
                "setpriv",
                "--reuid=" + uid.output(),
                "--regid=" + gid.output(),
                "--clear-groups",
                "--no-new-privs",
                "--");
        List<String> runuser = List.of("runuser", "-u", user, "--");
        List<String> why = new ArrayList<>();
        for (List<String> prefix : List.of(setpriv, runuser)) {
            List<String> probe = new ArrayList<>(prefix);
            probe.add("/bin/sh");
            probe.add("-c");
            probe.add("exit 0");
            ChildCommand tried = run(probe);
            if (tried.succeeded()) {
                return new ServiceAccount(user, Integer.parseInt(uid.output()), Integer.parseInt(gid.output()), prefix);
            }
            why.add(tried.output().lines().findFirst().orElse("exit code " + tried.exitCode()));
        }
        throw new PostgresException(
                "PostgreSQL does not run as root and neither setpriv nor runuser could change to the user "
                        + user + " (" + String.join("; ", why)
                        + "); start Pitot as another user or use a PostgreSQL of your own with --db-url.");
    }

    private static ChildCommand run(List<String> command) {
        return ChildCommand.run(command, Map.of(), ROOT, Duration.ofSeconds(20), () -> {});
    }

    List<String> command(List<String> words) {
        List<String> command = new ArrayList<>(prefix);
        command.addAll(words);
        return command;
    }

    /** The outermost folder on the way to {@code folder} that this account may not enter; null when all is open. */
    @Nullable
    Path firstClosedFolder(Path folder) {
        if (canEnter(folder)) {
            return null;
        }
        Path step = ROOT;
        for (Path name : folder) {
            step = step.resolve(name);
            if (!canEnter(step)) {
                return step;
            }
        }
        return folder;
    }

    private boolean canEnter(Path folder) {
        // Asked of the kernel and not worked out from mode bits, as access lists and security modules have a say too.
        return run(command(List.of("/bin/sh", "-c", "test -x \"$1\"", "sh", folder.toString())))
                .succeeded();
    }

    /** Gives a file or folder to this account. */
    void own(Path path) throws IOException {
        if (isOther()) {
            Files.setAttribute(path, "unix:gid", gid, LinkOption.NOFOLLOW_LINKS);
            Files.setAttribute(path, "unix:uid", uid, LinkOption.NOFOLLOW_LINKS);
        }
    }

    /** Lets this account pass through a folder that stays ours, without seeing what is in it. */
    void letThrough(Path folder) throws IOException {
        if (isOther()) {
            Files.setAttribute(folder, "unix:gid", gid, LinkOption.NOFOLLOW_LINKS);
            Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwx--x---"));
        }
    }
}
