package dev.pitot.web.store;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Events of one type of any number of JVMs, newest or slowest first, page by page. Any thread; each call takes one connection for its
 * duration.
 *
 * <p>What is looked for is cut into slices of time, or of durations, each read by one statement that goes through the JVMs one by
 * one, as an index begins with them. A slice that holds too much is made narrower, one that holds little is followed by a wider
 * one: so a question is answered soon whether all events fit or none does, and it ends after a bounded number of rows.
 *
 * <p>An index has the events that took {@link #SLOW} or longer by their duration. Faster ones are put in order part of time by part of
 * time, each as large as the bounds allow, the newest first.
 */
public final class EventSearch {
    /** Nanoseconds, as in the index {@code event_by_duration}. */
    static final long SLOW = 100_000_000;

    /** Bounds of the work, in rows of one slice, rows of a page and milliseconds; others are for tests. */
    record Bounds(int slice, int page, long millis) {
        static final Bounds STANDARD = new Bounds(20_000, 200_000, 2_500);
    }

    /** What comes first. */
    public enum Order {
        NEWEST,
        /** Events without a duration are left out. */
        SLOWEST
    }

    /**
     * The question.
     *
     * @param jvms at most 1000
     * @param fromMillis inclusive
     * @param toMillis exclusive
     * @param limit events of a page, at most 1000
     */
    public record Question(
            Collection<UUID> jvms,
            String type,
            EventConditions conditions,
            Order order,
            long fromMillis,
            long toMillis,
            int limit) {}

    /** What a place in the order is one of. */
    public enum Run {
        NEWEST,
        SLOW,
        FAST
    }

    /**
     * A place in the order: all events before it were answered.
     *
     * @param took nanoseconds; 0 where that is not what the order is by
     * @param micros since the epoch
     * @param partFrom of fast ones, microseconds since the epoch at which the part begins that is being answered; -1: not known yet
     * @param partTo of fast ones, the last microsecond of that part
     */
    public record Position(
            Run run, long took, long micros, UUID jvm, long chunkStart, long chunkOffset, long partFrom, long partTo) {
        static final UUID FIRST = new UUID(0, 0);
        static final UUID LAST = new UUID(-1, -1);

        /** Before all events of this time. */
        static Position time(long micros) {
            return new Position(Run.NEWEST, 0, micros, LAST, Long.MAX_VALUE, Long.MAX_VALUE, -1, -1);
        }

        /** Before all events that took so long. */
        static Position duration(long took) {
            return new Position(Run.SLOW, took, Long.MAX_VALUE, LAST, Long.MAX_VALUE, Long.MAX_VALUE, -1, -1);
        }

        /** Before the slowest of the fast ones up to this time. */
        static Position fast(long micros) {
            return new Position(Run.FAST, SLOW, Long.MAX_VALUE, LAST, Long.MAX_VALUE, Long.MAX_VALUE, -1, micros);
        }

        /** What slices go along. */
        long value() {
            return run == Run.SLOW ? took : micros;
        }
    }

    /**
     * @param next where to go on; null: there is no more
     * @param complete whether the page is full or there is no more; else the bounds of the work were met, and {@code next} goes on
     * @param looked rows that were looked through
     */
    public record Page(List<FoundEvent> events, @Nullable Position next, boolean complete, long looked) {}

    private final Database database;
    private final Bounds bounds;

    public EventSearch(Database database) {
        this(database, Bounds.STANDARD);
    }

    EventSearch(Database database, Bounds bounds) {
        this.database = database;
        this.bounds = bounds;
    }

    /**
     * The page behind a place.
     *
     * @param after null: the first page
     */
    public Page page(Question question, @Nullable Position after) throws SQLException {
        try (Connection c = database.connection()) {
            c.setAutoCommit(false);
            try (Statement s = c.createStatement()) {
                s.execute("set local statement_timeout = " + 2 * bounds.millis());
                // Slices are small whatever the statistics say: a partition is never worth to be read whole.
                s.execute("set local enable_seqscan = off");
                s.execute("set local jit = off");
                return new EventWalk(new EventScan(c, question, bounds.slice()), question, bounds, after).page();
            } finally {
                SegmentStore.leave(c);
            }
        }
    }

    /** Who is searched: of each that is not null, those that are or have it. */
    public record Scope(
            @Nullable UUID jvm,
            @Nullable String service,
            @Nullable String label,
            @Nullable String labelValue) {}

    /**
     * JVMs and their services, those heard last first; only JVMs that were heard of not long before a time, as others have no events
     * after it.
     *
     * @param most of them
     */
    public Map<UUID, String> jvms(Scope scope, long fromMillis, int most) throws SQLException {
        try (Connection c = database.connection();
                PreparedStatement s = c.prepareStatement("""
                        select jvm_id, service from jvm
                        where (?::uuid is null or jvm_id = ?) and (?::text is null or service = ?)
                            and (?::text is null or labels ->> ? = ?)
                            and (?::uuid is not null or last_seen >= ?::timestamptz - interval '1 day')
                        order by last_seen desc, jvm_id limit ?""")) {
            s.setObject(1, scope.jvm());
            s.setObject(2, scope.jvm());
            s.setString(3, storable(scope.service()));
            s.setString(4, storable(scope.service()));
            s.setString(5, storable(scope.label()));
            s.setString(6, storable(scope.label()));
            s.setString(7, storable(scope.labelValue()));
            s.setObject(8, scope.jvm());
            s.setObject(9, EventScan.time(fromMillis * 1000));
            s.setInt(10, most);
            Map<UUID, String> jvms = new LinkedHashMap<>();
            try (ResultSet rows = s.executeQuery()) {
                while (rows.next()) {
                    jvms.put(rows.getObject(1, UUID.class), rows.getString(2));
                }
            }
            return jvms;
        }
    }

    private static @Nullable String storable(@Nullable String text) {
        return text == null ? null : Json.storable(text);
    }

    /** Texts of statements of any of these JVMs by their hash; those that are not known are left out. */
    public Map<String, String> sql(Collection<UUID> jvms, Collection<String> statements) throws SQLException {
        try (Connection c = database.connection();
                PreparedStatement s = c.prepareStatement("""
                        select distinct on (statement) statement, sql from sql_text
                        where jvm_id = any(?) and statement = any(?) order by statement limit 1000""")) {
            s.setArray(1, c.createArrayOf("uuid", jvms.toArray()));
            s.setArray(
                    2,
                    c.createArrayOf(
                            "text", statements.stream().map(Json::storable).toArray()));
            Map<String, String> texts = new HashMap<>();
            try (ResultSet rows = s.executeQuery()) {
                while (rows.next()) {
                    texts.put(rows.getString(1), rows.getString(2));
                }
            }
            return texts;
        }
    }

    /**
     * Names of the fields of a type that had a value in the newest events in the window; empty when there are none.
     *
     * @param jvms as of {@link Question}
     */
    public Set<String> fields(Collection<UUID> jvms, String type, long fromMillis, long toMillis) throws SQLException {
        try (Connection c = database.connection();
                PreparedStatement s = c.prepareStatement("""
                        select distinct f.name from (
                            select e.data from unnest(?::uuid[]) as j (jvm_id)
                            cross join lateral (
                                select data from event where jvm_id = j.jvm_id and type = ? and ts >= ? and ts < ?
                                order by ts desc limit 50) e
                            limit 2000) newest
                        cross join lateral jsonb_object_keys(newest.data) as f (name)
                        limit 1000""")) {
            s.setArray(1, c.createArrayOf("uuid", jvms.toArray()));
            s.setString(2, type);
            s.setObject(3, EventScan.time(fromMillis * 1000));
            s.setObject(4, EventScan.time(toMillis * 1000));
            Set<String> fields = new TreeSet<>();
            try (ResultSet rows = s.executeQuery()) {
                while (rows.next()) {
                    fields.add(rows.getString(1));
                }
            }
            return fields;
        }
    }
}
