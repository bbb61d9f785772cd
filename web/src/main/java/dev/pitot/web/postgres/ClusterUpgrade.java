package dev.pitot.web.postgres;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Brings the data of the embedded PostgreSQL to the major version inside of this pitot.jar: a new cluster beside the old one, into
 * which all is copied, and which then takes its place.
 *
 * <pre>
 * data             the old one, until the end
 * data.upgrading   the new one while rows are copied
 * data.upgraded    complete; the old one is about to move away
 * data.old-17      what was {@code data}, kept
 * </pre>
 *
 * <p>Whenever it is interrupted, the old data is whole, and either still {@code data} or beside a complete {@code data.upgraded},
 * which the next start puts in its place ({@link #finishSwitch}). One thread.
 */
public final class ClusterUpgrade {
    /** Room for what a database needs beside its rows. */
    private static final long SPARE_BYTES = 300L << 20;

    private static final Path DEBIAN = Path.of("/usr/lib/postgresql");

    private final Path folder;
    private final Path cluster;
    private final ServerLogs logs;
    private final ServiceAccount account;
    private final Consumer<String> progress;

    private ClusterUpgrade(Path folder, Consumer<String> progress) {
        this.folder = folder;
        this.cluster = folder.resolve("data");
        this.logs = new ServerLogs(folder.resolve("log"));
        this.account = ServiceAccount.choose(cluster);
        this.progress = progress;
    }

    /** A running database of the collector. */
    public record Side(String jdbcUrl, String user, String password) {}

    /** Copies the rows of one database into another, empty one; throws when it cannot. */
    public interface Copy {
        void copy(Side from, Side to);
    }

    /**
     * Upgrades what is in a data folder.
     *
     * @param oldBinaries folder with the {@code bin} of the old version; null: those that the old pitot.jar has left, or Debian's
     * @param progress gets a sentence for each step
     * @return false when there was nothing to do
     * @throws PostgresException when it cannot be done, with the reason and the remedy in one sentence
     */
    public static boolean run(Path dataFolder, @Nullable Path oldBinaries, Consumer<String> progress, Copy copy) {
        checkIsThere(dataFolder);
        try (PrivateFolder held = PrivateFolder.open(dataFolder)) {
            finishSwitch(held.path());
            ClusterUpgrade upgrade = new ClusterUpgrade(held.path(), progress);
            try {
                return upgrade.run(oldBinaries, copy);
            } catch (IOException e) {
                throw PrivateFolder.cannotBeSetUp(held.path(), e);
            } finally {
                upgrade.logs.close();
            }
        }
    }

    /** Deletes the data that upgrades have kept; false when there is none. */
    public static boolean dropOld(Path dataFolder, Consumer<String> progress) {
        checkIsThere(dataFolder);
        try (PrivateFolder held = PrivateFolder.open(dataFolder)) {
            try (Stream<Path> children = Files.list(held.path())) {
                List<Path> old = children.filter(
                                child -> child.getFileName().toString().startsWith("data.old-"))
                        .toList();
                for (Path folder : old) {
                    Binaries.delete(folder);
                    progress.accept("Deleted " + folder + ".");
                }
                return !old.isEmpty();
            } catch (IOException e) {
                throw PrivateFolder.cannotBeSetUp(held.path(), e);
            }
        }
    }

    /** Puts a complete new cluster in its place when an upgrade was interrupted between its two last steps. */
    static void finishSwitch(Path folder) {
        Path cluster = folder.resolve("data");
        Path upgraded = upgraded(cluster);
        if (Files.notExists(cluster) && Files.exists(upgraded)) {
            try {
                move(upgraded, cluster);
            } catch (IOException e) {
                throw PrivateFolder.cannotBeSetUp(folder, e);
            }
        }
    }

    private static Path upgraded(Path cluster) {
        return cluster.resolveSibling("data.upgraded");
    }

    /** Before the folder would be made. */
    private static void checkIsThere(Path dataFolder) {
        if (Files.notExists(dataFolder.resolve("postgres"))) {
            throw nothingIn(dataFolder);
        }
    }

    private static PostgresException nothingIn(@Nullable Path dataFolder) {
        return new PostgresException("There is no data of an embedded PostgreSQL in " + dataFolder
                + "; name the collector's data folder with --data.");
    }

    private boolean run(@Nullable Path oldBinaries, Copy copy) throws IOException {
        if (Files.notExists(cluster.resolve("PG_VERSION"))) {
            throw nothingIn(folder.getParent());
        }
        String old = Files.readString(cluster.resolve("PG_VERSION")).strip();
        if (old.equals(Binaries.MAJOR)) {
            return false;
        }
        if (Integer.parseInt(old) > Integer.parseInt(Binaries.MAJOR)) {
            throw new PostgresException(
                    "The data in " + cluster + " was written by PostgreSQL " + old + ", which is newer than the "
                            + Binaries.MAJOR + " of this pitot.jar; use the pitot.jar that wrote it.");
        }
        Path kept = folder.resolve("data.old-" + old);
        if (Files.exists(kept)) {
            throw new PostgresException(kept + " is there from an earlier upgrade; move it away, or delete it with"
                    + " 'db upgrade --drop-old', and run this again.");
        }
        Path upgrading = folder.resolve("data.upgrading");
        Server from = new Server(cluster, logs, account, binaries(old, oldBinaries), progress);
        Server to = new Server(upgrading, logs, account, Binaries.in(folder, progress), progress);
        Thread hook = new Thread(() -> stop(from, to), "pitot-upgrade-stop");
        Runtime.getRuntime().addShutdownHook(hook);
        try {
            // What an interrupted upgrade or a killed collector has left.
            from.adoptOrEnd(port -> false);
            to.adoptOrEnd(port -> false);
            Binaries.delete(upgrading);
            Binaries.delete(upgraded(cluster));
            Binaries.delete(Server.unfinished(upgrading));
            checkRoom();
            String superuser = PrivateFolder.secret(folder.resolve("superuser-password"));
            String password = PrivateFolder.secret(folder.resolve("password"));
            progress.accept("Creating an empty PostgreSQL " + Binaries.VERSION + " beside the data of " + old + ".");
            to.create(superuser, () -> {});
            Path port = folder.resolve("upgrade-port");
            to.start(port, List.of(), () -> {});
            Files.deleteIfExists(port);
            EmbeddedPostgres.createRoleAndDatabase(to.port(), folder, superuser, password);
            progress.accept("Starting PostgreSQL " + old + " on the old data.");
            from.start(folder.resolve("port"), List.of(), () -> {});
            progress.accept("Copying; this takes about a minute for each GB.");
            copy.copy(side(from, password), side(to, password));
        } finally {
            try {
                stop(from, to);
            } finally {
                forget(hook);
            }
        }
        move(upgrading, upgraded(cluster));
        move(cluster, kept);
        move(upgraded(cluster), cluster);
        progress.accept("The data is that of PostgreSQL " + Binaries.MAJOR + " now; the old data is kept in " + kept
                + " until you run 'db upgrade --drop-old'.");
        return true;
    }

    private static void forget(Thread hook) {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException goingDown) {
            throw new PostgresException(
                    "The upgrade was interrupted; the old data is as it was, run it again.", goingDown);
        }
    }

    private static Side side(Server server, String password) {
        return new Side(EmbeddedPostgres.url(server.port(), EmbeddedPostgres.NAME), EmbeddedPostgres.NAME, password);
    }

    private static synchronized void stop(Server from, Server to) {
        try {
            to.stop(to.pid());
        } finally {
            from.stop(from.pid());
        }
    }

    /** A rename that outlives a power cut. */
    private static void move(Path from, Path to) throws IOException {
        Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
        Path parent = to.getParent();
        if (parent != null) {
            try (FileChannel directory = FileChannel.open(parent, StandardOpenOption.READ)) {
                directory.force(true);
            }
        }
    }

    private Path binaries(String major, @Nullable Path given) throws IOException {
        if (given != null) {
            if (!isOfVersion(given, major)) {
                throw new PostgresException("There is no PostgreSQL " + major + " that runs in " + given
                        + "; name the folder that has its bin/postgres with --old-binaries.");
            }
            return given.toAbsolutePath().normalize();
        }
        try (Stream<Path> children = Files.list(folder)) {
            for (Path child : (Iterable<Path>) children.sorted()::iterator) {
                if (child.getFileName().toString().startsWith("bin-" + major + ".") && isOfVersion(child, major)) {
                    return child;
                }
            }
        }
        Path debian = DEBIAN.resolve(major);
        if (isOfVersion(debian, major)) {
            return debian;
        }
        throw new PostgresException("The programs of PostgreSQL " + major + ", which wrote " + cluster
                + ", are neither in " + folder + " nor in " + debian
                + "; start the pitot.jar that wrote it once, or name a folder that has bin/postgres of " + major
                + " with --old-binaries.");
    }

    private boolean isOfVersion(Path home, String major) {
        if (!Files.isExecutable(home.resolve("bin").resolve("postgres"))) {
            return false;
        }
        ChildCommand version = new Server(cluster, logs, account, home.toAbsolutePath(), progress).version();
        return version.succeeded() && version.output().contains(") " + major + ".");
    }

    private void checkRoom() throws IOException {
        long[] bytes = {SPARE_BYTES};
        Files.walkFileTree(cluster, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
                bytes[0] += attributes.size();
                return FileVisitResult.CONTINUE;
            }
        });
        long free = Files.getFileStore(folder).getUsableSpace();
        if (free < bytes[0]) {
            throw new PostgresException(
                    "The upgrade needs " + (bytes[0] >> 20) + " MB beside the old data, and " + folder
                            + " has " + (free >> 20)
                            + " MB free; make room there, or shorten the retention with the pitot.jar that"
                            + " wrote it.");
        }
    }
}
