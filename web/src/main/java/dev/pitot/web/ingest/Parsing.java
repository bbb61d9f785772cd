package dev.pitot.web.ingest;

import dev.pitot.web.live.Feed;
import dev.pitot.web.live.JvmInfo;
import dev.pitot.web.store.BlockStore;
import dev.pitot.web.store.Database;
import dev.pitot.web.store.EventStore;
import dev.pitot.web.store.JvmRow;
import dev.pitot.web.store.Queries;
import dev.pitot.web.store.StoredTypes;
import dev.pitot.web.store.Watermarks;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The stage after the commit: a few threads that parse what became durable, one JVM on at most one of them. What it holds in
 * memory is bounded, as everything can be read again from the stored segments. Any thread.
 */
final class Parsing {
    private static final Logger LOG = LoggerFactory.getLogger(Parsing.class);
    /** Constants of all open chunks together. */
    private static final long RETAINED_BYTES =
            Math.min(512L << 20, Runtime.getRuntime().maxMemory() / 4);

    private static final long TICK_MILLIS = 500;
    /** Characters of what the database says in the log. */
    private static final int LONGEST_REASON = 300;

    private static final long FORGET_NANOS = TimeUnit.HOURS.toNanos(2);
    /** Between two lines of the log about events that the database refuses. */
    private static final long REFUSAL_NANOS = TimeUnit.MINUTES.toNanos(1);

    final Database database;
    final Feed feed;
    final Watermarks watermarks;
    final EventStore events;
    final BlockStore blocks;
    final Predicate<String> wanted;

    final LongAdder storedEvents = new LongAdder();
    final LongAdder samples = new LongAdder();
    final LeftOut.Counts clamped = new LeftOut.Counts();
    final LongAdder parseErrors = new LongAdder();
    final AtomicLong heldBytes = new AtomicLong();
    final AtomicLong behindBytes = new AtomicLong();
    final LongAdder refusedMinutes = new LongAdder();
    final LongAdder refusedEvents = new LongAdder();
    private final AtomicLong refusalSaid = new AtomicLong(System.nanoTime() - REFUSAL_NANOS);

    private final IngestSettings settings;
    private final Queries queries;
    private final Map<UUID, JvmParser> parsers = new ConcurrentHashMap<>();
    private final ThreadPoolExecutor executor;
    private final ScheduledExecutorService ticker;
    private final Map<TrackedChunk, JvmParser> readers = new LinkedHashMap<>(64, 0.75f, true);
    private long retained;
    private volatile boolean closing;

