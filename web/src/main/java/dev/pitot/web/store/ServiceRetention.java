package dev.pitot.web.store;

import dev.pitot.web.store.Partitions.Table;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Deletes rows of services that are kept shorter than the others. That is far dearer than dropping partitions, and the files do not
 * shrink: so it is done in small parts, with pauses in between that are four times as long as the parts took, and by one collector at
 * a time. One thread; another one may stop it.
 */
final class ServiceRetention {
    static final long LOCK = 0x7069746f79L;
    private static final int PAUSES = 4;
    private static final long SHORTEST_PAUSE_MILLIS = 2;
    private static final long LONGEST_PAUSE_MILLIS = 30_000;
    private static final int CHUNKS = 20;
    private static final int MOST_JVMS = 10_000;
    /** A chunk that is not summed up yet is waited for, but not for ever. */
    private static final Duration UNFINISHED = Duration.ofDays(1);

    private record Done(UUID jvm, Table table) {}

    private final Database database;
    private final Retention retention;
    private final Clock clock;
    /** Up to when everything is deleted; emptied each hour, as rows may come late. */
    private final Map<Done, Instant> done = new ConcurrentHashMap<>();

    private Instant emptied = Instant.EPOCH;
    private volatile boolean stopped;

    ServiceRetention(Database database, Retention retention, Clock clock) {
        this.database = database;
        this.retention = retention;
        this.clock = clock;
    }

    void stop() {
        stopped = true;
    }

    /** Forgets what is done, after pins or the retention have changed. */
    void forget() {
        done.clear();
    }

    /** Deletes what is too old; returns how many rows that were, or -1 when another collector does it. */
    long run() throws SQLException, InterruptedException {
        Retention.State state = retention.state();
        if (state.services().isEmpty()) {
            return 0;
        }
        Instant now = clock.instant();
        if (Duration.between(emptied, now).abs().compareTo(Duration.ofHours(1)) > 0) {
            done.clear();
            emptied = now;
        }
        long rows = 0;
        try (Connection c = database.connection()) {
            if (!bool(c, "select pg_try_advisory_lock(" + LOCK + ")")) {
                return -1;
            }
            try {
                for (String service : state.services().keySet()) {
                    for (UUID jvm : jvms(c, service)) {
                        for (Table table : Table.values()) {
                            Duration age = state.own(service, table);
                            if (age != null && !stopped) {
                                rows += table == Table.SEGMENT
                                        ? segments(c, jvm, now.minus(age))
                                        : rows(c, table, jvm, now.minus(age));
                            }
                        }
                    }
                }
            } finally {
                bool(c, "select pg_advisory_unlock(" + LOCK + ")");
            }
        }
        return rows;
    }

    private static boolean bool(Connection c, String sql) throws SQLException {
        try (Statement s = c.createStatement();
                ResultSet row = s.executeQuery(sql)) {
            row.next();
            return row.getBoolean(1);
        }
    }

    private static List<UUID> jvms(Connection c, String service) throws SQLException {
        try (PreparedStatement s =
                c.prepareStatement("select jvm_id from jvm where service = ? order by jvm_id limit " + MOST_JVMS)) {
            s.setString(1, service);
            List<UUID> jvms = new ArrayList<>();
            try (ResultSet rows = s.executeQuery()) {
                while (rows.next()) {
                    jvms.add(rows.getObject(1, UUID.class));
                }
            }
            return jvms;
        }
    }

    private static Duration slice(Table table) {
        return switch (table) {
            case EVENT, SEGMENT -> Duration.ofHours(1);
            case METRIC_BLOCK -> Duration.ofHours(4);
            case METRIC_1M -> Duration.ofHours(6);
            case METRIC_15M -> Duration.ofDays(5);
            case METRIC_1H -> Duration.ofDays(31);
        };
    }

    private long rows(Connection c, Table table, UUID jvm, Instant cut) throws SQLException, InterruptedException {
        Done key = new Done(jvm, table);
        Instant from = done.getOrDefault(key, Instant.EPOCH);
        long rows = 0;
        for (Partitions.Part part : Partitions.parts(c, table)) {
            Instant at = later(from, part.from());
            Instant end = earlier(cut, part.to());
            if (!at.isBefore(end) || !hasRows(c, table, jvm, at, end)) {
                continue;
            }
            while (at.isBefore(end) && !stopped) {
                Instant to = earlier(end, at.plus(slice(table)));
                long start = System.nanoTime();
                rows += delete(c, table, jvm, at, to);
                pause(System.nanoTime() - start);
                at = to;
            }
        }
        if (!stopped) {
            done.put(key, cut);
        }
        return rows;
    }

