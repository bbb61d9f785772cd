package dev.pitot.web.live;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * What memory holds of one JVM. Written by its ingest thread, read by the publisher and by requests; every method holds the
 * monitor for a copy at most (well under a millisecond), so none waits for a viewer or the database.
 */
final class LiveJvm {
    static final long LIVE_MILLIS = 30_000;
    private static final long LATEST_MILLIS = 30_000;
    private static final long RATE_MILLIS = 10_000;
    /** Samples come a few seconds late at most; beyond, the clock of the JVM was set back. */
    private static final long SET_BACK_MILLIS = 120_000;

    private static final int MOST_TYPES = 32;
    /** Keys of all types together; 36 MB at most. */
    static final int MOST_KEYS = 1_024;
    /** Values of keyed types in one answer; some 2 million characters, at most 4 million. */
    static final int MOST_KEYED_VALUES = 200_000;

    private static final int MOST_COLLECTIONS = 5_000;
    private static final int MOST_PARTS = 64;
    private static final int MOST_SUBJECTS = 64;
    private static final String[] HEARTBEATS = {"pitot.ProcessCounters", "pitot.JvmMemory"};

    record Collection(long time, String name, double pause) {}

    /** One type's samples, or those of one key of it, for a message. */
    record Run(String type, @Nullable String key, MetricWindow.Samples samples) {}

    /** What a viewer who has all up to a time still lacks. */
    record News(List<Run> runs, RequestSeconds.@Nullable Rates rates, List<Collection> collections) {}

    /** What another collector said of it. */
    private record Elsewhere(PeerJvm jvm, long untilMillis) {}

    private JvmInfo info;
    private final long firstSeen;
    private long lastSeen;
    /** When this collector itself was sent something; 0: not yet. */
    private long heardHere;

    private boolean ended;
    private @Nullable Elsewhere elsewhere;
    private @Nullable String gap;
    private final Map<String, PartStatus> parts = new TreeMap<>();

    /** By subject, in the order in which they first came. */
    private final Map<String, Diagnosis> diagnosis = new LinkedHashMap<>();

    private final Map<String, MetricWindow> metrics = new LinkedHashMap<>();
    private final Map<String, KeyWindows> keyed = new LinkedHashMap<>();
    private RequestSeconds requests = new RequestSeconds();
    private final Map<SpanKind, SpanWindow> spans = new EnumMap<>(SpanKind.class);
    private LoggedErrors logged = new LoggedErrors();
    private final ArrayDeque<Collection> collections = new ArrayDeque<>();
    private int freshCollections;
    private long lastData = Long.MIN_VALUE;
    private long firstData = Long.MAX_VALUE;
    private boolean cadenceFast;

    LiveJvm(JvmInfo info, long firstSeen, long lastSeen, boolean ended) {
        this.info = info;
        this.firstSeen = firstSeen;
        this.lastSeen = lastSeen;
        this.ended = ended;
    }

    synchronized void hello(JvmInfo newInfo) {
        info = newInfo;
    }

    synchronized void heard(long now, boolean isEnd) {
        lastSeen = Math.max(lastSeen, now);
        heardHere = now;
        // Leftovers of a killed JVM are heard of after it said nothing more; only a later request takes "ended" back.
        ended = isEnd;
    }

    /** What the store says of it, which other collectors write too; it is the later word unless this one heard later. */
    synchronized void stored(long seen, boolean isEnd) {
        if (seen >= lastSeen) {
            lastSeen = seen;
            ended = isEnd;
        }
    }

    /** What another collector has in memory of it, to be shown for a while. */
    synchronized void elsewhere(PeerJvm jvm, long untilMillis) {
        elsewhere = new Elsewhere(jvm, untilMillis);
    }

    @Nullable
    synchronized Long newest() {
        return lastData == Long.MIN_VALUE ? null : (Long) lastData;
    }

    synchronized long heardHere() {
        return heardHere;
    }

