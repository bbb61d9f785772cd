package dev.pitot.web.store;

import java.sql.BatchUpdateException;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.SQLRecoverableException;
import java.sql.SQLTransientException;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
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
 * <p>Any thread submits; one thread of its own writes what came within the commit window, as
 * {@link SegmentCommit} says.
 */
public final class SegmentStore implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(SegmentStore.class);
    /** Posts that may wait for a commit. */
    public static final int MOST_WAITING = 1024;

    private static final long QUEUE_BYTES =
            Math.min(128L << 20, Runtime.getRuntime().maxMemory() / 8);
    private static final int BATCH = 256;
    private static final long BATCH_BYTES = 32L << 20;
    private static final int TRIES = 4;
    private static final long RETRY_NANOS = TimeUnit.SECONDS.toNanos(3);

    private record Pending(Submission submission, CompletableFuture<Stored> answer) {
        long bytes() {
            Segment segment = submission.segment();
            return segment == null ? 0 : segment.raw().length + segment.zlib().length;
        }
    }

    private final Database database;
    private final Partitions partitions;
    private final long windowNanos;
    private final UUID collector;
    /** Asked once; the writer's. */
    private @Nullable Boolean distributed;

    private final ArrayBlockingQueue<Pending> queue = new ArrayBlockingQueue<>(MOST_WAITING);
    private final AtomicLong queuedBytes = new AtomicLong();
    private final AtomicBoolean closed = new AtomicBoolean();
    private final Thread writer;

    /** @param collector the id of this one, written to the JVMs that post here */
    public SegmentStore(Database database, Partitions partitions, long windowNanos, UUID collector) {
        this.database = database;
        this.partitions = partitions;
        this.windowNanos = windowNanos;
        this.collector = collector;
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

    /** Bytes of the posts that wait for the next commit or are in this one. */
    public long waitingBytes() {
        return queuedBytes.get();
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
        Boolean each = distributed;
        if (each == null) {
            each = SegmentCommit.isDistributed(database);
            distributed = each;
        }
        return SegmentCommit.run(
                database,
                collector,
                each,
                batch.stream().map(Pending::submission).toList(),
                today);
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
}
