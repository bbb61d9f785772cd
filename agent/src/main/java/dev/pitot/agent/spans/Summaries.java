package dev.pitot.agent.spans;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/** Summaries by a name: at most so many, then {@code other}. Thread-safe; finding one allocates nothing. */
final class Summaries {
    private static final int LONGEST = 200;

    private final int most;
    private final int places;
    private final AtomicInteger kept = new AtomicInteger();
    private final ConcurrentHashMap<String, Summary> byName = new ConcurrentHashMap<>();
    private final Summary other;
    private final List<Summary> all = new ArrayList<>();

    /** @param places of counters */
    Summaries(int most, int places) {
        this.most = most;
        this.places = places;
        this.other = new Summary("other", "", places);
        all.add(other);
    }

    Summary find(String name) {
        return find(name, "");
    }

    /** @param detail goes with a name that is new */
    Summary find(String name, String detail) {
        Summary known = byName.get(name);
        if (known != null) {
            return known;
        }
        if (kept.get() >= most) {
            return other;
        }
        String bounded = name.length() <= LONGEST ? name : name.substring(0, LONGEST);
        // No lambda: the first one in a JVM costs tens of milliseconds, and this is the application's thread.
        Summary fresh = new Summary(bounded, detail, places);
        Summary raced = byName.putIfAbsent(bounded, fresh);
        if (raced != null) {
            return raced;
        }
        if (kept.incrementAndGet() > most) {
            byName.put(bounded, other);
            return other;
        }
        synchronized (all) {
            all.add(fresh);
        }
        return fresh;
    }

    /** Every one ever made. */
    List<Summary> all() {
        synchronized (all) {
            return List.copyOf(all);
        }
    }
}