    /** For other collectors: what this one has itself, nothing from others; null when it has nothing new. */
    synchronized @Nullable PeerJvm own(long now) {
        if (lastData == Long.MIN_VALUE || now - heardHere > LIVE_MILLIS) {
            return null;
        }
        return new PeerJvm(id(), lastData, ownLatest(now), gap);
    }

    synchronized void metric(
            long time, String type, @Nullable String key, String[] fields, double[] numbers, @Nullable String[] texts) {
        if (lastData != Long.MIN_VALUE && time < lastData - SET_BACK_MILLIS) {
            // What was newest would stay so until the clock has caught up.
            forgetData();
        }
        MetricWindow window = key == null ? window(type) : window(type, key, time);
        if (window != null) {
            window.add(time, fields, numbers, texts);
            data(time);
        }
    }

    private @Nullable MetricWindow window(String type) {
        MetricWindow window = metrics.get(type);
        if (window == null && metrics.size() < MOST_TYPES) {
            window = new MetricWindow();
            metrics.put(type, window);
        }
        return window;
    }

    private @Nullable MetricWindow window(String type, String key, long time) {
        KeyWindows windows = keyed.get(type);
        if (windows == null) {
            if (keyed.size() >= MOST_TYPES) {
                return null;
            }
            windows = new KeyWindows();
            keyed.put(type, windows);
        }
        boolean full = !windows.byKey().containsKey(key)
                && keyed.values().stream().mapToInt(KeyWindows::size).sum() >= MOST_KEYS;
        return windows.at(key, time, full);
    }

    synchronized void span(SpanSecond second) {
        if (second.kind() == SpanKind.ENDPOINT) {
            fillQuietSeconds(second.timeMillis() - 700);
            requests.add(second);
        }
        spans.computeIfAbsent(second.kind(), kind -> new SpanWindow()).add(second);
        data(second.timeMillis());
        dropOldSpans();
    }

    synchronized void logged(long time, String logger, String error, long count) {
        logged.add(time, logger, error, count);
        data(time);
    }

    private void dropOldSpans() {
        spans.values().forEach(window -> window.dropOld(lastData));
        logged.dropOld(lastData);
    }

    synchronized void collection(long time, String name, double pauseMillis) {
        collections.addLast(new Collection(time, name, pauseMillis));
        freshCollections++;
        while (collections.size() > MOST_COLLECTIONS
                || collections.getFirst().time() < time - MetricWindow.MOST * 1000L) {
            collections.removeFirst();
        }
        freshCollections = Math.min(freshCollections, collections.size());
        data(time);
    }

    synchronized void status(PartStatus status) {
        PartStatus known = parts.get(status.part());
        if (known == null ? parts.size() < MOST_PARTS : known.ts() <= status.ts()) {
            parts.put(status.part(), status);
        }
    }

    synchronized void diagnosis(Diagnosis line) {
        Diagnosis known = diagnosis.get(line.subject());
        if (known == null ? diagnosis.size() < MOST_SUBJECTS : known.ts() <= line.ts()) {
            diagnosis.put(line.subject(), line);
        }
    }

    synchronized void gap(@Nullable String sentence) {
        gap = sentence;
    }

    private void data(long time) {
        lastData = Math.max(lastData, time);
        firstData = Math.min(firstData, time);
    }

    /** A part was parsed completely. */
    synchronized void flushed() {
        // The summaries of the newest second may stand in the next part.
        fillQuietSeconds(lastData - 1_500);
        dropOldSpans();
        keyed.values().forEach(windows -> windows.expire(lastData));
    }

    private void fillQuietSeconds(long until) {
        if (requests.newest() == Long.MIN_VALUE || requests.newest() + 700 >= until) {
            return;
        }
        for (String type : HEARTBEATS) {
            MetricWindow window = metrics.get(type);
            MetricWindow.Samples samples = window == null ? null : window.copy(requests.newest() + 701, until);
            if (samples != null) {
                for (long time : samples.t()) {
                    requests.quiet(time);
                }
                return;
            }
        }
    }

