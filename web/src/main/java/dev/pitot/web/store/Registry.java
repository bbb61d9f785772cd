package dev.pitot.web.store;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** The collectors on one database, and which of them each JVM posts to. Any thread. */
public final class Registry {
    private static final int MOST = 100;
    private static final int MOST_JVMS = 10_000;

    private final Database database;

    public Registry(Database database) {
        this.database = database;
    }

    /**
     * A collector.
     *
     * @param address where others reach it, {@code http://host:port}
     * @param secret what others show to read its memory
     */
    public record Row(UUID id, String address, String secret, String version) {
        /** Without the secret. */
        @Override
        public String toString() {
            return "Row[" + id + ", " + address + "]";
        }
    }

    /** Says that a collector runs, newly or still, and removes those that nobody heard of for a day. */
    public void here(Row collector) throws SQLException {
        try (Connection c = database.connection()) {
            try (PreparedStatement s = c.prepareStatement("""
                    insert into collector (collector_id, address, secret, version, started_at, last_seen)
                    values (?, ?, ?, ?, now(), now())
                    on conflict (collector_id) do update set address = excluded.address, last_seen = excluded.last_seen""")) {
                s.setObject(1, collector.id());
                s.setString(2, collector.address());
                s.setString(3, collector.secret());
                s.setString(4, collector.version());
                s.executeUpdate();
            }
            try (PreparedStatement s =
                    c.prepareStatement("delete from collector where last_seen < now() - interval '1 day'")) {
                s.executeUpdate();
            }
        }
    }

    /** Says that a collector stops. */
    public void gone(UUID id) throws SQLException {
        try (Connection c = database.connection();
                PreparedStatement s = c.prepareStatement("delete from collector where collector_id = ?")) {
            s.setObject(1, id);
            s.executeUpdate();
        }
    }

    /** All but one that were heard of within 30 s; at most 100, those heard last. */
    public List<Row> others(UUID but) throws SQLException {
        try (Connection c = database.connection();
                PreparedStatement s = c.prepareStatement("""
                        select collector_id, address, secret, version from collector
                        where collector_id <> ? and last_seen > now() - interval '30 seconds'
                        order by last_seen desc limit ?""")) {
            s.setObject(1, but);
            s.setInt(2, MOST);
            List<Row> others = new ArrayList<>();
            try (ResultSet rows = s.executeQuery()) {
                while (rows.next()) {
                    others.add(new Row(
                            rows.getObject(1, UUID.class), rows.getString(2), rows.getString(3), rows.getString(4)));
                }
            }
            return others;
        }
    }

    /**
     * A JVM as the collectors have written it down.
     *
     * @param collector that was sent its newest post; null: one of an earlier version
     */
    public record Heard(UUID jvm, @Nullable UUID collector, long lastSeenMillis, boolean ended) {}

    /** JVMs that some collector heard of within two minutes; at most 10 000, those heard last. */
    public List<Heard> heardLately() throws SQLException {
        try (Connection c = database.connection();
                PreparedStatement s = c.prepareStatement("""
                        select jvm_id, collector_id, last_seen, ended from jvm
                        where last_seen > now() - interval '2 minutes' order by last_seen desc limit ?""")) {
            s.setInt(1, MOST_JVMS);
            List<Heard> heard = new ArrayList<>();
            try (ResultSet rows = s.executeQuery()) {
                while (rows.next()) {
                    heard.add(new Heard(
                            rows.getObject(1, UUID.class),
                            rows.getObject(2, UUID.class),
                            rows.getObject(3, OffsetDateTime.class).toInstant().toEpochMilli(),
                            rows.getBoolean(4)));
                }
            }
            return heard;
        }
    }
}
