package dev.pitot.web.store;

import dev.pitot.web.store.LockedRows.Heard;
import dev.pitot.web.store.LockedRows.Key;
import dev.pitot.web.store.LockedRows.Row;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Types;
import java.time.Instant;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;

/**
 * One run of transaction A: locks the rows that some posts are about, in the order of their keys so that several collectors on
 * one database do not lock each other out, and writes what the posts make of them. Of one thread, for one run.
 */
final class SegmentCommit {
    /** How far back a gap is still told of. */
    private static final String GAPS_SINCE = "now() - interval '6 hours'";

    private final Connection c;
    private final LockedRows rows = new LockedRows();

    private final UUID collector;
    private final boolean distributed;

    private SegmentCommit(Connection connection, UUID collector, boolean distributed) {
        this.c = connection;
        this.collector = collector;
        this.distributed = distributed;
    }

    /**
     * Commits posts.
     *
     * @param collector the id of this one
     * @param distributed as {@link #isDistributed} says
     * @param today the day of new chunks; there is a partition of segments for it
     * @return what became of each
     */
    static List<Stored> run(
            Database database, UUID collector, boolean distributed, List<Submission> posts, LocalDate today)
            throws SQLException {
        try (Connection c = database.connection()) {
            c.setAutoCommit(false);
            try {
                List<Stored> answers = new SegmentCommit(c, collector, distributed).write(posts, today);
                c.commit();
                return answers;
            } finally {
                SegmentStore.leave(c);
            }
        }
    }

    /** Whether this is Citus, which locks rows of one shard at a time only: there each JVM takes statements of its own. */
    static boolean isDistributed(Database database) throws SQLException {
        try (Connection c = database.connection();
                PreparedStatement s = c.prepareStatement("select to_regclass('pg_dist_partition') is not null");
                ResultSet row = s.executeQuery()) {
            return row.next() && row.getBoolean(1);
        }
    }

    private List<Stored> write(List<Submission> posts, LocalDate today) throws SQLException {
        lockJvms(posts);
        lockChunks(posts, today);
        List<Stored> answers = new ArrayList<>(posts.size());
        CopyRows segments = new CopyRows();
        for (Submission post : posts) {
            answers.add(rows.take(post, segments, today));
        }
        if (segments.rows() > 0) {
            segments.copy(c, """
                    copy segment (jvm_id, chunk_start, chunk_offset, day, length, header, bytes)
                    from stdin (format binary)""");
        }
        updateChunks();
        updateJvms();
        if (!rows.newGaps.isEmpty()) {
            Map<UUID, List<Long>> gaps = gaps(c, rows.newGaps);
            for (int i = 0; i < posts.size(); i++) {
                List<Long> found = gaps.get(posts.get(i).jvm());
                if (found != null) {
                    answers.set(i, answers.get(i).withGaps(found));
                }
            }
        }
        return answers;
    }

    /** Locks the JVMs that are known, and makes known those that say hello. */
    private void lockJvms(List<Submission> posts) throws SQLException {
        TreeMap<UUID, Submission> hellos = new TreeMap<>(LockedRows::compareAsPostgres);
        Set<UUID> ids = new TreeSet<>();
        for (Submission post : posts) {
            ids.add(post.jvm());
            if (post.hello() != null) {
                hellos.put(post.jvm(), post);
            }
        }
        if (!hellos.isEmpty()) {
            lockJvms(ids);
            hello(hellos);
            ids.retainAll(hellos.keySet());
            ids.removeAll(rows.jvms.keySet());
        }
        if (!ids.isEmpty()) {
            lockJvms(ids);
        }
    }

    private void lockJvms(Set<UUID> ids) throws SQLException {
        if (distributed) {
            try (PreparedStatement s = c.prepareStatement(
                    "select jvm_id, last_sent, clock_skew_ns from jvm where jvm_id = ? for update")) {
                for (UUID id :
                        ids.stream().sorted(LockedRows::compareAsPostgres).toList()) {
                    s.setObject(1, id);
                    readJvms(s);
                }
            }
            return;
        }
        try (PreparedStatement s = c.prepareStatement(
                "select jvm_id, last_sent, clock_skew_ns from jvm where jvm_id = any (?) order by jvm_id for update")) {
            s.setArray(1, c.createArrayOf("uuid", ids.toArray()));
            readJvms(s);
        }
    }

    private void readJvms(PreparedStatement s) throws SQLException {
        try (ResultSet found = s.executeQuery()) {
            while (found.next()) {
                Heard jvm = new Heard();
                jvm.lastSent = found.getLong(2);
                jvm.skewNanos = found.getLong(3);
                rows.jvms.put(found.getObject(1, UUID.class), jvm);
            }
        }
    }

