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
    final Cost sofar;

    private final Cost now;
    /** What else is kept of the thread; null in a trial. */
    private @Nullable SpanThread owner;

    /** Whether it is among those of {@link Mounts}: from the outermost span's begin to its end. */
    private boolean listed;
    /** Whether it has yet to be unpinned. */
    private boolean pinned;
    /** Whether {@link #sofar} is that span's. */
    private boolean open;

    private boolean counted;
    private long times;
    /** Since its {@code base}; null when that is not known. */
    private @Nullable Carrier carrier;

    /** @param trial whether it is read before mounts are trusted */
    VirtualMeter(Thread thread, Mounts mounts, int places, Pauses pauses, boolean trial) {
        super(0, null, null, null, places, pauses, new Shedding(), false);
        this.thread = thread;
        this.mounts = mounts;
        this.trial = trial;
        this.sofar = new Cost(places);
        this.now = new Cost(places);
    }

    /** What is kept of the thread, from now on. */
    SpanThread ofSpans() {
        SpanThread made = new SpanThread(this, true);
        owner = made;
        return made;
    }

    @Nullable
    SpanThread owner() {
        return owner;
    }

    @Override
    Mark newMark() {
        return newMark(new Cost(places()));
    }

    @Override
    void mark(Mark mark, boolean counted) {
        unpinLate();
        if (!listed) {
            mounts.add(thread, this);
            listed = true; // Last, as it may fail.
        }
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
                    unpin();
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
        unpinLate();
        long wall = super.since(mark, cost, parts);
        Cost before = mark.sofar;
        if (before != null && before.cpuTime != Long.MIN_VALUE && isTrusted() && mounts.pin()) {
            long measured;
            try {
                read(now);
                measured = times - mark.mounts;
            } finally {
                unpin();
            }
            cost.set(now);
            cost.subtract(before);
            cost.enabled = Math.max(0, now.enabled - before.enabled);
            cost.running = Math.max(0, now.running - before.running);
            mounts.takeOff(cost, measured);
        }
        return wall;
    }

    private void unpin() {
        pinned =
                true; // Until it is done, which takes as much stack as to pin, or more where that was compiled and this
        // is not.
        mounts.unpin();
        pinned = false;
    }

    /** Where the stack was too short to unpin, an outer span makes up for it: its thread must not keep a carrier for good. */
    private void unpinLate() {
        if (pinned) {
            unpin();
        }
    }

    private boolean isTrusted() {
        return trial || mounts.isTrusted();
    }

    private void begin(boolean counted) {
        Carrier here = mounts.here();
        if (here != null && !mounts.isShed()) {
            begin(here, counted);
        } // Else nothing of it is known, and the next span may fare better.
    }

    /** The outermost span has begun, on this carrier. */
    void begin(Carrier here, boolean counted) {
        this.counted = counted;
        sofar.clear();
        here.meter.mark(here.base, counted);
        carrier = here;
        open = true;
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
        if (listed) {
            mounts.remove(thread);
            listed = false;
            open = false;
            carrier = null;
        }
    }

    /** On the carrier. */
    void mounted(Carrier on) {
        if (!open) {
            return;
        }
        if (carrier != null) {
            sofar.unknown(); // Nobody has told that it was let go, for want of stack.
        }
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
        if (!open) {
            return;
        }
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
