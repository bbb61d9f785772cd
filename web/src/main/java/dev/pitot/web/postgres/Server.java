package dev.pitot.web.postgres;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/**
 * One cluster, a folder of data, and the programs of PostgreSQL at work on it: initdb, start and stop. Whoever uses it holds the
 * folder around it. One thread at a time.
 */
final class Server {
    static final String SUPERUSER = "postgres";
    private static final Duration INITDB_LIMIT = Duration.ofMinutes(10);
    /** Recovery after a crash reads up to max_wal_size of log, which takes minutes on a slow disk. */
    private static final Duration START_LIMIT = Duration.ofHours(1);

    private static final Duration STOP_LIMIT = Duration.ofSeconds(60);

    /** Written to postgresql.conf once, by initdb; the owner of the data may change them there. */
    private static final List<String> SETTINGS = List.of(
            "max_connections=50",
            "shared_buffers=128MB",
            "wal_compression=pglz",
            "jit=off",
            "io_method=sync",
            "max_parallel_workers_per_gather=1",
            "timezone=UTC",
            "log_timezone=UTC",
            "lc_messages=C",
            // Statements and their parameters may hold what the observed application holds: they do not belong in a
            // log.
            "log_min_error_statement=panic");

    /** Given at every start: what safety rests on. */
    private static final List<String> FIXED_SETTINGS = List.of(
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "logging_collector=on",
            "log_destination=stderr",
            "log_directory=../log",
            "log_filename=postgresql-%Y%m%d-%H%M%S.log",
            "log_rotation_size=10MB",
            "log_rotation_age=0");

    private final Path folder;
    private final Path cluster;
    private final ServerLogs logs;
    private final ServiceAccount account;
    private final Path binaries;
    private final Consumer<String> progress;
    private int port;
    private long pid;

    /**
     * @param cluster the folder of the data
     * @param binaries the folder with {@code bin/postgres} in it
     * @param progress gets a sentence when something takes long
     */
    Server(Path cluster, ServerLogs logs, ServiceAccount account, Path binaries, Consumer<String> progress) {
        Path parent = cluster.getParent();
        this.folder = parent == null ? cluster : parent;
        this.cluster = cluster;
        this.logs = logs;
        this.account = account;
        this.binaries = binaries;
        this.progress = progress;
    }

    int port() {
        return port;
    }

    /** Process id of the server's first process. */
    long pid() {
        return pid;
    }

    Path binaries() {
        return binaries;
    }

    /** What the programs say that they are. */
    ChildCommand version() {
        return run(List.of(program("postgres"), "-V"), Duration.ofSeconds(30));
    }

    /** Where initdb works before the cluster is complete. */
    static Path unfinished(Path cluster) {
        return cluster.resolveSibling(cluster.getFileName() + ".new");
    }

    /**
     * Makes the cluster with initdb: complete, or not there.
     *
     * @param password of the superuser
     * @param step called where a person may have changed his mind; it throws then
     */
    void create(String password, Runnable step) throws IOException {
        Path unfinished = unfinished(cluster);
        Path passwordFile = folder.resolve("initdb-password");
        PrivateFolder.makeDirectory(unfinished, "rwx------");
        account.own(unfinished);
        ChildCommand initdb;
        try {
            PrivateFolder.write(passwordFile, password);
            account.own(passwordFile);
            List<String> command = new ArrayList<>(List.of(
                    program("initdb"),
                    "--pgdata=" + unfinished,
                    "--username=" + SUPERUSER,
                    "--pwfile=" + passwordFile,
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    // The same order of strings on every machine, whatever libraries it has.
                    "--locale=C",
                    "--locale-provider=builtin",
                    "--builtin-locale=C.UTF-8"));
            SETTINGS.forEach(setting -> command.add("--set=" + setting));
            initdb = run(command, INITDB_LIMIT);
        } finally {
            Files.deleteIfExists(passwordFile);
        }
        step.run();
        if (!initdb.succeeded()) {
            Binaries.delete(unfinished);
            if (initdb.output().contains("could not look up effective user ID")) {
                throw account.nameless();
            }
            throw new PostgresException("The database could not be created in " + cluster + " (initdb: "
                    + ServerLogs.lastLines(initdb.output())
                    + "); it needs 100 MB of disk there, or choose another folder with --data.");
        }
        Files.move(unfinished, cluster, StandardCopyOption.ATOMIC_MOVE);
        try (FileChannel directory = FileChannel.open(folder, StandardOpenOption.READ)) {
            directory.force(true); // the rename itself survives a power cut
        }
    }

    /**
     * Starts the server and waits until it accepts connections.
     *
     * @param portFile the last port, taken again when it is free
     * @param more settings, as {@code name=value}
     * @param step as of {@link #create}
     */
    void start(Path portFile, List<String> more, Runnable step) throws IOException {
        Path startLog = logs.folder().resolve("start.log");
        int candidate = freePort(portFile);
        for (int attempt = 1; ; attempt++) {
            step.run();
            Files.deleteIfExists(startLog);
            FileTime begin = FileTime.from(Instant.now());
            StringBuilder options = new StringBuilder("-c port=" + candidate);
            FIXED_SETTINGS.forEach(setting -> options.append(" -c ").append(setting));
            more.forEach(setting -> options.append(" -c ").append(setting));
            ChildCommand start = control(
                    START_LIMIT,
                    "start",
                    "--wait",
                    "--timeout=" + START_LIMIT.toSeconds(),
                    "--log=" + startLog,
                    "--options=" + options);
            if (start.succeeded()) {
                break;
            }
            String said = ServerLogs.tail(startLog) + "\n" + logs.newestTail(begin);
            if (attempt == 3 || !said.contains("could not create any TCP/IP sockets")) {
                throw new PostgresException(
                        "PostgreSQL did not start (" + ServerLogs.lastLines(said.isBlank() ? start.output() : said)
                                + "); see " + logs.folder() + " and the disk space there.");
            }
            candidate = freePort(null); // somebody took it between our look and the start
        }
        Postmaster started = Postmaster.read(cluster);
        if (started == null) {
            throw new PostgresException("PostgreSQL started and ended at once; see " + logs.folder() + ".");
        }
        pid = started.pid();
        port = started.port();
        PrivateFolder.write(portFile, Integer.toString(port));
    }

