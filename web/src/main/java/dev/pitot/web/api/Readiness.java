package dev.pitot.web.api;

import dev.pitot.web.store.Database;

/**
 * Whether the collector can do its work. Anybody may ask, so the database is asked once a second at most, whatever the number of
 * those who want to know. Any thread; waits for the database, 5 s at most.
 */
final class Readiness {
    private static final long VALID_NANOS = 1_000_000_000L;

    private final Database database;
    private boolean asked;
    private long askedAt;
    private boolean answered;

    Readiness(Database database) {
        this.database = database;
    }

    /** Whether the database answers, or did within the last second. */
    synchronized boolean database() {
        if (!asked || System.nanoTime() - askedAt >= VALID_NANOS) {
            answered = database.answers();
            asked = true;
            askedAt = System.nanoTime();
        }
        return answered;
    }
}
