package dev.pitot.web.live;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What memory holds of one JVM. Written by its ingest thread, read by the publisher and by requests; every method holds the
 * monitor for a copy at most (well under a millisecond), so none waits for a viewer or the database.
 */
final class LiveJvm {
    static final long LIVE_MILLIS = 30_000;
    static final long ENDPOINT_WINDOW_MILLIS = 60_000;
    private static final long LATEST_MILLIS = 30_000;
    private static final long RATE_MILLIS = 10_000;
    /** Samples come a few seconds late at most; beyond, the clock of the JVM was set back. */
    private static final long SET_BACK_MILLIS = 120_000;

    private static final int MOST_TYPES = 20;
    private static final int MOST_ENDPOINT_SECONDS = 30_000;
    private static final int MOST_COLLECTIONS = 5_000;
    private static final int MOST_PARTS = 64;
    private static final String[] HEARTBEATS = {"pitot.ProcessCounters", "pitot.JvmMemory"};

    record Collection(long time, String name, double pause) {}

    /** One type's samples, for a message. */
    record Run(String type, MetricWindow.Samples samples) {}

    /** What a viewer who has all up to a time still lacks. */
    record News(List<Run> runs, RequestSeconds.@Nullable Rates rates, List<Collection> collections) {}

    private JvmInfo info;
    private final long firstSeen;
    private long lastSeen;
    private boolean ended;
    private @Nullable String gap;
    private final Map<String, PartStatus> parts = new TreeMap<>();

    private final Map<String, MetricWindow> metrics = new LinkedHashMap<>();
    private RequestSeconds requests = new RequestSeconds();
    private final ArrayDeque<EndpointSecond> endpoints = new ArrayDeque<>();
    private final ArrayDeque<Collection> collections = new ArrayDeque<>();
    private int freshCollections;
    private boolean freshEndpoints;
    private long lastData = Long.MIN_VALUE;
    private long firstData = Long.MAX_VALUE;
    private long lastEndpoint = Long.MIN_VALUE;
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
        // Leftovers of a killed JVM are heard of after it said nothing more; only a later request takes "ended" back.
        ended = isEnd;
    }

    synchronized void metric(long time, String type, String[] fields, double[] numbers, @Nullable String[] texts) {
        if (lastData != Long.MIN_VALUE && time < lastData - SET_BACK_MILLIS) {
            // What was newest would stay so until the clock has caught up.
            forgetData();
        }
        MetricWindow window = metrics.get(type);
        if (window == null) {
            if (metrics.size() >= MOST_TYPES) {
                return;
            }
            window = new MetricWindow();
            metrics.put(type, window);
        }
        window.add(time, fields, numbers, texts);
        data(time);
    }

    synchronized void endpoint(EndpointSecond second) {
        fillQuietSeconds(second.timeMillis() - 700);
        requests.add(second);
        endpoints.addLast(second);
        lastEndpoint = Math.max(lastEndpoint, second.timeMillis());
        freshEndpoints = true;
        data(second.timeMillis());
        dropOldEndpoints();
    }

    private void dropOldEndpoints() {
        while (!endpoints.isEmpty()
                && (endpoints.size() > MOST_ENDPOINT_SECONDS
                        || endpoints.getFirst().timeMillis() <= lastData - ENDPOINT_WINDOW_MILLIS)) {
            endpoints.removeFirst();
            freshEndpoints = true;
        }
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
        dropOldEndpoints();
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
                runs.add(new Run(type, samples));
            }
            window.settle();
        });
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
                runs.add(new Run(type, samples));
            }
        });
        return new News(
                runs,
                requests.copy(sinceMillis + 1),
                collections.stream().filter(c -> c.time() > sinceMillis).toList());
    }

    synchronized MetricWindow.@Nullable Samples samples(String type, long fromMillis, long toMillis) {
        MetricWindow window = metrics.get(type);
        return window == null ? null : window.copy(fromMillis, toMillis);
    }

    /** Seconds of the last minute of data; null before the first. */
    @Nullable
    EndpointWindow endpointWindow() {
        List<EndpointSecond> seconds;
        long from;
        long to;
        synchronized (this) {
            if (lastEndpoint == Long.MIN_VALUE) {
                return null;
            }
            to = lastData + 1;
            // A summary covers the second before it: data that begins 5 s ago covers 6.
            from = Math.max(to - ENDPOINT_WINDOW_MILLIS, firstData - 1000);
            seconds = List.copyOf(endpoints);
        }
        return new EndpointWindow(from, to, Endpoint.over(seconds, to - from));
    }

    /** Whether the endpoints changed since the last call. */
    synchronized boolean takeEndpointsChanged() {
        boolean changed = freshEndpoints;
        freshEndpoints = false;
        return changed;
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
        requests = new RequestSeconds();
        endpoints.clear();
        collections.clear();
        freshCollections = 0;
        lastEndpoint = Long.MIN_VALUE;
        lastData = Long.MIN_VALUE;
        firstData = Long.MAX_VALUE;
    }

    synchronized JvmSummary summary(long now) {
        long notBefore = lastData - LATEST_MILLIS;
        // What a JVM used when it was last heard of says nothing about now.
        boolean current = lastData != Long.MIN_VALUE && now - lastSeen < LIVE_MILLIS && !ended;
        RequestSeconds.Recent recent = current ? requests.recent(lastData - RATE_MILLIS) : null;
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
                lastData == Long.MIN_VALUE ? null : lastData,
                ended ? "ended" : now - lastSeen <= LIVE_MILLIS ? "live" : "quiet",
                new JvmSummary.Latest(
                        known(
                                current,
                                latest("jdk.CPULoad", "jvmUser", notBefore)
                                        + latest("jdk.CPULoad", "jvmSystem", notBefore)),
                        known(current, latest("pitot.JvmMemory", "heapUsed", notBefore)),
                        known(current, latest("pitot.JvmMemory", "heapMax", notBefore)),
                        known(current, latest("jdk.JavaThreadStatistics", "activeCount", notBefore)),
                        recent == null ? null : (Double) recent.requestRate(),
                        recent == null ? null : (Double) recent.errorRate(),
                        recent == null ? null : known(true, recent.p99())),
                gap);
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
