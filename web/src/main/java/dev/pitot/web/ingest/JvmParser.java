package dev.pitot.web.ingest;

import dev.pitot.web.ingest.TrackedChunk.Piece;
import dev.pitot.web.jfr.ChunkReader;
import dev.pitot.web.jfr.Limits;
import dev.pitot.web.live.JvmInfo;
import dev.pitot.web.store.BlockStore;
import dev.pitot.web.store.EventStore;
import dev.pitot.web.store.JvmRow;
import dev.pitot.web.store.Progress;
import dev.pitot.web.store.Segment;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Parses the chunks of one JVM, in order, on one thread at a time; other threads only put into its inbox.
 *
 * <p>A chunk is always read part by part, a part being what lies between two flush boundaries, from its first byte: the
 * constants are there. Which events a part hands on depends on nothing but the bytes up to its end, so after a crash the same
 * parts hand on the same events. Those of a part that ends after {@code parsed_offset} are stored, samples of a part that
 * ends after {@code block_offset} are put back into memory.
 *
 * <p>After any failure of the database all that is in memory is forgotten and made again from what is stored.
 */
final class JvmParser {
    private static final Logger LOG = LoggerFactory.getLogger(JvmParser.class);

    /** So often the database may refuse events of a chunk before the rest of it is left unparsed. */
    private static final int REFUSALS = 3;

    private static final int MOST_DONE = 64;

    /** Segments in the inbox: a minute of them of a JVM that is watched. Those beyond are read back from what is stored. */
    private static final int MOST_WAITING = 64;

    /** A JVM that sent nothing for so long gets its unfinished minute stored as it is. */
    private static final long QUIET_NANOS = TimeUnit.SECONDS.toNanos(20);
    /** And after so long gives its memory back. */
    private static final long IDLE_NANOS = TimeUnit.MINUTES.toNanos(10);

    private record Ended(long chunkStart) {}

    /** What is stored may be more than what was told here. */
    private static final Object REFRESH = new Object();

    private final UUID jvm;
    private final Parsing stage;
    private final Queue<Object> inbox = new ConcurrentLinkedQueue<>();
    /** Segments in the inbox. */
    private final AtomicInteger waiting = new AtomicInteger();

    /** Bytes that are durable and that no run has looked at to its end. */
    private final AtomicLong behind = new AtomicLong();

    /** Segments were not put into the inbox: what is stored is more than what was told here. */
    private final AtomicBoolean missed = new AtomicBoolean();

    private final AtomicBoolean scheduled = new AtomicBoolean();
    private final ReentrantLock lock = new ReentrantLock();
    private volatile String swept = "";
    private volatile boolean saidEnded;
    private volatile long lastArrival = System.nanoTime();
    private volatile long retryAt;
    private volatile boolean waitingForRetry;
    private volatile boolean minutesOpen;
    private volatile boolean loaded;

    // The rest is guarded by lock.
    private final TreeMap<Long, TrackedChunk> chunks = new TreeMap<>();
    private final Minutes minutes = new Minutes();
    private final JvmFeed feed;
    private final Router router;
    private final PartReader parts;
    /** By chunk: how often the database refused its events; outlives {@link #forget}. */
    private final Map<Long, Integer> refusals = new HashMap<>();

    /** Chunks that nothing was left of, the newest {@link #MOST_DONE}; their minutes may have been let go of. */
    private final TreeSet<Long> done = new TreeSet<>();

    private int failures;
    private boolean ended;
    private volatile boolean quietStored;

    JvmParser(UUID jvm, Parsing stage) {
        this.jvm = jvm;
        this.stage = stage;
        this.feed = new JvmFeed(jvm, stage);
        this.router = new Router(jvm, stage, feed, minutes);
        this.parts = new PartReader(jvm, stage, router);
    }

    // ---- from the threads that handle requests

    void hello(JvmInfo info) {
        feed.hello(info);
    }

    /** Makes the JVM known to the feed, when only the database knows it. */
    void greet() throws SQLException {
        feed.greet();
    }