    private void updateJvms() throws SQLException {
        try (PreparedStatement s = c.prepareStatement("""
                update jvm set last_seen = greatest(last_seen, ?), clock_skew_ns = ?, last_sent = ?, ended = coalesce(?, ended),
                    collector_id = coalesce(?, collector_id)
                where jvm_id = ?""")) {
            for (Map.Entry<UUID, Heard> entry : rows.jvms.entrySet()) {
                Heard jvm = entry.getValue();
                s.setObject(1, time(jvm.lastSeenMillis));
                s.setLong(2, jvm.skewNanos);
                s.setLong(3, jvm.lastSent);
                s.setObject(4, jvm.ended, Types.BOOLEAN);
                // Only the newest post says where its JVM posts to; one that was held up says where it did.
                s.setObject(5, jvm.news ? collector : null, Types.OTHER);
                s.setObject(6, entry.getKey());
                s.addBatch();
            }
            s.executeBatch();
        }
    }

    private void hello(Map<UUID, Submission> hellos) throws SQLException {
        try (PreparedStatement s = c.prepareStatement("""
                insert into jvm (jvm_id, service, host, pid, started_at, agent_version, java_version, jvm_name, labels,
                    first_seen, last_seen, ended, clock_skew_ns)
                values (?, ?, ?, ?, ?, ?, ?, ?, ?::jsonb, ?, ?, false, ?)
                on conflict (jvm_id) do update set service = excluded.service, host = excluded.host, pid = excluded.pid,
                    started_at = excluded.started_at, agent_version = excluded.agent_version,
                    java_version = excluded.java_version, jvm_name = excluded.jvm_name, labels = excluded.labels""")) {
            for (Submission post : hellos.values()) {
                var hello = post.hello();
                if (hello == null) {
                    continue;
                }
                s.setObject(1, post.jvm());
                s.setString(2, hello.service());
                s.setString(3, hello.host());
                s.setLong(4, hello.pid());
                s.setObject(5, time(hello.startedMillis()));
                s.setString(6, hello.agentVersion());
                s.setString(7, hello.javaVersion());
                s.setString(8, hello.jvmName());
                s.setString(9, Json.object(hello.labels()));
                s.setObject(10, time(post.receivedMillis()));
                s.setObject(11, time(post.receivedMillis()));
                s.setLong(12, post.skewNanos());
                s.addBatch();
            }
            s.executeBatch();
        }
    }

    /** Makes the rows of new chunks and locks, in key order, every row that this batch asks about. */
    private void lockChunks(List<Submission> posts, LocalDate today) throws SQLException {
        TreeMap<Key, Submission> created = new TreeMap<>(Key.ORDER);
        Map<Key, Long> ticks = new HashMap<>();
        Set<Key> asked = new TreeSet<>(Key.ORDER);
        List<UUID> listed = new ArrayList<>();
        for (Submission post : posts) {
            Segment segment = post.segment();
            if (segment != null) {
                Key key = new Key(post.jvm(), segment.chunk().startNanos());
                asked.add(key);
                if (segment.offset() == 0) {
                    created.put(key, post);
                    ticks.putIfAbsent(key, segment.chunk().startTicks());
                }
            }
            for (Submission.Lost lost : post.lost()) {
                Key key = new Key(post.jvm(), lost.chunk().startNanos());
                asked.add(key);
                created.put(key, post);
                ticks.putIfAbsent(key, lost.chunk().startTicks());
            }
            if (post.have() != null) {
                post.have()
                        .forEach(held ->
                                asked.add(new Key(post.jvm(), held.chunk().startNanos())));
                listed.add(post.jvm());
            } else if (post.ended()) {
                listed.add(post.jvm());
            }
        }
        Set<Key> made = new TreeSet<>(Key.ORDER);
        if (!created.isEmpty()) {
            try (PreparedStatement s = c.prepareStatement("""
                    insert into chunk (jvm_id, chunk_start, chunk_ticks, day, state, first_seen, last_seen)
                    values (?, ?, ?, ?, 'open', ?, ?) on conflict do nothing""")) {
                for (Map.Entry<Key, Submission> entry : created.entrySet()) {
                    s.setObject(1, entry.getKey().jvm());
                    s.setLong(2, entry.getKey().chunkStart());
                    s.setLong(3, ticks.getOrDefault(entry.getKey(), 0L));
                    s.setObject(4, today);
                    s.setObject(5, time(entry.getValue().receivedMillis()));
                    s.setObject(6, time(entry.getValue().receivedMillis()));
                    s.addBatch();
                }
                int[] counts = s.executeBatch();
                int i = 0;
                for (Key key : created.keySet()) {
                    if (counts[i++] == 1) {
                        made.add(key);
                    }
                }
            }
        }
        if (!listed.isEmpty()) {
            try (PreparedStatement s = c.prepareStatement(
                    "select jvm_id, chunk_start from chunk where jvm_id = any (?) and state = 'open'")) {
                s.setArray(1, c.createArrayOf("uuid", listed.toArray()));
                try (ResultSet found = s.executeQuery()) {
                    while (found.next()) {
                        asked.add(new Key(found.getObject(1, UUID.class), found.getLong(2)));
                    }
                }
            }
        }
        if (asked.isEmpty()) {
            return;
        }
        if (distributed) {
            TreeMap<UUID, List<Long>> byJvm = new TreeMap<>(LockedRows::compareAsPostgres);
            asked.forEach(key ->
                    byJvm.computeIfAbsent(key.jvm(), id -> new ArrayList<>()).add(key.chunkStart()));
            try (PreparedStatement s = c.prepareStatement("""
                    select jvm_id, chunk_start, chunk_ticks, day, durable_offset, boundary, size, state, header
                    from chunk where jvm_id = ? and chunk_start = any (?) order by chunk_start for update""")) {
                for (Map.Entry<UUID, List<Long>> jvm : byJvm.entrySet()) {
                    s.setObject(1, jvm.getKey());
                    s.setArray(2, c.createArrayOf("bigint", jvm.getValue().toArray()));
                    readChunks(s, made);
                }
            }
            return;
        }
        try (PreparedStatement s = c.prepareStatement("""
                select c.jvm_id, c.chunk_start, chunk_ticks, day, durable_offset, boundary, size, state, header
                from chunk c join unnest(?::uuid[], ?::bigint[]) as k (jvm_id, chunk_start) using (jvm_id, chunk_start)
                order by c.jvm_id, c.chunk_start for update of c""")) {
            s.setArray(1, c.createArrayOf("uuid", asked.stream().map(Key::jvm).toArray()));
            s.setArray(
                    2,
                    c.createArrayOf(
                            "bigint", asked.stream().map(Key::chunkStart).toArray()));
            readChunks(s, made);
        }
    }

