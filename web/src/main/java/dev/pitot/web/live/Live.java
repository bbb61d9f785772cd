package dev.pitot.web.live;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.time.Clock;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The last minutes of every JVM, in memory, and the pages that watch them. Ingest writes as {@link Feed} says; requests read from
 * any thread. One thread, the publisher, makes all messages: a message is made once for all who watch the same, and a viewer
 * who is slow has only its own queue to fill.
 */
public final class Live implements Feed, AutoCloseable {
    /** Most JVMs that are known at a time; the one not heard for longest gives way. */
    static final int MOST_JVMS = 10_000;
    /** Most JVMs whose samples are held; 1 to 3 MB each. */
    static final int MOST_WITH_DATA = 1_000;
    /** Bytes of samples of all JVMs; beyond, those of the JVM not heard for longest that nobody watches are forgotten. */
    private static final long MOST_BYTES = Runtime.getRuntime().maxMemory() / 3;
    /** Most JVMs in a fleet message. */
    static final int MOST_IN_FLEET = 1_000;

    /** Rows of a table that a page is sent: the part that takes the time. 100 rows are some 60 KB. */
    static final int MOST_ROWS_SENT = 100;
    /** All tables but that of the endpoints go out at every third tick. */
    private static final int SLOW_TICKS = 3;

    private static final long FORGET_MILLIS = 30 * 60_000L;
    private static final long DEFAULT_SINCE_MILLIS = 10 * 60_000L;
    private static final Logger LOG = LoggerFactory.getLogger(Live.class);

    private final Clock clock;
    private final ConcurrentHashMap<UUID, LiveJvm> jvms = new ConcurrentHashMap<>();
    private final Set<Viewer> viewers = ConcurrentHashMap.newKeySet();
    /** How many viewers watch a JVM. Changed by the publisher only. */
    private final ConcurrentHashMap<UUID, Set<Viewer>> watchers = new ConcurrentHashMap<>();

    /** Viewers who watch a JVM through another collector. Changed by the publisher only. */
    private final ConcurrentHashMap<UUID, Set<Viewer>> elsewhere = new ConcurrentHashMap<>();

    /** JVMs that somebody watches on another collector, and until when that holds. */
    private final ConcurrentHashMap<UUID, Long> watchedByPeers = new ConcurrentHashMap<>();

    /** The publisher's. */
    private long ticks;

    private final Set<UUID> dirty = ConcurrentHashMap.newKeySet();
    private final AtomicBoolean publishing = new AtomicBoolean();
    private final ScheduledExecutorService publisher = Executors.newSingleThreadScheduledExecutor(task -> {
        Thread thread = new Thread(task, "pitot-live");
        thread.setDaemon(true);
        return thread;
    });

    public Live(Clock clock) {
        this.clock = clock;
        publisher.scheduleAtFixedRate(guarded(this::tick), 1, 1, TimeUnit.SECONDS);
        publisher.scheduleAtFixedRate(guarded(this::forgetTheSilent), 60, 60, TimeUnit.SECONDS);
    }

    // ---- what ingest tells -------------------------------------------------------------------------------------

    @Override
    public void hello(JvmInfo info) {
        long now = clock.millis();
        jvms.compute(info.id(), (id, known) -> {
            if (known == null) {
                return new LiveJvm(info, now, now, false);
            }
            known.hello(info);
            return known;
        });
    }

    /** Makes a JVM known that the store remembers from before this start; one that is known already stays as it is. */
    public void remember(JvmInfo info, long firstSeenMillis, long lastSeenMillis, boolean ended) {
        jvms.putIfAbsent(info.id(), new LiveJvm(info, firstSeenMillis, lastSeenMillis, ended));
    }

    @Override
    public void heard(UUID jvm, long nowMillis, boolean ended) {
        with(jvm, known -> known.heard(nowMillis, ended));
    }

    @Override
    public void metric(
            UUID jvm,
            String type,
            @Nullable String key,
            long timeMillis,
            String[] fields,
            double[] numbers,
            String[] texts) {
        with(jvm, known -> known.metric(timeMillis, type, key, fields, numbers, texts));
    }

    @Override
    public void span(UUID jvm, SpanSecond second) {
        with(jvm, known -> known.span(second));
    }

    @Override
    public void logged(UUID jvm, long timeMillis, String logger, String error, long count) {
        with(jvm, known -> known.logged(timeMillis, logger, error, count));
    }

    @Override
    public void collection(UUID jvm, long timeMillis, String name, double pauseMillis) {
        with(jvm, known -> known.collection(timeMillis, name, pauseMillis));
    }

