package dev.pitot.agent.spans;

import dev.pitot.agent.config.AgentConfig;
import dev.pitot.agent.config.ShownChoice;
import dev.pitot.events.HttpRequest;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Counts requests that have ended, now or, where threads are about to end their work for one, a little later: the last of them does it, or
 * the sampler. Each is counted once. Thread-safe.
 */
final class Endings {
    private static final int MOST_POSTPONED = 1000;
    /** Nanoseconds for which a request that has ended waits at least for the tasks that are about to. */
    private static final long PATIENCE = 500_000_000;

    private final Endpoints endpoints;
    private final EventLimit limit;
    private final Shedding shedding;
    private final List<String> further;
    private final ShownChoice shown;
    private final int places;
    private final ConcurrentLinkedQueue<Span> postponed = new ConcurrentLinkedQueue<>();
    private final AtomicInteger postponedCount = new AtomicInteger();

    /**
     * @param places of counters
     * @param further names of counters
     */
    Endings(AgentConfig config, int places, List<String> further, Shedding shedding) {
        endpoints = new Endpoints(config.http().names(), places);
        limit = new EventLimit(config.http());
        this.shedding = shedding;
        this.further = further;
        shown = config.shown();
        this.places = places;
    }

    List<Summary> all() {
        return endpoints.all();
    }

    /** The next requests become events again; the sampler's. */
    void refill() {
        limit.refill();
    }

    /**
     * A thread has ended its task of a request: adds what it took, if the request has not ended before it, and ends the request if
     * this was all that it waited for.
     */
    void taskEnded(Span span, Frame task, long wall, boolean elsewhere) {
        leave(span, task, true, wall, elsewhere);
    }

    /** A task that will never end has been taken off its thread: what it took is not known, and the request goes on without it. */
    void taskDropped(Span span, Frame task) {
        leave(span, task, false, 0, false);
    }

    private void leave(Span span, Frame task, boolean measured, long wall, boolean elsewhere) {
        boolean last;
        boolean finished = false;
        boolean settled;
        span.take();
        try {
            span.leave(task);
            if (measured && span.counts(task)) {
                span.add(task.cost, Frames.less(task));
                span.otherThreads += elsewhere ? 1 : 0;
                if (span.async) {
                    span.cover(task.split, wall);
                }
            }
            settled = span.isSettled();
            last = span.isHandled();
            if (last) {
                finished = span.end(null);
            }
        } finally {
            span.flag = 0;
        }
        if (finished) {
            finishAsync(span);
        } else if (last) {
            postpone(span);
        } else if (settled) {
            finishPostponed(span);
        }
    }

    /** It has ended, and threads are at work for it still. */
    void postpone(Span span) {
        span.readTasks();
        // What a task has finished meanwhile makes room: these come a thousand a second where each request ends so.
        for (Span eldest = postponed.peek(); eldest != null && !eldest.postponed; eldest = postponed.peek()) {
            if (postponed.remove(eldest)) {
                postponedCount.decrementAndGet();
            }
        }
        if (postponedCount.get() >= MOST_POSTPONED) {
            finishPostponed(span);
            return;
        }
        postponedCount.incrementAndGet();
        postponed.add(span);
    }

    /** A request that was postponed may be counted now, if nobody has yet. */
    void finishPostponed(Span span) {
        if (!span.takePostponed()) {
            return;
        }
        Done done = span.done;
        if (done == null) {
            finishAsync(span);
        } else {
            span.done = null;
            finish(span, done, 0);
        }
    }

    /** What no task has finished by now ends without those tasks; the sampler's. */
    void finishPostponed(boolean all) {
        for (int left = postponedCount.get(); left > 0; left--) {
            Span span = postponed.poll();
            if (span == null) {
                return;
            }
            if (System.nanoTime() - span.endedAt < PATIENCE && !all) {
                postponed.add(span);
            } else {
                postponedCount.decrementAndGet();
                finishPostponed(span);
            }
        }
    }

    /**
     * Ends a request whose answer came from a thread that is at work for it, and goes on and on: one that the request has started to serve others too,
     * say. The sampler's.
     */
    void endAnswered(Span span) {
        boolean finished;
        span.take();
        try {
            if (!span.isHandled() || System.nanoTime() - span.completedAt < PATIENCE) {
                return;
            }
            finished = span.end(null);
        } finally {
            span.flag = 0;
        }
        if (finished) {
            finishAsync(span);
        } else {
            postpone(span);
        }
    }

    /** All that an asynchronous request was has come together in its span. Any thread, once. */
    void finishAsync(Span span) {
        Done done = new Done(places);
        done.clear();
        done.duration = span.completedAt - span.begun;
        done.all.clear();
        done.own.clear();
        // The threads may have overlapped, or worked on after the answer.
        long handedOver = Math.max(0, done.duration - span.covered);
        double fits = span.covered > done.duration ? (double) done.duration / span.covered : 1;
        for (int part = 0; part < Part.COUNT; part++) {
            done.parts[part] = span.parts[part] == Long.MIN_VALUE ? Long.MIN_VALUE : (long) (span.parts[part] * fits);
        }
        done.parts[Part.HANDOFF] += handedOver;
        finish(span, done, 0);
    }

    /** Adds what other threads did, counts the request and commits its event; the span has ended. */
    int finish(Span span, Done done, int stripe) {
        span.home = null; // A task that is never run may hold the span for long, and must not hold a thread by it.
        Cost all = span.all;
        Cost own = span.own;
        if (all != null && own != null) {
            done.all.add(all);
            done.own.add(own);
        }
        int status = span.error != null && span.status < 400 ? 500 : Math.max(0, span.status);
        done.failed = span.error != null || status >= 500;
        done.otherThreads = span.otherThreads;
        System.arraycopy(span.extras, 0, done.extras, 0, Done.EXTRAS);
        done.extras[Done.ASYNC] = span.async ? 1 : 0;
        done.extras[Done.UNFOLLOWED] = span.unfollowed;
        String route = span.route;
        Summary endpoint = endpoints.find(span.method, route == null ? span.serverRoute : route, span.path, status);
        int at = endpoint.add(done, stripe);
        if (span.event.shouldCommit() && shedding.emits() && limit.take(done)) {
            HttpRequest event = span.event;
            event.method = endpoint.name;
            event.route = endpoint.detail;
            event.status = status;
            event.async = span.async;
            event.sqlStatements = done.extras[Done.STATEMENTS];
            event.sqlDuration = done.extras[Done.STATEMENT_NANOS];
            event.httpCalls = done.extras[Done.CALLS];
            event.httpCallDuration = done.extras[Done.CALL_NANOS];
            event.loggedErrors = done.extras[Done.LOGGED_ERRORS];
            event.unfollowedTasks = done.extras[Done.UNFOLLOWED];
            Shown its = span.shown;
            if (its != null) {
                its.write(event, shown);
            }
            String traceparent = span.traceparent;
            SpanFields.identify(event, span.id, TraceParent.parentId(traceparent), traceparent);
            SpanFields.write(event, done, span.error, further);
            event.commit();
        }
        return at;
    }
}
