package dev.pitot.web.store;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import com.zaxxer.hikari.HikariPoolMXBean;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.SQLTransientConnectionException;
import java.sql.SQLTransientException;
import java.sql.Statement;
import java.util.Properties;
import org.jspecify.annotations.Nullable;

/**
 * A pool of connections to a migrated database. Any thread.
 *
 * <p>Ingest has one, and what people ask another, {@link #openForQueries}: a page that asks for too much waits for its own kind
 * only. A connection outlives a restart of the server by being thrown away: the pool validates one that was idle before it
 * hands it out, and callers see the {@link SQLException} of one that died in their hands.
 */
public final class Database implements AutoCloseable {
    private static final String SESSION = """
            set lock_timeout = '10s'; set idle_in_transaction_session_timeout = '60s'; set timezone = 'UTC'; \
            set synchronous_commit = on; set statement_timeout = '30s'""";

    /** What a person asks changes nothing, and ends before the person has gone. */
    private static final String QUERY_SESSION =
            SESSION + "; set statement_timeout = '15s'; set default_transaction_read_only = on";

    private static final int INGEST_WAIT_MILLIS = 5_000;
    private static final int QUERY_WAIT_MILLIS = 2_000;
    /** For each connection for queries so many more may wait for one; who comes then is refused at once. */
    private static final int WAITING_FOR_EACH = 4;

    private final DatabaseSettings settings;
    private final HikariDataSource pool;
    /** Most that wait for a connection. */
    private final int mostWaiting;

    private Database(DatabaseSettings settings, HikariDataSource pool, int mostWaiting) {
        this.settings = settings;
        this.pool = pool;
        this.mostWaiting = mostWaiting;
    }

    /**
     * Connects and migrates the schema.
     *
     * @throws StoreException when the server does not answer, or its database is newer than this program
     */
    public static Database open(DatabaseSettings settings) throws StoreException {
        return open(settings, INGEST_WAIT_MILLIS);
    }

    /** @param waitMillis the longest that a call waits for a connection */
    static Database open(DatabaseSettings settings, int waitMillis) throws StoreException {
        HikariConfig config = config(settings, "pitot", SESSION);
        config.setMaximumPoolSize(settings.ingestConnections());
        config.setMinimumIdle(2);
        config.setConnectionTimeout(waitMillis);
        config.setInitializationFailTimeout(1);
        HikariDataSource pool;
        try {
            pool = new HikariDataSource(config);
        } catch (RuntimeException e) {
            throw new StoreException(
                    "The database at " + settings.place() + " cannot be used " + ConnectFailure.sentence(e), e);
        }
        Database database = new Database(settings, pool, Integer.MAX_VALUE);
        try (Connection connection = database.connection()) {
            Migrations.run(connection);
            return database;
        } catch (SQLException e) {
            database.close();
            throw new StoreException(
                    "The schema of the database at " + settings.place() + " could not be made ("
                            + ConnectFailure.reason(e) + "); its user needs the right to create tables in it.",
                    e);
        } catch (StoreException e) {
            database.close();
            throw e;
        }
    }

    /** The same database for what people ask: connections of its own, which read only, for 15 s a statement at most. */
    public Database openForQueries() {
        HikariConfig config = config(settings, "pitot-queries", QUERY_SESSION);
        config.setMaximumPoolSize(settings.queryConnections());
        config.setMinimumIdle(1);
        config.setConnectionTimeout(QUERY_WAIT_MILLIS);
        config.setInitializationFailTimeout(-1);
        return new Database(settings, new HikariDataSource(config), WAITING_FOR_EACH * settings.queryConnections());
    }

    private static HikariConfig config(DatabaseSettings settings, String name, String session) {
        HikariConfig config = new HikariConfig();
        config.setPoolName(name);
        config.setJdbcUrl(settings.url());
        config.setUsername(settings.user());
        config.setPassword(settings.password());
        config.setValidationTimeout(2_000);
        config.setKeepaliveTime(60_000);
        config.setMaxLifetime(30 * 60_000L);
        config.setConnectionInitSql(session);
        config.addDataSourceProperty("ApplicationName", name);
        config.addDataSourceProperty("connectTimeout", "5");
        config.addDataSourceProperty("socketTimeout", "60");
        config.addDataSourceProperty("tcpKeepAlive", "true");
        return config;
    }

    /**
     * A connection of the pool with auto-commit on; close it to give it back. Waits 5 s at most, for queries 2 s.
     *
     * @throws BusyException when all stayed in use, or too many wait already
     */
    public Connection connection() throws SQLException {
        if (mostWaiting < Integer.MAX_VALUE && use().waiting() >= mostWaiting) {
            throw new BusyException(null);
        }
        try {
            return pool.getConnection();
        } catch (SQLTransientConnectionException e) {
            Use use = use();
            // Less than all are in use when the server is away, or takes no more.
            throw use.active() >= use.most() ? new BusyException(e) : e;
        }
    }

    /** All connections of the pool are in use, though the database answers. */
    public static final class BusyException extends SQLTransientException {
        private static final long serialVersionUID = 1L;

        private BusyException(@Nullable Throwable cause) {
            super("all connections to the database are in use", "53300", cause);
        }
    }

    /** Whether a statement was ended because it took longer than it may (57014, {@code query_canceled}). */
    public static boolean isTooSlow(SQLException e) {
        return "57014".equals(e.getSQLState());
    }

    /**
     * How the pool is used now.
     *
     * @param active connections in use
     * @param idle open ones that wait to be used
     * @param waiting threads that wait for one
     * @param most open ones at a time
     */
    public record Use(int active, int idle, int waiting, int most) {}

    /** How the pool is used now. */
    public Use use() {
        HikariPoolMXBean now = pool.getHikariPoolMXBean();
        int most = pool.getMaximumPoolSize();
        return now == null
                ? new Use(0, 0, 0, most)
                : new Use(
                        now.getActiveConnections(), now.getIdleConnections(), now.getThreadsAwaitingConnection(), most);
    }

    /** A connection of one's own beside the pool, for who keeps it; close it at the end. Waits some seconds at most. */
    Connection apart(String name) throws SQLException {
        Properties properties = new Properties();
        properties.putAll(pool.getDataSourceProperties());
        properties.setProperty("ApplicationName", name);
        if (pool.getUsername() != null) {
            properties.setProperty("user", pool.getUsername());
        }
        if (pool.getPassword() != null) {
            properties.setProperty("password", pool.getPassword());
        }
        Connection connection = DriverManager.getConnection(pool.getJdbcUrl(), properties);
        try (Statement s = connection.createStatement()) {
            s.execute(SESSION);
            return connection;
        } catch (SQLException e) {
            connection.close();
            throw e;
        }
    }

    /** Whether the database answers now. */
    public boolean answers() {
        try (Connection c = connection()) {
            return c.isValid(2);
        } catch (SQLException away) {
            return false;
        }
    }

    @Override
    public void close() {
        pool.close();
    }
}
