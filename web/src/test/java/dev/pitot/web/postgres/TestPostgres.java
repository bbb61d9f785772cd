package dev.pitot.web.postgres;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.awaitility.Awaitility;

/**
 * One real PostgreSQL for all tests of this JVM, under {@code target/}, kept between runs (a warm start is quicker) and stopped
 * by a shutdown hook. Each test takes a database of its own. Safe from any thread.
 */
public final class TestPostgres {
    private static final AtomicInteger NUMBERS = new AtomicInteger();
    private static final String PREFIX = "test_";
    /** Names another PostgreSQL for the tests: a jar with its archive, or a folder with its {@code bin}. */
    private static final String OTHER = "pitot.test.postgres";

    /** @param password of {@code user}, who owns the database and is no superuser */
    public record Database(String url, String user, String password) {
        public Connection connect() throws SQLException {
            return EmbeddedPostgres.connect(url, user, password);
        }
    }

    /** The server that tests share. */
    private record Shared(int port, long pid, String user, String password, String superuserPassword) {
        String superuserUrl() {
            return "jdbc:postgresql://127.0.0.1:" + port + "/postgres";
        }
    }

    private static final class Holder {
        static final Shared SHARED = start();
    }

    private TestPostgres() {}

    private static Shared shared() {
        return Holder.SHARED;
    }

    private static Shared start() {
        String other = System.getProperty(OTHER);
        if (other == null || other.isEmpty()) {
            EmbeddedPostgres postgres = startShared();
            return new Shared(
                    postgres.port(),
                    postgres.pid(),
                    postgres.user(),
                    postgres.password(),
                    postgres.superuserPassword());
        }
        try {
            Path source = Path.of(other);
            Server server = OtherPostgres.start(source, reachableFolder("postgres-of-" + other.replaceAll("\\W+", "-")))
                    .server();
            Runtime.getRuntime().addShutdownHook(new Thread(() -> server.stop(server.pid())));
            Shared shared = new Shared(server.port(), server.pid(), "pitot", "test", OtherPostgres.SUPERUSER_PASSWORD);
            asSuperuser(shared, "CREATE ROLE pitot LOGIN PASSWORD 'test'");
            return shared;
        } catch (IOException | SQLException e) {
            throw new AssertionError("no PostgreSQL of " + other + " for the tests", e);
        }
    }

    /** Process id of the server. */
    public static long pid() {
        return shared().pid();
    }

    /** A new empty database. */
    public static Database freshDatabase() {
        Shared postgres = shared();
        String name = PREFIX + ProcessHandle.current().pid() + "_" + NUMBERS.incrementAndGet();
        try {
            asSuperuser(postgres, "CREATE DATABASE " + name + " OWNER " + postgres.user());
        } catch (SQLException e) {
            throw new AssertionError("no fresh database", e);
        }
        return new Database(url(name), postgres.user(), postgres.password());
    }

    /** A database of the administrator's, and roles of it that scripts of {@code docs/} make by the names {@code pitot…}. */
    public static final class Roles {
        private final String name;

        private Roles(String name) {
            this.name = name;
        }

        /** Runs a script with this database for {@code pitot}, and with roles of its own. */
        public void asAdministrator(String script) throws SQLException {
            Shared postgres = shared();
            String mine = script.replace("database pitot", "database " + name)
                    .replaceAll("\\b(role|to|authorization) pitot\\b(?!_)", "$1 " + name + "_pitot")
                    .replaceAll("\\b(role|to|from) pitot_", "$1 " + name + "_pitot_")
                    .replaceAll("password '[^']*'", "password 'test'");
            try (Connection connection = EmbeddedPostgres.connect(url(name), "postgres", postgres.superuserPassword());
                    Statement statement = connection.createStatement()) {
                statement.execute(mine);
            }
        }

        /** The database, as one of these roles. */
        public Database database(String role) {
            return new Database(url(name), name + "_" + role, "test");
        }
    }

    /** A new empty database that belongs to the superuser. */
    public static Roles freshRoles() {
        String name = PREFIX + ProcessHandle.current().pid() + "_" + NUMBERS.incrementAndGet();
        try {
            asSuperuser(shared(), "CREATE DATABASE " + name);
        } catch (SQLException e) {
            throw new AssertionError("no fresh database", e);
        }
        return new Roles(name);
    }

    private static String url(String database) {
        return "jdbc:postgresql://127.0.0.1:" + shared().port() + "/" + database;
    }

