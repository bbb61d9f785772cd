package dev.pitot.agent.spans;

import dev.pitot.agent.counters.ThreadCounters;
import dev.pitot.events.EndpointSummary;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * All that is known of the requests of one method and route since the last drain. Any thread may {@link #add}; the sampler
 * drains. A request is in exactly one drain, whole: its count, its bucket and its cost never part.
 *
 * <p>The sums stand in stripes, each behind a flag. A writer that finds a stripe taken goes to the next instead of waiting, and
 * its thread remembers which; so an endpoint that one thread serves has one stripe, and a hot one as many as it needs.
 */
final class Endpoint {
    private static final int STRIPES = 8;

    final String method;
    final String route;
    private final AtomicReferenceArray<@Nullable Stripe> stripes = new AtomicReferenceArray<>(STRIPES);
    /** Set after a request was added, cleared before a drain: lets the sampler pass by an idle endpoint for nothing. */
    private volatile boolean touched;
    /** The sampler's own: whether the memory of the histograms was given back. */
    private boolean idle;

    Endpoint(String method, String route) {
        this.method = method;
        this.route = route;
    }

    /** Sums of one stripe; touched only by whoever moved the flag from 0 to 1. */
    private static final class Stripe extends AtomicInteger {
        private static final long serialVersionUID = 1;

        long count;
        long errors;
        long totalDuration;
        long maxDuration;
        long measured;
        long totalCpuTime;
        long totalAllocated;
        long async;
        long counted;
        long enabledNanos;
        long runningNanos;

        @Nullable
        String source;

        final double[] totals = new double[ThreadCounters.PLACES];
        final Histogram histogram = new Histogram();

        boolean take() {
            return compareAndSet(0, 1);
        }

        void release() {
            setRelease(0);
        }
    }

    /** Counts one finished request; {@link Span#stripe} is where it begins to look for a free stripe, and ends. */
    void add(Span done) {
        int at = done.stripe;
        Stripe stripe = stripe(at);
        while (!stripe.take()) {
            at = (at + 1) & (STRIPES - 1);
            stripe = stripe(at);
        }
        try {
            if (done.async) {
                // Its time so far is not its duration.
                stripe.async++;
            } else {
                stripe.histogram.add(Buckets.of(done.duration));
                stripe.totalDuration += done.duration;
                stripe.maxDuration = Math.max(stripe.maxDuration, done.duration);
            }
            stripe.count++;
            stripe.errors += done.failed ? 1 : 0;
            if (done.cpuTime != Long.MIN_VALUE && done.allocated != Long.MIN_VALUE) {
                stripe.measured++;
                stripe.totalCpuTime += done.cpuTime;
                stripe.totalAllocated += done.allocated;
            }
            addCounts(stripe, done);
        } finally {
            stripe.release();
        }
        done.stripe = at;
        if (!touched) {
            touched = true;
        }
    }

    private static void addCounts(Stripe stripe, Span done) {
        double[] counts = done.counts;
        if (done.counters == null || counts == null) {
            return;
        }
        stripe.source = done.counters.source();
        stripe.enabledNanos += done.counters.enabledNanos();
        stripe.runningNanos += done.counters.runningNanos();
        if (isCounted(counts)) {
            stripe.counted++;
            for (int i = 0; i < ThreadCounters.PLACES; i++) {
                stripe.totals[i] += counts[i];
            }
        }
    }

    /** Whether any hardware counter is known; those that are not stay NaN in the total too. */
    private static boolean isCounted(double[] counts) {
        for (int i = ThreadCounters.CYCLES; i < ThreadCounters.PLACES; i++) {
            if (!Double.isNaN(counts[i])) {
                return true;
            }
        }
        return false;
    }

    private Stripe stripe(int at) {
        Stripe stripe = stripes.get(at);
        if (stripe == null) {
            Stripe fresh = new Stripe();
            stripe = stripes.compareAndSet(at, null, fresh) ? fresh : stripes.get(at);
        }
        return stripe == null ? stripe(at) : stripe;
    }

    /** Whether a drain may find something; forgets the answer, so that a drain must follow when it is true. */
    boolean takeTouched() {
        if (!touched) {
            giveBack();
            return false;
        }
        touched = false;
        idle = false;
        return true;
    }

    /** An endpoint that served nothing for a second keeps its sums, at most 2 KB, and no histogram. */
    private void giveBack() {
        if (idle) {
            return;
        }
        idle = true;
        for (int at = 0; at < STRIPES; at++) {
            Stripe stripe = stripes.get(at);
            if (stripe == null || !stripe.take()) {
                continue;
            }
            try {
                if (stripe.count == 0) {
                    stripe.histogram.release();
                }
            } finally {
                stripe.release();
            }
        }
    }

    /**
     * Moves everything since the last drain into an event.
     *
     * @param histogram scratch of {@link Buckets#COUNT} zeros, left as zeros
     * @return whether there was any request
     */
    boolean drainTo(EndpointSummary event, int[] histogram) {
        double[] totals = new double[ThreadCounters.PLACES];
        long[] nanos = new long[2];
        event.count = 0;
        event.counterSource = "none";
        for (int at = 0; at < STRIPES; at++) {
            Stripe stripe = stripes.get(at);
            if (stripe != null) {
                drain(stripe, event, totals, nanos, histogram);
            }
        }
        if (event.count == 0) {
            return false;
        }
        event.method = method;
        event.route = route;
        event.histogram = text(histogram);
        if (nanos[0] > 0) {
            event.counterRunning = Math.min(1, (double) nanos[1] / nanos[0]);
        }
        if (event.counted > 0) {
            event.totalCycles = totals[ThreadCounters.CYCLES];
            event.totalInstructions = totals[ThreadCounters.INSTRUCTIONS];
            event.totalCacheMisses = totals[ThreadCounters.CACHE_MISSES];
            event.totalBranchMisses = totals[ThreadCounters.BRANCH_MISSES];
        }
        return true;
    }

    private static void drain(Stripe stripe, EndpointSummary event, double[] totals, long[] nanos, int[] histogram) {
        // A writer holds a stripe for some 50 ns, unless it was just then taken off its CPU.
        while (!stripe.take()) {
            Thread.yield();
        }
        try {
            if (stripe.count == 0) {
                return;
            }
            event.count += stripe.count;
            event.errors += stripe.errors;
            event.totalDuration += stripe.totalDuration;
            event.maxDuration = Math.max(event.maxDuration, stripe.maxDuration);
            event.measured += stripe.measured;
            event.totalCpuTime += stripe.totalCpuTime;
            event.totalAllocated += stripe.totalAllocated;
            event.counted += stripe.counted;
            for (int i = 0; i < totals.length; i++) {
                totals[i] += stripe.totals[i];
                stripe.totals[i] = 0;
            }
            event.async += stripe.async;
            if (stripe.source != null) {
                event.counterSource = stripe.source;
            }
            nanos[0] += stripe.enabledNanos;
            nanos[1] += stripe.runningNanos;
            stripe.histogram.drainTo(histogram);
            stripe.async = 0;
            stripe.enabledNanos = 0;
            stripe.runningNanos = 0;
            stripe.source = null;
            stripe.count = 0;
            stripe.errors = 0;
            stripe.totalDuration = 0;
            stripe.maxDuration = 0;
            stripe.measured = 0;
            stripe.totalCpuTime = 0;
            stripe.totalAllocated = 0;
            stripe.counted = 0;
        } finally {
            stripe.release();
        }
    }

    private static String text(int[] histogram) {
        StringBuilder text = new StringBuilder(64);
        for (int i = 0; i < histogram.length; i++) {
            if (histogram[i] != 0) {
                text.append(text.length() == 0 ? "" : " ").append(i).append(':').append(histogram[i]);
                histogram[i] = 0;
            }
        }
        return text.toString();
    }
}
