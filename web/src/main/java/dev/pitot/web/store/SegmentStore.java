package dev.pitot.web.store;

import java.sql.BatchUpdateException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.SQLRecoverableException;
import java.sql.SQLTransientException;
import java.sql.Types;
import java.time.Instant;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Transaction A: makes segments durable, many to a commit.
 *
 * <p>Any thread submits; one thread of its own writes what came within the commit window. Rows are locked in the order of
 * their keys, so that several collectors on one database do not lock each other out.
 */
public final class SegmentStore implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(SegmentStore.class);
    private static final int QUEUE = 1024;
    private static final long QUEUE_BYTES =
            Math.min(128L << 20, Runtime.getRuntime().maxMemory() / 8);
    private static final int BATCH = 256;
    private static final long BATCH_BYTES = 32L << 20;
    private static final int TRIES = 4;
    private static final long RETRY_NANOS = TimeUnit.SECONDS.toNanos(3);
    private static final long PAGE_BYTES = 8L << 20;
    /**
     * A post is held up for so long at most. One that was sent earlier still, before the newest that was heard, says that
     * the clock of the JVM was set back.
     */
    private static final long STALE_NANOS = TimeUnit.MINUTES.toNanos(2);

    /** How far back a gap is still told of. */
    private static final String GAPS_SINCE = "now() - interval '6 hours'";

    private record Key(UUID jvm, long chunkStart) {
        static final Comparator<Key> ORDER =
                Comparator.comparing(Key::jvm, SegmentStore::compareAsPostgres).thenComparingLong(Key::chunkStart);
    }

    private record Pending(Submission submission, CompletableFuture<Stored> answer) {
        long bytes() {
            Segment segment = submission.segment();
            return segment == null ? 0 : segment.raw().length + segment.zlib().length;
        }
    }

    /** A row of {@code chunk} within the transaction. */
    private static final class Row {
        final Key key;
        final long ticks;
        LocalDate day;
        long durable;
        long boundary;
        long size;
        String state;
        byte @Nullable [] header;
        boolean changed;
        /** This transaction has made it. */
        boolean created;
        /** It got bytes, so that something is left to parse. */
        boolean grown;
        /** Its earlier bytes were dropped by age. */
        boolean restarted;

        Row(
                Key key,
                long ticks,
                LocalDate day,
                long durable,
                long boundary,
                long size,
                String state,
                byte @Nullable [] header) {
            this.key = key;
            this.ticks = ticks;
            this.day = day;
            this.durable = durable;
            this.boundary = boundary;
            this.size = size;
            this.state = state;
            this.header = header;
        }
    }

    private final Database database;
    private final Partitions partitions;
    private final long windowNanos;
    private final ArrayBlockingQueue<Pending> queue = new ArrayBlockingQueue<>(QUEUE);
    private final AtomicLong queuedBytes = new AtomicLong();
    private final AtomicBoolean closed = new AtomicBoolean();
    private final Thread writer;

    public SegmentStore(Database database, Partitions partitions, long windowNanos) {
        this.database = database;
        this.partitions = partitions;
        this.windowNanos = windowNanos;
        this.writer = new Thread(this::write, "pitot-segments");
        this.writer.setDaemon(true);
        this.writer.start();
    }

    /**
     * Queues a post for the next commit.
     *
     * @return completed after the commit, or with the {@link SQLException} that prevented it; null when the queue is full
     */
    public @Nullable CompletableFuture<Stored> submit(Submission submission) {
        Pending pending = new Pending(submission, new CompletableFuture<>());
        if (closed.get()) {
            return null;
        }
        if (queuedBytes.addAndGet(pending.bytes()) > QUEUE_BYTES + pending.bytes() || !queue.offer(pending)) {
            queuedBytes.addAndGet(-pending.bytes());
            return null;
        }
        return pending.answer;
    }

    /** Posts that wait for the next commit. */
    public int waiting() {
        return queue.size();
    }

    /** Writes what is queued and stops. */
    @Override
    public void close() {
        closed.set(true);
        try {
            writer.join(5_000);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        writer.interrupt();
        for (Pending left; (left = queue.poll()) != null; ) {
            left.answer.completeExceptionally(new SQLTransientException("the collector stops"));
        }
    }

    private void write() {
        List<Pending> batch = new ArrayList<>();
        while (!closed.get() || !queue.isEmpty()) {
            try {
                gather(batch);
                if (!batch.isEmpty()) {
                    store(batch);
                }
            } catch (InterruptedException stopped) {
                fail(batch, new SQLTransientException("the collector stops"));
                return;
            } catch (RuntimeException | Error e) {
                LOG.error("The segment writer failed on a batch and goes on.", e);
                fail(batch, new SQLException(e));
            } finally {
                batch.forEach(p -> queuedBytes.addAndGet(-p.bytes()));
                batch.clear();
            }
        }
    }

    private void gather(List<Pending> batch) throws InterruptedException {
        Pending first = queue.poll(200, TimeUnit.MILLISECONDS);
        if (first == null) {
            return;
        }
        batch.add(first);
        long bytes = first.bytes();
        long end = System.nanoTime() + windowNanos;
        while (batch.size() < BATCH && bytes < BATCH_BYTES) {
            Pending next = queue.poll(Math.max(0, end - System.nanoTime()), TimeUnit.NANOSECONDS);
            if (next == null) {
                return;
            }
            batch.add(next);
            bytes += next.bytes();
        }
    }

    private static void fail(List<Pending> batch, SQLException why) {
        batch.forEach(p -> p.answer.completeExceptionally(why));
    }

    /** Returns why the batch as a whole was not stored, or null. */
    private @Nullable SQLException store(List<Pending> batch) throws InterruptedException {
        long start = System.nanoTime();
        for (int attempt = 1; ; attempt++) {
            try {
                List<Stored> answers = commit(batch);
                for (int i = 0; i < batch.size(); i++) {
                    batch.get(i).answer.complete(answers.get(i));
                }
                return null;
            } catch (SQLException e) {
                // A server that does not answer for seconds is away: the agents wait better than this one thread.
                if (attempt < TRIES && isPassing(e) && System.nanoTime() - start < RETRY_NANOS) {
                    Thread.sleep(100L * attempt);
                } else if (batch.size() == 1 || isAway(e)) {
                    LOG.warn("Segments were not stored, agents will send them again: {}", e.getMessage());
                    fail(batch, e);
                    return e;
                } else {
                    // One of them is the reason; the others shall not suffer for it.
                    storeEach(batch);
                    return null;
                }
                if ("23514".equals(e.getSQLState())) {
                    partitions.forget();
                }
            }
        }
    }

    private void storeEach(List<Pending> batch) throws InterruptedException {
        for (int i = 0; i < batch.size(); i++) {
            SQLException why = store(List.of(batch.get(i)));
            if (why != null && isAway(why)) {
                fail(batch.subList(i + 1, batch.size()), why);
                return;
            }
        }
    }

    /** Whether the same transaction may well succeed when tried again. */
    static boolean isPassing(SQLException e) {
        String state = e.getSQLState();
        // 23514: "no partition of relation found for row", when another collector has just dropped one.
        return isAway(e) || state != null && (state.startsWith("40") || state.equals("55P03") || state.equals("23514"));
    }

    /** Whether the database, rather than the statement, is the reason. */
    public static boolean isAway(SQLException e) {
        if (e instanceof BatchUpdateException && e.getNextException() != null) {
            return isAway(e.getNextException());
        }
        String state = e.getSQLState();
        return e instanceof SQLTransientException
                || e instanceof SQLRecoverableException
                || state != null
                        && (state.startsWith("08")
                                || state.startsWith("53")
                                || state.startsWith("57P")
                                || state.startsWith("58"));
    }

    private List<Stored> commit(List<Pending> batch) throws SQLException {
        LocalDate today = partitions.today();
        partitions.ensure(Partitions.Table.SEGMENT, today);
        List<Submission> posts = batch.stream().map(Pending::submission).toList();
        try (Connection c = database.connection()) {
            c.setAutoCommit(false);
            try {
                Map<UUID, Heard> heard = lockJvms(c, posts);
                TreeMap<Key, Row> rows = lockChunks(c, posts, today);
                List<Stored> answers = new ArrayList<>(posts.size());
                CopyRows segments = new CopyRows();
                Set<UUID> newGaps = new TreeSet<>();
                for (Submission post : posts) {
                    answers.add(take(post, heard.get(post.jvm()), rows, segments, newGaps, today));
                }
                if (segments.rows() > 0) {
                    segments.copy(c, """
                            copy segment (jvm_id, chunk_start, chunk_offset, day, length, header, bytes)
                            from stdin (format binary)""");
                }
                update(c, rows);
                update(c, heard);
                if (!newGaps.isEmpty()) {
                    Map<UUID, List<Long>> gaps = gaps(c, newGaps);
                    for (int i = 0; i < posts.size(); i++) {
                        Stored a = answers.get(i);
                        List<Long> found = gaps.get(posts.get(i).jvm());
                        if (found != null) {
                            answers.set(
                                    i,
                                    new Stored(
                                            a.known(),
                                            a.outcome(),
                                            a.refusal(),
                                            a.durable(),
                                            a.ended(),
                                            a.last(),
                                            found));
                        }
                    }
                }
                c.commit();
                return answers;
            } finally {
                leave(c);
            }
        }
    }

    /** Ends the transaction; on a connection that is dead there is nothing to end. */
    static void leave(Connection c) {
        try {
            c.rollback();
            c.setAutoCommit(true);
        } catch (SQLException dead) {
            LOG.debug("connection lost", dead);
        }
    }

    /** A row of {@code jvm} within the transaction. */
    private static final class Heard {
        long lastSent;
        long lastSeenMillis;
        long skewNanos;

        @Nullable
        Boolean ended;

        /** Takes note of a post; false when a newer one was heard before, maybe by another collector. */
        boolean isNews(Submission post) {
            long sent = post.sentNanos();
            lastSeenMillis = Math.max(lastSeenMillis, post.receivedMillis());
            if (sent < lastSent && sent > lastSent - STALE_NANOS) {
                return false;
            }
            lastSent = sent;
            skewNanos = post.skewNanos();
            return true;
        }
    }

    /** Locks the JVMs that are known, and makes known those that say hello. */
    private static Map<UUID, Heard> lockJvms(Connection c, List<Submission> posts) throws SQLException {
        TreeMap<UUID, Submission> hellos = new TreeMap<>(SegmentStore::compareAsPostgres);
        Set<UUID> ids = new TreeSet<>();
        for (Submission post : posts) {
            ids.add(post.jvm());
            if (post.hello() != null) {
                hellos.put(post.jvm(), post);
            }
        }
        Map<UUID, Heard> heard = new TreeMap<>(SegmentStore::compareAsPostgres);
        if (!hellos.isEmpty()) {
            lockJvms(c, ids, heard);
            hello(c, hellos);
            ids.retainAll(hellos.keySet());
            ids.removeAll(heard.keySet());
        }
        if (!ids.isEmpty()) {
            lockJvms(c, ids, heard);
        }
        return heard;
    }

    private static void lockJvms(Connection c, Set<UUID> ids, Map<UUID, Heard> heard) throws SQLException {
        try (PreparedStatement s = c.prepareStatement(
                "select jvm_id, last_sent, clock_skew_ns from jvm where jvm_id = any (?) order by jvm_id for update")) {
            s.setArray(1, c.createArrayOf("uuid", ids.toArray()));
            try (ResultSet rows = s.executeQuery()) {
                while (rows.next()) {
                    Heard jvm = new Heard();
                    jvm.lastSent = rows.getLong(2);
                    jvm.skewNanos = rows.getLong(3);
                    heard.put(rows.getObject(1, UUID.class), jvm);
                }
            }
        }
    }

    private static void update(Connection c, Map<UUID, Heard> heard) throws SQLException {
        try (PreparedStatement s = c.prepareStatement("""
                update jvm set last_seen = greatest(last_seen, ?), clock_skew_ns = ?, last_sent = ?, ended = coalesce(?, ended)
                where jvm_id = ?""")) {
            for (Map.Entry<UUID, Heard> entry : heard.entrySet()) {
                Heard jvm = entry.getValue();
                s.setObject(1, time(jvm.lastSeenMillis));
                s.setLong(2, jvm.skewNanos);
                s.setLong(3, jvm.lastSent);
                s.setObject(4, jvm.ended, Types.BOOLEAN);
                s.setObject(5, entry.getKey());
                s.addBatch();
            }
            s.executeBatch();
        }
    }

    private static void hello(Connection c, Map<UUID, Submission> hellos) throws SQLException {
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
    private static TreeMap<Key, Row> lockChunks(Connection c, List<Submission> posts, LocalDate today)
            throws SQLException {
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
                try (ResultSet rows = s.executeQuery()) {
                    while (rows.next()) {
                        asked.add(new Key(rows.getObject(1, UUID.class), rows.getLong(2)));
                    }
                }
            }
        }
        TreeMap<Key, Row> locked = new TreeMap<>(Key.ORDER);
        if (asked.isEmpty()) {
            return locked;
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
            try (ResultSet rows = s.executeQuery()) {
                while (rows.next()) {
                    Key key = new Key(rows.getObject(1, UUID.class), rows.getLong(2));
                    Row row = new Row(
                            key,
                            rows.getLong(3),
                            rows.getObject(4, LocalDate.class),
                            rows.getLong(5),
                            rows.getLong(6),
                            rows.getLong(7),
                            rows.getString(8),
                            rows.getBytes(9));
                    row.created = made.contains(key);
                    locked.put(key, row);
                }
            }
        }
        return locked;
    }

    private static Stored take(
            Submission post,
            @Nullable Heard jvm,
            TreeMap<Key, Row> rows,
            CopyRows segments,
            Set<UUID> newGaps,
            LocalDate today) {
        Map<Chunk, Long> durable = new LinkedHashMap<>();
        List<Long> ended = new ArrayList<>();
        Stored.Outcome outcome = Stored.Outcome.NONE;
        String refusal = null;
        Segment segment = post.segment();
        if (segment != null) {
            Row row = rows.get(new Key(post.jvm(), segment.chunk().startNanos()));
            refusal = row == null ? null : contradiction(row, segment);
            if (refusal != null) {
                outcome = Stored.Outcome.MALFORMED;
            } else if (row == null || !takes(row, segment, today)) {
                outcome = Stored.Outcome.CONFLICT;
            } else {
                outcome = Stored.Outcome.TAKEN;
                append(row, segment, post.jvm(), segments);
                if (row.state.equals("complete")) {
                    ended.add(row.key.chunkStart());
                }
            }
            durable.put(segment.chunk(), row == null ? 0 : row.durable);
        }
        boolean refused = outcome == Stored.Outcome.MALFORMED || outcome == Stored.Outcome.CONFLICT;
        List<Submission.Held> have = post.have();
        if (have != null) {
            for (Submission.Held held : have) {
                Row row = rows.get(new Key(post.jvm(), held.chunk().startNanos()));
                durable.putIfAbsent(
                        held.chunk(), row == null || row.ticks != held.chunk().startTicks() ? 0 : row.durable);
            }
        }
        boolean news = (jvm == null || jvm.isNews(post)) && !refused;
        if (news) {
            if (jvm != null) {
                jvm.ended = post.ended();
            }
            for (Submission.Lost lost : post.lost()) {
                Row row = rows.get(new Key(post.jvm(), lost.chunk().startNanos()));
                if (row != null && row.state.equals("open")) {
                    end(row, ended, newGaps);
                }
            }
            if (have != null) {
                for (Submission.Held held : have) {
                    Row row = rows.get(new Key(post.jvm(), held.chunk().startNanos()));
                    if (row != null && row.state.equals("open") && held.last() && row.size != held.size()) {
                        row.size = held.size();
                        row.changed = true;
                    }
                }
            }
            if (have != null || post.ended()) {
                // Of a chunk that is open here and no longer there nothing more can come; nor after the last post.
                rows
                        .subMap(new Key(post.jvm(), Long.MIN_VALUE), true, new Key(post.jvm(), Long.MAX_VALUE), true)
                        .values()
                        .stream()
                        .filter(row -> row.state.equals("open") && (post.ended() || !isListed(row, post)))
                        .forEach(row -> end(row, ended, newGaps));
            }
        }
        return new Stored(jvm != null, outcome, refusal, durable, ended, news ? post.ended() : null, null);
    }

    private static boolean isListed(Row row, Submission post) {
        Segment segment = post.segment();
        if (segment != null && segment.chunk().startNanos() == row.key.chunkStart()) {
            return true;
        }
        List<Submission.Held> have = post.have();
        return have != null && have.stream().anyMatch(h -> h.chunk().startNanos() == row.key.chunkStart());
    }

    private static void end(Row row, List<Long> ended, Set<UUID> newGaps) {
        row.state = row.durable == 0 ? "missing" : "truncated";
        row.changed = true;
        ended.add(row.key.chunkStart());
        newGaps.add(row.key.jvm());
    }

    private static @Nullable String contradiction(Row row, Segment segment) {
        if (row.ticks != segment.chunk().startTicks()) {
            return "The chunk " + segment.chunk() + " has the start of chunk " + row.key.chunkStart() + "." + row.ticks
                    + " with other ticks; a chunk's start does not change.";
        }
        byte[] before = row.header;
        if (before != null && !Segment.sameChunk(before, segment.header())) {
            return "The header of chunk " + segment.chunk()
                    + " has another version, start or clock frequency than before; these do not change within a chunk.";
        }
        return null;
    }

    private static boolean takes(Row row, Segment segment, LocalDate today) {
        if (row.state.equals("expired") && segment.offset() != 0) {
            // Its stored bytes were dropped while the agent was away: it has to come again from its start.
            row.durable = 0;
            row.boundary = 0;
            row.header = null;
            row.day = today;
            row.state = "open";
            row.restarted = true;
            row.changed = true;
        }
        return !row.state.equals("complete") && segment.offset() == row.durable;
    }

    private static void append(Row row, Segment segment, UUID jvm, CopyRows segments) {
        if (segment.raw().length > 0) {
            segments.row(7)
                    .uuid(jvm)
                    .bigint(row.key.chunkStart())
                    .bigint(segment.offset())
                    .date(row.day)
                    .integer(segment.raw().length)
                    .bytea(segment.header())
                    .bytea(segment.zlib());
        }
        row.durable = segment.end();
        row.grown = true;
        if (segment.reachesBoundary()) {
            row.boundary = segment.boundary();
        }
        if (row.header == null || segment.reachesBoundary()) {
            // Before the first boundary too, so that what does not change within a chunk is known from its first
            // segment.
            row.header = segment.header();
        }
        row.state = "open";
        if (segment.last()) {
            row.size = segment.boundary();
            if (row.durable == row.size) {
                row.state = "complete";
            }
        }
        row.changed = true;
    }

    private static void update(Connection c, TreeMap<Key, Row> rows) throws SQLException {
        try (PreparedStatement s = c.prepareStatement("""
                update chunk set durable_offset = ?, boundary = ?, size = ?, state = ?, header = ?, day = ?, last_seen = now(),
                    block_offset = case when ? and parsed_out and parse_error is null then 0 else block_offset end,
                    parsed_out = parsed_out and not ? and not (? and parse_error is null),
                    parse_error = case when ? then null else parse_error end
                where jvm_id = ? and chunk_start = ?""")) {
            for (Row row : rows.values()) {
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
            for (Row row : rows.values()) {
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

    private static Map<UUID, List<Long>> gaps(Connection c, Set<UUID> jvms) throws SQLException {
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

    /** Starts of the JVM's chunks that became truncated or missing in the last hours. */
    public List<Long> gaps(UUID jvm) throws SQLException {
        try (Connection c = database.connection()) {
            return gaps(c, Set.of(jvm)).getOrDefault(jvm, List.of());
        }
    }

    /**
     * Watermarks of a chunk.
     *
     * @param chunkTicks orders the chunks of a JVM, whatever was done to its clock
     * @param day the partition of its segments
     * @param boundary it can be parsed up to here
     * @param parsed events up to here are stored
     * @param block samples up to here are in stored blocks
     * @param open more may come
     * @param parsedOut nothing is left to parse
     * @param parseError why it could not be parsed beyond {@code parsed}, or null
     */
    public record Progress(
            long chunkStart,
            long chunkTicks,
            LocalDate day,
            long boundary,
            long parsed,
            long block,
            boolean open,
            boolean parsedOut,
            @Nullable String parseError) {}

    private static final String PROGRESS =
            "select chunk_start, chunk_ticks, day, boundary, parsed_offset, block_offset, state, parsed_out, parse_error from chunk ";
    private static final String UNFINISHED = """
            state <> 'expired' and boundary > 0
            and (not parsed_out or block_offset < case when parsed_out then parsed_offset else boundary end)""";

    /** The chunks of a JVM of which not everything is parsed and summed up, oldest first. */
    public List<Progress> unfinished(UUID jvm) throws SQLException {
        try (Connection c = database.connection();
                PreparedStatement s =
                        c.prepareStatement(PROGRESS + "where jvm_id = ? and " + UNFINISHED + " order by chunk_ticks")) {
            s.setObject(1, jvm);
            List<Progress> found = new ArrayList<>();
            try (ResultSet rows = s.executeQuery()) {
                while (rows.next()) {
                    found.add(progress(rows));
                }
            }
            return found;
        }
    }

    /** Watermarks of one chunk. */
    public Optional<Progress> progress(UUID jvm, long chunkStart) throws SQLException {
        try (Connection c = database.connection();
                PreparedStatement s = c.prepareStatement(PROGRESS + "where jvm_id = ? and chunk_start = ?")) {
            s.setObject(1, jvm);
            s.setLong(2, chunkStart);
            try (ResultSet rows = s.executeQuery()) {
                return rows.next() ? Optional.of(progress(rows)) : Optional.empty();
            }
        }
    }

    /** JVMs that have {@link #unfinished} chunks and were heard within a day, the one heard last first; at most 10 000. */
    public List<UUID> unfinishedJvms() throws SQLException {
        try (Connection c = database.connection();
                PreparedStatement s =
                        c.prepareStatement("select jvm_id from jvm where last_seen > now() - interval '1 day'"
                                + " and exists (select from chunk where chunk.jvm_id = jvm.jvm_id and " + UNFINISHED
                                + ") order by last_seen desc limit 10000");
                ResultSet rows = s.executeQuery()) {
            List<UUID> jvms = new ArrayList<>();
            while (rows.next()) {
                jvms.add(rows.getObject(1, UUID.class));
            }
            return jvms;
        }
    }

    /**
     * Of {@link #unfinishedJvms()} those that were not heard of for a minute, with when they were; at most 1000. JVMs that some
     * collector hears of are left to it.
     */
    public Map<UUID, String> silentUnfinishedJvms() throws SQLException {
        try (Connection c = database.connection();
                PreparedStatement s =
                        c.prepareStatement("select jvm_id, last_seen::text from jvm where last_seen between"
                                + " now() - interval '1 day' and now() - interval '1 minute'"
                                + " and exists (select from chunk where chunk.jvm_id = jvm.jvm_id and " + UNFINISHED
                                + ") order by last_seen desc limit 1000");
                ResultSet rows = s.executeQuery()) {
            Map<UUID, String> jvms = new LinkedHashMap<>();
            while (rows.next()) {
                jvms.put(rows.getObject(1, UUID.class), rows.getString(2));
            }
            return jvms;
        }
    }

    private static Progress progress(ResultSet row) throws SQLException {
        return new Progress(
                row.getLong(1),
                row.getLong(2),
                row.getObject(3, LocalDate.class),
                row.getLong(4),
                row.getLong(5),
                row.getLong(6),
                "open".equals(row.getString(7)),
                row.getBoolean(8),
                row.getString(9));
    }

    /**
     * A stored segment.
     *
     * @param header as it came with it
     * @param zlib as it came
     */
    public record StoredSegment(long offset, int length, byte[] header, byte[] zlib) {
        /** First byte after it. */
        public long end() {
            return offset + length;
        }

        /** The boundary its header stands for. */
        public long boundary() {
            return Segment.boundaryOf(header);
        }
    }

    /**
     * Reads stored segments that start in {@code [from, to)}, in order: about 8 MB before compression at a time, at least one
     * if there is any.
     */
    public static List<StoredSegment> read(
            Database database, UUID jvm, long chunkStart, LocalDate day, long from, long to) throws SQLException {
        try (Connection c = database.connection();
                PreparedStatement s = c.prepareStatement("""
                        select chunk_offset, length, header, bytes from segment
                        where jvm_id = ? and chunk_start = ? and day = ? and chunk_offset >= ? and chunk_offset < ?
                        order by chunk_offset limit 256""")) {
            // Within a transaction the driver fetches a few rows at a time, so that what is not taken is not held.
            c.setAutoCommit(false);
            try {
                s.setFetchSize(8);
                s.setObject(1, jvm);
                s.setLong(2, chunkStart);
                s.setObject(3, day);
                s.setLong(4, from);
                s.setLong(5, to);
                List<StoredSegment> page = new ArrayList<>();
                long bytes = 0;
                try (ResultSet rows = s.executeQuery()) {
                    while (bytes < PAGE_BYTES && rows.next()) {
                        page.add(
                                new StoredSegment(rows.getLong(1), rows.getInt(2), rows.getBytes(3), rows.getBytes(4)));
                        bytes += rows.getInt(2);
                    }
                }
                return page;
            } finally {
                leave(c);
            }
        }
    }

    /** PostgreSQL orders UUIDs as unsigned bytes, Java as signed numbers. */
    private static int compareAsPostgres(UUID a, UUID b) {
        int high = Long.compareUnsigned(a.getMostSignificantBits(), b.getMostSignificantBits());
        return high != 0 ? high : Long.compareUnsigned(a.getLeastSignificantBits(), b.getLeastSignificantBits());
    }

    private static OffsetDateTime time(long millis) {
        return Instant.ofEpochMilli(millis).atOffset(ZoneOffset.UTC);
    }
}