    void heard(long nowMillis, boolean last) {
        feed.heard(nowMillis, last);
    }

    void gaps(List<Long> chunkStarts) {
        feed.gaps(chunkStarts);
    }

    /** Whether its newest post was its last. */
    boolean saidEnded() {
        return saidEnded;
    }

    /** A segment is durable. */
    void arrived(Segment segment) {
        int length = segment.raw().length;
        behind.addAndGet(length);
        stage.behindBytes.addAndGet(length);
        lastArrival = System.nanoTime();
        if (waiting.incrementAndGet() > MOST_WAITING) {
            waiting.decrementAndGet();
            missed.set(true);
            return;
        }
        boolean held = stage.hold(segment.raw().length);
        inbox.add(new Piece[] {
            new Piece(segment.offset(), held ? segment.raw() : new byte[0], segment.header(), held),
            new Piece(segment.chunk().startNanos(), new byte[0], segment.header(), segment.reachesBoundary())
        });
    }

    /** What was put in before was in this post or an earlier one. */
    void endOfPost(boolean last) {
        if (last || saidEnded) {
            saidEnded = last;
            inbox.add(last);
        }
    }

    /** A chunk has got its last byte. */
    void endedChunk(long chunkStart) {
        inbox.add(new Ended(chunkStart));
    }

    /**
     * Looks at what is stored of a JVM that nobody hears of; once for each time that it was heard of last.
     *
     * @param lastSeen any text that changes when the JVM is heard of
     */
    void sweep(String lastSeen) {
        if (!lastSeen.equals(swept)) {
            swept = lastSeen;
            inbox.add(REFRESH);
            schedule();
        }
    }

    void schedule() {
        if (scheduled.compareAndSet(false, true)) {
            stage.execute(this::runOnce);
        }
    }

    /** Twice a second. */
    void tick(long now) {
        long silent = now - lastArrival;
        boolean due = minutesOpen && !quietStored && silent > QUIET_NANOS || loaded && silent > IDLE_NANOS;
        if (waitingForRetry ? now - retryAt >= 0 : due || !inbox.isEmpty()) {
            schedule();
        }
    }

    boolean isForgettable(long now, long afterNanos) {
        return !loaded && now - lastArrival > afterNanos && inbox.isEmpty() && !scheduled.get();
    }

    /** It is not used any more. */
    void forgotten() {
        stage.behindBytes.addAndGet(-behind.getAndSet(0));
    }

    // ---- on the thread that parses

    private void runOnce() {
        try {
            run();
        } finally {
            scheduled.set(false);
            if (!inbox.isEmpty() && !waitingForRetry && !stage.closing()) {
                schedule();
            }
        }
    }

    /**
     * A run of its own, whatever else is scheduled: one that is under way may have looked into the inbox, or at the minutes,
     * before the collector began to stop.
     */
    void runLast() {
        run();
    }

    private void run() {
        lock.lock();
        try {
            long taken = behind.get();
            greet();
            if (missed.getAndSet(false)) {
                forget();
                ended = false;
            }
            load();
            takeInbox();
            // Not by their start, which goes back when the clock is set back: what is begun later must be read later.
            List<TrackedChunk> inOrder = new ArrayList<>(chunks.values());
            inOrder.sort(Comparator.comparingLong(chunk -> chunk.ticks));
            for (TrackedChunk chunk : inOrder) {
                advance(chunk);
            }
            flush();
            behind.addAndGet(-taken);
            stage.behindBytes.addAndGet(-taken);
            failures = 0;
            waitingForRetry = false;
        } catch (SQLException e) {
            failures = Math.min(failures + 1, 6);
            if (failures == 1) {
                LOG.warn("Events of JVM {} were not stored, they will be parsed again: {}", jvm, e.getMessage());
            }
            forget();
            retryAt = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(250L << failures);
            waitingForRetry = true;
        } catch (RuntimeException | Error e) {
            LOG.error("Parsing of JVM {} failed; tried again in a minute.", jvm, e);
            forget();
            retryAt = System.nanoTime() + TimeUnit.MINUTES.toNanos(1);
            waitingForRetry = true;
        } finally {
            minutesOpen = !minutes.isEmpty();
            lock.unlock();
        }
    }

