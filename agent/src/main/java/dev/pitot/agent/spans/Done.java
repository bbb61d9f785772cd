package dev.pitot.agent.spans;

import java.util.Arrays;

/** What is known of a span at its end, for its summary and its event. Used by one thread at a time, and again for the next span. */
final class Done {
    /** Places in {@link #extras}. */
    static final int ASYNC = 0;

    static final int STATEMENTS = 1;
    static final int STATEMENT_NANOS = 2;
    static final int CALLS = 3;
    static final int CALL_NANOS = 4;
    static final int LOGGED_ERRORS = 5;
    static final int BATCHED = 6;
    static final int UNFOLLOWED = 7;
    static final int EXTRAS = 8;

    boolean failed;
    /** False when nobody could say when it ended: then {@link #duration} means nothing. */
    boolean timed;

    /** Nanoseconds of wall time. */
    long duration;

    final Cost all;
    /** Less what nested spans took. */
    final Cost own;

    final long[] parts = new long[Part.COUNT];
    final long[] extras = new long[EXTRAS];
    long otherThreads;

    Done(int places) {
        all = new Cost(places);
        own = new Cost(places);
    }

    /** A copy that outlives the thread's next span. */
    Done copy() {
        Done copy = new Done(all.counts.length);
        copy.failed = failed;
        copy.timed = timed;
        copy.duration = duration;
        copy.all.set(all);
        copy.own.set(own);
        System.arraycopy(parts, 0, copy.parts, 0, Part.COUNT);
        System.arraycopy(extras, 0, copy.extras, 0, EXTRAS);
        copy.otherThreads = otherThreads;
        return copy;
    }

    /** Adds what another part of the same span took. */
    void add(Done part) {
        duration += part.duration;
        all.add(part.all);
        own.add(part.own);
        for (int i = 0; i < Part.COUNT; i++) {
            parts[i] = Cost.sum(parts[i], part.parts[i]);
        }
    }

    void clear() {
        failed = false;
        timed = true;
        duration = 0;
        otherThreads = 0;
        Arrays.fill(parts, 0);
        Arrays.fill(extras, 0);
    }
}