    private static boolean hasRows(Connection c, Table table, UUID jvm, Instant from, Instant to) throws SQLException {
        try (PreparedStatement s = c.prepareStatement(
                "select exists (select from " + table.table + " where jvm_id = ? and ts >= ? and ts < ?)")) {
            s.setObject(1, jvm);
            s.setObject(2, from.atOffset(ZoneOffset.UTC));
            s.setObject(3, to.atOffset(ZoneOffset.UTC));
            try (ResultSet row = s.executeQuery()) {
                row.next();
                return row.getBoolean(1);
            }
        }
    }

    private static long delete(Connection c, Table table, UUID jvm, Instant from, Instant to) throws SQLException {
        try (PreparedStatement s = c.prepareStatement("delete from " + table.table
                + " r where jvm_id = ? and ts >= ? and ts < ? and not exists (select from pin p where "
                + PinnedRows.rowInPin(table) + ")")) {
            s.setObject(1, jvm);
            s.setObject(2, from.atOffset(ZoneOffset.UTC));
            s.setObject(3, to.atOffset(ZoneOffset.UTC));
            return s.executeUpdate();
        }
    }

    private record Old(long start, LocalDate day) {}

    private long segments(Connection c, UUID jvm, Instant cut) throws SQLException, InterruptedException {
        long rows = 0;
        List<Old> old;
        do {
            old = chunks(c, jvm, cut);
            for (Old chunk : old) {
                if (stopped) {
                    return rows;
                }
                long start = System.nanoTime();
                rows += expire(c, jvm, chunk, cut);
                pause(System.nanoTime() - start);
            }
        } while (old.size() == CHUNKS);
        return rows;
    }

    private static List<Old> chunks(Connection c, UUID jvm, Instant cut) throws SQLException {
        try (PreparedStatement s = c.prepareStatement("""
                select chunk_start, day from chunk k where jvm_id = ? and state <> 'expired' and last_seen < ?
                and (parsed_out and block_offset >= parsed_offset or last_seen < ?)
                and not exists (select from pin p where %s) order by chunk_start limit %d""".formatted(PinnedRows.CHUNK_IN_PIN, CHUNKS))) {
            s.setObject(1, jvm);
            s.setObject(2, cut.atOffset(ZoneOffset.UTC));
            s.setObject(3, cut.minus(UNFINISHED).atOffset(ZoneOffset.UTC));
            List<Old> old = new ArrayList<>();
            try (ResultSet rows = s.executeQuery()) {
                while (rows.next()) {
                    old.add(new Old(rows.getLong(1), rows.getObject(2, LocalDate.class)));
                }
            }
            return old;
        }
    }

    private static long expire(Connection c, UUID jvm, Old chunk, Instant cut) throws SQLException {
        c.setAutoCommit(false);
        try (PreparedStatement expire = c.prepareStatement("""
                        update chunk set state = 'expired'
                        where jvm_id = ? and chunk_start = ? and state <> 'expired' and last_seen < ?""");
                PreparedStatement delete =
                        c.prepareStatement("delete from segment where jvm_id = ? and chunk_start = ? and day = ?")) {
            expire.setObject(1, jvm);
            expire.setLong(2, chunk.start);
            expire.setObject(3, cut.atOffset(ZoneOffset.UTC));
            long rows = 0;
            if (expire.executeUpdate() == 1) {
                delete.setObject(1, jvm);
                delete.setLong(2, chunk.start);
                delete.setObject(3, chunk.day);
                rows = delete.executeUpdate();
            }
            c.commit();
            return rows;
        } finally {
            SegmentStore.leave(c);
        }
    }

    private static void pause(long tookNanos) throws InterruptedException {
        long millis = PAUSES * tookNanos / 1_000_000;
        Thread.sleep(Math.max(SHORTEST_PAUSE_MILLIS, Math.min(LONGEST_PAUSE_MILLIS, millis)));
    }

    private static Instant later(Instant a, Instant b) {
        return a.isAfter(b) ? a : b;
    }

    private static Instant earlier(Instant a, Instant b) {
        return a.isBefore(b) ? a : b;
    }
}
