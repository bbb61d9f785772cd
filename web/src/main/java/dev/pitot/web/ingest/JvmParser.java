package dev.pitot.web.ingest;

import dev.pitot.web.jfr.ChunkHeader;
import dev.pitot.web.jfr.ChunkReader;
import dev.pitot.web.jfr.Event;
import dev.pitot.web.jfr.EventType;
import dev.pitot.web.jfr.JfrFormatException;
import dev.pitot.web.jfr.Limits;
import dev.pitot.web.live.Diagnosis;
import dev.pitot.web.live.Feed;
import dev.pitot.web.live.JvmInfo;
import dev.pitot.web.live.SpanKind;
import dev.pitot.web.live.SpanSecond;
import dev.pitot.web.store.BlockStore;
import dev.pitot.web.store.EventStore;
import dev.pitot.web.store.Json;
import dev.pitot.web.store.JvmRow;
import dev.pitot.web.store.Segment;
import dev.pitot.web.store.SegmentStore;
import dev.pitot.web.store.StoredTypes;
import java.sql.SQLException;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
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

    /** An agent keeps 500 statements apart unless told otherwise. */
    private static final int MOST_TEXTS = 10_000;

    private static final int BATCH_EVENTS = 5_000;
    private static final int BATCH_SAMPLES = 20_000;
    private static final int BATCH_BYTES = 4 << 20;
    /** A few kilobytes can name one long text in thousands of events. */
    private static final int ROW_BYTES_PER_BYTE = 16;

    private static final int LARGEST_BATCH = BATCH_BYTES + (32 << 20);

    private static final int MOST_SAMPLES = 1_000_000;
    private static final long LONGEST_PART = 64L << 20;
    /** A JVM that sent nothing for so long gets its unfinished minute stored as it is. */
    private static final long QUIET_NANOS = TimeUnit.SECONDS.toNanos(20);
    /** And after so long gives its memory back. */
    private static final long IDLE_NANOS = TimeUnit.MINUTES.toNanos(10);

    private static final DateTimeFormatter TIME_OF_DAY =
            DateTimeFormatter.ofPattern("HH:mm:ss").withZone(ZoneOffset.UTC);

    /** Bytes that were stored and wait for the boundary. */
    private record Piece(long offset, byte[] raw, byte[] header, boolean held) {
        long end() {
            return offset + raw.length;
        }
    }

    private record Ended(long chunkStart) {}

    /** What is stored may be more than what was told here. */
    private static final Object REFRESH = new Object();

    /** One chunk. */
    static final class Tracked {
        final long start;
        final long ticks;
        final LocalDate day;
        final TreeMap<Long, Piece> pieces = new TreeMap<>();
        final Map<EventType, EventFields> fields = new IdentityHashMap<>();
        long boundary;
        long parsed;
        /** Samples up to here are in {@link Minutes} or in stored blocks. */
        long summed;

        long block;
        boolean open;
        boolean out;

        @Nullable
        String error;

        /** The header of the part that is being read. */
        @Nullable
        ChunkHeader clock;

        @Nullable
        ChunkReader reader;

        private long measured;

        Tracked(SegmentStore.Progress row) {
            start = row.chunkStart();
            ticks = row.chunkTicks();
            day = row.day();
            boundary = row.boundary();
            parsed = row.parsed();
            block = row.block();
            summed = row.block();
            open = row.open();
            out = row.parsedOut();
            error = row.parseError();
        }

        /** What another collector was sent. */
        void grow(SegmentStore.Progress row) {
            boundary = Math.max(boundary, row.boundary());
            open &= row.open();
        }

        long position() {
            return reader == null ? 0 : reader.parsedTo();
        }

        /** How far it is to be read: what cannot be parsed is not tried again. */
        long limit() {
            return out ? parsed : boundary;
        }

        boolean isDone() {
            return (out || !open && boundary == 0) && block >= limit();
        }

        /** Bytes its reader keeps now, minus what it kept at the last call. */
        long measure() {
            long now = reader == null ? 0 : reader.retainedBytes();
            long grown = now - measured;
            measured = now;
            return grown;
        }

        long measured() {
            return measured;
        }

        void forgetMeasure() {
            measured = 0;
        }
    }

    private final UUID jvm;
    private final Parsing stage;
    private final Queue<Object> inbox = new ConcurrentLinkedQueue<>();
    private final AtomicBoolean scheduled = new AtomicBoolean();
    private final ReentrantLock lock = new ReentrantLock();
    /** One call of the feed at a time. */
    private final Object feedLock = new Object();

    private volatile String swept = "";
    private volatile boolean greeted;
    private volatile boolean saidEnded;
    private volatile long lastArrival = System.nanoTime();
    private volatile long retryAt;
    private volatile boolean waitingForRetry;
    private volatile boolean minutesOpen;
    private volatile boolean loaded;

    // The rest is guarded by lock.
    private final TreeMap<Long, Tracked> chunks = new TreeMap<>();
    private final Minutes minutes = new Minutes();
    /** By chunk: parts up to here were handed to the feed; outlives {@link #forget}. */
    private final Map<Long, Long> live = new HashMap<>();

    /** By chunk: how often the database refused its events; outlives {@link #forget}. */
    private final Map<Long, Integer> refusals = new HashMap<>();

    /** Chunks that nothing was left of, the newest {@link #MOST_DONE}; their minutes may have been let go of. */
    private final TreeSet<Long> done = new TreeSet<>();

    /** Statements whose text was stored on {@link #textsDay}. */
    private final Set<String> texts = new HashSet<>();

    private LocalDate textsDay = LocalDate.EPOCH;

    private int failures;
    private boolean ended;
    private volatile boolean quietStored;

    JvmParser(UUID jvm, Parsing stage) {
        this.jvm = jvm;
        this.stage = stage;
    }

    // ---- from the threads that handle requests

    void hello(JvmInfo info) {
        feed(feed -> feed.hello(info));
        greeted = true;
    }

    /** Makes the JVM known to the feed, when only the database knows it. */
    void greet() throws SQLException {
        if (!greeted) {
            Optional<JvmInfo> info = stage.info(jvm);
            if (info.isPresent()) {
                hello(info.get());
                List<Long> gaps = stage.segments.gaps(jvm);
                gaps(gaps);
            }
        }
    }

    /** Whether its newest post was its last. */
    boolean saidEnded() {
        return saidEnded;
    }

    void heard(long nowMillis, boolean last) {
        feed(feed -> feed.heard(jvm, nowMillis, last));
    }

    void gaps(List<Long> chunkStarts) {
        feed(feed -> feed.gap(jvm, sentence(chunkStarts)));
    }

    private static @Nullable String sentence(List<Long> chunkStarts) {
        if (chunkStarts.isEmpty()) {
            return null;
        }
        String from = TIME_OF_DAY.format(Instant.ofEpochSecond(0, chunkStarts.get(0)));
        return chunkStarts.size() == 1
                ? "The recording has a gap: of the chunk that began at " + from
                        + " UTC, bytes were lost before they could be sent."
                : "The recording has gaps: of " + chunkStarts.size() + " chunks, the first begun at " + from
                        + " UTC, bytes were lost before they could be sent.";
    }

    /** A segment is durable. */
    void arrived(Segment segment) {
        boolean held = stage.hold(segment.raw().length);
        inbox.add(new Piece[] {
            new Piece(segment.offset(), held ? segment.raw() : new byte[0], segment.header(), held),
            new Piece(segment.chunk().startNanos(), new byte[0], segment.header(), segment.reachesBoundary())
        });
        lastArrival = System.nanoTime();
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

    private void feed(Consumer<Feed> call) {
        synchronized (feedLock) {
            call.accept(stage.feed);
        }
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
            greet();
            load();
            takeInbox();
            // Not by their start, which goes back when the clock is set back: what is begun later must be read later.
            List<Tracked> inOrder = new ArrayList<>(chunks.values());
            inOrder.sort(Comparator.comparingLong(chunk -> chunk.ticks));
            for (Tracked chunk : inOrder) {
                advance(chunk);
            }
            flush();
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
        Map<Long, SegmentStore.Progress> rows = new TreeMap<>();
        for (SegmentStore.Progress row : stage.segments.unfinished(jvm)) {
            rows.put(row.chunkStart(), row);
        }
        for (Tracked chunk : chunks.values()) {
            SegmentStore.Progress row = rows.remove(chunk.start);
            Optional<SegmentStore.Progress> now =
                    row == null ? stage.segments.progress(jvm, chunk.start) : Optional.of(row);
            now.ifPresent(chunk::grow);
        }
        rows.forEach((start, row) -> chunks.put(start, new Tracked(row)));
    }

    private void forget() {
        for (Tracked chunk : chunks.values()) {
            close(chunk);
            drop(chunk);
        }
        chunks.clear();
        done.clear();
        minutes.clear();
        texts.clear();
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
                Tracked chunk = tracked(end.chunkStart);
                if (chunk != null) {
                    chunk.open = false;
                }
            } else if (next instanceof Piece[] arrived) {
                Piece piece = arrived[0];
                ended = false;
                boolean kept = false;
                try {
                    Tracked chunk = tracked(arrived[1].offset());
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

    private @Nullable Tracked tracked(long chunkStart) throws SQLException {
        Tracked known = chunks.get(chunkStart);
        if (known != null) {
            return known;
        }
        refresh();
        Tracked unfinished = chunks.get(chunkStart);
        if (unfinished == null) {
            // Done, or not one byte can be parsed yet.
            Optional<SegmentStore.Progress> row = stage.segments.progress(jvm, chunkStart);
            unfinished = row.map(Tracked::new).orElse(null);
            if (unfinished != null && !unfinished.isDone()) {
                chunks.put(chunkStart, unfinished);
            }
        }
        return unfinished;
    }

    /** A chunk that seemed to end got more bytes: what is in memory of its JVM is made again from what is stored. */
    private @Nullable Tracked reopened(Tracked chunk) throws SQLException {
        Optional<SegmentStore.Progress> row = stage.segments.progress(jvm, chunk.start);
        boolean goesOn = row.isPresent() && !row.get().parsedOut();
        if (!goesOn || chunk.open == row.get().open() && !chunk.out && !done.contains(chunk.start)) {
            return chunk;
        }
        forget();
        load();
        return tracked(chunk.start);
    }

    private void close(Tracked chunk) {
        chunk.reader = null;
        chunk.fields.clear();
        stage.unused(chunk);
    }

    private void drop(Tracked chunk) {
        chunk.pieces.values().forEach(this::release);
        chunk.pieces.clear();
    }

    private void release(Piece piece) {
        if (piece.held()) {
            stage.heldBytes.addAndGet(-piece.raw().length);
        }
    }

    /** Called by other JVMs' threads: gives up the reader unless it is in use. */
    void closeIfIdle(Tracked chunk) {
        if (lock.tryLock()) {
            try {
                close(chunk);
            } finally {
                lock.unlock();
            }
        }
    }

    private static final class TooMuch extends RuntimeException {
        private static final long serialVersionUID = 1;

        TooMuch(String message) {
            super(message, null, false, false);
        }
    }

    /** What the parts of one transaction hand on. */
    private final class Batch {
        final EventStore.Rows rows = stage.events.rows();
        /** To be done after the commit, in order. */
        final List<Runnable> after = new ArrayList<>();

        /** Bytes of rows at most. */
        private long largest = LARGEST_BATCH;

        /** A part is to be read; after an outage it may be all of a chunk, and its rows are some times as large. */
        void begin(int partBytes) {
            long fair = Math.min(
                    (long) ROW_BYTES_PER_BYTE * partBytes, Runtime.getRuntime().maxMemory() / 4);
            largest = rows.bytes() + Math.max(LARGEST_BATCH, fair);
        }

        /** Ends the reading of a part that hands on more than memory has room for. */
        void check() {
            if (rows.bytes() > largest || after.size() > MOST_SAMPLES) {
                throw new TooMuch("The events between two flush boundaries are more than " + (largest >> 20) + " MB or "
                        + MOST_SAMPLES + " samples.");
            }
        }

        boolean isFull() {
            return rows.size() >= BATCH_EVENTS || rows.bytes() >= BATCH_BYTES || after.size() >= BATCH_SAMPLES;
        }
    }

    private void advance(Tracked chunk) throws SQLException {
        while (hasWork(chunk)) {
            Batch batch = new Batch();
            if (!batch.rows.today().equals(textsDay) || texts.size() > MOST_TEXTS) {
                // Said once a day that they are still in use.
                texts.clear();
                textsDay = batch.rows.today();
            }
            ChunkReader reader = chunk.reader;
            if (reader == null) {
                reader = new ChunkReader(Limits.standard(), stage.wanted, false);
                chunk.reader = reader;
            }
            String error = null;
            long limit = chunk.limit();
            while (error == null && reader.parsedTo() < limit && !batch.isFull()) {
                error = readPart(chunk, reader, limit, batch);
            }
            long parsed = reader.parsedTo();
            boolean atEnd = error == null && !chunk.open && parsed >= limit;
            if (atEnd) {
                error = readWaiting(reader, chunk, batch);
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
                if (!commit(chunk, new Batch(), chunk.parsed, true, error)) {
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
                drop(chunk);
                return;
            }
            stage.used(chunk, this);
        }
        if (chunk.reader == null) {
            drop(chunk);
        }
    }

    private static boolean hasWork(Tracked chunk) {
        return chunk.summed < chunk.limit()
                || chunk.parsed < chunk.limit()
                || !chunk.open && !chunk.out && chunk.boundary > 0;
    }

    /** Reads up to the next boundary; returns why that cannot be done, or null. */
    private @Nullable String readPart(Tracked chunk, ChunkReader reader, long limit, Batch batch) throws SQLException {
        long start = reader.parsedTo();
        List<Piece> part = new ArrayList<>();
        long at = start;
        while (true) {
            Piece piece = chunk.pieces.get(at);
            if (piece == null) {
                piece = readBack(chunk, at, limit);
            }
            if (piece == null) {
                return "the bytes from " + at + " on are not stored";
            }
            if (piece.end() == at) {
                return "a stored segment at " + at + " is empty";
            }
            part.add(piece);
            at = piece.end();
            if (at == Segment.boundaryOf(piece.header())) {
                break;
            }
            if (at - start > LONGEST_PART) {
                return "more than " + LONGEST_PART + " bytes without a flush boundary";
            }
        }
        byte[] bytes = new byte[(int) (at - start)];
        for (Piece piece : part) {
            System.arraycopy(piece.raw(), 0, bytes, (int) (piece.offset() - start), piece.raw().length);
            chunk.pieces.remove(piece.offset());
            release(piece);
        }
        byte[] header = part.get(part.size() - 1).header();
        long end = at;
        batch.begin(bytes.length);
        return reading(batch, () -> {
            ChunkHeader clock = ChunkHeader.parse(header);
            chunk.clock = clock;
            reader.read(clock, bytes, (type, offset, event) -> route(chunk, type, offset, event, start, end, batch));
        });
    }

    /** What waited for constants is handed on without them, as nothing more comes. */
    private @Nullable String readWaiting(ChunkReader reader, Tracked chunk, Batch batch) {
        // Part of what the last part handed on: after a crash both are read again.
        long at = Math.max(0, reader.parsedTo() - 1);
        return reading(
                batch,
                () -> reader.finish(
                        (type, offset, event) -> route(chunk, type, offset, event, at, Long.MAX_VALUE, batch)));
    }

    private interface Reading {
        void run() throws JfrFormatException;
    }

    private @Nullable String reading(Batch batch, Reading reading) {
        EventStore.Rows.Mark rows = batch.rows.mark();
        int after = batch.after.size();
        try {
            reading.run();
            return null;
        } catch (JfrFormatException | RuntimeException e) {
            batch.rows.truncate(rows);
            batch.after.subList(after, batch.after.size()).clear();
            if (e instanceof RuntimeException && !(e instanceof TooMuch)) {
                LOG.error("The reader failed on bytes of JVM {}", jvm, e);
            }
            return String.valueOf(e.getMessage());
        }
    }

    private @Nullable Piece readBack(Tracked chunk, long at, long limit) throws SQLException {
        for (SegmentStore.StoredSegment stored :
                SegmentStore.read(stage.database, jvm, chunk.start, chunk.day, at, limit)) {
            try {
                chunk.pieces.putIfAbsent(
                        stored.offset(),
                        new Piece(
                                stored.offset(),
                                WireRequest.inflate(stored.zlib(), stored.length()),
                                stored.header(),
                                false));
            } catch (BadRequest damaged) {
                return null;
            }
        }
        return chunk.pieces.get(at);
    }

    /** Stores the batch, then hands it on in memory; false when it has to be read again. */
    private boolean commit(Tracked chunk, Batch batch, long parsed, boolean out, @Nullable String error)
            throws SQLException {
        boolean stored = false;
        if (parsed > chunk.parsed || out && !chunk.out) {
            stored = stage.events.store(
                    jvm, chunk.start, chunk.parsed, Math.max(parsed, chunk.parsed), out, error, batch.rows);
            if (stored) {
                chunk.parsed = Math.max(parsed, chunk.parsed);
                chunk.out = out;
                stage.storedEvents.add(batch.rows.size());
                stage.clamped.add(batch.rows.clamped());
                texts.addAll(batch.rows.statements());
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
        live.merge(chunk.start, parsed, Math::max);
        feed(feed -> feed.flushed(jvm));
        return true;
    }

    /** Another collector has stored events of this chunk: goes on from where that one is. */
    private void adopt(Tracked chunk) throws SQLException {
        Optional<SegmentStore.Progress> row = stage.segments.progress(jvm, chunk.start);
        if (row.isEmpty()) {
            throw new SQLException("chunk " + chunk.start + " of JVM " + jvm + " is no longer there");
        }
        chunk.parsed = row.get().parsed();
        chunk.out = row.get().parsedOut();
        chunk.error = row.get().parseError();
        chunk.boundary = Math.max(chunk.boundary, row.get().boundary());
        chunk.open = row.get().open();
    }

    private void route(Tracked chunk, EventType type, long offset, Event event, long start, long end, Batch batch) {
        batch.check();
        EventFields fields = chunk.fields.get(type);
        if (fields == null) {
            fields = new EventFields(type, Objects.requireNonNull(chunk.clock));
            chunk.fields.put(type, fields);
        }
        boolean toLive = end > live.getOrDefault(chunk.start, chunk.block);
        if (StoredTypes.isMetric(type.name())) {
            boolean toMinutes = end > chunk.summed;
            if (toMinutes || toLive) {
                EventFields.Sample sample = fields.sample(event);
                batch.after.add(() -> sample(sample, chunk.start, start, toMinutes, toLive));
            }
            return;
        }
        if (end > chunk.summed && StoredTypes.COUNTED.containsKey(type.name())) {
            EventFields.Sample counted = fields.sample(event);
            String histogram = fields.text(event, "histogram");
            batch.after.add(() -> count(counted, histogram, chunk.start, start));
        }
        if (end > chunk.parsed) {
            String json = fields.json(event);
            batch.rows.add(jvm, type.name(), event.startNanos(), chunk.start, offset, json);
            if (type.name().equals("pitot.JvmInformation")) {
                batch.rows.information(json);
            } else if (StoredTypes.WITH_SQL.contains(type.name())) {
                String statement = fields.text(event, "statement");
                if (!texts.contains(statement)) {
                    batch.rows.sql(statement, fields.text(event, "sql", Json.LONGEST_TEXT));
                }
            }
        }
        if (toLive) {
            tellLive(fields, event, batch);
        }
    }

    private void sample(EventFields.Sample sample, long chunk, long part, boolean toMinutes, boolean toLive) {
        if (toMinutes) {
            if (stage.blocks.takes(sample.timeMillis()) && minutes.add(sample, chunk, part)) {
                stage.samples.increment();
            } else {
                stage.clamped.increment();
            }
        }
        if (toLive) {
            feed(feed -> feed.metric(
                    jvm,
                    sample.type(),
                    sample.key(),
                    sample.timeMillis(),
                    sample.fields(),
                    sample.numbers(),
                    sample.texts()));
        }
    }

    private void count(EventFields.Sample event, String histogram, long chunk, long part) {
        if (!stage.blocks.takes(event.timeMillis()) || !minutes.count(event, histogram, chunk, part)) {
            stage.clamped.increment();
        }
    }

    private void tellLive(EventFields fields, Event event, Batch batch) {
        long time = Math.floorDiv(event.startNanos(), 1_000_000L);
        SpanKind kind = SpanKind.of(fields.type().name());
        if (kind != null) {
            SpanSecond second = SpanSecond.of(kind, time, fields.of(event));
            batch.after.add(() -> feed(feed -> feed.span(jvm, second)));
            return;
        }
        switch (fields.type().name()) {
            case "pitot.LoggedErrors" -> {
                String logger = fields.text(event, "logger");
                String error = fields.text(event, "error");
                long count = fields.whole(event, "count");
                batch.after.add(() -> feed(feed -> feed.logged(jvm, time, logger, error, count)));
            }
            case "pitot.AgentStatus" -> {
                String part = fields.text(event, "part");
                String state = fields.text(event, "state");
                String reason = fields.text(event, "reason");
                String remedy = fields.text(event, "remedy");
                batch.after.add(() -> feed(feed -> feed.status(jvm, time, part, state, reason, remedy)));
            }
            case "pitot.Diagnosis" -> {
                Diagnosis line = new Diagnosis(
                        fields.text(event, "subject"),
                        fields.text(event, "category"),
                        fields.text(event, "state"),
                        fields.text(event, "detail"),
                        fields.text(event, "blocker"),
                        fields.text(event, "fixOnHost"),
                        fields.text(event, "fixInDocker"),
                        fields.text(event, "fixInKubernetes"),
                        time);
                batch.after.add(() -> feed(feed -> feed.diagnosis(jvm, line)));
            }
            case "jdk.GarbageCollection" -> {
                String name = fields.text(event, "name");
                double pause = fields.whole(event, "sumOfPauses") / 1e6;
                batch.after.add(() -> feed(feed -> feed.collection(jvm, time, name, pause)));
            }
            default -> {
                // Stored only.
            }
        }
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
            stage.blocks.store(jvm, due, offsets);
        }
        offsets.forEach((start, offset) -> {
            Tracked chunk = chunks.get(start);
            if (chunk != null) {
                chunk.block = offset;
            }
        });
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
                drop(chunk);
                live.remove(chunk.start);
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
