package dev.pitot.web.store;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How large the database and its partitioned tables are. PostgreSQL looks at each file for that, so it is asked once a minute at
 * most, whoever wants to know. Any thread; waits for the database.
 */
public final class StoreSize {
    private static final long VALID_NANOS = 60_000_000_000L;

    /**
     * A partitioned table.
     *
     * @param bytes with its indexes and large values
     * @param oldestSeconds start of its oldest partition, seconds since the epoch
     */
    public record Table(String name, int partitions, long bytes, long oldestSeconds) {}

    /**
     * What was found.
     *
     * @param databaseBytes all that is in the database
     */
    public record Sizes(long databaseBytes, List<Table> tables) {}

    private final Database database;
    private @Nullable Sizes known;
    private long askedAt;

    public StoreSize(Database database) {
        this.database = database;
    }

    /** Sizes of a minute ago at most. */
    public synchronized Sizes sizes() throws SQLException {
        Sizes sizes = known;
        if (sizes == null || System.nanoTime() - askedAt >= VALID_NANOS) {
            sizes = ask();
            known = sizes;
            askedAt = System.nanoTime();
        }
        return sizes;
    }

    private Sizes ask() throws SQLException {
        List<Table> tables = new ArrayList<>();
        try (Connection c = database.connection();
                PreparedStatement s = c.prepareStatement("""
                        select parent.relname, count(*)::int, sum(pg_total_relation_size(child.oid))::bigint,
                            min(substr(child.relname, length(parent.relname) + 2)), pg_database_size(current_database())
                        from pg_inherits join pg_class child on child.oid = inhrelid
                            join pg_class parent on parent.oid = inhparent
                        where parent.relkind = 'p' and parent.relnamespace = current_schema()::regnamespace
                        group by parent.relname order by parent.relname limit 100""");
                ResultSet rows = s.executeQuery()) {
            long database = 0;
            while (rows.next()) {
                tables.add(new Table(
                        rows.getString(1),
                        rows.getInt(2),
                        rows.getLong(3),
                        Partitions.start(rows.getString(4)).getEpochSecond()));
                database = rows.getLong(5);
            }
            return new Sizes(database, tables);
        }
    }
}
