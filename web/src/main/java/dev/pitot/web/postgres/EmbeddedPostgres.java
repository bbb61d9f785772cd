package dev.pitot.web.postgres;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.SeekableByteChannel;
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
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.postgresql.Driver;
import org.postgresql.util.PasswordUtil;

/**
 * A real PostgreSQL started from the binaries inside pitot.jar, on 127.0.0.1 only, data in a private folder.
 *
 * <pre>
 * DATA/postgres/                        0700; owned by root and 0710 when PostgreSQL runs as a service account
 *   bin-VERSION-ARCHIVE/                the programs, unpacked once
 *   data/                               the cluster (0700, owned by the account that PostgreSQL runs as)
 *   log/                                what the server says, at most six files of 10 MB
 *   password, superuser-password        0600
 *   port                                the last port, taken again when it is free
 *   lock, collector.pid                 held by the living collector; one collector to a folder
 * </pre>
 *
 * <p>The server is in a session of its own, so a Ctrl-C in the terminal does not reach it: whoever calls {@link #start} calls
 * {@link #close} in a shutdown hook, after the last user of the database. A collector that is killed leaves the server running,
 * which harms nothing; the next start on the folder takes it over. All methods may be called from any thread.
 */
public final class EmbeddedPostgres implements AutoCloseable {
    private static final String NAME = "pitot"; // of the application's role and of its database
    private static final String SUPERUSER = "postgres";
    private static final int KEPT_LOGS = 5;
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

    /**
     * The folders in use in this JVM. POSIX drops all of a process's locks on a file when any descriptor of it is closed, so a
     * second start in the same JVM must not even open the lock file.
     */
    private static final Set<Path> IN_USE = ConcurrentHashMap.newKeySet();

    private final Path folder;
    private final Path cluster;
    private final Path logs;
    private final Consumer<String> progress;
    private final ServiceAccount account;
    private final FileChannel lock;
    private final ScheduledExecutorService logPruner;

    private Path binaries = Path.of("");
    private String superuserPassword = "";
    private String password = "";
    private int port;
    private long pid;
    private boolean closed;
    private volatile boolean closing;

    private EmbeddedPostgres(Path folder, ServiceAccount account, FileChannel lock, Consumer<String> progress) {
        this.folder = folder;
        this.cluster = folder.resolve("data");
        this.logs = folder.resolve("log");
        this.account = account;
        this.lock = lock;
        this.progress = progress;
        this.logPruner = Executors.newSingleThreadScheduledExecutor(work -> {
            Thread thread = new Thread(work, "pitot-postgres-logs");
            thread.setDaemon(true);
            return thread;
        });
    }

    /**
     * Starts the server, at the first time with unpacking, initdb and the making of role and database, and waits until it
     * accepts connections. A server left by a killed collector is taken over.
     *
     * @param dataFolder made if missing, private; where root starts Pitot, every folder above it must let the service account
     *     pass ({@code /var/lib/pitot} does, {@code /root/...} does not)
     * @param progress gets one short sentence for each step that a person has to wait for, on the calling thread
     * @throws PostgresException when it cannot be had, with the reason and the remedy in one sentence
     */
    public static EmbeddedPostgres start(Path dataFolder, Consumer<String> progress) {
        Path folder;
        try {
            folder = makeFolder(dataFolder);
        } catch (IOException e) {
            throw new PostgresException(
                    "The data folder " + dataFolder + " could not be made: " + describe(e)
                            + "; choose another one with --data.",
                    e);
        }
        if (!IN_USE.add(folder)) {
            throw inUse(folder, Long.toString(ProcessHandle.current().pid()));
        }
        FileChannel lock = null;
        EmbeddedPostgres postgres = null;
        try {
            lock = takeLock(folder);
            ServiceAccount account = ServiceAccount.choose(folder.resolve("data"));
            postgres = new EmbeddedPostgres(folder, account, lock, progress);
            postgres.launch();
            return postgres;
        } catch (IOException e) {
            release(folder, lock, postgres);
            throw new PostgresException(
                    "PostgreSQL could not be set up in " + folder + ": " + describe(e)
                            + "; check the folder's disk space and permissions or choose another one with --data.",
                    e);
        } catch (RuntimeException | Error e) {
            release(folder, lock, postgres);
            throw e;
        }
    }

