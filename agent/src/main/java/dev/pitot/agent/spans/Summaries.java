package dev.pitot.agent.spans;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;

/** Summaries by a name: at most so many, then {@code other}. Thread-safe; finding one allocates nothing. */
final class Summaries {
    private static final int LONGEST = 200;

    private final int most;
    private final int places;
    private final ConcurrentHashMap<String, Summary> byName = new ConcurrentHashMap<>();
    private final Summary other;
    private volatile boolean full;
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
        String bounded = name.length() <= LONGEST ? name : name.substring(0, LONGEST);
        Summary known = byName.get(bounded);
        if (known != null) {
            return known;
        }
        if (full) {
            return other;
        }
        // One at a time: a summary that is found is always one that is emitted.
        synchronized (all) {
            Summary raced = byName.get(bounded);
            if (raced != null) {
                return raced;
            }
            if (byName.size() >= most) {
                full = true;
                return other;
            }
            Summary fresh = new Summary(bounded, detail, places);
            all.add(fresh);
            byName.put(bounded, fresh);
            return fresh;
        }
    }

    /** Every one ever made. */
    List<Summary> all() {
        synchronized (all) {
            return List.copyOf(all);
        }
    }
}
