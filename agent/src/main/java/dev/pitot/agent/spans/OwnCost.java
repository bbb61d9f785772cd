package dev.pitot.agent.spans;

import dev.pitot.events.HttpRequest;
import java.util.Arrays;

/**
 * What measuring itself adds to what it measures: found once, as the least that an empty span shows, since anything above
 * that may be somebody else's.
 */
final class OwnCost {
    private static final int REHEARSALS = 3000;

    /** Within a span, between its own readings: CPU nanoseconds, and counts by their places. */
    private final long within;

    private final double[] countsWithin;
    /** What a span adds to the one around it. */
    private final long around;

    private final double[] countsAround;
    /** A whole span of which no counters are read. */
    private final long uncounted;

    private OwnCost(long within, double[] countsWithin, long around, double[] countsAround, long uncounted) {
        this.uncounted = uncounted;
        this.within = within;
        this.countsWithin = countsWithin;
        this.around = around;
        this.countsAround = countsAround;
    }

    /** Before it is known. */
    static OwnCost none(int places) {
        return new OwnCost(0, new double[places], 0, new double[places], 0);
    }

    /** On the thread of the meter; some milliseconds. */
    static OwnCost of(ThreadMeter meter) {
        int places = meter.places();
        ThreadMeter.Mark outer = meter.newMark();
        ThreadMeter.Mark inner = meter.newMark();
        Cost cost = new Cost(places);
        Split split = new Split();
        HttpRequest event = new HttpRequest();
        long within = Long.MAX_VALUE;
        long both = Long.MAX_VALUE;
        double[] countsWithin = new double[places];
        double[] countsBoth = new double[places];
        Arrays.fill(countsWithin, Double.POSITIVE_INFINITY);
        Arrays.fill(countsBoth, Double.POSITIVE_INFINITY);
        for (int i = 0; i < REHEARSALS; i++) {
            meter.mark(outer, true);
            meter.mark(inner, true);
            event.begin();
            event.end();
            meter.since(inner, cost, split);
            within = least(within, cost.cpuTime);
            least(countsWithin, cost.counts);
            meter.since(outer, cost, split);
            both = least(both, cost.cpuTime);
            least(countsBoth, cost.counts);
        }
        within = within == Long.MAX_VALUE ? 0 : within;
        double[] countsAround = new double[places];
        for (int place = 0; place < places; place++) {
            countsWithin[place] = Double.isInfinite(countsWithin[place]) ? 0 : countsWithin[place];
            countsAround[place] =
                    Double.isInfinite(countsBoth[place]) ? 0 : Math.max(0, countsBoth[place] - countsWithin[place]);
        }
        long around = both == Long.MAX_VALUE ? 0 : Math.max(0, both - within);
        return new OwnCost(within, countsWithin, around, countsAround, uncounted(meter, outer, inner));
    }

    private static long uncounted(ThreadMeter meter, ThreadMeter.Mark outer, ThreadMeter.Mark inner) {
        Cost cost = new Cost(meter.places());
        Split split = new Split();
        long least = Long.MAX_VALUE;
        for (int i = 0; i < REHEARSALS; i++) {
            meter.mark(outer, false);
            meter.mark(inner, false);
            meter.since(inner, cost, split);
            meter.since(outer, cost, split);
            least = least(least, cost.cpuTime);
        }
        return least == Long.MAX_VALUE ? 0 : least;
    }

    private static long least(long a, long b) {
        return b == Long.MIN_VALUE ? a : Math.min(a, b);
    }

    private static void least(double[] sofar, double[] counts) {
        for (int place = 0; place < sofar.length; place++) {
            sofar[place] = counts[place] < sofar[place] ? counts[place] : sofar[place];
        }
    }

    /** CPU nanoseconds of a whole span. */
    long ofSpan(boolean counted) {
        return counted ? within + around : uncounted;
    }

    /**
     * What is left is no more than one thread can have spent or waited in the time that the span took.
     *
     * @param inner spans that ended within this one
     * @param wall nanoseconds
     */
    void takeOff(Cost cost, int inner, long wall) {
        takeOffEach(cost, 1, inner);
        cost.within(wall);
    }

    /** @param times that what is measured was begun and ended */
    void takeOffEach(Cost cost, long times, int inner) {
        if (cost.cpuTime != Long.MIN_VALUE) {
            cost.cpuTime = Math.max(0, cost.cpuTime - times * within - inner * around);
        }
        for (int place = 0; place < countsWithin.length; place++) {
            cost.counts[place] =
                    Math.max(0, cost.counts[place] - times * countsWithin[place] - inner * countsAround[place]);
        }
    }
}
