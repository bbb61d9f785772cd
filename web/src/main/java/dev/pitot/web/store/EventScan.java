package dev.pitot.web.store;

import dev.pitot.web.store.EventSearch.Position;
import dev.pitot.web.store.EventSearch.Run;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

/** Reads one slice of what an {@link EventSearch} goes through. One thread; the connection is its caller's. */
final class EventScan {
    private static final String KEY = "e.ts, e.jvm_id, e.chunk_start, e.chunk_offset";
    private static final String TOOK = "e.data -> 'duration'";
    private static final String NEWEST_FIRST = "ts desc, jvm_id desc, chunk_start desc, chunk_offset desc";

    private final Connection c;
    private final EventSearch.Question question;
    private final int most;

    /** @param most rows that a slice may have */
    EventScan(Connection c, EventSearch.Question question, int most) {
        this.c = c;
        this.question = question;
        this.most = most;
    }

    /** A row that fits, and its place in the order. */
    record Hit(FoundEvent event, Position position) {}

    /**
     * @param looked rows that were looked through; more than a slice may have: it was given up, and nothing is in it
     * @param hits in order
     * @param end where to go on, when not all of the slice was looked through
     */
    record Slice(int looked, List<Hit> hits, Position end) {}

    /**
     * The first hits behind a place, down to a value of what its run goes along.
     *
     * @param from the first value, of fast ones a time
     * @param limit hits
     */
    Slice slice(Position after, long lowest, long from, int limit) throws SQLException {
        try (PreparedStatement s =
                c.prepareStatement("select *, count(*) over () as looked from (" + rows(after.run(), "offset 0")
                        + " limit ?) looked_at order by hit desc, "
                        + (after.run() == Run.NEWEST ? "" : "took desc, ")
                        + NEWEST_FIRST + " limit ?")) {
            int at = set(s, after, lowest, from);
            s.setInt(at++, most + 1);
            // One more: the first that is no hit says how many there were, too.
            s.setInt(at, limit + 1);
            int looked = 0;
            List<Hit> hits = new ArrayList<>();
            try (ResultSet rows = s.executeQuery()) {
                while (rows.next()) {
                    looked = rows.getInt("looked");
                    if (looked > most) {
                        return new Slice(looked, List.of(), after);
                    }
                    if (hits.size() < limit && rows.getBoolean("hit")) {
                        hits.add(new Hit(event(rows), position(rows, after)));
                    }
                }
            }
            return new Slice(looked, hits, after);
        }
    }

    /**
     * The first hits behind a place among the next rows of one value only, as many as a slice may have: clocks that are wrong bring
     * any number of events to one microsecond.
     */
    Slice crowd(Position after, long value, int limit) throws SQLException {
        String order = "order by e.ts desc, e.chunk_start desc, e.chunk_offset desc limit " + most;
        try (PreparedStatement s = c.prepareStatement(
                "select * from (" + rows(after.run(), order) + ") looked_at order by " + NEWEST_FIRST + " limit ?")) {
            int at = set(s, after, value, value);
            s.setInt(at, most);
            int looked = 0;
            List<Hit> hits = new ArrayList<>();
            Position end = after;
            try (ResultSet rows = s.executeQuery()) {
                while (rows.next() && hits.size() < limit) {
                    looked++;
                    end = position(rows, after);
                    if (rows.getBoolean("hit")) {
                        hits.add(new Hit(event(rows), end));
                    }
                }
            }
            return new Slice(looked, hits, end);
        }
    }

    /** All rows of a slice, whether they are hits, and the data of those that are. */
    private String rows(Run run, String order) {
        String hit = question.conditions().sql();
        String range = "e.ts >= ? and e.ts <= ?";
        switch (run) {
            case NEWEST -> range += " and (" + KEY + ") < (?, ?::uuid, ?, ?)";
            case FAST ->
                hit += " and " + TOOK + " >= '0' and " + TOOK + " < '" + EventSearch.SLOW + "' and (" + TOOK + ", "
                        + KEY + ") < (?::jsonb, ?, ?::uuid, ?, ?)";
            case SLOW ->
                // The constants are those of the index. They leave texts, lists and the like out as well.
                range = TOOK + " >= '" + EventSearch.SLOW + "' and " + TOOK + " <= '" + Long.MAX_VALUE + "' and " + TOOK
                        + " >= ?::jsonb and " + TOOK + " <= ?::jsonb and (" + TOOK + ", " + KEY
                        + ") < (?::jsonb, ?, ?::uuid, ?, ?)";
        }
        return """
                select jvm_id, ts, chunk_start, chunk_offset, took, hit, case when hit then data end as data from (
                    select e.* from unnest(?::uuid[]) as j (jvm_id)
                    cross join lateral (
                        select e.jvm_id, e.ts, e.chunk_start, e.chunk_offset, e.data, e.data -> 'duration' as took,
                            coalesce(%s, false) as hit
                        from event e
                        where e.jvm_id = j.jvm_id and e.type = ? and e.ts >= ? and e.ts < ? and %s
                        %s) e) found""".formatted(hit, range, order);
    }

    private int set(PreparedStatement s, Position after, long lowest, long from) throws SQLException {
        int at = 1;
        s.setArray(at++, c.createArrayOf("uuid", question.jvms().toArray()));
        at = question.conditions().set(s, at);
        if (after.run() == Run.FAST) {
            s.setString(at++, Long.toString(after.took()));
            at = setKey(s, at, after);
        }
        s.setString(at++, question.type());
        s.setObject(at++, time(question.fromMillis() * 1000));
        s.setObject(at++, time(question.toMillis() * 1000));
        if (after.run() == Run.SLOW) {
            s.setString(at++, Long.toString(lowest));
            s.setString(at++, Long.toString(from));
            s.setString(at++, Long.toString(after.took()));
        } else {
            s.setObject(at++, time(lowest));
            s.setObject(at++, time(from));
        }
        return after.run() == Run.FAST ? at : setKey(s, at, after);
    }

    private static int setKey(PreparedStatement s, int first, Position after) throws SQLException {
        int at = first;
        s.setObject(at++, time(after.micros()));
        s.setObject(at++, after.jvm());
        s.setLong(at++, after.chunkStart());
        s.setLong(at++, after.chunkOffset());
        return at;
    }

    private FoundEvent event(ResultSet row) throws SQLException {
        return new FoundEvent(
                row.getObject("jvm_id", UUID.class),
                new EventRow(
                        question.type(),
                        row.getObject("ts", OffsetDateTime.class).toInstant().toEpochMilli(),
                        row.getLong("chunk_start"),
                        row.getLong("chunk_offset"),
                        row.getString("data")));
    }

    private static Position position(ResultSet row, Position like) throws SQLException {
        Instant ts = row.getObject("ts", OffsetDateTime.class).toInstant();
        return new Position(
                like.run(),
                // Of fast ones, a row that is no hit may have anything in its place.
                like.run() == Run.SLOW || like.run() == Run.FAST && row.getBoolean("hit") ? row.getLong("took") : 0,
                ChronoUnit.MICROS.between(Instant.EPOCH, ts),
                row.getObject("jvm_id", UUID.class),
                row.getLong("chunk_start"),
                row.getLong("chunk_offset"),
                like.partFrom(),
                like.partTo());
    }

    /** Within what PostgreSQL can say, whatever is asked for. */
    static OffsetDateTime time(long micros) {
        long bounded = Math.max(-60_000_000_000_000_000L, Math.min(micros, 253_402_300_799_000_000L));
        return Instant.EPOCH.plus(bounded, ChronoUnit.MICROS).atOffset(ZoneOffset.UTC);
    }
}