    @Override
    public void status(UUID jvm, long timeMillis, String part, String state, String reason, String remedy) {
        with(jvm, known -> known.status(new PartStatus(timeMillis, part, state, reason, remedy)));
    }

    @Override
    public void diagnosis(UUID jvm, Diagnosis line) {
        with(jvm, known -> known.diagnosis(line));
    }

    @Override
    public void gap(UUID jvm, @Nullable String sentence) {
        with(jvm, known -> known.gap(sentence));
    }

    @Override
    public void flushed(UUID jvm) {
        with(jvm, LiveJvm::flushed);
        if (watchers.containsKey(jvm)) {
            dirty.add(jvm);
            if (publishing.compareAndSet(false, true)) {
                onPublisher(this::publishDirty);
            }
        }
    }

    @Override
    public boolean watched(UUID jvm) {
        boolean watched = watchers.containsKey(jvm)
                || elsewhere.containsKey(jvm)
                || watchedByPeers.getOrDefault(jvm, Long.MIN_VALUE) > clock.millis();
        with(jvm, known -> known.told(watched));
        return watched;
    }

    private void with(UUID jvm, java.util.function.Consumer<LiveJvm> action) {
        LiveJvm known = jvms.get(jvm);
        if (known != null) {
            action.accept(known);
        }
    }

    // ---- what other collectors tell ----------------------------------------------------------------------------

    /**
     * What the store says of a JVM that may be sent to other collectors too.
     *
     * @return false when the JVM is not known here: {@link #remember} it
     */
    public boolean stored(UUID id, long lastSeenMillis, boolean ended) {
        LiveJvm jvm = jvms.get(id);
        if (jvm != null) {
            jvm.stored(lastSeenMillis, ended);
        }
        return jvm != null;
    }

    /** What another collector has in memory; shown until a time where it is newer than what is here. */
    public void elsewhere(PeerJvm jvm, long untilMillis) {
        with(jvm.id(), known -> known.elsewhere(jvm, untilMillis));
    }

    /** JVMs that somebody watches on another collector, which says so again in time: they post as fast as watched ones. */
    public void watchedByPeer(Set<UUID> ids, long untilMillis) {
        watchedByPeers.values().removeIf(until -> until <= clock.millis());
        for (UUID id : ids) {
            if (jvms.containsKey(id)) {
                watchedByPeers.merge(id, untilMillis, Math::max);
            }
        }
    }

    /** What this collector itself has of the JVMs that post to it, nothing that others told it. */
    public List<PeerJvm> own() {
        long now = clock.millis();
        List<PeerJvm> own = new ArrayList<>();
        for (LiveJvm jvm : jvms.values()) {
            PeerJvm one = jvm.own(now);
            if (one != null && own.size() < MOST_IN_FLEET) {
                own.add(one);
            }
        }
        return own;
    }

    /** When a JVM last posted to this collector, milliseconds since the epoch; 0: not since its start. */
    public long heardHere(UUID id) {
        LiveJvm jvm = jvms.get(id);
        return jvm == null ? 0 : jvm.heardHere();
    }

    /** Time of the newest sample that this collector itself holds of a JVM, milliseconds since the epoch; null: it has none. */
    public @Nullable Long newest(UUID id) {
        LiveJvm jvm = jvms.get(id);
        return jvm == null ? null : jvm.newest();
    }

    /** JVMs that are watched by viewers of this collector. */
    public Set<UUID> watched() {
        Set<UUID> watched = new LinkedHashSet<>(watchers.keySet());
        watched.addAll(elsewhere.keySet());
        return watched;
    }

    /** Whether a viewer of this collector watches the fleet. */
    public boolean fleetWatched() {
        return viewers.stream().anyMatch(viewer -> viewer.watch() instanceof Viewer.Watch.Fleet);
    }

    // ---- what requests ask -------------------------------------------------------------------------------------

    /** The JVMs that are known, the one started last first. */
    public List<JvmSummary> fleet() {
        long now = clock.millis();
        return jvms.values().stream()
                .map(jvm -> jvm.summary(now))
                .sorted(Comparator.comparingInt((JvmSummary jvm) -> jvm.state().equals("live") ? 0 : 1)
                        .thenComparing(
                                Comparator.comparingLong(JvmSummary::lastSeen).reversed()))
                .limit(MOST_IN_FLEET)
                .sorted(Comparator.comparingLong(JvmSummary::started).reversed().thenComparing(JvmSummary::id))
                .toList();
    }

    /** One JVM, if it is known. */
    public Optional<JvmSummary> jvm(UUID id) {
        return Optional.ofNullable(jvms.get(id)).map(jvm -> jvm.summary(clock.millis()));
    }

