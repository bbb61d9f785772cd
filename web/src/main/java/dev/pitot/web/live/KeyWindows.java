package dev.pitot.web.live;

import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The last minutes of one keyed metric type of one JVM, a window for each key (a disk, a core, a thread). Shorter than those of
 * other types, as there are many: about 35 KB for a key of 14 fields that all have values, half of that where there is no PMU.
 * Guarded by its {@link LiveJvm}.
 */
final class KeyWindows {
    static final int MOST_KEYS = 256;
    /** 5 minutes at 1 Hz; a page asks the store for what is older. */
    static final int MOST_SAMPLES = 300;
    /** A key of which nothing was heard for so long goes. */
    static final long UNTOUCHED_MILLIS = 5 * 60_000L;
    /** When there is no room, one of which nothing was heard for so long makes some; keys that are measured each second stay. */
    static final long IDLE_MILLIS = 30_000;

    /** Those that were touched last come last. */
    private final LinkedHashMap<String, MetricWindow> windows = new LinkedHashMap<>(16, 0.75f, true);

    /**
     * The window of a key, made when there is room; null when there is none: the sample is in the store only.
     *
     * @param full the JVM has no room for another window
     */
    @Nullable
    MetricWindow at(String key, long time, boolean full) {
        MetricWindow known = windows.get(key);
        if (known != null) {
            return known;
        }
        if ((full || windows.size() >= MOST_KEYS) && !dropEldest(time - IDLE_MILLIS)) {
            return null;
        }
        MetricWindow window = new MetricWindow(MOST_SAMPLES);
        windows.put(key, window);
        return window;
    }

    /** Drops what was not touched for long. */
    void expire(long now) {
        while (dropEldest(now - UNTOUCHED_MILLIS)) {
            // the next one
        }
    }

    private boolean dropEldest(long untouchedSince) {
        Iterator<MetricWindow> eldest = windows.values().iterator();
        if (eldest.hasNext() && eldest.next().newest() < untouchedSince) {
            eldest.remove();
            return true;
        }
        return false;
    }

    /** Looking at a key through this does not touch it. */
    Map<String, MetricWindow> byKey() {
        return windows;
    }

    int size() {
        return windows.size();
    }
}
