package dev.pitot.web.ingest;

import dev.pitot.web.live.Feed;
import dev.pitot.web.store.BlockStore;
import dev.pitot.web.store.Database;
import dev.pitot.web.store.DiskGuard;
import dev.pitot.web.store.EventStore;
import dev.pitot.web.store.Partitions;
import dev.pitot.web.store.Roller;
import dev.pitot.web.store.SegmentStore;
import dev.pitot.web.store.Storage;
import dev.pitot.web.store.Stored;
import dev.pitot.web.store.Submission;
import dev.pitot.web.store.Watermarks;
import java.io.IOException;
import java.sql.SQLException;
import java.time.Clock;
import java.util.Map;
import java.util.StringJoiner;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The way of every post from an agent into the store and the live side: {@code docs/spec/wire.md}. Any thread. */
public final class Ingest implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Ingest.class);
    private static final long WATCHED_MILLIS = 1_000;
    private static final long UNWATCHED_MILLIS = 10_000;
    private static final long COMMIT_SECONDS = 20;
    /** Bytes of a recording are some 4 times as long when they are not compressed, and seldom 8. */
    private static final long INFLATED = 8;

    private static final long LONGEST_WAIT = 30_000;
    /** After which an agent asks again whether the disk has room. */
    private static final int FULL_SECONDS = 10;

    private final Feed feed;
    private final Clock clock;
    private final IngestSettings settings;
    private final Storage storage;
    /** Whether it ends with this. */
    private final boolean ownsStorage;

    private final SegmentStore segments;
    private final Parsing parsing;
    private final Roller roller;
    private final ScheduledExecutorService housekeeping;
    private final ScheduledExecutorService rolling;

    private final AtomicLong arriving = new AtomicLong();
    private final LongAdder requests = new LongAdder();
    private final LongAdder taken = new LongAdder();
    private final LongAdder bytes = new LongAdder();
    private final LongAdder refused = new LongAdder();
    private final CommitTimes commitTimes = new CommitTimes();

    /** Starts the writer, the parsers and the upkeep of what is stored. */
    public Ingest(Database database, Feed feed, IngestSettings settings) {
        this(database, feed, settings, UUID.randomUUID(), Clock.systemUTC());
    }

    /** @param collector written to the JVMs that post here */
    public Ingest(Database database, Feed feed, IngestSettings settings, UUID collector) {
        this(database, feed, settings, collector, Clock.systemUTC());
    }

    Ingest(Database database, Feed feed, IngestSettings settings, Clock clock) {
        this(database, feed, settings, UUID.randomUUID(), clock);
    }

    private Ingest(Database database, Feed feed, IngestSettings settings, UUID collector, Clock clock) {
        this(
                database,
                feed,
                settings,
                collector,
                new Storage(database, settings.retention(), Map.of(), DiskGuard.elsewhere(), clock).start(),
                true,
                clock);
    }

    /**
     * @param collector written to the JVMs that post here
     * @param storage of somebody else, who closes it after this
     */
    public Ingest(Database database, Feed feed, IngestSettings settings, UUID collector, Storage storage) {
        this(database, feed, settings, collector, storage, false, Clock.systemUTC());
    }

    private Ingest(
            Database database,
            Feed feed,
            IngestSettings settings,
            UUID collector,
            Storage storage,
            boolean ownsStorage,
            Clock clock) {
        this.feed = feed;
        this.clock = clock;
        this.settings = settings;
        this.storage = storage;
        this.ownsStorage = ownsStorage;
        Partitions partitions = storage.partitions();
        this.segments =
                new SegmentStore(database, partitions, settings.commitWindow().toNanos(), collector);
        this.parsing = new Parsing(
                database,
                feed,
                settings,
                new Watermarks(database),
                new EventStore(database, partitions, storage.disk()),
                new BlockStore(database, partitions, storage.disk()));
        this.roller = new Roller(database, partitions, clock);
        this.housekeeping = scheduler("pitot-sweep");
        this.rolling = scheduler("pitot-rollups");
        housekeeping.scheduleWithFixedDelay(this::sweep, 1, 1, TimeUnit.MINUTES);
        // The first time for what was marked before this start.
        rolling.scheduleWithFixedDelay(this::roll, 20, 60, TimeUnit.SECONDS);
        parsing.start();
    }

    private static ScheduledExecutorService scheduler(String name) {
        return Executors.newSingleThreadScheduledExecutor(task -> {
            Thread thread = new Thread(task, name);
            thread.setDaemon(true);
            return thread;
        });
    }

    private void roll() {
        try {
            roller.round();
        } catch (SQLException | RuntimeException e) {
            LOG.debug("tried again in a minute", e);
        }
    }

    /** What the clock calls each minute. */
    void sweep() {
        parsing.sweep();
    }

    /** A body that is still to be read. */
    public interface Body {
        byte[] read() throws IOException;
    }

    /**
     * Handles one post whose token was checked, if there is room for it in memory: until it is durable, no more than what may wait to be
     * parsed is held of all posts together.
     *
     * @param length of the body at most
     */
    public Reply handle(long length, Body body) throws IOException {
        long room = length + Math.min(WireRequest.LONGEST_SEGMENT, length * INFLATED);
        if (arriving.getAndAdd(room) > settings.heldBytes()) {
            arriving.addAndGet(-room);
            requests.increment();
            return refuse(429, "The collector has more to take in than it has memory for; try again.", 2);
        }
        try {
            return handle(body.read());
        } finally {
            arriving.addAndGet(-room);
        }
    }

    /**
     * Handles one post whose token was checked. Waits for the commit (about 0.1 s; 20 s at most).
     *
     * @param body the whole request body
     */
    public Reply handle(byte[] body) {
        requests.increment();
        if (!storage.disk().takesPosts()) {
            storage.disk().refusedPost();
            return refuse(503, "The disk of the collector's database is full; try again.", FULL_SECONDS);
        }
        WireRequest request;
        try {
            request = WireRequest.parse(body);
        } catch (BadRequest bad) {
            return refuse(bad.status(), bad.sentence(), 0);
        }
        long arrived = System.nanoTime();
        long now = clock.millis();
        CompletableFuture<Stored> answer = segments.submit(new Submission(
                request.jvm(),
                now,
                request.sentNanos() - now * 1_000_000,
                request.hello(),
                request.segment(),
                request.have(),
                request.lost(),
                request.ended()));
        if (answer == null) {
            return refuse(429, "The collector has more to write than it can; try again.", 2);
        }
        Stored stored;
        try {
            // What is durable is handed on even when the commit outlasts this request.
            stored = answer.thenApply(committed -> handOn(request, committed)).get(COMMIT_SECONDS, TimeUnit.SECONDS);
        } catch (ExecutionException | TimeoutException away) {
            storage.disk().failed(away);
            return refuse(503, "The database of the collector is away; try again.", 5);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            return refuse(503, "The collector stops; try again.", 5);
        }
        commitTimes.add(System.nanoTime() - arrived);
        boolean ok = stored.outcome() == Stored.Outcome.TAKEN || stored.outcome() == Stored.Outcome.NONE;
        if (stored.outcome() == Stored.Outcome.TAKEN && request.segment() != null) {
            taken.increment();
            bytes.add(request.segment().raw().length);
        }
        if (stored.known()) {
            tell(request, stored, now);
        }
        if (!ok) {
            refused.increment();
        }
        return reply(request, stored);
    }

    private void tell(WireRequest request, Stored stored, long now) {
        JvmParser parser = parsing.parser(request.jvm());
        if (request.hello() != null) {
            parser.hello(request.hello());
        } else {
            try {
                parser.greet();
            } catch (SQLException away) {
                LOG.debug("the parser greets it later", away);
            }
        }
        // Also when it is no news, or refused: whoever posts is alive.
        parser.heard(now, stored.last() == null ? parser.saidEnded() : stored.last());
        if (stored.gaps() != null) {
            parser.gaps(stored.gaps());
        }
    }

    /** On the thread that commits: waits for nothing. */
    private Stored handOn(WireRequest request, Stored stored) {
        if (!stored.known()) {
            return stored;
        }
        JvmParser parser = parsing.parser(request.jvm());
        if (stored.outcome() == Stored.Outcome.TAKEN && request.segment() != null) {
            parser.arrived(request.segment());
        }
        stored.ended().forEach(parser::endedChunk);
        boolean last = Boolean.TRUE.equals(stored.last());
        if (stored.last() != null) {
            parser.endOfPost(last);
        }
        if (stored.outcome() == Stored.Outcome.TAKEN || !stored.ended().isEmpty() || last) {
            parser.schedule();
        }
        return stored;
    }

    private Reply reply(WireRequest request, Stored stored) {
        StringBuilder text = new StringBuilder("wire=1\n");
        if (!stored.durable().isEmpty()) {
            StringJoiner durable = new StringJoiner(",", "durable=", "\n");
            stored.durable().forEach((chunk, offset) -> durable.add(chunk + ":" + offset));
            text.append(durable);
        }
        // Parsing lags by more than memory holds: agents keep what they have, which is cheaper than reading it back.
        long lag = parsing.behindBytes.get() / Math.max(1, settings.heldBytes());
        text.append("cadence=")
                .append(lag == 0 && feed.watched(request.jvm()) ? WATCHED_MILLIS : UNWATCHED_MILLIS)
                .append('\n');
        int waiting = parsing.waitingJvms();
        if (lag > 0) {
            text.append("wait=").append(Math.min(LONGEST_WAIT, 5_000 * lag)).append('\n');
        } else if (waiting > 4 * settings.parsers()) {
            text.append("wait=").append(Math.min(5_000, waiting * 20)).append('\n');
        }
        if (!stored.known()) {
            text.append("hello=wanted\n");
        }
        String refusal = stored.refusal();
        return switch (stored.outcome()) {
            case NONE, TAKEN -> new Reply(200, text.toString(), 0);
            case CONFLICT ->
                new Reply(
                        409,
                        text.append("message=The segment does not start at the durable offset of its chunk.\n")
                                .toString(),
                        0);
            case MALFORMED ->
                new Reply(
                        400,
                        text.append("message=")
                                .append(encoded(refusal))
                                .append('\n')
                                .toString(),
                        0);
        };
    }

    private Reply refuse(int status, String sentence, int retryAfter) {
        refused.increment();
        return new Reply(status, "wire=1\nmessage=" + encoded(sentence) + "\n", retryAfter);
    }

    private static String encoded(@Nullable String sentence) {
        return String.valueOf(sentence).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A");
    }

    /** The upkeep of what is stored. */
    public Storage storage() {
        return storage;
    }

    /** Counters. */
    public IngestStats stats() {
        return new IngestStats(
                requests.sum(),
                taken.sum(),
                bytes.sum(),
                parsing.storedEvents.sum(),
                parsing.samples.sum(),
                refused.sum(),
                parsing.clamped.sum(),
                parsing.clamped.byReason(),
                parsing.parseErrors.sum(),
                segments.waiting(),
                arriving.get(),
                segments.waitingBytes(),
                parsing.waitingJvms(),
                parsing.heldBytes.get(),
                parsing.behindBytes.get(),
                parsing.refusedMinutes.sum(),
                parsing.refusedEvents.sum(),
                parsing.openReaders(),
                roller.made(),
                roller.behind());
    }

    /** How long posts waited until they were durable. */
    public CommitTimes commitTimes() {
        return commitTimes;
    }

    /** How it works. */
    public IngestSettings settings() {
        return settings;
    }

    /** The most posts that may wait for the next commit. */
    public int mostWaitingRequests() {
        return SegmentStore.MOST_WAITING;
    }

    /** Takes nothing more, finishes what is being parsed, writes the unfinished minutes and stops; 15 s at most. */
    @Override
    public void close() {
        housekeeping.shutdownNow();
        roller.close();
        rolling.shutdownNow();
        segments.close();
        parsing.close();
        if (ownsStorage) {
            storage.close();
        }
    }
}