    /** State of the parts of its agent; empty when memory has none. */
    public List<PartStatus> status(UUID id) {
        LiveJvm jvm = jvms.get(id);
        return jvm == null ? List.of() : jvm.status();
    }

    /** What its agent found about counting, in the order it came; empty when memory has nothing. */
    public List<Diagnosis> diagnosis(UUID id) {
        LiveJvm jvm = jvms.get(id);
        return jvm == null ? List.of() : jvm.diagnosis();
    }

    /**
     * Samples that memory holds in {@code [fromMillis, toMillis)}: times, and per field a {@code double[]} or {@code String[]}.
     * Both are empty when it holds none.
     */
    public Tail metrics(UUID id, String type, long fromMillis, long toMillis) {
        LiveJvm jvm = jvms.get(id);
        MetricWindow.Samples samples = jvm == null ? null : jvm.samples(type, fromMillis, toMillis);
        return samples == null ? new Tail(new long[0], new LinkedHashMap<>()) : new Tail(samples.t(), samples.fields());
    }

    /** As {@link #metrics}, of a keyed type, by key; of one key only when {@code only} is not null. */
    public Map<String, Tail> metricsByKey(UUID id, String type, @Nullable String only, long fromMillis, long toMillis) {
        LiveJvm jvm = jvms.get(id);
        Map<String, Tail> tails = new LinkedHashMap<>();
        if (jvm != null) {
            jvm.samplesByKey(type, only, fromMillis, toMillis)
                    .forEach((key, samples) -> tails.put(key, new Tail(samples.t(), samples.fields())));
        }
        return tails;
    }

    /** Samples of one type, or of one key of it, oldest first. */
    public record Tail(long[] t, LinkedHashMap<String, Object> fields) {}

    /** Endpoints, statements, servers or pools over the last 60 s of data; empty when memory has none. */
    public Optional<SpanTable> spans(UUID id, SpanKind kind) {
        return Optional.ofNullable(jvms.get(id)).map(jvm -> jvm.spans(kind));
    }

    /** Log events at level ERROR over the last ten minutes of data; empty when memory has no data. */
    public Optional<LoggedTable> logged(UUID id) {
        return Optional.ofNullable(jvms.get(id)).filter(LiveJvm::hasData).map(LiveJvm::logged);
    }

    /** Pages that are connected. */
    public int viewers() {
        return viewers.size();
    }

    // ---- viewers -----------------------------------------------------------------------------------------------

    /** A page has connected. */
    public Viewer connect(Viewer.Outlet outlet) {
        Viewer viewer = new Viewer(outlet);
        viewers.add(viewer);
        return viewer;
    }

    /** The page is gone. */
    public void disconnect(Viewer viewer) {
        viewer.close();
        viewers.remove(viewer);
        onPublisher(() -> unwatch(viewer));
    }

    /** The page wants the fleet. */
    public void watchFleet(Viewer viewer) {
        onPublisher(() -> {
            unwatch(viewer);
            viewer.watch(new Viewer.Watch.Fleet());
            viewer.offer(fleetMessage());
        });
    }

    /**
     * The page wants one JVM.
     *
     * @param sinceMillis it has all samples up to this time; null: the last ten minutes, please
     */
    public void watchJvm(Viewer viewer, UUID id, @Nullable Long sinceMillis) {
        onPublisher(() -> {
            unwatch(viewer);
            LiveJvm jvm = jvms.get(id);
            if (jvm == null) {
                refuse(viewer, "No JVM " + id + " is known here.");
                return;
            }
            // What the others lack goes out first, so that from here on all who watch have the same.
            publish(id, jvm);
            viewer.watch(new Viewer.Watch.OneJvm(id));
            watchers.computeIfAbsent(id, k -> ConcurrentHashMap.newKeySet()).add(viewer);
            viewer.lastJvmMessage = null;
            offerJvm(viewer, jvm);
            JvmSummary summary = jvm.summary(clock.millis());
            long newest = summary.lastData() == null ? clock.millis() : summary.lastData();
            long since = sinceMillis == null ? newest - DEFAULT_SINCE_MILLIS : sinceMillis;
            if (!viewer.offer(messages(id, jvm.since(since)))) {
                unwatch(viewer);
                return;
            }
            for (SpanKind kind : SpanKind.values()) {
                SpanTable table = jvm.spans(kind);
                if (table != null) {
                    viewer.offer(tableMessage(id, table));
                }
            }
            viewer.offer(loggedMessage(id, jvm.logged()));
        });
    }

