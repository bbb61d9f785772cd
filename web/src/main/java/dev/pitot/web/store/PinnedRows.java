package dev.pitot.web.store;

import dev.pitot.web.store.Partitions.Part;
import dev.pitot.web.store.Partitions.Table;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import org.jspecify.annotations.Nullable;

/**
 * What pins cover in one partition whose time is over. It is put into a table of the same form, which takes the partition's place, so
 * that whoever reads sees no difference. A comment on that table says for which pins it was made. One thread.
 *
 * <p>A chunk is pinned as a whole when any of it lies in the window: its first bytes hold the constants of its last ones.
 */
final class PinnedRows {
    private static final String COMMENT = "pinned rows only: ";
    /** Not {@link Partitions#LOCK}: whoever makes a partition must not wait for a copy. */
    private static final long LOCK = 0x7069746f76L;

    /**
     * Of a chunk {@code k} and a pin {@code p} of its JVM. When it ended is not known exactly: it was heard of last a minute after
     * that at most, by the collector's clock.
     */
    static final String CHUNK_IN_PIN = """
            p.jvm_id = k.jvm_id and k.chunk_start < extract(epoch from p.to_ts) * 1000000000
            and extract(epoch from k.last_seen) * 1000000000 + 60000000000
                + coalesce((select clock_skew_ns from jvm j where j.jvm_id = k.jvm_id), 0)
                > extract(epoch from p.from_ts) * 1000000000""";

    private final Table table;
    private final Part part;
    private final String name;

    PinnedRows(Part part) {
        this.table = part.table();
        this.part = part;
        this.name = part.name();
    }

    /** Of a row {@code r} of a table with {@code ts} and a pin {@code p} of its JVM: any of what the row is about lies in the window. */
    static String rowInPin(Table table) {
        String from = table.width.isZero()
                ? "r.ts >= p.from_ts"
                : "r.ts > p.from_ts - interval '" + table.width.toSeconds() + " s'";
        return "p.jvm_id = r.jvm_id and r.ts < p.to_ts and " + from;
    }

    /** What tells these pins from any others, or null without a pin on this partition. */
    @Nullable
    String pins(Connection c) throws SQLException {
        String those = table == Table.SEGMENT
                ? "exists (select from chunk k where k.day = '" + part.day() + "' and k.state <> 'expired' and "
                        + CHUNK_IN_PIN + ")"
                : "p.to_ts > '" + part.lower() + "' and p.from_ts < timestamptz '" + part.upper() + "' + interval '"
                        + table.width.toSeconds() + " s'";
        try (Statement s = c.createStatement();
                ResultSet row = s.executeQuery(
                        "select md5(string_agg(concat_ws(' ', p.jvm_id, p.pin_id, p.from_ts, p.to_ts), ',' order by p.jvm_id, p.pin_id))"
                                + " from pin p where " + those)) {
            row.next();
            return row.getString(1);
        }
    }

    /** For which pins the rows of a partition were copied; null when it is whole or not there. */
    static @Nullable String copiedFor(Connection c, String partition) throws SQLException {
        try (Statement s = c.createStatement();
                ResultSet row =
                        s.executeQuery("select obj_description(to_regclass('" + partition + "'), 'pg_class')")) {
            row.next();
            String comment = row.getString(1);
            return comment != null && comment.startsWith(COMMENT) ? comment.substring(COMMENT.length()) : null;
        }
    }

    /**
     * Drops all rows but those that are pinned.
     *
     * @param pins what {@link #pins} has said
     */
    void keepOnlyThem(Connection c, String pins) throws SQLException {
        c.setAutoCommit(false);
        try (Statement s = c.createStatement()) {
            s.execute("select pg_advisory_xact_lock(" + LOCK + ")");
            s.execute("set local lock_timeout = '2s'; set local statement_timeout = '30min'");
            String columns = columns(s);
            if (columns == null || !pins.equals(pins(c)) || pins.equals(copiedFor(c, name))) {
                // Another collector was quicker, or the pins have changed: the next round looks again.
                return;
            }
            // A row that comes late waits, and is then refused as one of a partition that is gone.
            s.execute("lock table " + name + " in share mode");
            String copy = name + "_pinned";
            s.execute("create table " + copy + " (like " + table.table + " including all)");
            String isPinned = table == Table.SEGMENT
                    ? "exists (select from chunk k, pin p where k.jvm_id = r.jvm_id and k.chunk_start = r.chunk_start and "
                            + CHUNK_IN_PIN + ")"
                    : "exists (select from pin p where " + rowInPin(table) + ")";
            int rows = s.executeUpdate("insert into " + copy + " (" + columns + ") select " + columns + " from " + name
                    + " r where " + isPinned);
            if (table == Table.SEGMENT) {
                s.execute("update chunk k set state = 'expired' where day = '" + part.day() + "' and state <> 'expired'"
                        + " and not exists (select from pin p where " + CHUNK_IN_PIN + ")");
            }
            s.execute("select pg_advisory_xact_lock(" + Partitions.LOCK + ")");
            s.execute("alter table " + table.table + " detach partition " + name);
            s.execute("drop table " + name);
            if (rows == 0) {
                s.execute("drop table " + copy);
            } else {
                s.execute("alter table " + copy + " rename to " + name);
                s.execute(part.attach());
                s.execute("comment on table " + name + " is '" + COMMENT + pins + "'");
            }
            c.commit();
        } finally {
            c.rollback();
            c.setAutoCommit(true);
        }
    }

    /** Null when the partition is gone. */
    private @Nullable String columns(Statement s) throws SQLException {
        try (ResultSet row =
                s.executeQuery("select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute"
                        + " where attrelid = to_regclass('" + name + "') and attnum > 0 and not attisdropped")) {
            row.next();
            return row.getString(1);
        }
    }
}
