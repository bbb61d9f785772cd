package dev.pitot.web.store;

/** For tests that take the server away: one that says so soon. */
public final class ImpatientDatabase {
    private ImpatientDatabase() {}

    /** Waits half a second for a connection, where others wait five. */
    public static Database open(DatabaseSettings settings) throws StoreException {
        return Database.open(settings, 500);
    }
}