    private void load() throws SQLException {
        if (!loaded) {
            // The end before the chunks: another collector may commit the last chunk and the end between the two
            // queries.
            boolean last = stage.jvm(jvm).map(JvmRow::ended).orElse(false);
            refresh();
            ended |= last;
            quietStored = false;
            loaded = true;
        }
    }

    /**
     * Brings what is known of the chunks up to what is stored. Another collector may have been sent chunks of this JVM, or the
     * end of one: a minute that spans two chunks is whole only where both were read, and nobody may let go of it before that.
     */
    private void refresh() throws SQLException {
        Map<Long, Progress> rows = new TreeMap<>();
        for (Progress row : stage.watermarks.unfinished(jvm)) {
            rows.put(row.chunkStart(), row);
        }
        for (TrackedChunk chunk : chunks.values()) {
            Progress row = rows.remove(chunk.start);
            Optional<Progress> now = row == null ? stage.watermarks.progress(jvm, chunk.start) : Optional.of(row);
            now.ifPresent(chunk::grow);
        }
        rows.forEach((start, row) -> chunks.put(start, new TrackedChunk(row)));
    }

    private void forget() {
        for (TrackedChunk chunk : chunks.values()) {
            close(chunk);
            parts.drop(chunk);
        }
        chunks.clear();
        done.clear();
        minutes.clear();
        router.forgetTexts();
        loaded = false;
    }

    private void takeInbox() throws SQLException {
        boolean wasEnded = ended;
        for (Object next; (next = inbox.poll()) != null; ) {
            if (next instanceof Boolean last) {
                ended = last;
            } else if (next == REFRESH) {
                // The end before the chunks, as in load().
                boolean last = stage.jvm(jvm).map(JvmRow::ended).orElse(false);
                refresh();
                ended |= last;
                quietStored = false;
            } else if (next instanceof Ended end) {
                TrackedChunk chunk = tracked(end.chunkStart);
                if (chunk != null) {
                    chunk.open = false;
                }
            } else if (next instanceof Piece[] arrived) {
                waiting.decrementAndGet();
                Piece piece = arrived[0];
                ended = false;
                boolean kept = false;
                try {
                    TrackedChunk chunk = tracked(arrived[1].offset());
                    if (chunk != null
                            && (chunk.out || !chunk.open || done.contains(chunk.start))
                            && chunk.error == null) {
                        chunk = reopened(chunk);
                    }
                    if (chunk != null) {
                        if (arrived[1].held()) {
                            chunk.boundary = Math.max(chunk.boundary, Segment.boundaryOf(piece.header()));
                        }
                        // It may have been read back already, with the row of its chunk.
                        kept = piece.held()
                                && piece.raw().length > 0
                                && !chunk.isDone()
                                && piece.offset() >= chunk.position()
                                && piece.end() > Math.min(chunk.parsed, chunk.summed)
                                && chunk.pieces.putIfAbsent(piece.offset(), piece) == null;
                    }
                } finally {
                    if (piece.held() && !kept) {
                        stage.heldBytes.addAndGet(-piece.raw().length);
                    }
                }
                quietStored = false;
            }
        }
        if (ended && !wasEnded) {
            refresh();
        }
    }

    private @Nullable TrackedChunk tracked(long chunkStart) throws SQLException {
        TrackedChunk known = chunks.get(chunkStart);
        if (known != null) {
            return known;
        }
        refresh();
        TrackedChunk unfinished = chunks.get(chunkStart);
        if (unfinished == null) {
            // Done, or not one byte can be parsed yet.
            Optional<Progress> row = stage.watermarks.progress(jvm, chunkStart);
            unfinished = row.map(TrackedChunk::new).orElse(null);
            if (unfinished != null && !unfinished.isDone()) {
                chunks.put(chunkStart, unfinished);
            }
        }
        return unfinished;
    }

