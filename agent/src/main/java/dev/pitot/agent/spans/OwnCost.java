package dev.pitot.agent.spans;

import dev.pitot.events.HttpRequest;
import java.util.Arrays;

/**
 * What measuring itself adds to what it measures: found once, as the least that an empty span shows, since anything above
 * that may be somebody else's. A span of which no counters are read takes less than half.
 */
final class OwnCost {
    private static final int REHEARSALS = 3000;
    private static final int ROUNDS = 40;
    private static final int TASKS_OF_A_ROUND = 250;
    private static final int SPANS_OF_A_ROUND = 250;
    /** How often as much a reading takes with the caches that others have used while the thread waited; see RequestCost. */
    private static final int COLD = 2;

    /** What one span adds, within itself and to the one around it. */
    private static final class Added {
        /** Between its own readings: CPU nanoseconds, and counts by their places. */
        private long within = Long.MAX_VALUE;

        private final double[] countsWithin;
        private long around = Long.MAX_VALUE;
        private final double[] countsAround;

        Added(int places) {
            countsWithin = new double[places];
            countsAround = new double[places];
            Arrays.fill(countsWithin, Double.POSITIVE_INFINITY);
            Arrays.fill(countsAround, Double.POSITIVE_INFINITY);
        }

        /** Takes what it adds to the one around it out of all that one showed, of which {@code alone} was its own. */
        void without(long nanosAlone, double[] countsAlone) {
            around = around == Long.MAX_VALUE ? 0 : Math.max(0, around - nanosAlone);
            for (int place = 0; place < countsAround.length; place++) {
                countsAround[place] = Double.isInfinite(countsAround[place])
                        ? 0
                        : Math.max(0, countsAround[place] - countsAlone[place]);
            }
        }

        void known() {
            within = within == Long.MAX_VALUE ? 0 : within;
            for (int place = 0; place < countsWithin.length; place++) {
                countsWithin[place] = Double.isInfinite(countsWithin[place]) ? 0 : countsWithin[place];
            }
        }
    }

    private final Added counted;
    private final Added uncounted;
    /** The least that one of the readings takes which are made only after a wait. */
    private final Added reading;
    /** CPU nanoseconds that it takes to do with a span's readings what is done with them. */
    private final long handled;
    /** CPU nanoseconds that it takes to remember a task that is handed over and to find it again. */
    private final long followed;

    private OwnCost(Added counted, Added uncounted, Added reading, long handled, long followed) {
        this.counted = counted;
        this.uncounted = uncounted;
        this.reading = reading;
        this.handled = handled;
        this.followed = followed;
        counted.known();
        uncounted.known();
        reading.known();
        reading.within = Math.max(0, reading.within - counted.within);
        for (int place = 0; place < counted.countsWithin.length; place++) {
            reading.countsWithin[place] = Math.max(0, reading.countsWithin[place] - counted.countsWithin[place]);
        }
        uncounted.without(counted.within, counted.countsWithin);
        counted.without(counted.within, counted.countsWithin);
    }

    /** Before it is known. */
    static OwnCost none(int places) {
        return new OwnCost(new Added(places), new Added(places), new Added(places), 0, 0);
    }

    /** On the thread of the meter; some tens of milliseconds. */
    static OwnCost of(ThreadMeter meter) {
        return new OwnCost(of(meter, true), of(meter, false), ofReading(meter), ofHandling(meter), ofTask(meter));
    }

    /** A span in another one whose counters are read. */
    private static Added of(ThreadMeter meter, boolean counted) {
        ThreadMeter.Mark outer = meter.newMark();
        ThreadMeter.Mark inner = meter.newMark();
        Cost cost = new Cost(meter.places());
        Split split = new Split();
        HttpRequest event = new HttpRequest();
        Added added = new Added(meter.places());
        for (int i = 0; i < REHEARSALS; i++) {
            meter.mark(outer, true);
            meter.mark(inner, counted);
            event.begin();
            event.end();
            meter.since(inner, cost, split);
            added.within = least(added.within, cost.cpuTime);
            least(added.countsWithin, cost.counts);
            meter.since(outer, cost, split);
            added.around = least(added.around, cost.cpuTime);
            least(added.countsAround, cost.counts);
        }
        return added;
    }