    /** The last port if it is free, else any free one; addresses that people keep in a SQL client stay right. */
    private static int freePort(@Nullable Path remembered) throws IOException {
        if (remembered != null) {
            try (ServerSocket socket = new ServerSocket()) {
                int last = Integer.parseInt(Files.readString(remembered).strip());
                socket.bind(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), last));
                return last;
            } catch (IOException | IllegalArgumentException e) {
                // none remembered, or it is taken
            }
        }
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
            return socket.getLocalPort();
        }
    }

    /**
     * What a living server in the folder means: ours to take over (true), or to be ended first.
     *
     * @param ours whether the server at a port knows us
     */
    boolean adoptOrEnd(IntPredicate ours) throws IOException {
        List<Long> processes = Postmaster.processesIn(cluster);
        Postmaster found = Postmaster.read(cluster);
        if (found != null && processes.contains(found.pid())) {
            if (Postmaster.program(found.pid()).equals(program("postgres"))) {
                found = untilReady(found);
                if (found.ready() && ours.test(found.port())) {
                    progress.accept("Taking over the running PostgreSQL, process " + found.pid() + ".");
                    pid = found.pid();
                    port = found.port();
                    return true;
                }
            }
            progress.accept("Stopping the PostgreSQL that an earlier collector left, process " + found.pid() + ".");
            stop(found.pid());
        } else if (!processes.isEmpty()) {
            // The first process was killed; the others notice and leave by themselves, and until then the data is
            // theirs.
            if (!await(Duration.ofSeconds(20), () -> Postmaster.processesIn(cluster)
                    .isEmpty())) {
                throw new PostgresException("Processes " + processes + " of a PostgreSQL that died still use " + cluster
                        + "; end them and start again.");
            }
        } else if (found != null && ProcessHandle.of(found.pid()).isPresent()) {
            // The number went to a stranger. PostgreSQL could not tell and would refuse; a number of nobody it handles
            // itself.
            Files.deleteIfExists(cluster.resolve("postmaster.pid"));
        }
        return false;
    }

    private Postmaster untilReady(Postmaster found) {
        Postmaster[] latest = {found};
        await(Duration.ofSeconds(60), () -> {
            Postmaster now = Postmaster.read(cluster);
            if (now == null || now.pid() != found.pid()) {
                return true;
            }
            latest[0] = now;
            return now.ready() || now.status().equals("stopping");
        });
        return latest[0];
    }

    /** Ends the server with this pid if it is ours; more and more firmly, and returns when all its processes are gone. */
    void stop(long pid) {
        Postmaster current = Postmaster.read(cluster);
        List<Long> processes = Postmaster.processesIn(cluster);
        if (processes.isEmpty() || (current != null && !processes.contains(current.pid()))) {
            return; // gone already; pg_ctl would signal whoever has its number now
        }
        ChildCommand stop = control(
                STOP_LIMIT.plusSeconds(10), "stop", "--mode=fast", "--wait", "--timeout=" + STOP_LIMIT.toSeconds());
        if (!stop.succeeded() && !Postmaster.processesIn(cluster).isEmpty()) {
            // What is committed is in the log on disk; the next start recovers it.
            control(STOP_LIMIT, "stop", "--mode=immediate", "--wait", "--timeout=20");
        }
        if (!await(Duration.ofSeconds(5), () -> Postmaster.processesIn(cluster).isEmpty())
                && Postmaster.program(pid).endsWith("/postgres")) {
            ProcessHandle.of(pid).ifPresent(ProcessHandle::destroyForcibly);
        }
        if (!await(Duration.ofSeconds(20), () -> Postmaster.processesIn(cluster).isEmpty())) {
            throw new PostgresException("PostgreSQL, process " + pid + ", could not be stopped ("
                    + ServerLogs.lastLines(stop.output()) + "); its data is safe, stop it with kill " + pid + ".");
        }
    }

    String program(String name) {
        return binaries.resolve("bin").resolve(name).toString();
    }

    private ChildCommand control(Duration limit, String... words) {
        List<String> command = new ArrayList<>();
        command.add(program("pg_ctl"));
        command.addAll(List.of(words));
        return run(command, limit);
    }

    ChildCommand run(List<String> command, Duration limit) {
        // The data folder goes by the environment, as pg_ctl would hand an argument on to a shell.
        return ChildCommand.run(
                account.command(command),
                Map.of("PGDATA", cluster.toString()),
                folder,
                limit,
                () -> progress.accept("Still waiting for PostgreSQL; after a crash it first reads its log."));
    }

    static boolean await(Duration limit, BooleanSupplier condition) {
        long deadline = System.nanoTime() + limit.toNanos();
        boolean interrupted = false;
        try {
            while (!condition.getAsBoolean()) {
                if (System.nanoTime() > deadline) {
                    return false;
                }
                try {
                    TimeUnit.MILLISECONDS.sleep(20);
                } catch (InterruptedException e) {
                    interrupted = true; // handed on below; see ChildCommand.run
                }
            }
            return true;
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
