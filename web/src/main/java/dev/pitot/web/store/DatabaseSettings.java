package dev.pitot.web.store;

import org.jspecify.annotations.Nullable;

/**
 * Where the database is.
 *
 * @param url JDBC URL, {@code jdbc:postgresql://host:port/name}
 * @param user null when the URL names it
 * @param password null when the server asks for none
 * @param connections the most that are open at a time; see {@link #connectionsFor}
 */
public record DatabaseSettings(
        String url, @Nullable String user, @Nullable String password, int connections) {
    /** Settings with as many connections as this machine's collector uses. */
    public static DatabaseSettings of(String url, @Nullable String user, @Nullable String password) {
        return new DatabaseSettings(url, user, password, connectionsFor(parsers()));
    }

    /** Refuses what cannot be. */
    public DatabaseSettings {
        if (!url.startsWith("jdbc:postgresql:")) {
            throw new IllegalArgumentException(
                    "The database URL must start with jdbc:postgresql:, as in jdbc:postgresql://host:5432/pitot.");
        }
        if (connections < 4) {
            throw new IllegalArgumentException("The collector needs at least 4 database connections.");
        }
    }

    /** Threads that parse: one per processor, at least 2, at most 16. */
    public static int parsers() {
        return Math.max(2, Math.min(16, Runtime.getRuntime().availableProcessors()));
    }

    /**
     * The pool's size: 1 for the segment writer, 1 for blocks and partitions, one per parser, and 6 for people's queries.
     * More would only queue inside of PostgreSQL.
     */
    public static int connectionsFor(int parsers) {
        return 2 + parsers + 6;
    }

    @Override
    public String toString() {
        return "DatabaseSettings[url=" + url + ", user=" + user + ", connections=" + connections + "]";
    }
}
