package dev.pitot.web.postgres;

/** The embedded PostgreSQL could not be started or stopped. The message is for a person: what failed, why, what to do. */
public final class PostgresException extends RuntimeException {
    PostgresException(String message) {
        super(message);
    }

    PostgresException(String message, Throwable cause) {
        super(message, cause);
    }
}