    private void readChunks(PreparedStatement s, Set<Key> made) throws SQLException {
        try (ResultSet found = s.executeQuery()) {
            while (found.next()) {
                Key key = new Key(found.getObject(1, UUID.class), found.getLong(2));
                Row row = new Row(
                        key,
                        found.getLong(3),
                        found.getObject(4, LocalDate.class),
                        found.getLong(5),
                        found.getLong(6),
                        found.getLong(7),
                        found.getString(8),
                        found.getBytes(9));
                row.created = made.contains(key);
                rows.chunks.put(key, row);
            }
        }
    }

    private void updateChunks() throws SQLException {
        try (PreparedStatement s = c.prepareStatement("""
                update chunk set durable_offset = ?, boundary = ?, size = ?, state = ?, header = ?, day = ?, last_seen = now(),
                    block_offset = case when ? and parsed_out and parse_error is null then 0 else block_offset end,
                    parsed_out = parsed_out and not ? and not (? and parse_error is null),
                    parse_error = case when ? then null else parse_error end
                where jvm_id = ? and chunk_start = ?""")) {
            for (Row row : rows.chunks.values()) {
                if (row.changed) {
                    s.setLong(1, row.durable);
                    s.setLong(2, row.boundary);
                    s.setLong(3, row.size);
                    s.setString(4, row.state);
                    if (row.header == null) {
                        s.setNull(5, Types.BINARY);
                    } else {
                        s.setBytes(5, row.header);
                    }
                    s.setObject(6, row.day);
                    s.setBoolean(7, row.grown);
                    s.setBoolean(8, row.restarted);
                    s.setBoolean(9, row.grown);
                    s.setBoolean(10, row.restarted);
                    s.setObject(11, row.key.jvm());
                    s.setLong(12, row.key.chunkStart());
                    s.addBatch();
                }
            }
            s.executeBatch();
        }
        try (PreparedStatement s = c.prepareStatement("delete from chunk where jvm_id = ? and chunk_start = ?")) {
            for (Row row : rows.chunks.values()) {
                // It was made to be locked, and then its post was refused.
                if (row.created && !row.changed) {
                    s.setObject(1, row.key.jvm());
                    s.setLong(2, row.key.chunkStart());
                    s.addBatch();
                }
            }
            s.executeBatch();
        }
    }

    /** By JVM, starts of chunks that became truncated or missing in the last hours, oldest first. */
    static Map<UUID, List<Long>> gaps(Connection c, Set<UUID> jvms) throws SQLException {
        Map<UUID, List<Long>> gaps = new HashMap<>();
        try (PreparedStatement s = c.prepareStatement("select jvm_id, chunk_start from chunk where jvm_id = any (?)"
                + " and state in ('truncated', 'missing') and last_seen > " + GAPS_SINCE + " order by 1, 2")) {
            s.setArray(1, c.createArrayOf("uuid", jvms.toArray()));
            try (ResultSet rows = s.executeQuery()) {
                while (rows.next()) {
                    gaps.computeIfAbsent(rows.getObject(1, UUID.class), id -> new ArrayList<>())
                            .add(rows.getLong(2));
                }
            }
        }
        return gaps;
    }

    private static OffsetDateTime time(long millis) {
        return Instant.ofEpochMilli(millis).atOffset(ZoneOffset.UTC);
    }
}