    /**
     * A folder that the account PostgreSQL runs as can reach: {@code target/}, or, where root builds in a folder closed to
     * others such as its home, the system's temporary folder.
     */
    public static Path reachableFolder(String name) {
        Path target = Path.of("target", name).toAbsolutePath();
        ServiceAccount account =
                ServiceAccount.choose(target.resolve("postgres").resolve("data"));
        Path folder = target.getParent();
        if (folder != null && account.firstClosedFolder(folder) == null) {
            return target;
        }
        return Path.of(System.getProperty("java.io.tmpdir"), "pitot-" + ServiceAccount.ownUid() + "-" + name);
    }

    /** Lets the shared server speak TLS too, until {@link #useNoTls}; PEM. */
    public static void useTls(String certificate, String key) throws IOException, SQLException {
        Path cluster = Path.of(ask("show data_directory"));
        ServiceAccount account = ServiceAccount.choose(cluster);
        for (String[] file : new String[][] {{"test.crt", certificate}, {"test.key", key}}) {
            Path path = cluster.resolve(file[0]);
            Files.deleteIfExists(path);
            Files.createFile(path, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
            Files.writeString(path, file[1]);
            account.own(path);
        }
        asSuperuser(shared(), "alter system set ssl_cert_file = 'test.crt'");
        asSuperuser(shared(), "alter system set ssl_key_file = 'test.key'");
        useTlsAgain();
    }

    /** Undoes {@link #useNoTls}. */
    public static void useTlsAgain() throws SQLException {
        setTls("on");
    }

    public static void useNoTls() throws SQLException {
        setTls("off");
    }

    private static void setTls(String state) throws SQLException {
        asSuperuser(shared(), "alter system set ssl = " + state);
        asSuperuser(shared(), "select pg_reload_conf()");
        Awaitility.await().until(() -> ask("show ssl").equals(state));
    }

    private static String ask(String sql) throws SQLException {
        try (Connection connection =
                        EmbeddedPostgres.connect(shared().superuserUrl(), "postgres", shared().superuserPassword());
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(sql)) {
            row.next();
            return row.getString(1);
        }
    }

    private static EmbeddedPostgres startShared() {
        List<PostgresException> failures = new ArrayList<>();
        // Another test JVM (an IDE beside a build) may hold the first folder.
        for (int n = 1; n <= 4; n++) {
            try {
                EmbeddedPostgres postgres = EmbeddedPostgres.start(reachableFolder("postgres-" + n), step -> {});
                Runtime.getRuntime().addShutdownHook(new Thread(postgres::close));
                dropOldDatabases(new Shared(
                        postgres.port(),
                        postgres.pid(),
                        postgres.user(),
                        postgres.password(),
                        postgres.superuserPassword()));
                return postgres;
            } catch (PostgresException e) {
                failures.add(e);
                if (!String.valueOf(e.getMessage()).contains("is in use")) {
                    break;
                }
            }
        }
        throw new AssertionError("no PostgreSQL for the tests: " + failures);
    }

    private static void dropOldDatabases(Shared postgres) {
        try (Connection connection =
                        EmbeddedPostgres.connect(postgres.superuserUrl(), "postgres", postgres.superuserPassword());
                Statement statement = connection.createStatement()) {
            List<String> names = new ArrayList<>();
            try (ResultSet rows = statement.executeQuery(
                    "SELECT datname FROM pg_database WHERE starts_with(datname, '" + PREFIX + "')")) {
                while (rows.next()) {
                    names.add(rows.getString(1));
                }
            }
            for (String name : names) {
                statement.execute("DROP DATABASE " + name + " WITH (FORCE)");
            }
            names.clear();
            try (ResultSet rows = statement.executeQuery(
                    "SELECT rolname FROM pg_roles WHERE starts_with(rolname, '" + PREFIX + "')")) {
                while (rows.next()) {
                    names.add(rows.getString(1));
                }
            }
            for (String name : names) {
                statement.execute("DROP ROLE " + name);
            }
        } catch (SQLException e) {
            throw new AssertionError("databases of earlier test runs were not dropped", e);
        }
    }

    /** One statement in the database {@code postgres}. */
    public static void asSuperuser(String sql) throws SQLException {
        asSuperuser(shared(), sql);
    }

    private static void asSuperuser(Shared postgres, String sql) throws SQLException {
        try (Connection connection =
                        EmbeddedPostgres.connect(postgres.superuserUrl(), "postgres", postgres.superuserPassword());
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }
}