    /** Copies what came since the last call, and takes note of it. */
    synchronized News takeNews() {
        List<Run> runs = new ArrayList<>();
        metrics.forEach((type, window) -> {
            MetricWindow.Samples samples = window.copy(window.freshFrom(), Long.MAX_VALUE);
            if (samples != null) {
                runs.add(new Run(type, null, samples));
            }
            window.settle();
        });
        keyedRuns(runs, MetricWindow::freshFrom);
        keyed.values().forEach(windows -> windows.byKey().values().forEach(MetricWindow::settle));
        RequestSeconds.Rates rates = requests.copy(requests.freshFrom());
        requests.settle();
        List<Collection> news =
                List.copyOf(collections).subList(collections.size() - freshCollections, collections.size());
        freshCollections = 0;
        return new News(runs, rates, news);
    }

    /** Copies all that memory holds after a time; nothing is taken note of. */
    synchronized News since(long sinceMillis) {
        List<Run> runs = new ArrayList<>();
        metrics.forEach((type, window) -> {
            MetricWindow.Samples samples = window.copy(sinceMillis + 1, Long.MAX_VALUE);
            if (samples != null) {
                runs.add(new Run(type, null, samples));
            }
        });
        keyedRuns(runs, window -> sinceMillis + 1);
        return new News(
                runs,
                requests.copy(sinceMillis + 1),
                collections.stream().filter(c -> c.time() > sinceMillis).toList());
    }

    /** Adds the samples of keyed types from a time on; of each key as large a part, the newest, as is not too much in all. */
    private void keyedRuns(List<Run> runs, ToLongFunction<MetricWindow> from) {
        long values = 0;
        for (KeyWindows windows : keyed.values()) {
            for (MetricWindow window : windows.byKey().values()) {
                values += (long) window.count(from.applyAsLong(window)) * window.fields();
            }
        }
        double part = Math.min(1, (double) MOST_KEYED_VALUES / Math.max(1, values));
        keyed.forEach((type, windows) -> windows.byKey().forEach((key, window) -> {
            int count = window.count(from.applyAsLong(window));
            MetricWindow.Samples samples = window.newest((int) Math.ceil(count * part));
            if (samples != null) {
                runs.add(new Run(type, key, samples));
            }
        }));
    }

    /** Samples of a keyed type by key, or those of one key only. */
    synchronized Map<String, MetricWindow.Samples> samplesByKey(
            String type, @Nullable String only, long fromMillis, long toMillis) {
        Map<String, MetricWindow.Samples> byKey = new TreeMap<>();
        KeyWindows windows = keyed.get(type);
        if (windows != null) {
            windows.byKey().forEach((key, window) -> {
                MetricWindow.Samples samples =
                        only == null || only.equals(key) ? window.copy(fromMillis, toMillis) : null;
                if (samples != null) {
                    byKey.put(key, samples);
                }
            });
        }
        return byKey;
    }

    /** Bytes of the samples that are held, about. */
    synchronized long bytes() {
        long bytes = 0;
        for (MetricWindow window : metrics.values()) {
            bytes += window.bytes();
        }
        for (KeyWindows windows : keyed.values()) {
            for (MetricWindow window : windows.byKey().values()) {
                bytes += window.bytes();
            }
        }
        for (SpanWindow window : spans.values()) {
            bytes += window.bytes();
        }
        return bytes;
    }

    synchronized MetricWindow.@Nullable Samples samples(String type, long fromMillis, long toMillis) {
        MetricWindow window = metrics.get(type);
        return window == null ? null : window.copy(fromMillis, toMillis);
    }

    /** The last minute of data; null before the first summary of this kind. */
    @Nullable
    SpanTable spans(SpanKind kind) {
        List<SpanSecond> seconds;
        long from;
        long to;
        synchronized (this) {
            SpanWindow window = spans.get(kind);
            if (window == null) {
                return null;
            }
            to = lastData + 1;
            from = window.from(lastData, firstData);
            seconds = window.copy();
        }
        return SpanTable.of(kind, seconds, from, to);
    }