    /** In a span whose counters are read. */
    private static Added ofReading(ThreadMeter meter) {
        ThreadMeter.Mark mark = meter.newMark();
        Cost cost = new Cost(meter.places());
        Split split = new Split();
        Added added = new Added(meter.places());
        for (int i = 0; i < REHEARSALS; i++) {
            meter.mark(mark, true);
            meter.readAnew();
            meter.since(mark, cost, split);
            added.within = least(added.within, cost.cpuTime);
            least(added.countsWithin, cost.counts);
        }
        return added;
    }

    private static long ofHandling(ThreadMeter meter) {
        Frame frame = new Frame(meter);
        frame.cost.clear();
        Done done = new Done(meter.places());
        Summary summary = new Summary("", "", meter.places());
        long least = Long.MAX_VALUE;
        for (int round = 0; round < ROUNDS; round++) {
            long before = meter.cpuTime();
            for (int i = 0; i < SPANS_OF_A_ROUND; i++) {
                frame.split.of(1000, 500, 0);
                done.clear();
                done.all.set(frame.cost);
                done.own.set(Frames.less(frame));
                summary.add(done, 0);
            }
            least = least(least, Cost.difference(meter.cpuTime(), before));
        }
        return least == Long.MAX_VALUE ? 0 : least / SPANS_OF_A_ROUND;
    }

    private static long ofTask(ThreadMeter meter) {
        Tasks tasks = new Tasks();
        Span.Link link = new Span(0).link();
        Object[] handedOver = new Object[TASKS_OF_A_ROUND];
        long least = Long.MAX_VALUE;
        for (int round = 0; round < ROUNDS && link != null; round++) {
            for (int i = 0; i < TASKS_OF_A_ROUND; i++) {
                handedOver[i] = new Object();
            }
            long before = meter.cpuTime();
            for (Object task : handedOver) {
                tasks.put(task, link);
            }
            for (Object task : handedOver) {
                tasks.take(task);
            }
            least = least(least, Cost.difference(meter.cpuTime(), before));
        }
        return least == Long.MAX_VALUE ? 0 : least / TASKS_OF_A_ROUND;
    }

    private static long least(long a, long b) {
        return b == Long.MIN_VALUE ? a : Math.min(a, b);
    }

    private static void least(double[] sofar, double[] counts) {
        for (int place = 0; place < sofar.length; place++) {
            sofar[place] = counts[place] < sofar[place] ? counts[place] : sofar[place];
        }
    }

    /** CPU nanoseconds of a whole span: what it adds to the one around it is all its readings. */
    long ofSpan(boolean itsCounters) {
        return (itsCounters ? counted : uncounted).around + handled;
    }

    /** CPU nanoseconds of what is read only after a wait. */
    long ofReading() {
        return COLD * reading.within;
    }

    /** CPU nanoseconds of a task that is followed, beside those of the span that it becomes. */
    long ofFollowing() {
        return followed;
    }

    /**
     * What is left is no more than one thread can have spent or waited in the time that the span took.
     *
     * @param wall nanoseconds
     */
    void takeOff(Frame frame, long wall) {
        Cost cost = frame.cost;
        Added own = frame.counted ? counted : uncounted;
        int withCounters = frame.innerCounted;
        int without = frame.inner - withCounters;
        long readings = frame.split.readings;
        if (cost.cpuTime != Long.MIN_VALUE) {
            cost.cpuTime = Math.max(
                    0,
                    cost.cpuTime
                            - own.within
                            - withCounters * counted.around
                            - without * uncounted.around
                            - readings * reading.within);
        }
        for (int place = 0; place < cost.counts.length; place++) {
            cost.counts[place] = Math.max(
                    0,
                    cost.counts[place]
                            - own.countsWithin[place]
                            - withCounters * counted.countsAround[place]
                            - without * uncounted.countsAround[place]
                            - readings * reading.countsWithin[place]);
        }
        cost.within(wall);
    }

    /** Takes off what so many spans of which counters are read added between their own readings. */
    void takeOffEach(Cost cost, long times) {
        if (cost.cpuTime != Long.MIN_VALUE) {
            cost.cpuTime = Math.max(0, cost.cpuTime - times * counted.within);
        }
        for (int place = 0; place < cost.counts.length; place++) {
            cost.counts[place] = Math.max(0, cost.counts[place] - times * counted.countsWithin[place]);
        }
    }
}