    /**
     * The page wants one JVM, and is to get the messages that another collector makes of it, by {@link #pass}.
     *
     * @param then run when nothing more goes out to it from here
     */
    public void watchElsewhere(Viewer viewer, UUID id, Runnable then) {
        onPublisher(() -> {
            unwatch(viewer);
            viewer.watch(new Viewer.Watch.Elsewhere(id));
            if (!viewer.closed()) {
                elsewhere
                        .computeIfAbsent(id, k -> ConcurrentHashMap.newKeySet())
                        .add(viewer);
                then.run();
            }
        });
    }

    /**
     * Passes on what another collector said of the JVM that the page {@linkplain #watchElsewhere watches there}.
     *
     * @return false when the page does not want it (any more), or could not keep up and was told so
     */
    public boolean pass(Viewer viewer, UUID id, String message) {
        return viewer.watch().equals(new Viewer.Watch.Elsewhere(id)) && viewer.offer(message);
    }

    /** Whether the page still wants this JVM, wherever its messages come from; one that could not keep up does not. */
    public boolean watches(Viewer viewer, UUID id) {
        Viewer.Watch watch = viewer.watch();
        return watch.equals(new Viewer.Watch.OneJvm(id)) || watch.equals(new Viewer.Watch.Elsewhere(id));
    }

    /** Tells a page that what it asked for cannot be had. */
    public void refuse(Viewer viewer, String sentence) {
        viewer.offer(Json.text(new ErrorMessage("error", sentence)));
    }

    private void unwatch(Viewer viewer) {
        viewer.watch(new Viewer.Watch.Nothing());
        watchers.values().removeIf(set -> set.remove(viewer) && set.isEmpty());
        elsewhere.values().removeIf(set -> set.remove(viewer) && set.isEmpty());
    }

    // ---- the publisher -----------------------------------------------------------------------------------------

    private void publishDirty() {
        publishing.set(false);
        for (UUID id : List.copyOf(dirty)) {
            dirty.remove(id);
            LiveJvm jvm = jvms.get(id);
            if (jvm != null) {
                publish(id, jvm);
            }
        }
    }

    private void publish(UUID id, LiveJvm jvm) {
        LiveJvm.News news = jvm.takeNews();
        Set<Viewer> audience = watchers.get(id);
        if (audience == null) {
            return;
        }
        List<String> messages = messages(id, news);
        for (Viewer viewer : List.copyOf(audience)) {
            if (!viewer.offer(messages)) {
                unwatch(viewer);
            }
        }
    }

    private void tick() {
        ticks++;
        String fleet = null;
        for (Viewer viewer : viewers) {
            if (viewer.watch() instanceof Viewer.Watch.Fleet) {
                fleet = fleet == null ? fleetMessage() : fleet;
                viewer.offer(fleet);
            }
        }
        Map<UUID, Set<Viewer>> audiences = new HashMap<>(watchers);
        audiences.forEach((id, audience) -> {
            LiveJvm jvm = jvms.get(id);
            if (jvm == null) {
                return;
            }
            List<String> tables = changedTables(id, jvm);
            for (Viewer viewer : List.copyOf(audience)) {
                if (!offerJvm(viewer, jvm) || !viewer.offer(tables)) {
                    unwatch(viewer);
                }
            }
        });
        for (Viewer viewer : viewers) {
            if (viewer.closed()) {
                viewers.remove(viewer);
                unwatch(viewer);
            }
        }
    }

    private List<String> changedTables(UUID id, LiveJvm jvm) {
        List<String> messages = new ArrayList<>();
        for (SpanKind kind : SpanKind.values()) {
            if (kind == SpanKind.ENDPOINT || ticks % SLOW_TICKS == 0) {
                SpanTable table = jvm.takeChangedSpans(kind);
                if (table != null) {
                    messages.add(tableMessage(id, table));
                }
            }
        }
        LoggedTable logged = ticks % SLOW_TICKS == 0 ? jvm.takeChangedLogged() : null;
        if (logged != null) {
            messages.add(loggedMessage(id, logged));
        }
        return messages;
    }

    /** False when the viewer lags. */
    private boolean offerJvm(Viewer viewer, LiveJvm jvm) {
        long now = clock.millis();
        JvmSummary summary = jvm.summary(now);
        List<PartStatus> status = jvm.status();
        List<Diagnosis> diagnosis = jvm.diagnosis();
        int cadence = jvm.cadenceMillis();
        String unclocked = Json.text(new JvmMessage("jvm", 0, summary, status, diagnosis, cadence));
        if (unclocked.equals(viewer.lastJvmMessage)) {
            return true;
        }
        viewer.lastJvmMessage = unclocked;
        return viewer.offer(Json.text(new JvmMessage("jvm", now, summary, status, diagnosis, cadence)));
    }