    /** A chunk that seemed to end got more bytes: what is in memory of its JVM is made again from what is stored. */
    private @Nullable TrackedChunk reopened(TrackedChunk chunk) throws SQLException {
        Optional<Progress> row = stage.watermarks.progress(jvm, chunk.start);
        boolean goesOn = row.isPresent() && !row.get().parsedOut();
        if (!goesOn || chunk.open == row.get().open() && !chunk.out && !done.contains(chunk.start)) {
            return chunk;
        }
        forget();
        load();
        return tracked(chunk.start);
    }

    private void close(TrackedChunk chunk) {
        chunk.rewind();
        stage.unused(chunk);
    }

    /** Called by other JVMs' threads: gives up the reader unless it is in use. */
    void closeIfIdle(TrackedChunk chunk) {
        if (lock.tryLock()) {
            try {
                close(chunk);
            } finally {
                lock.unlock();
            }
        }
    }

    private void advance(TrackedChunk chunk) throws SQLException {
        while (hasWork(chunk)) {
            Batch batch = new Batch(stage.events.rows());
            router.begin(batch);
            ChunkReader reader = chunk.reader;
            if (reader == null) {
                reader = new ChunkReader(Limits.standard(), stage.wanted, false);
                chunk.reader = reader;
            }
            String error = null;
            long limit = chunk.limit();
            while (error == null && reader.parsedTo() < limit && !batch.isFull()) {
                error = parts.read(chunk, reader, limit, batch);
            }
            long parsed = reader.parsedTo();
            boolean atEnd = error == null && !chunk.open && parsed >= limit;
            if (atEnd) {
                error = parts.readWaiting(reader, chunk, batch);
            }
            try {
                if (!commit(chunk, batch, parsed, atEnd || error != null, error)) {
                    continue;
                }
            } catch (SQLException e) {
                if (!EventStore.isRefusal(e) || refusals.merge(chunk.start, 1, Integer::sum) < REFUSALS) {
                    throw e;
                }
                error = "The database refuses its events: " + e.getMessage();
                if (!commit(chunk, new Batch(stage.events.rows()), chunk.parsed, true, error)) {
                    continue;
                }
            }
            if (minutes.hasDue(false)) {
                // A backlog of hours is not kept in memory until its end.
                storeMinutes(false, false);
            }
            if (error != null || atEnd) {
                chunk.summed = Math.max(chunk.summed, chunk.limit());
                close(chunk);
                parts.drop(chunk);
                return;
            }
            stage.used(chunk, this);
        }
        if (chunk.reader == null) {
            parts.drop(chunk);
        }
    }

    private static boolean hasWork(TrackedChunk chunk) {
        return chunk.summed < chunk.limit()
                || chunk.parsed < chunk.limit()
                || !chunk.open && !chunk.out && chunk.boundary > 0;
    }

    /** Stores the batch, then hands it on in memory; false when it has to be read again. */
    private boolean commit(TrackedChunk chunk, Batch batch, long parsed, boolean out, @Nullable String error)
            throws SQLException {
        boolean stored = false;
        if (parsed > chunk.parsed || out && !chunk.out) {
            stored = stage.events.store(
                    jvm, chunk.start, chunk.parsed, Math.max(parsed, chunk.parsed), out, error, batch.rows);
            if (stored) {
                chunk.parsed = Math.max(parsed, chunk.parsed);
                chunk.out = out;
                stage.storedEvents.add(batch.rows.size() - batch.rows.refused());
                stage.clamped.add(LeftOut.CLOCK, batch.rows.clamped());
                stage.refused(jvm, batch.rows.refused(), batch.rows.refusal());
                router.stored(batch);
            } else {
                adopt(chunk);
                if (chunk.parsed < parsed || out && !chunk.out) {
                    close(chunk);
                    return false;
                }
            }
        }
        if (error != null && chunk.error == null) {
            chunk.error = error;
            if (stored) {
                stage.parseErrors.increment();
                LOG.warn(
                        "Chunk {} of JVM {} cannot be parsed, its bytes can still be exported: {}",
                        chunk.start,
                        jvm,
                        error);
            }
        }
        batch.after.forEach(Runnable::run);
        chunk.summed = Math.max(chunk.summed, parsed);
        router.handedOn(chunk, parsed);
        return true;
    }

