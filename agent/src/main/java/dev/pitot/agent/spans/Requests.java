package dev.pitot.agent.spans;

import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Measures requests from their handler's begin to their end, on the threads that work for them: what such a thread does for one is a task of it.
 * Runs on the application's threads.
 */
final class Requests {
    private final SpanThreads threads;
    private final Frames frames;
    private final Endings endings;
    private final Shedding shedding;
    /** Tasks that have ended since they were last told: each was measured as a span is, and is in no summary of its own. */
    private final AtomicLong endedTasks = new AtomicLong();

    Requests(SpanThreads threads, Frames frames, Endings endings, Shedding shedding) {
        this.threads = threads;
        this.frames = frames;
        this.endings = endings;
        this.shedding = shedding;
    }

    @Nullable
    Object begin() {
        SpanThread thread = threads.ofThisThread();
        if (!thread.isFree()) {
            return null;
        }
        Span span = new Span(thread.newId());
        // Last of all: were it set and something failed (no memory), this thread would never be measured again.
        return begin(thread, Frame.Kind.REQUEST, span) ? span : null;
    }

    private boolean begin(SpanThread thread, Frame.Kind kind, Span span) {
        Frame frame = thread.next();
        if (frame == null) {
            return false;
        }
        frame.kind = kind;
        frame.span = span;
        frame.before = thread.request;
        frame.handles = false;
        frame.endings = endings;
        frame.id = span.id;
        frame.counted = shedding.countsRequests();
        thread.meter.mark(frame.mark, frame.counted);
        if (kind == Frame.Kind.REQUEST) {
            span.begun = frame.mark.wall;
            span.home = thread;
            // An event's own duration is what its parts add up to: reading the counters is not in it, here as at the
            // end.
            span.event.begin();
        }
        thread.push();
        thread.request = span;
        return true;
    }

    void end(
            Object request,
            @Nullable String method,
            @Nullable String route,
            @Nullable String path,
            int status,
            boolean async,
            @Nullable Throwable thrown) {
        SpanThread thread = threads.peek();
        if (thread == null || !(request instanceof Span span)) {
            return;
        }
        Frame frame = thread.frameOf(span);
        if (frame == null || frame.kind != Frame.Kind.REQUEST || !thread.popTo(frame)) {
            return;
        }
        // First of all: whatever fails below, the next request of this thread must find it closed.
        thread.request = frame.before;
        frame.span = null;
        frame.before = null;
        span.event.end();
        long wall = frames.close(thread, frame);
        Cost own = Frames.less(frame);
        Done done = thread.done;
        done.clear();
        done.duration = wall;
        done.all.set(frame.cost);
        done.own.set(own);
        System.arraycopy(frame.split.parts, 0, done.parts, 0, Part.COUNT);
        String error = thrown == null ? null : thrown.getClass().getName();
        boolean last;
        boolean finished = false;
        span.take();
        try {
            span.returned = true;
            span.method = method;
            span.serverRoute = route;
            span.path = path;
            last = !async || span.completed && span.handlers == 0 || thrown != null;
            span.async = async;
            if (!span.completed) {
                span.status = status;
                span.error = error == null ? span.error : error;
            }
            if (last) {
                finished = span.end(done);
            } else {
                span.add(frame.cost, own);
                span.cover(frame.split, wall);
                if (span.completed && span.begun + wall - span.completedAt > 0) {
                    // Answered already, and others go on with it: it lasts as its event does, until this return.
                    span.completedAt = span.begun + wall;
                }
            }
        } finally {
            span.flag = 0;
        }
        if (finished) {
            thread.stripe = endings.finish(span, done, thread.stripe);
        } else if (last) {
            endings.postpone(span);
        }
    }

    void complete(Object request, @Nullable String route, int status, @Nullable Throwable thrown) {
        if (!(request instanceof Span span)) {
            return;
        }
        boolean last;
        boolean finished = false;
        span.take();
        try {
            if (span.completed || span.ended) {
                return;
            }
            span.completed = true;
            span.completedAt = System.nanoTime();
            span.event.end();
            span.status = status;
            span.error = thrown == null ? span.error : thrown.getClass().getName();
            if (route != null) {
                span.serverRoute = route;
            }
            // Else the handler, or what this very thread does for it, is to be measured to its end first.
            last = span.returned && span.handlers == 0 && !isAtWork(span);
            if (last) {
                finished = span.end(null);
            }
        } finally {
            span.flag = 0;
        }
        if (finished) {
            endings.finishAsync(span);
        } else if (last) {
            endings.postpone(span);
        }
    }

    void failed(Object request, @Nullable Throwable thrown) {
        if (request instanceof Span span) {
            String error = thrown == null ? null : thrown.getClass().getName();
            span.take();
            if (!span.ended) {
                span.error = error;
            }
            span.flag = 0;
        }
    }

    private boolean isAtWork(Span span) {
        SpanThread thread = threads.peek();
        return thread != null && thread.frameOf(span) != null;
    }

    @Nullable
    Object goOn(Object request) {
        return request instanceof Span span && !span.ended ? workFor(span, true) : null;
    }

    /** A task of a request begins; null when this thread works on it already or it has ended. */
    @Nullable
    Frame workFor(Span span) {
        return workFor(span, false);
    }

    /** @param handles whether the request does not end before this has */
    private @Nullable Frame workFor(Span span, boolean handles) {
        SpanThread thread = threads.ofThisThread();
        if (thread.request == span || !begin(thread, Frame.Kind.TASK, span)) {
            return null;
        }
        Frame frame = thread.top();
        if (frame == null) {
            return null;
        }
        frame.handles = handles;
        if (span.enter(frame)) {
            return frame;
        }
        // It has ended meanwhile.
        thread.popTo(frame);
        thread.request = frame.before;
        frame.span = null;
        frame.before = null;
        if (thread.top() == null) {
            thread.meter.rest();
        }
        return null;
    }

    void endTask(Object token) {
        SpanThread thread = threads.peek();
        if (thread == null
                || !(token instanceof Frame frame)
                || frame.kind != Frame.Kind.TASK
                || !thread.popTo(frame)) {
            return;
        }
        int place = thread.depth;
        Span before = frame.before;
        Span span = frame.span;
        thread.request = before;
        frame.before = null;
        frame.span = null;
        boolean ended = false;
        try {
            endedTasks.incrementAndGet();
            long wall = frames.close(thread, frame);
            if (span != null) {
                endings.taskEnded(span, frame, wall, thread != span.home);
            }
            ended = true;
        } finally {
            if (!ended) {
                // For want of stack, say, so that nothing can be called here either: it is back in its place, and is
                // dropped with what is around it.
                frame.span = span;
                frame.before = before;
                thread.depth = place + 1;
            }
        }
    }

    /** Tasks that have ended since the call before. */
    long endedTasks() {
        return endedTasks.getAndSet(0);
    }
}
