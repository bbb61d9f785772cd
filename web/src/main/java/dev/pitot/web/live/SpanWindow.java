package dev.pitot.web.live;

import java.util.ArrayDeque;
import java.util.List;

/** The summaries of one kind of spans of one JVM over the last minute of data. Guarded by its {@link LiveJvm}. */
final class SpanWindow {
    static final long MILLIS = 60_000;
    /** Some 600 bytes each. */
    private static final int MOST = 30_000;

    private static final long BYTES_EACH = 600;

    private final ArrayDeque<SpanSecond> seconds = new ArrayDeque<>();
    /** There was no room for summaries up to here, which are within the window. */
    private long cutTo = Long.MIN_VALUE;

    private boolean fresh;

    void add(SpanSecond second) {
        seconds.addLast(second);
        fresh = true;
        if (seconds.size() > MOST) {
            cutTo = Math.max(cutTo, seconds.removeFirst().timeMillis());
        }
    }

    void dropOld(long lastData) {
        while (!seconds.isEmpty() && seconds.getFirst().timeMillis() <= lastData - MILLIS) {
            seconds.removeFirst();
            fresh = true;
        }
    }

    /** Whether the table changed since the last call. */
    boolean takeFresh() {
        boolean was = fresh;
        fresh = false;
        return was;
    }

    List<SpanSecond> copy() {
        return List.copyOf(seconds);
    }

    /** Where the window begins. */
    long from(long lastData, long firstData) {
        // A summary covers the second before it: data that begins 5 s ago covers 6.
        return Math.max(Math.max(lastData + 1 - MILLIS, firstData - 1000), cutTo);
    }

    long bytes() {
        return BYTES_EACH * seconds.size();
    }
}
