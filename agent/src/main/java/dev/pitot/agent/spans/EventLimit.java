package dev.pitot.agent.spans;

import dev.pitot.agent.config.SpanChoice;
import java.util.concurrent.atomic.AtomicInteger;

/** Which spans of one kind become single events: so many a second, and of slow and failed ones more. Thread-safe. */
final class EventLimit {
    /** An outage must not fill the recording. */
    private static final int LEAST_IMPORTANT = 1000;

    private final long slowNanos;
    private final int ordinary;
    private final int important;
    private final AtomicInteger left;
    private final AtomicInteger importantLeft;

    EventLimit(SpanChoice choice) {
        slowNanos = choice.slow().toNanos();
        ordinary = choice.eventsPerSecond();
        important = (int) Math.max(LEAST_IMPORTANT, Math.min(Integer.MAX_VALUE, ordinary * 10L));
        left = new AtomicInteger(ordinary);
        importantLeft = new AtomicInteger(important);
    }

    boolean take(Done done) {
        AtomicInteger from = done.failed || done.timed && done.duration >= slowNanos ? importantLeft : left;
        return from.get() > 0 && from.getAndDecrement() > 0;
    }

    /** Each second. */
    void refill() {
        left.set(ordinary);
        importantLeft.set(important);
    }
}
