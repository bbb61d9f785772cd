package dev.pitot.agent.spans;

import dev.pitot.agent.counters.ThreadCounters;
import dev.pitot.events.HttpRequest;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The request that one thread is serving, and after its end what it took; made once per thread and used again for each
 * request, by that thread only. The event is used again too: {@code begin} and {@code end} set its clock anew and {@code commit}
 * copies it away, so a request allocates nothing here, whether or not it becomes a single event.
 */
final class Span {
    final HttpRequest event = new HttpRequest();
    /** False on a virtual thread, which has no CPU time, no allocation count and no counters of its own. */
    final boolean platform;

    final ThreadCounters.@Nullable Span counters;
    final double @Nullable [] counts;

    /** Whether a request is being served; a handler called inside another finds it true. */
    boolean open;

    long startNanos;
    /** Readings at the begin, negative when there were none. */
    long startCpuTime;

    long startAllocated;

    /** Nanoseconds from begin to end, and what was spent in them; {@link Long#MIN_VALUE} where unknown. */
    long duration;

    long cpuTime = Long.MIN_VALUE;
    long allocated = Long.MIN_VALUE;
    boolean failed;
    boolean async;

    /** Stripe that this thread used last, see {@link Endpoint}. */
    int stripe;

    /** @param places length of {@link #counts} */
    Span(boolean platform, ThreadCounters.@Nullable Span counters, int places) {
        this.platform = platform;
        this.counters = counters;
        this.counts = counters == null ? null : new double[places];
        if (counts != null) {
            Arrays.fill(counts, Double.NaN);
        }
    }

    /** Where the counters came from, as the events say it. */
    String source() {
        return counters == null ? "none" : counters.source();
    }
}