    /** {@code jdbc:postgresql://127.0.0.1:port/pitot}. */
    public String jdbcUrl() {
        return url(port, NAME);
    }

    /** The application's role: no superuser, owner of the database. */
    public String user() {
        return NAME;
    }

    public String password() {
        return password;
    }

    public int port() {
        return port;
    }

    /** Process id of the server's first process. */
    public long pid() {
        return pid;
    }

    /** For tests that make databases of their own. */
    String superuserUrl() {
        return url(port, SUPERUSER);
    }

    String superuserPassword() {
        return superuserPassword;
    }

    /** Stops the server (its clients are cut off, nothing committed is lost), waits for its end, and frees the folder. Idempotent. */
    @Override
    public void close() {
        closing = true; // a start that another thread is still busy with gives up at its next step
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
            try {
                stopServer(pid);
            } finally {
                release(folder, lock, this);
            }
        }
    }

    // ---- folder and lock

    private static Path makeFolder(Path dataFolder) throws IOException {
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

    private static void makeDirectory(Path path, String permissions) throws IOException {
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
        writePrivately(holder, Long.toString(ProcessHandle.current().pid()));
        return channel;
    }

    private static PostgresException inUse(Path folder, String pid) {
        return new PostgresException("The data folder " + folder.getParent() + " is in use by process " + pid
                + "; stop it or choose another folder with --data.");
    }

    private static void release(Path folder, @Nullable FileChannel lock, @Nullable EmbeddedPostgres postgres) {
        if (postgres != null) {
            postgres.logPruner.shutdownNow();
        }
        if (lock != null) {
            try {
                Files.deleteIfExists(folder.resolve("collector.pid"));
                lock.close();
            } catch (IOException e) {
                // The kernel drops the lock with the process at the latest, and the pid is only there to be shown.
            }
        }
        IN_USE.remove(folder);
    }

    // ---- start

    private void launch() throws IOException {
        Thread hook = new Thread(this::close, "pitot-postgres-stop");
        boolean shuttingDown = !addHook(hook);
        try {
            synchronized (this) {
                if (shuttingDown) {
                    throw stopped();
                }
                if (Files.notExists(cluster)) {
                    account.checkName();
                }
                prepare();
                boolean adopted = adoptOrEnd();
                if (!adopted) {
                    step();
                    if (Files.notExists(cluster)) {
                        createCluster();
                    }
                    checkVersion();
                    startServer();
                    try {
                        createRoleAndDatabase();
                    } catch (PostgresException e) {
                        stopServer(pid);
                        throw e;
                    }
                    Binaries.removeOthers(folder, binaries);
                }
                logPruner.scheduleWithFixedDelay(this::pruneLogs, 0, 60, TimeUnit.SECONDS);
            }
        } finally {
            removeHook(hook);
        }
    }

    /** False when the JVM is already going down. */
    private static boolean addHook(Thread hook) {
        try {
            Runtime.getRuntime().addShutdownHook(hook);
            return true;
        } catch (IllegalStateException e) {
            return false;
        }
    }

    private static void removeHook(Thread hook) {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // The JVM is going down: the hook runs and stops what was started.
        }
    }

    private void step() {
        if (closing) {
            throw stopped();
        }
    }

    private static PostgresException stopped() {
        return new PostgresException("PostgreSQL was not started because this process is being stopped.");
    }

    private void prepare() throws IOException {
        account.letThrough(folder);
        Path dataFolder = folder.getParent();
        if (account.isOther() && dataFolder != null) {
            Path closedFolder = account.firstClosedFolder(folder);
            if (dataFolder.equals(closedFolder) && isPrivate(dataFolder)) {
                account.letThrough(dataFolder);
                closedFolder = account.firstClosedFolder(folder);
            }
            if (closedFolder != null) {
                throw new PostgresException(
                        "PostgreSQL does not run as root, and the system user " + account.name()
                                + " that it runs as may not enter " + closedFolder
                                + "; choose a data folder that it can reach (--data /var/lib/pitot), or start Pitot as another user.");
            }
        }
        Binaries.delete(folder.resolve("data.new")); // left by a crash in the middle of initdb
        Files.deleteIfExists(folder.resolve("initdb-password"));
        if (Files.notExists(logs)) {
            makeDirectory(logs, "rwx------");
            account.own(logs);
        }
        checkVersion();
        binaries = Binaries.in(folder, progress);
        ChildCommand version = run(List.of(program("postgres"), "-V"), Duration.ofSeconds(30));
        if (!version.succeeded()) {
            throw new PostgresException(
                    "The PostgreSQL binaries in " + binaries + " do not run here: " + version.output()
                            + "; if that file system is mounted noexec choose another folder with --data, else use a PostgreSQL of your"
                            + " own with --db-url.");
        }
        superuserPassword = secret(folder.resolve("superuser-password"));
        password = secret(folder.resolve("password"));
    }

    private static boolean isPrivate(Path path) throws IOException {
        return ServiceAccount.uid(path) == ServiceAccount.ownUid()
                && Files.getPosixFilePermissions(path).stream()
                        .allMatch(permission -> permission.name().startsWith("OWNER_"));
    }

    private void checkVersion() throws IOException {
        String version;
        try {
            version = Files.readString(cluster.resolve("PG_VERSION")).strip();
        } catch (NoSuchFileException e) {
            if (Files.exists(cluster)) {
                throw new PostgresException("The folder " + cluster
                        + " is not the data of a PostgreSQL (no PG_VERSION in it); move it away, or choose another folder with"
                        + " --data.");
            }
            return;
        }
        if (!version.equals(Binaries.MAJOR)) {
            throw new PostgresException("The data in " + cluster + " was written by PostgreSQL " + version
                    + ", but this pitot.jar carries PostgreSQL " + Binaries.MAJOR
                    + "; run the pitot.jar that wrote it, or start afresh in another folder with --data.");
        }
    }

    /** What a living server in our folder means: ours to take over (true), or to be ended first. */
    private boolean adoptOrEnd() throws IOException {
        List<Long> processes = Postmaster.processesIn(cluster);
        Postmaster found = Postmaster.read(cluster);
        if (found != null && processes.contains(found.pid())) {
            if (Postmaster.program(found.pid()).equals(program("postgres"))) {
                found = untilReady(found);
                if (found.ready() && accepts(found.port())) {
                    progress.accept("Taking over the running PostgreSQL, process " + found.pid() + ".");
                    pid = found.pid();
                    port = found.port();
                    return true;
                }
            }
            progress.accept("Stopping the PostgreSQL that an earlier collector left, process " + found.pid() + ".");
            stopServer(found.pid());
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

    private boolean accepts(int port) {
        try (Connection connection = connect(url(port, NAME), NAME, password)) {
            return connection.isValid(10);
        } catch (SQLException e) {
            return false; // whatever it is, a server stopped and started by us is sure to be right
        }
    }

    private void createCluster() throws IOException {
        progress.accept("Creating the database in " + cluster + " (only at the first start).");
        Path unfinished = folder.resolve("data.new");
        Path passwordFile = folder.resolve("initdb-password");
        makeDirectory(unfinished, "rwx------");
        account.own(unfinished);
        ChildCommand initdb;
        try {
            writePrivately(passwordFile, superuserPassword);
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
        step();
        if (!initdb.succeeded()) {
            Binaries.delete(unfinished);
            if (initdb.output().contains("could not look up effective user ID")) {
                throw account.nameless();
            }
            throw new PostgresException(
                    "The database could not be created in " + cluster + " (initdb: " + lastLines(initdb.output())
                            + "); it needs 100 MB of disk there, or choose another folder with --data.");
        }
        Files.move(unfinished, cluster, StandardCopyOption.ATOMIC_MOVE);
        try (FileChannel directory = FileChannel.open(folder, StandardOpenOption.READ)) {
            directory.force(true); // the rename itself survives a power cut
        }
    }

    private void startServer() throws IOException {
        progress.accept("Starting PostgreSQL " + Binaries.VERSION + ".");
        Path startLog = logs.resolve("start.log");
        Path portFile = folder.resolve("port");
        int candidate = freePort(portFile);
        for (int attempt = 1; ; attempt++) {
            step();
            Files.deleteIfExists(startLog);
            FileTime begin = FileTime.from(Instant.now());
            StringBuilder options = new StringBuilder("-c port=" + candidate);
            FIXED_SETTINGS.forEach(setting -> options.append(" -c ").append(setting));
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
            String said = tail(startLog) + "\n" + newestLogTail(begin);
            if (attempt == 3 || !said.contains("could not create any TCP/IP sockets")) {
                throw new PostgresException(
                        "PostgreSQL did not start (" + lastLines(said.isBlank() ? start.output() : said) + "); see "
                                + logs + " and the disk space there.");
            }
            candidate = freePort(null); // somebody took it between our look and the start
        }
        Postmaster started = Postmaster.read(cluster);
        if (started == null) {
            throw new PostgresException("PostgreSQL started and ended at once; see " + logs + ".");
        }
        pid = started.pid();
        port = started.port();
        writePrivately(portFile, Integer.toString(port));
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

    /** Makes what is missing; also repairs a start that was cut off between initdb and here, and a lost password file. */
    private void createRoleAndDatabase() {
        if (accepts(port)) {
            return;
        }
        try (Connection connection = connect(url(port, SUPERUSER), SUPERUSER, superuserPassword);
                Statement statement = connection.createStatement()) {
            if (!exists(statement, "SELECT 1 FROM pg_roles WHERE rolname = '" + NAME + "'")) {
                statement.execute("CREATE ROLE " + NAME);
            }
            statement.execute("ALTER ROLE " + NAME
                    + " LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD '"
                    + PasswordUtil.encodePassword(NAME, password.toCharArray(), "scram-sha-256") + "'");
            if (!exists(statement, "SELECT 1 FROM pg_database WHERE datname = '" + NAME + "'")) {
                statement.execute("CREATE DATABASE " + NAME + " OWNER " + NAME);
            }
            statement.execute("REVOKE ALL ON DATABASE " + NAME + " FROM PUBLIC");
        } catch (SQLException e) {
            throw new PostgresException(
                    "The role and database " + NAME + " could not be made in " + cluster + ": "
                            + e.getMessage() + "; if " + folder.resolve("superuser-password")
                            + " was lost or changed put it back, or start afresh in another folder with --data.",
                    e);
        }
    }

    private static boolean exists(Statement statement, String query) throws SQLException {
        try (ResultSet rows = statement.executeQuery(query)) {
            return rows.next();
        }
    }

    private static String url(int port, String database) {
        return "jdbc:postgresql://127.0.0.1:" + port + "/" + database;
    }

    static Connection connect(String url, String user, String password) throws SQLException {
        Properties properties = new Properties();
        properties.setProperty("user", user);
        properties.setProperty("password", password);
        properties.setProperty("sslmode", "disable"); // loopback only, and the server has no certificate
        properties.setProperty("connectTimeout", "10");
        properties.setProperty("socketTimeout", "60");
        Connection connection = new Driver().connect(url, properties);
        if (connection == null) {
            throw new SQLException("not a PostgreSQL address: " + url);
        }
        return connection;
    }

    // ---- stop

    /** Ends the server with this pid if it is ours; more and more firmly, and returns when all its processes are gone. */
    private void stopServer(long pid) {
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
                    + lastLines(stop.output()) + "); its data is safe, stop it with kill " + pid + ".");
        }
    }

    // ---- children and logs

    private String program(String name) {
        return binaries.resolve("bin").resolve(name).toString();
    }

    private ChildCommand control(Duration limit, String... words) {
        List<String> command = new ArrayList<>();
        command.add(program("pg_ctl"));
        command.addAll(List.of(words));
        return run(command, limit);
    }

    private ChildCommand run(List<String> command, Duration limit) {
        // The data folder goes by the environment, as pg_ctl would hand an argument on to a shell.
        return ChildCommand.run(
                account.command(command),
                Map.of("PGDATA", cluster.toString()),
                folder,
                limit,
                () -> progress.accept("Still waiting for PostgreSQL; after a crash it first reads its log."));
    }

    private static boolean await(Duration limit, BooleanSupplier condition) {
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

    /** PostgreSQL rotates by size, but deletes nothing. */
    private void pruneLogs() {
        try {
            List<Path> files = serverLogs();
            for (Path old : files.subList(0, Math.max(0, files.size() - KEPT_LOGS))) {
                Files.deleteIfExists(old);
            }
        } catch (IOException e) {
            // tried again in a minute
        }
    }

    /** Oldest first. */
    private List<Path> serverLogs() throws IOException {
        try (Stream<Path> files = Files.list(logs)) {
            return files.filter(file -> file.getFileName().toString().startsWith("postgresql-"))
                    .sorted()
                    .toList();
        }
    }

    /** What the server wrote since then, at most the last 4 KB; empty when it did not come so far. */
    private String newestLogTail(FileTime since) {
        try {
            List<Path> files = serverLogs();
            if (files.isEmpty()) {
                return "";
            }
            Path newest = files.get(files.size() - 1);
            boolean written =
                    Files.getLastModifiedTime(newest, LinkOption.NOFOLLOW_LINKS).compareTo(since) >= 0;
            return written ? tail(newest) : "";
        } catch (IOException e) {
            return ""; // only makes a message poorer
        }
    }

    /** The last 4 KB. Links are not followed: the folder may belong to a less trusted account than ours. */
    private static String tail(Path file) {
        try (SeekableByteChannel channel =
                Files.newByteChannel(file, Set.of(StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS))) {
            ByteBuffer buffer = ByteBuffer.allocate(4096);
            channel.position(Math.max(0, channel.size() - buffer.capacity()));
            while (buffer.hasRemaining() && channel.read(buffer) >= 0) {}
            return new String(buffer.array(), 0, buffer.position(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            return ""; // only makes a message poorer
        }
    }

    private static String lastLines(String text) {
        List<String> lines =
                text.lines().map(String::strip).filter(line -> !line.isEmpty()).toList();
        return String.join(" | ", lines.subList(Math.max(0, lines.size() - 6), lines.size()));
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

    // ---- secrets

    private static String secret(Path file) throws IOException {
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
        writePrivately(file, secret);
        return secret;
    }

    /** Whole or not at all, and never readable by others, not even for a moment. */
    private static void writePrivately(Path file, String text) throws IOException {
        Path unfinished = file.resolveSibling(file.getFileName() + ".new");
        Files.deleteIfExists(unfinished);
        try (FileChannel channel = FileChannel.open(
                unfinished, Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE), mode("rw-------"))) {
            channel.write(ByteBuffer.wrap((text + "\n").getBytes(StandardCharsets.UTF_8)));
            channel.force(true);
        }
        Files.move(unfinished, file, StandardCopyOption.ATOMIC_MOVE);
    }
}