    private String fleetMessage() {
        return Json.text(new FleetMessage("fleet", clock.millis(), fleet()));
    }

    private static String tableMessage(UUID id, SpanTable table) {
        Map<String, Object> message = new LinkedHashMap<>();
        message.put("kind", table.kind().table());
        message.put("id", id);
        message.putAll(table.brief(MOST_ROWS_SENT).json());
        return Json.text(message);
    }

    private static String loggedMessage(UUID id, LoggedTable table) {
        return Json.text(new LoggedMessage("logged", id, table.from(), table.to(), table.loggers()));
    }

    private static List<String> messages(UUID id, LiveJvm.News news) {
        List<String> messages = new ArrayList<>();
        for (LiveJvm.Run run : news.runs()) {
            messages.add(Json.text(new SamplesMessage(
                    "samples",
                    id,
                    run.type(),
                    run.key(),
                    run.samples().t(),
                    run.samples().fields())));
        }
        RequestSeconds.Rates rates = news.rates();
        if (rates != null) {
            messages.add(
                    Json.text(new RatesMessage("rates", id, rates.t(), rates.requests(), rates.errors(), rates.p99())));
        }
        List<LiveJvm.Collection> gcs = news.collections();
        if (!gcs.isEmpty()) {
            messages.add(Json.text(new GcMessage(
                    "gc",
                    id,
                    gcs.stream().mapToLong(LiveJvm.Collection::time).toArray(),
                    gcs.stream().map(LiveJvm.Collection::name).toArray(String[]::new),
                    gcs.stream().mapToDouble(LiveJvm.Collection::pause).toArray())));
        }
        return messages;
    }

    private record FleetMessage(String kind, long now, List<JvmSummary> jvms) {}

    private record JvmMessage(
            String kind, long now, JvmSummary jvm, List<PartStatus> status, List<Diagnosis> diagnosis, int cadence) {}

    /** @param key left out when the type has none */
    private record SamplesMessage(
            String kind,
            UUID id,
            String type,

            @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable
            String key,

            long[] t,
            Map<String, Object> fields) {}

    private record LoggedMessage(String kind, UUID id, long from, long to, List<LoggedTable.Row> loggers) {}

    private record RatesMessage(String kind, UUID id, long[] t, long[] requests, long[] errors, double[] p99) {}

    private record GcMessage(String kind, UUID id, long[] t, String[] name, double[] pause) {}

    private record ErrorMessage(String kind, String error) {}

    /** Drops the samples of JVMs that nobody watches and that are silent for long, and the JVMs above the bounds. */
    void forgetTheSilent() {
        long now = clock.millis();
        List<LiveJvm> byLastSeen = new ArrayList<>(jvms.values());
        Map<LiveJvm, Long> seen = new HashMap<>();
        byLastSeen.forEach(jvm -> seen.put(jvm, jvm.lastSeen()));
        byLastSeen.sort(Comparator.comparingLong((LiveJvm jvm) -> seen.getOrDefault(jvm, 0L))
                .reversed());
        Set<LiveJvm> keep = new LinkedHashSet<>();
        int number = 0;
        long bytes = 0;
        for (LiveJvm jvm : byLastSeen) {
            bytes += jvm.bytes();
            if (watchers.containsKey(jvm.id())) {
                keep.add(jvm);
                continue;
            }
            number++;
            if (number > MOST_JVMS) {
                jvms.remove(jvm.id(), jvm);
            } else if (jvm.hasData()
                    && (keep.size() >= MOST_WITH_DATA
                            || bytes > MOST_BYTES
                            || now - seen.getOrDefault(jvm, 0L) > FORGET_MILLIS)) {
                jvm.forgetData();
            } else if (jvm.hasData()) {
                keep.add(jvm);
            }
        }
    }

    private void onPublisher(Runnable task) {
        try {
            publisher.execute(guarded(task));
        } catch (RejectedExecutionException closing) {
            // The collector stops; nobody is told anything more.
            LOG.debug("after the end", closing);
        }
    }

    private static Runnable guarded(Runnable task) {
        return () -> {
            try {
                task.run();
            } catch (RuntimeException bug) {
                // A scheduled task that throws would never run again.
                LOG.error("The live view failed to publish", bug);
            }
        };
    }

    /** Stops publishing; viewers get nothing more. */
    @Override
    public void close() {
        publisher.shutdownNow();
        viewers.forEach(Viewer::close);
        viewers.clear();
    }
}