    Parsing(
            Database database,
            Feed feed,
            IngestSettings settings,
            Watermarks watermarks,
            EventStore events,
            BlockStore blocks) {
        this.database = database;
        this.feed = feed;
        this.settings = settings;
        this.watermarks = watermarks;
        this.events = events;
        this.blocks = blocks;
        this.queries = new Queries(database);
        Predicate<String> own = patterns(settings.eventPatterns());
        this.wanted = type -> StoredTypes.isMetric(type) || StoredTypes.EVENTS.contains(type) || own.test(type);
        AtomicLong number = new AtomicLong();
        this.executor = new ThreadPoolExecutor(
                settings.parsers(), settings.parsers(), 0, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), task -> {
                    Thread thread = new Thread(task, "pitot-parser-" + number.incrementAndGet());
                    thread.setDaemon(true);
                    return thread;
                });
        this.ticker = Executors.newSingleThreadScheduledExecutor(task -> {
            Thread thread = new Thread(task, "pitot-parsing-ticks");
            thread.setDaemon(true);
            return thread;
        });
        ticker.scheduleWithFixedDelay(this::tick, TICK_MILLIS, TICK_MILLIS, TimeUnit.MILLISECONDS);
    }

    /** {@code com.acme.*}: what begins so; else the full name. */
    private static Predicate<String> patterns(List<String> patterns) {
        Predicate<String> any = type -> false;
        for (String pattern : patterns) {
            any = any.or(
                    pattern.endsWith("*")
                            ? type -> type.startsWith(pattern.substring(0, pattern.length() - 1))
                            : pattern::equals);
        }
        return any;
    }

    /** Begins with every JVM of which something is stored but not parsed: it may never be heard of again. */
    void start() {
        try {
            for (UUID jvm : watermarks.unfinishedJvms()) {
                parser(jvm).schedule();
            }
        } catch (SQLException e) {
            LOG.warn(
                    "What was left unparsed is read when its JVM is heard of, as the database does not answer: {}",
                    e.getMessage());
        }
    }

    /**
     * Goes on with JVMs of which something is left unfinished and that no collector has heard of for a minute: the one that
     * was sent their last segment may have died. Each minute, from one thread.
     */
    void sweep() {
        try {
            watermarks.silentUnfinishedJvms().forEach((jvm, lastSeen) -> parser(jvm)
                    .sweep(lastSeen));
        } catch (SQLException | RuntimeException e) {
            LOG.debug("tried again in a minute", e);
        }
    }

    JvmParser parser(UUID jvm) {
        return parsers.computeIfAbsent(jvm, id -> new JvmParser(id, this));
    }

    void execute(Runnable task) {
        try {
            executor.execute(task);
        } catch (RejectedExecutionException stopped) {
            LOG.debug("not parsed now: the collector stops");
        }
    }

    Optional<JvmRow> jvm(UUID jvm) throws SQLException {
        return queries.jvm(jvm);
    }

    Optional<JvmInfo> info(UUID jvm) throws SQLException {
        return jvm(jvm).map(JvmRow::info);
    }

    /** Whether bytes may be held in memory until they are parsed; else they are read back. */
    boolean hold(long bytes) {
        if (heldBytes.addAndGet(bytes) > settings.heldBytes()) {
            heldBytes.addAndGet(-bytes);
            return false;
        }
        return true;
    }

    /** A reader was used; closes those that were not for longest, when there are too many. */
    void used(TrackedChunk chunk, JvmParser owner) {
        List<Map.Entry<TrackedChunk, JvmParser>> surplus = new ArrayList<>();
        synchronized (readers) {
            retained += chunk.measure();
            readers.put(chunk, owner);
            long excess = retained - RETAINED_BYTES;
            int many = readers.size() - settings.openReaders();
            Iterator<Map.Entry<TrackedChunk, JvmParser>> oldest =
                    readers.entrySet().iterator();
            while ((many > 0 || excess > 0) && readers.size() - surplus.size() > 1 && oldest.hasNext()) {
                Map.Entry<TrackedChunk, JvmParser> next = oldest.next();
                surplus.add(Map.entry(next.getKey(), next.getValue()));
                many--;
                excess -= next.getKey().measured();
            }
        }
        surplus.forEach(entry -> entry.getValue().closeIfIdle(entry.getKey()));
    }

    /** A reader was closed. */
    void unused(TrackedChunk chunk) {
        synchronized (readers) {
            if (readers.remove(chunk) != null) {
                retained -= chunk.measured();
                chunk.forgetMeasure();
            }
        }
    }

    /** The database refused events for good; said once a minute at most. */
    void refused(UUID jvm, int events, String why) {
        refusedEvents.add(events);
        long said = refusalSaid.get();
        long now = System.nanoTime();
        if (!why.isEmpty() && now - said >= REFUSAL_NANOS && refusalSaid.compareAndSet(said, now)) {
            LOG.warn(
                    "Events of JVM {} are left out, {} now and {} since the start, as the database refuses them: {}",
                    jvm,
                    events,
                    refusedEvents.sum(),
                    why.substring(0, Math.min(why.length(), LONGEST_REASON)));
        }
    }

    int openReaders() {
        synchronized (readers) {
            return readers.size();
        }
    }

    int waitingJvms() {
        return executor.getQueue().size();
    }

    boolean closing() {
        return closing;
    }

    private void tick() {
        try {
            long now = System.nanoTime();
            for (Iterator<JvmParser> all = parsers.values().iterator(); all.hasNext(); ) {
                JvmParser parser = all.next();
                parser.tick(now);
                if (parser.isForgettable(now, FORGET_NANOS)) {
                    all.remove();
                    parser.forgotten();
                }
            }
        } catch (RuntimeException e) {
            LOG.error("A tick of the parsers failed; the next one goes on.", e);
        }
    }

    /** Parses what is there, stores the unfinished minutes and stops. */
    void close() {
        closing = true;
        ticker.shutdownNow();
        parsers.values().forEach(parser -> execute(parser::runLast));
        executor.shutdown();
        try {
            if (!executor.awaitTermination(8, TimeUnit.SECONDS)) {
                LOG.warn("Not everything was parsed within 8 s; the rest is done at the next start.");
                executor.shutdownNow();
            }
        } catch (InterruptedException e) {
            executor.shutdownNow();
            Thread.currentThread().interrupt();
        }
    }
}
