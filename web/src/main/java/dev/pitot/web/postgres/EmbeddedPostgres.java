package dev.pitot.web.postgres;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Properties;
import java.util.function.Consumer;
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
 *   data.old-17/                        that of an older version, kept by an upgrade ({@link ClusterUpgrade})
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
    static final String NAME = "pitot"; // of the application's role and of its database

    private final PrivateFolder held;
    private final Path folder;
    private final Path cluster;
    private final ServerLogs logs;
    private final Consumer<String> progress;
    private final ServiceAccount account;

    private @Nullable Server server;
    private String superuserPassword = "";
    private String password = "";
    private boolean closed;
    private volatile boolean closing;

    private EmbeddedPostgres(PrivateFolder held, Consumer<String> progress) {
        this.held = held;
        this.folder = held.path();
        this.cluster = folder.resolve("data");
        this.logs = new ServerLogs(folder.resolve("log"));
        this.account = ServiceAccount.choose(cluster);
        this.progress = progress;
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
        PrivateFolder folder = PrivateFolder.open(dataFolder);
        EmbeddedPostgres postgres = null;
        try {
            ClusterUpgrade.finishSwitch(folder.path());
            postgres = new EmbeddedPostgres(folder, progress);
            postgres.launch();
            return postgres;
        } catch (IOException e) {
            release(folder, postgres);
            throw PrivateFolder.cannotBeSetUp(folder.path(), e);
        } catch (RuntimeException | Error e) {
            release(folder, postgres);
            throw e;
        }
    }

    private static void release(PrivateFolder folder, @Nullable EmbeddedPostgres postgres) {
        if (postgres != null) {
            postgres.logs.close();
        }
        folder.close();
    }

    /** {@code jdbc:postgresql://127.0.0.1:port/pitot}. */
    public String jdbcUrl() {
        return url(port(), NAME);
    }

    /** The application's role: no superuser, owner of the database. */
    public String user() {
        return NAME;
    }

    public String password() {
        return password;
    }

    public int port() {
        return running().port();
    }

    /** Process id of the server's first process. */
    public long pid() {
        return running().pid();
    }

    private Server running() {
        Server now = server;
        if (now == null) {
            throw new IllegalStateException("PostgreSQL was not started");
        }
        return now;
    }

    /** For tests that make databases of their own. */
    String superuserUrl() {
        return url(port(), Server.SUPERUSER);
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
                Server started = server;
                if (started != null) {
                    started.stop(started.pid());
                }
            } finally {
                release(held, this);
            }
        }
    }

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
                Server mine = prepare();
                server = mine;
                if (!mine.adoptOrEnd(at -> accepts(at, password))) {
                    step();
                    if (Files.notExists(cluster)) {
                        progress.accept("Creating the database in " + cluster + " (only at the first start).");
                        mine.create(superuserPassword, this::step);
                    }
                    checkVersion();
                    progress.accept("Starting PostgreSQL " + Binaries.VERSION + ".");
                    mine.start(folder.resolve("port"), List.of(), this::step);
                    try {
                        createRoleAndDatabase(mine.port(), folder, superuserPassword, password);
                    } catch (PostgresException e) {
                        mine.stop(mine.pid());
                        throw e;
                    }
                    Binaries.removeOthers(folder, mine.binaries());
                }
                logs.pruneFromNowOn();
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

    private Server prepare() throws IOException {
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
        Binaries.delete(Server.unfinished(cluster)); // left by a crash in the middle of initdb
        Files.deleteIfExists(folder.resolve("initdb-password"));
        if (Files.notExists(logs.folder())) {
            PrivateFolder.makeDirectory(logs.folder(), "rwx------");
            account.own(logs.folder());
        }
        checkVersion();
        Path binaries = Binaries.in(folder, progress);
        Server prepared = new Server(cluster, logs, account, binaries, progress);
        ChildCommand version = prepared.version();
        if (!version.succeeded()) {
            throw new PostgresException(
                    "The PostgreSQL binaries in " + binaries + " do not run here: " + version.output()
                            + "; if that file system is mounted noexec choose another folder with --data, else use a PostgreSQL of your"
                            + " own with --db-url.");
        }
        superuserPassword = PrivateFolder.secret(folder.resolve("superuser-password"));
        password = PrivateFolder.secret(folder.resolve("password"));
        return prepared;
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
            boolean older = version.matches("\\d{1,3}") && Integer.parseInt(version) < Integer.parseInt(Binaries.MAJOR);
            throw new PostgresException("The data in " + cluster + " was written by PostgreSQL " + version
                    + ", but this pitot.jar carries PostgreSQL " + Binaries.MAJOR
                    + (older
                            ? "; run 'java -jar pitot.jar db upgrade --data " + folder.getParent()
                                    + "', which copies it and keeps the old data."
                            : "; run the pitot.jar that wrote it, or start afresh in another folder with --data."));
        }
    }

    private static boolean accepts(int port, String password) {
        try (Connection connection = connect(url(port, NAME), NAME, password)) {
            return connection.isValid(10);
        } catch (SQLException e) {
            return false; // whatever it is, a server stopped and started by us is sure to be right
        }
    }

    /** Makes what is missing; also repairs a start that was cut off between initdb and here, and a lost password file. */
    static void createRoleAndDatabase(int port, Path folder, String superuserPassword, String password) {
        if (accepts(port, password)) {
            return;
        }
        try (Connection connection = connect(url(port, Server.SUPERUSER), Server.SUPERUSER, superuserPassword);
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
                    "The role and database " + NAME + " could not be made in " + folder + ": "
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

    static String url(int port, String database) {
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
}
