package dev.pitot.agent.spans;

import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/** Measures what was done within one frame, and tells the one around it. Keeps only what measuring costs. Thread-safe. */
final class Frames {
    /** What a virtual thread's counters are said to come from when it is not known what it cost; all of its values are N/A. */
    private static final String PARTIAL = "carrier switched: counters partial";

    volatile OwnCost ownCost;
    private final LongAdder readings = new LongAdder();

    /** @param places of counters */
    Frames(int places) {
        ownCost = OwnCost.none(places);
    }

    /** Measures a frame that was taken off, and tells the one around it. */
    long close(SpanThread thread, Frame frame) {
        long wall = thread.meter.since(frame.mark, frame.cost, frame.split);
        frame.split.of(wall, frame.cost.cpuTime, frame.cost.runQueueWait);
        if (thread.virtual && frame.cost.cpuTime == Long.MIN_VALUE) {
            frame.cost.source = PARTIAL;
        }
        if (thread.top() == null) {
            thread.meter.rest();
        }
        ownCost.takeOff(frame, wall);
        long read = thread.meter.takeReadings();
        if (read != 0) {
            readings.add(read);
        }
        if (frame.hasForeign) {
            frame.cost.subtract(frame.foreign);
        }
        Frame around = thread.top();
        if (around != null) {
            around.inner++;
            around.innerCounted += frame.counted ? 1 : 0;
            passOn(frame, around);
            if (frame.kind == Frame.Kind.TASK || frame.kind == Frame.Kind.REQUEST) {
                addForeign(around, frame.cost);
            } else {
                around.nested.add(frame.cost);
            }
        }
        return wall;
    }

    /** How often since the last call something was read that has to be only after a wait; the sampler's. */
    long readings() {
        return readings.sumThenReset();
    }

    /** What the frame around another has of what ended within that one: measuring it, and work for other requests. */
    private static void passOn(Frame frame, Frame around) {
        around.inner += frame.inner;
        around.innerCounted += frame.innerCounted;
        if (frame.hasForeign) {
            addForeign(around, frame.foreign);
        }
    }

    private static void addForeign(Frame frame, Cost cost) {
        if (!frame.hasForeign) {
            frame.hasForeign = true;
            frame.foreign.clear();
        }
        frame.foreign.add(cost);
    }

    /** A frame that is no span was taken off: what ended in it did so in the one around it. */
    static void pass(SpanThread thread, Frame frame) {
        Frame around = thread.top();
        if (around == null) {
            thread.meter.rest();
        } else {
            passOn(frame, around);
            around.nested.add(frame.nested);
        }
    }

    /** What a frame cost without what was nested in it; valid until the frame is used again. */
    static Cost less(Frame frame) {
        // The place is free now that all that was nested has been taken account of.
        Cost own = frame.foreign;
        own.set(frame.cost);
        own.subtract(frame.nested);
        return own;
    }

    /** A statement, wait or call has ended on its thread: what it was, for its summary, and to the span around it one part. */
    Done closeNested(SpanThread thread, Frame frame, int part, @Nullable Throwable thrown) {
        long wall = close(thread, frame);
        Done done = thread.done;
        done.clear();
        done.duration = wall;
        done.failed = thrown != null;
        done.all.set(frame.cost);
        done.own.set(less(frame));
        System.arraycopy(frame.split.parts, 0, done.parts, 0, Part.COUNT);
        thread.meter.fold(frame.mark, frame.split, part, frame.split.offCpu(wall));
        return done;
    }

    /** The span around a frame that is the innermost, as its events name it. */
    static @Nullable String parentId(@Nullable Frame around) {
        return around == null ? null : Hex.of(around.id);
    }
}