    /** Another collector has stored events of this chunk: goes on from where that one is. */
    private void adopt(TrackedChunk chunk) throws SQLException {
        Optional<Progress> row = stage.watermarks.progress(jvm, chunk.start);
        if (row.isEmpty()) {
            throw new SQLException("chunk " + chunk.start + " of JVM " + jvm + " is no longer there");
        }
        chunk.parsed = row.get().parsed();
        chunk.out = row.get().parsedOut();
        chunk.error = row.get().parseError();
        chunk.boundary = Math.max(chunk.boundary, row.get().boundary());
        chunk.open = row.get().open();
    }

    /**
     * Stores minutes and lets go of old ones.
     *
     * @param all those that are not over too
     * @param over nothing more can come: lets go of all
     */
    private void storeMinutes(boolean all, boolean over) throws SQLException {
        BlockStore.Minutes due = minutes.due(all);
        minutes.stored(all);
        minutes.letGo(over);
        Map<Long, Long> offsets = new HashMap<>();
        chunks.forEach((start, chunk) -> {
            long offset = Math.min(minutes.blockOffset(start, chunk.summed), chunk.parsed);
            if (offset > chunk.block) {
                offsets.put(start, offset);
            }
        });
        if (!due.isEmpty() || !offsets.isEmpty()) {
            storeMinutes(due, offsets);
        }
        offsets.forEach((start, offset) -> {
            TrackedChunk chunk = chunks.get(start);
            if (chunk != null) {
                chunk.block = offset;
            }
        });
    }

    /** Of minutes that the database refuses, those that are the reason are left out for good, and the others stored. */
    private void storeMinutes(BlockStore.Minutes due, Map<Long, Long> offsets) throws SQLException {
        try {
            stage.blocks.store(jvm, due, offsets);
        } catch (SQLException e) {
            if (!EventStore.isRefusal(e)) {
                throw e;
            }
            long before = stage.refusedMinutes.sum();
            storeAllowed(due);
            stage.blocks.store(jvm, new BlockStore.Minutes(List.of(), List.of()), offsets);
            LOG.warn(
                    "Minutes of JVM {} are left out, about {}, as the database refuses them: {}",
                    jvm,
                    stage.refusedMinutes.sum() - before,
                    e.getMessage());
        }
    }

    private void storeAllowed(BlockStore.Minutes due) throws SQLException {
        try {
            stage.blocks.store(jvm, due, Map.of());
        } catch (SQLException e) {
            if (!EventStore.isRefusal(e)) {
                throw e;
            }
            if (due.size() <= 1) {
                stage.refusedMinutes.increment();
                return;
            }
            storeAllowed(due.part(due.size() / 2, true));
            storeAllowed(due.part(due.size() / 2, false));
        }
    }

    /** Stores the minutes that are over, and all of them when the JVM is quiet, has ended, or the collector stops. */
    private void flush() throws SQLException {
        boolean over =
                ended && chunks.values().stream().noneMatch(chunk -> chunk.open || !chunk.out && chunk.boundary > 0);
        boolean quiet = System.nanoTime() - lastArrival > QUIET_NANOS && !quietStored;
        boolean all = over || quiet || stage.closing();
        boolean newlyDone = chunks.values().stream().anyMatch(chunk -> chunk.out && chunk.block < chunk.limit());
        if (minutes.hasDue(all) || newlyDone || over && !minutes.isEmpty()) {
            storeMinutes(all, over);
        }
        quietStored |= quiet;
        chunks.values().removeIf(chunk -> {
            if (chunk.isDone()) {
                close(chunk);
                parts.drop(chunk);
                router.done(chunk);
                done.add(chunk.start);
                if (done.size() > MOST_DONE) {
                    done.pollFirst();
                }
                refusals.remove(chunk.start);
                return true;
            }
            return false;
        });
        if (System.nanoTime() - lastArrival > IDLE_NANOS && inbox.isEmpty()) {
            forget();
        }
    }
}
