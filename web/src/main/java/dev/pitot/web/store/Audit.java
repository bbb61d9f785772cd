package dev.pitot.web.store;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Timestamp;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Who changed what, and when: written in the transaction of the change itself. Any thread. */
public final class Audit {
    private Audit() {}

    /**
     * One change.
     *
     * @param at milliseconds since the epoch
     * @param before JSON, null when there was nothing before
     * @param after JSON, null when nothing is left
     */
    public record Entry(
            UUID id,
            long at,
            String who,
            String what,
            @Nullable String before,
            @Nullable String after) {}

    static void add(Connection c, String who, String what, @Nullable String before, @Nullable String after)
            throws SQLException {
        try (PreparedStatement s = c.prepareStatement("""
                insert into audit (audit_id, at, who, what, before, after) values (?, now(), ?, ?, ?::jsonb, ?::jsonb)""")) {
            s.setObject(1, UUID.randomUUID());
            s.setString(2, who);
            s.setString(3, what);
            s.setString(4, before);
            s.setString(5, after);
            s.executeUpdate();
        }
    }

    /**
     * The newest entries before a time, newest first.
     *
     * @param what only those of this name; null for all
     */
    public static List<Entry> list(Database database, @Nullable String what, long beforeMillis, int limit)
            throws SQLException {
        try (Connection c = database.connection();
                PreparedStatement s = c.prepareStatement("""
                        select audit_id, at, who, what, before, after from audit
                        where at < ? and (?::text is null or what = ?) order by at desc, audit_id limit ?""")) {
            s.setTimestamp(1, new Timestamp(beforeMillis));
            s.setString(2, what);
            s.setString(3, what);
            s.setInt(4, limit);
            List<Entry> entries = new ArrayList<>();
            try (ResultSet rows = s.executeQuery()) {
                while (rows.next()) {
                    entries.add(new Entry(
                            rows.getObject(1, UUID.class),
                            rows.getTimestamp(2).getTime(),
                            rows.getString(3),
                            rows.getString(4),
                            rows.getString(5),
                            rows.getString(6)));
                }
            }
            return entries;
        }
    }
}
