package dev.pitot.agent.spans;

import dev.pitot.agent.counters.ThreadCounters;
import dev.pitot.events.SpanSummary;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicIntegerFieldUpdater;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * All that is known of the spans of one name since the last drain. Any thread may {@link #add}; the sampler
 * drains. A span is in exactly one drain, whole: its count, its bucket and its cost never part.
 *
 * <p>The sums stand in stripes, each behind a flag. A writer that finds a stripe taken goes to the next instead of waiting, and
 * its thread remembers which; so a name that one thread serves has one stripe, and a hot one as many as it needs.
 */
final class Summary {
    private static final int STRIPES = 8;

    /** Method and route of an endpoint, hash and text of a statement; a target or a pool and nothing. */
    final String name;

    final String detail;
    private final int places;
    private final AtomicReferenceArray<@Nullable Stripe> stripes = new AtomicReferenceArray<>(STRIPES);
    /** Set after a span was added, cleared before a drain: lets the sampler pass by an idle name for nothing. */
    private volatile boolean touched;
    /** The sampler's own: whether the memory of the histograms was given back. */
    private boolean idle;

    /** @param places of counters */
    Summary(String name, String detail, int places) {
        this.name = name;
        this.detail = detail;
        this.places = places;
    }

    /** Sums of one stripe, or of all; touched only by whoever moved the flag from 0 to 1. */
    private static final class Sums {
        long count;
        long errors;
        long untimed;
        long totalDuration;
        long maxDuration;
        long measured;
        long cpuTime;
        long runQueueWait;
        long allocated;
        long ownCpuTime;
        long ownRunQueueWait;
        long ownAllocated;
        long counted;
        long enabled;
        long running;

        @Nullable
        String source;

        final double[] counts;
        final double[] ownCounts;
        final long[] parts = new long[Part.COUNT];
        final long[] extras = new long[Done.EXTRAS];

        Sums(int places) {
            counts = new double[places];
            ownCounts = new double[places];
        }

        void add(Sums other) {
            count += other.count;
            errors += other.errors;
            untimed += other.untimed;
            totalDuration += other.totalDuration;
            maxDuration = Math.max(maxDuration, other.maxDuration);
            measured += other.measured;
            cpuTime += other.cpuTime;
            runQueueWait = Cost.sum(runQueueWait, other.runQueueWait);
            allocated += other.allocated;
            ownCpuTime = Cost.sum(ownCpuTime, other.ownCpuTime);
            ownRunQueueWait = Cost.sum(ownRunQueueWait, other.ownRunQueueWait);
            ownAllocated = Cost.sum(ownAllocated, other.ownAllocated);
            counted += other.counted;
            enabled += other.enabled;
            running += other.running;
            source = other.source == null ? source : other.source;
            for (int i = 0; i < counts.length; i++) {
                counts[i] += other.counts[i];
                ownCounts[i] += other.ownCounts[i];
            }
            for (int i = 0; i < parts.length; i++) {
                parts[i] = Cost.sum(parts[i], other.parts[i]);
            }
            for (int i = 0; i < extras.length; i++) {
                extras[i] += other.extras[i];
            }
        }

        void clear() {
            count = 0;
            errors = 0;
            untimed = 0;
            totalDuration = 0;
            maxDuration = 0;
            measured = 0;
            cpuTime = 0;
            runQueueWait = 0;
            allocated = 0;
            ownCpuTime = 0;
            ownRunQueueWait = 0;
            ownAllocated = 0;
            counted = 0;
            enabled = 0;
            running = 0;
            source = null;
            Arrays.fill(counts, 0);
            Arrays.fill(ownCounts, 0);
            Arrays.fill(parts, 0);
            Arrays.fill(extras, 0);
        }
    }

    private static final class Stripe {
        private static final AtomicIntegerFieldUpdater<Stripe> FLAG =
                AtomicIntegerFieldUpdater.newUpdater(Stripe.class, "flag");

        /** Given back by setting it to 0, see {@link Span#flag}. */
        volatile int flag;

        final Sums sums;
        final Histogram histogram = new Histogram();

        Stripe(int places) {
            sums = new Sums(places);
        }

        boolean take() {
            return FLAG.compareAndSet(this, 0, 1);
        }
    }

    /**
     * Counts one span that has ended.
     *
     * @param at where to begin to look for a free stripe
     * @return where one was found
     */
    int add(Done done, int at) {
        Stripe stripe = stripe(at);
        while (!stripe.take()) {
            at = (at + 1) & (STRIPES - 1);
            stripe = stripe(at);
        }
        try {
            add(stripe, done);
        } finally {
            stripe.flag = 0;
        }
        if (!touched) {
            touched = true;
        }
        return at;
    }

    private static void add(Stripe stripe, Done done) {
        Sums sums = stripe.sums;
        if (done.timed) {
            stripe.histogram.add(Buckets.of(done.duration));
            sums.totalDuration += done.duration;
            sums.maxDuration = Math.max(sums.maxDuration, done.duration);
            for (int i = 0; i < Part.COUNT; i++) {
                sums.parts[i] = Cost.sum(sums.parts[i], done.parts[i]);
            }
        } else {
            sums.untimed++;
        }
        sums.count++;
        sums.errors += done.failed ? 1 : 0;
        Cost all = done.all;
        Cost own = done.own;
        if (all.cpuTime != Long.MIN_VALUE && all.allocated != Long.MIN_VALUE) {
            sums.measured++;
            sums.cpuTime += all.cpuTime;
            sums.runQueueWait = Cost.sum(sums.runQueueWait, all.runQueueWait);
            sums.allocated += all.allocated;
            sums.ownCpuTime = Cost.sum(sums.ownCpuTime, own.cpuTime);
            sums.ownRunQueueWait = Cost.sum(sums.ownRunQueueWait, own.runQueueWait);
            sums.ownAllocated = Cost.sum(sums.ownAllocated, own.allocated);
        }
        if (all.source != null) {
            sums.source = all.source;
            sums.enabled += all.enabled;
            sums.running += all.running;
            if (isCounted(all.counts)) {
                sums.counted++;
                for (int i = 0; i < sums.counts.length; i++) {
                    sums.counts[i] += all.counts[i];
                    sums.ownCounts[i] += own.counts[i];
                }
            }
        }
        for (int i = 0; i < Done.EXTRAS; i++) {
            sums.extras[i] += done.extras[i];
        }
    }

    /** Whether any counter is known; those that are not stay NaN in the total too. */
    private static boolean isCounted(double[] counts) {
        for (double count : counts) {
            if (!Double.isNaN(count)) {
                return true;
            }
        }
        return false;
    }

    private Stripe stripe(int at) {
        Stripe stripe = stripes.get(at);
        if (stripe == null) {
            Stripe fresh = new Stripe(places);
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

    /** A name that nothing ended under for a second keeps its sums and no histogram. */
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
                if (stripe.sums.count == 0) {
                    stripe.histogram.release();
                }
            } finally {
                stripe.flag = 0;
            }
        }
    }

    /**
     * Moves everything since the last drain into an event.
     *
     * @param histogram scratch of {@link Buckets#COUNT} zeros, left as zeros
     * @param further names of the counters that have no field
     * @param extras filled by the places of {@link Done}
     * @return whether there was any span
     */
    boolean drainTo(SpanSummary event, int[] histogram, List<String> further, long[] extras) {
        Sums all = new Sums(places);
        for (int at = 0; at < STRIPES; at++) {
            Stripe stripe = stripes.get(at);
            if (stripe == null) {
                continue;
            }
            // A writer holds a stripe for some 100 ns, unless it was just then taken off its CPU.
            while (!stripe.take()) {
                Thread.yield();
            }
            try {
                if (stripe.sums.count > 0) {
                    all.add(stripe.sums);
                    stripe.sums.clear();
                    stripe.histogram.drainTo(histogram);
                }
            } finally {
                stripe.flag = 0;
            }
        }
        if (all.count == 0) {
            return false;
        }
        System.arraycopy(all.extras, 0, extras, 0, extras.length);
        write(all, event, further);
        event.histogram = text(histogram);
        return true;
    }

    private static void write(Sums all, SpanSummary event, List<String> further) {
        event.count = all.count;
        event.errors = all.errors;
        event.untimed = all.untimed;
        event.totalDuration = all.totalDuration;
        event.maxDuration = all.maxDuration;
        event.measured = all.measured;
        if (all.measured > 0) {
            event.totalCpuTime = all.cpuTime;
            event.totalRunQueueWait = all.runQueueWait;
            event.totalAllocated = all.allocated;
            event.totalOwnCpuTime = all.ownCpuTime;
            event.totalOwnRunQueueWait = all.ownRunQueueWait;
            event.totalOwnAllocated = all.ownAllocated;
        }
        event.counted = all.counted;
        event.counterSource = all.source == null ? "none" : all.source;
        if (all.enabled > 0) {
            event.counterRunning = Math.min(1, (double) all.running / all.enabled);
        }
        if (all.counted > 0) {
            event.totalContextSwitches = all.counts[ThreadCounters.CONTEXT_SWITCHES];
            event.totalPageFaults = all.counts[ThreadCounters.PAGE_FAULTS];
            event.totalCycles = all.counts[ThreadCounters.CYCLES];
            event.totalInstructions = all.counts[ThreadCounters.INSTRUCTIONS];
            event.totalCacheMisses = all.counts[ThreadCounters.CACHE_MISSES];
            event.totalBranchMisses = all.counts[ThreadCounters.BRANCH_MISSES];
            event.totalFurtherCounters = Further.text(further, all.counts);
            event.totalOwnContextSwitches = all.ownCounts[ThreadCounters.CONTEXT_SWITCHES];
            event.totalOwnPageFaults = all.ownCounts[ThreadCounters.PAGE_FAULTS];
            event.totalOwnCycles = all.ownCounts[ThreadCounters.CYCLES];
            event.totalOwnInstructions = all.ownCounts[ThreadCounters.INSTRUCTIONS];
            event.totalOwnCacheMisses = all.ownCounts[ThreadCounters.CACHE_MISSES];
            event.totalOwnBranchMisses = all.ownCounts[ThreadCounters.BRANCH_MISSES];
        }
        event.totalTimeOnCpu = all.parts[Part.ON_CPU];
        event.totalTimeRunQueue = all.parts[Part.RUN_QUEUE];
        event.totalTimeLock = all.parts[Part.LOCK];
        event.totalTimePark = all.parts[Part.PARK];
        event.totalTimeSocket = all.parts[Part.SOCKET];
        event.totalTimeFile = all.parts[Part.FILE];
        event.totalTimeSql = all.parts[Part.SQL];
        event.totalTimeCall = all.parts[Part.CALL];
        event.totalTimePool = all.parts[Part.POOL];
        event.totalTimePause = all.parts[Part.PAUSE];
        event.totalTimeHandoff = all.parts[Part.HANDOFF];
        event.totalTimeUnknown = all.parts[Part.UNKNOWN];
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
