package dev.pitot.agent.spans;

import org.jspecify.annotations.Nullable;

/**
 * What a virtual thread costs its carriers while a span is open on it: the sum of what each of them spent between a mount and the
 * next unmount. Read by the virtual thread, pinned for so long; {@link #mounted} and {@link #unmounted} are the carrier's, when
 * the virtual thread does not run.
 */
final class VirtualMeter extends ThreadMeter {
    private final Thread thread;
    private final Mounts mounts;
    private final boolean trial;
    /** Up to the last unmount, since the outermost span began. */
    private final Cost sofar;

    private final Cost now;
    private boolean open;
    private boolean counted;
    private long times;
    /** Since its {@code base}; null when that is not known. */
    private @Nullable Carrier carrier;

    /** @param trial whether it is read before mounts are trusted */
    VirtualMeter(Thread thread, Mounts mounts, int places, Pauses pauses, boolean trial) {
        super(0, null, null, null, places, pauses, false);
        this.thread = thread;
        this.mounts = mounts;
        this.trial = trial;
        this.sofar = new Cost(places);
        this.now = new Cost(places);
    }

    @Override
    Mark newMark() {
        return newMark(new Cost(places()));
    }

    @Override
    void mark(Mark mark, boolean counted) {
        Cost cost = mark.sofar;
        if (cost != null) {
            cost.unknown();
            if (isTrusted() && mounts.pin()) {
                try {
                    if (!open) {
                        begin(counted);
                    }
                    read(cost);
                    mark.mounts = times;
                } finally {
                    mounts.unpin();
                }
            }
            if (!counted) {
                cost.uncounted();
            }
        }
        super.mark(mark, counted);
    }

    @Override
    long since(Mark mark, Cost cost, Split parts) {
        long wall = super.since(mark, cost, parts);
        Cost before = mark.sofar;
        if (before != null && before.cpuTime != Long.MIN_VALUE && isTrusted() && mounts.pin()) {
            long measured;
            try {
                read(now);
                measured = times - mark.mounts;
            } finally {
                mounts.unpin();
            }
            cost.set(now);
            cost.subtract(before);
            cost.enabled = Math.max(0, now.enabled - before.enabled);
            cost.running = Math.max(0, now.running - before.running);
            mounts.takeOff(cost, measured);
        }
        return wall;
    }

    private boolean isTrusted() {
        return trial || mounts.isTrusted();
    }

    private void begin(boolean counted) {
        this.counted = counted;
        Carrier here = mounts.here();
        if (here == null || mounts.isShed()) {
            return; // Nothing of it is known, and the next span may fare better.
        }
        sofar.clear();
        here.meter.mark(here.base, counted);
        carrier = here;
        open = true;
        mounts.add(thread, this);
    }

    private void read(Cost cost) {
        Carrier here = carrier;
        if (!open || here == null || here != mounts.here()) {
            cost.unknown();
            return;
        }
        cost.set(sofar);
        here.addTo(cost);
    }

    @Override
    void rest() {
        if (open) {
            open = false;
            carrier = null;
            if (mounts.pin()) {
                try {
                    mounts.remove(thread);
                } finally {
                    mounts.unpin();
                }
            }
        }
    }

    /** On the carrier. */
    void mounted(Carrier on) {
        carrier = null;
        if (mounts.isShed()) {
            return;
        }
        on.meter.mark(on.base, counted);
        times++;
        on.took = on.took + 1; // Nobody else writes it.
        carrier = on;
    }

    /** On the carrier. */
    void unmounted() {
        Carrier from = carrier;
        carrier = null;
        if (from == null || mounts.isShed()) {
            sofar.unknown();
            return;
        }
        try {
            from.addTo(sofar);
        } catch (Throwable failed) {
            sofar.unknown();
            throw failed;
        }
    }

    /** Mounts since the thread began with its first span. */
    long times() {
        return times;
    }
}
