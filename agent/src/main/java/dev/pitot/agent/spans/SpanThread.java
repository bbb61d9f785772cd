package dev.pitot.agent.spans;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** What the recorder keeps of one thread: its meter, the spans that are open on it, and scratch. Used by that thread only. */
final class SpanThread {
    /** Spans nested deeper are not measured; their cost is that of the one around them. */
    private static final int DEEPEST = 16;

    final ThreadMeter meter;
    final boolean virtual;
    final Done done;
    private @Nullable Frame[] frames = new Frame[2];
    /** Frames that are open. */
    int depth;

    /** The request that this thread works on, or null. */
    @Nullable
    Span request;

    /** Whether a waiting method of the JDK is under way. */
    boolean waiting;

    /** JVM pauses when it began. */
    long pausesBefore;

    /** Stripe that this thread used last, see {@link Summary}. */
    int stripe;

    private long seed;

    SpanThread(ThreadMeter meter, boolean virtual) {
        this.meter = meter;
        this.virtual = virtual;
        this.done = new Done(meter.places());
        this.seed = System.nanoTime() ^ (long) System.identityHashCode(this) << 32;
    }

    /** The request that this thread works on, or null: a task may outlive its request, and a thread its tasks. */
    @Nullable
    Span live() {
        Span span = request;
        return span == null || span.ended ? null : span;
    }

    /**
     * Whether a request that begins here is one of its own, and not a part of the one that this thread works on: so it is but within that
     * one's own handler. A server's thread may come from one request to the next without the end of a task in between.
     */
    boolean isFree() {
        Span span = request;
        Frame frame = span == null || span.ended ? null : frameOf(span);
        return frame == null || frame.kind == Frame.Kind.TASK;
    }

    /** Takes off all frames: what was begun here will not end. */
    void abandon() {
        while (depth > 0) {
            depth--;
            abandon(depth);
        }
        request = null;
        meter.rest();
    }

    /** The innermost frame, or null. */
    @Nullable
    Frame top() {
        return depth == 0 ? null : frames[depth - 1];
    }

    /** The frame to use next, which is on the stack only after {@link #push}; null when there are too many. */
    @Nullable
    Frame next() {
        if (depth == DEEPEST) {
            return null;
        }
        if (depth == frames.length) {
            frames = Arrays.copyOf(frames, depth * 2);
        }
        Frame frame = frames[depth];
        if (frame == null) {
            frame = new Frame(meter);
            frames[depth] = frame;
        }
        frame.inner = 0;
        frame.innerCounted = 0;
        frame.hasForeign = false;
        frame.nested.clear();
        frame.id = newId();
        return frame;
    }

    void push() {
        if (depth == 0) {
            // A wait whose end could not be told, for want of stack, has ended all the same.
            waiting = false;
        }
        depth++;
    }

    /** Takes a frame off, and with it all above it, whose end nobody has told; false when it is not there. */
    boolean popTo(Frame frame) {
        for (int at = depth - 1; at >= 0; at--) {
            if (frames[at] == frame) {
                while (depth > at + 1) {
                    depth--;
                    abandon(depth);
                }
                depth = at;
                return true;
            }
        }
        return false;
    }

    private void abandon(int at) {
        Frame frame = frames[at];
        if (frame != null && (frame.kind == Frame.Kind.TASK || frame.kind == Frame.Kind.REQUEST)) {
            request = frame.before;
            Span span = frame.span;
            Endings endings = frame.endings;
            frame.span = null;
            frame.before = null;
            if (span != null && endings != null && frame.kind == Frame.Kind.TASK) {
                drop(span, frame, endings);
            }
        }
        waiting = false;
    }

    private static void drop(Span span, Frame task, Endings endings) {
        try {
            endings.taskDropped(span, task);
        } catch (Throwable outOfMemoryOrStack) {
            // The frames below must be taken off all the same: a thread with a request that never ends would never be
            // measured again.
        }
    }

    /** The innermost frame of a kind for a request, or null. */
    @Nullable
    Frame frameOf(Span span) {
        for (int at = depth - 1; at >= 0; at--) {
            Frame frame = frames[at];
            if (frame != null && frame.span == span && isOfRequest(frame)) {
                return frame;
            }
        }
        return null;
    }

    /** The frame of a call, or null. */
    @Nullable
    Frame frameOf(Call call) {
        for (int at = depth - 1; at >= 0; at--) {
            Frame frame = frames[at];
            if (frame != null && frame.kind == Frame.Kind.CALL && frame.call == call) {
                return frame;
            }
        }
        return null;
    }

    /** Whether a span of this kind is open within the request's or task's frame that is the innermost. */
    boolean isWithin(Frame.Kind kind) {
        return open(kind) != null;
    }

    /** The frame of such a span, or null. */
    @Nullable
    Frame open(Frame.Kind kind) {
        for (int at = depth - 1; at >= 0; at--) {
            Frame frame = frames[at];
            if (frame == null || isOfRequest(frame)) {
                return null;
            }
            if (frame.kind == kind) {
                return frame;
            }
        }
        return null;
    }

    private static boolean isOfRequest(Frame frame) {
        return frame.kind == Frame.Kind.REQUEST || frame.kind == Frame.Kind.TASK;
    }

    /** Sixteen digits that no other span of any JVM is likely to have; see Steele and others, SplitMix. */
    long newId() {
        seed += 0x9E3779B97F4A7C15L;
        long z = seed;
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }
}