    /** As {@link #spans}, if it changed since the last call; else null. */
    @Nullable
    SpanTable takeChangedSpans(SpanKind kind) {
        synchronized (this) {
            SpanWindow window = spans.get(kind);
            if (window == null || !window.takeFresh()) {
                return null;
            }
        }
        return spans(kind);
    }

    /** Log events at level ERROR over the last ten minutes of data. */
    synchronized LoggedTable logged() {
        long to = lastData == Long.MIN_VALUE ? 0 : lastData + 1;
        return new LoggedTable(Math.max(0, to - LoggedErrors.MILLIS), to, logged.rows());
    }

    /** As {@link #logged}, if it changed since the last call; else null. */
    @Nullable
    synchronized LoggedTable takeChangedLogged() {
        return logged.takeFresh() ? logged() : null;
    }

    synchronized void told(boolean fast) {
        cadenceFast = fast;
    }

    /** Milliseconds between posts, as the agent was last told. */
    synchronized int cadenceMillis() {
        return cadenceFast ? 1_000 : 10_000;
    }

    synchronized List<PartStatus> status() {
        return List.copyOf(parts.values());
    }

    synchronized List<Diagnosis> diagnosis() {
        return List.copyOf(diagnosis.values());
    }

    synchronized JvmInfo info() {
        return info;
    }

    synchronized long lastSeen() {
        return lastSeen;
    }

    synchronized boolean hasData() {
        return lastData != Long.MIN_VALUE;
    }

    /** Forgets the samples of a JVM that has been silent for long; who it is stays known. */
    synchronized void forgetData() {
        metrics.clear();
        keyed.clear();
        requests = new RequestSeconds();
        spans.clear();
        logged = new LoggedErrors();
        collections.clear();
        freshCollections = 0;
        lastData = Long.MIN_VALUE;
        firstData = Long.MAX_VALUE;
    }

    synchronized JvmSummary summary(long now) {
        Elsewhere other = elsewhere;
        PeerJvm newer =
                other != null && now < other.untilMillis() && other.jvm().lastData() > lastData ? other.jvm() : null;
        return new JvmSummary(
                info.id(),
                info.service(),
                info.host(),
                info.pid(),
                info.javaVersion(),
                info.jvmName(),
                info.agentVersion(),
                info.labels(),
                info.startedMillis(),
                firstSeen,
                lastSeen,
                newer != null ? (Long) newer.lastData() : lastData == Long.MIN_VALUE ? null : lastData,
                ended ? "ended" : now - lastSeen <= LIVE_MILLIS ? "live" : "quiet",
                newer != null && !ended ? newer.latest() : ownLatest(now),
                newer != null ? newer.gap() : gap);
    }

    private JvmSummary.Latest ownLatest(long now) {
        long notBefore = lastData - LATEST_MILLIS;
        // What a JVM used when it was last heard of here says nothing about now.
        boolean current = lastData != Long.MIN_VALUE && now - heardHere < LIVE_MILLIS && !ended;
        RequestSeconds.Recent recent = current ? requests.recent(lastData - RATE_MILLIS) : null;
        return new JvmSummary.Latest(
                known(
                        current,
                        latest("jdk.CPULoad", "jvmUser", notBefore) + latest("jdk.CPULoad", "jvmSystem", notBefore)),
                known(current, latest("pitot.JvmMemory", "heapUsed", notBefore)),
                known(current, latest("pitot.JvmMemory", "heapMax", notBefore)),
                known(current, latest("jdk.JavaThreadStatistics", "activeCount", notBefore)),
                recent == null ? null : (Double) recent.requestRate(),
                recent == null ? null : (Double) recent.errorRate(),
                recent == null ? null : known(true, recent.p99()));
    }

    private double latest(String type, String field, long notBefore) {
        MetricWindow window = metrics.get(type);
        return window == null ? Double.NaN : window.latest(field, notBefore);
    }

    private static @Nullable Double known(boolean current, double value) {
        return !current || Double.isNaN(value) ? null : (Double) value;
    }

    UUID id() {
        return info().id();
    }
}
