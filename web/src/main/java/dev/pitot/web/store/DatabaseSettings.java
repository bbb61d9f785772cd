package dev.pitot.web.store;

import java.util.logging.Level;
import java.util.logging.Logger;
import org.jspecify.annotations.Nullable;
import org.postgresql.Driver;

/**
 * Where the database is.
 *
 * @param url JDBC URL, {@code jdbc:postgresql://host:port/name}
 * @param user null when the URL names it
 * @param password null when the server asks for none
 * @param connections the most that are open at a time, half of them for what people ask; see {@link #connectionsFor}
 */
public record DatabaseSettings(
        String url, @Nullable String user, @Nullable String password, int connections) {
    private static final String EXAMPLE = "jdbc:postgresql://host:5432/pitot";
    /** Connections of ingest that no parser may have: for the segment writer, partitions and tiers. */
    public static final int BESIDE_PARSERS = 3;
    /** Those and one parser, and as many for what people ask. */
    public static final int FEWEST_CONNECTIONS = 2 * (BESIDE_PARSERS + 1);

    /** The driver throws what it logs, and logs more: the URL with its password, for one. */
    private static final Logger DRIVER_LOG = Logger.getLogger("org.postgresql");

    static {
        DRIVER_LOG.setLevel(Level.OFF);
    }

    /** Settings with as many connections as this machine's collector uses. */
    public static DatabaseSettings of(String url, @Nullable String user, @Nullable String password) {
        return new DatabaseSettings(url, user, password, connectionsFor(parsers()));
    }

    /** Refuses what cannot be. */
    public DatabaseSettings {
        if (!url.startsWith("jdbc:postgresql:")) {
            throw new IllegalArgumentException(
                    "The database URL must start with jdbc:postgresql:, as in " + EXAMPLE + ".");
        }
        // What is refused is not repeated: it may hold a password.
        if (withoutParameters(url).contains("@")) {
            throw new IllegalArgumentException("The database URL cannot hold user and password before an @; write "
                    + EXAMPLE + ", and give them by --db-user and --db-password-file.");
        }
        if (!isUnderstood(url)) {
            throw new IllegalArgumentException(
                    "The database URL is none that the PostgreSQL driver understands; write it as " + EXAMPLE
                            + ", with special characters after the host as %XX.");
        }
        if (connections < FEWEST_CONNECTIONS) {
            throw new IllegalArgumentException("The collector needs at least " + FEWEST_CONNECTIONS
                    + " database connections, not " + connections + ".");
        }
    }

    /** Where the database is, for people: the URL without its parameters, of which one may be a password. */
    public String place() {
        return withoutParameters(url);
    }

    private static String withoutParameters(String url) {
        int parameters = url.indexOf('?');
        return parameters < 0 ? url : url.substring(0, parameters);
    }

    private static boolean isUnderstood(String url) {
        return Driver.parseURL(url, null) != null;
    }

    /** Threads that parse: one per processor, at least 2, at most 16. */
    public static int parsers() {
        return Math.max(2, Math.min(16, Runtime.getRuntime().availableProcessors()));
    }

    /**
     * As many as can do something at a time; more would only queue inside of PostgreSQL. For ingest one to each parser, three for
     * the segment writer, partitions and tiers, and one for what is asked on the way; as many for what people ask.
     */
    public static int connectionsFor(int parsers) {
        return 2 * (parsers + BESIDE_PARSERS + 1);
    }

    /** The same with another number of connections. */
    public DatabaseSettings withConnections(int number) {
        return new DatabaseSettings(url, user, password, number);
    }

    /** Those of the pool that ingest uses. */
    public int ingestConnections() {
        return connections - queryConnections();
    }

    /** Those of the pool that what people ask uses. */
    public int queryConnections() {
        return connections / 2;
    }

    @Override
    public String toString() {
        return "DatabaseSettings[place=" + place() + ", user=" + user + ", connections=" + connections + "]";
    }
}
