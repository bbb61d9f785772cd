package dev.pitot.web.ingest;

import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.LongAdder;

/** Why an event or a sample, or a part of one, is not stored as it was sent. */
enum LeftOut {
    /** Its time is outside of what is kept: an event is moved to the edge, a sample left out. */
    CLOCK,
    /** Its minute was stored and let go of before it came. */
    LATE,
    /** Its type has as many keys or samples in this minute as are kept. */
    FULL,
    /** A number of a sample that is infinite, which JSON cannot say; it becomes null. */
    INFINITE,
    /** A text of a sample that is longer than is kept; it is cut. */
    CUT;

    /** As in {@code IngestStats} and the label of the metric. */
    String reason() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** So many for each reason. Any thread. */
    static final class Counts {
        private final LongAdder[] counts = new LongAdder[LeftOut.values().length];

        Counts() {
            for (int i = 0; i < counts.length; i++) {
                counts[i] = new LongAdder();
            }
        }

        void add(LeftOut why, long count) {
            counts[why.ordinal()].add(count);
        }

        long sum() {
            long sum = 0;
            for (LongAdder count : counts) {
                sum += count.sum();
            }
            return sum;
        }

        Map<String, Long> byReason() {
            Map<String, Long> all = new TreeMap<>();
            for (LeftOut why : LeftOut.values()) {
                all.put(why.reason(), counts[why.ordinal()].sum());
            }
            return all;
        }
    }
}
