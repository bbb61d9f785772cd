package dev.pitot.web.store;

import dev.pitot.web.store.Partitions.Table;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** How much is stored. Any thread; one at a time asks the database, at most every ten seconds. */
public final class StorageSizes {
    private static final long VALID_NANOS = 10_000_000_000L;
    private static final int MOST_SERVICES = 200;
    private static final String CANCELLED = "57014";
    /** A partition that was dropped meanwhile. */
    private static final String GONE = "42P01";

    /**
     * One tier.
     *
     * @param bytes with indexes
     * @param rows as the database estimates them
     * @param oldest of the oldest row, milliseconds since the epoch, or the start of its partition where that is quicker; null without
     *     rows
     */
    public record Tier(
            Table table, long bytes, long rows, @Nullable Long oldest) {}

    /**
     * One service.
     *
     * @param recordingBytes of its recordings, as its JVMs sent them, before compression
     * @param oldest when the oldest chunk that is stored began to come, milliseconds since the epoch; null without one
     */
    public record Service(
            String service,
            long jvms,
            long recordingBytes,
            @Nullable Long oldest) {}

    /** @param services those with the largest recordings first, at most 200 */
    public record Sizes(long databaseBytes, List<Tier> tiers, List<Service> services) {}

    private final Database database;
    private @Nullable Sizes newest;
    private long asked;

    public StorageSizes(Database database) {
        this.database = database;
    }

    /** As of at most ten seconds ago. */
    public synchronized Sizes sizes() throws SQLException {
        Sizes sizes = newest;
        if (sizes == null || System.nanoTime() - asked >= VALID_NANOS) {
            try (Connection c = database.connection()) {
                List<Tier> tiers = new ArrayList<>();
                for (Table table : Table.values()) {
                    tiers.add(tier(c, table));
                }
                sizes = new Sizes(databaseBytes(c), tiers, services(c));
            }
            newest = sizes;
            asked = System.nanoTime();
        }
        return sizes;
    }

    private static long databaseBytes(Connection c) throws SQLException {
        try (Statement s = c.createStatement();
                ResultSet row = s.executeQuery("select pg_database_size(current_database())")) {
            row.next();
            return row.getLong(1);
        }
    }

    private static Tier tier(Connection c, Table table) throws SQLException {
        try (PreparedStatement s = c.prepareStatement("""
                select coalesce(sum(pg_total_relation_size(inhrelid)), 0)::bigint, coalesce(sum(n_live_tup), 0)::bigint
                from pg_inherits left join pg_stat_user_tables on relid = inhrelid where inhparent = to_regclass(?)""")) {
            s.setString(1, table.table);
            try (ResultSet row = s.executeQuery()) {
                row.next();
                return new Tier(table, row.getLong(1), row.getLong(2), oldest(c, table));
            }
        }
    }

    private static @Nullable Long oldest(Connection c, Table table) throws SQLException {
        if (table == Table.SEGMENT) {
            return millis(c, "select min(first_seen) from chunk where state <> 'expired' and durable_offset > 0");
        }
        for (Partitions.Part part : Partitions.parts(c, table)) {
            String partition = part.name();
            c.setAutoCommit(false);
            try (Statement s = c.createStatement()) {
                if (millis(c, "select now() where exists (select from " + partition + ")") == null) {
                    continue;
                }
                // There is no index on the time alone.
                s.execute("set local statement_timeout = '300ms'");
                return millis(c, "select min(ts) from " + partition);
            } catch (SQLException e) {
                if (GONE.equals(e.getSQLState())) {
                    continue;
                }
                if (!CANCELLED.equals(e.getSQLState())) {
                    throw e;
                }
                return part.from().toEpochMilli();
            } finally {
                SegmentStore.leave(c);
            }
        }
        return null;
    }

    private static @Nullable Long millis(Connection c, String sql) throws SQLException {
        try (Statement s = c.createStatement();
                ResultSet row = s.executeQuery(sql)) {
            return row.next() && row.getTimestamp(1) != null
                    ? Long.valueOf(row.getTimestamp(1).getTime())
                    : null;
        }
    }

    private static List<Service> services(Connection c) throws SQLException {
        try (Statement s = c.createStatement();
                ResultSet rows = s.executeQuery("""
                        select service, count(distinct jvm.jvm_id),
                            coalesce(sum(durable_offset) filter (where state <> 'expired'), 0)::bigint,
                            min(chunk.first_seen) filter (where state <> 'expired')
                        from jvm left join chunk using (jvm_id) group by service order by 3 desc, 1 limit\s""" + MOST_SERVICES)) {
            List<Service> services = new ArrayList<>();
            while (rows.next()) {
                services.add(new Service(
                        rows.getString(1),
                        rows.getLong(2),
                        rows.getLong(3),
                        rows.getTimestamp(4) == null
                                ? null
                                : rows.getTimestamp(4).getTime()));
            }
            return services;
        }
    }
}
