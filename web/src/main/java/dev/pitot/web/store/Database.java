package dev.pitot.web.store;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Properties;

/**
 * The pool of connections to a migrated database. Any thread.
 *
 * <p>A connection outlives a restart of the server by being thrown away: the pool validates one that was idle before it
 * hands it out, and callers see the {@link SQLException} of one that died in their hands.
 */
public final class Database implements AutoCloseable {
    private static final String SESSION = """
            set statement_timeout = '30s'; set lock_timeout = '10s'; \
            set idle_in_transaction_session_timeout = '60s'; set timezone = 'UTC'; set synchronous_commit = on""";

    private final HikariDataSource pool;

    private Database(HikariDataSource pool) {
        this.pool = pool;
    }

    /**
     * Connects and migrates the schema.
     *
     * @throws StoreException when the server does not answer, or its database is newer than this program
     */
    public static Database open(DatabaseSettings settings) throws StoreException {
        HikariConfig config = new HikariConfig();
        config.setPoolName("pitot");
        config.setJdbcUrl(settings.url());
        config.setUsername(settings.user());
        config.setPassword(settings.password());
        config.setMaximumPoolSize(settings.connections());
        config.setMinimumIdle(2);
        config.setConnectionTimeout(5_000);
        config.setValidationTimeout(2_000);
        config.setKeepaliveTime(60_000);
        config.setMaxLifetime(30 * 60_000L);
        config.setInitializationFailTimeout(1);
        config.setConnectionInitSql(SESSION);
        config.addDataSourceProperty("ApplicationName", "pitot");
        config.addDataSourceProperty("connectTimeout", "5");
        config.addDataSourceProperty("socketTimeout", "60");
        config.addDataSourceProperty("tcpKeepAlive", "true");
        HikariDataSource pool;
        try {
            pool = new HikariDataSource(config);
        } catch (RuntimeException e) {
            throw new StoreException(
                    "The database at " + settings.place() + " cannot be used (" + reason(e)
                            + "); check its address, that it runs, and its user and password.",
                    e);
        }
        Database database = new Database(pool);
        try (Connection connection = database.connection()) {
            Migrations.run(connection);
            return database;
        } catch (SQLException e) {
            database.close();
            throw new StoreException(
                    "The schema of the database at " + settings.place() + " could not be made (" + reason(e)
                            + "); its user needs the right to create tables in it.",
                    e);
        } catch (StoreException e) {
            database.close();
            throw e;
        }
    }

    private static String reason(Throwable e) {
        Throwable last = e;
        while (last.getCause() != null) {
            last = last.getCause();
        }
        if (last instanceof UnknownHostException) {
            return "no host is known by the name " + last.getMessage();
        }
        if (last instanceof SocketTimeoutException) {
            return "nobody answered within 5 s";
        }
        return String.valueOf(last.getMessage()).lines().findFirst().orElse("no reason given");
    }

    /** A connection of the pool with auto-commit on; close it to give it back. Waits 5 s at most. */
    public Connection connection() throws SQLException {
        return pool.getConnection();
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
