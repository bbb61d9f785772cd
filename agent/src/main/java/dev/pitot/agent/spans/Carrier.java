package dev.pitot.agent.spans;

/**
 * A platform thread that virtual threads are mounted on, one at a time. Used by that thread, or by the virtual thread that is mounted
 * on it and pinned.
 */
final class Carrier {
    final ThreadMeter meter;
    /** When the virtual thread was mounted, or its outermost span began if that was later. */
    final ThreadMeter.Mark base;

    /** Mounts that were measured; read by the sampler too, which may see a little less. */
    volatile long took;
    /** Those that were told of; the sampler's. */
    long told;

    /** Dear readings of the meter, in the same way. */
    volatile long readings;

    long readingsTold;

    private final Cost cost;
    private final Split split = new Split();

    Carrier(ThreadMeter meter) {
        this.meter = meter;
        this.base = meter.newMark();
        this.cost = new Cost(meter.places());
    }

    /** Adds what was spent since {@link #base}. */
    void addTo(Cost sum) {
        meter.since(base, cost, split);
        sum.add(cost);
        readings = readings + meter.takeReadings();
    }
}
