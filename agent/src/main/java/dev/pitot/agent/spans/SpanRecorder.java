package dev.pitot.agent.spans;

import dev.pitot.agent.config.AgentConfig;
import dev.pitot.agent.config.ShownChoice;
import dev.pitot.agent.counters.Counters;
import dev.pitot.agent.counters.RunQueue;
import dev.pitot.agent.counters.ThreadCounters;
import dev.pitot.events.CallSummary;
import dev.pitot.events.ConnectionWait;
import dev.pitot.events.EndpointSummary;
import dev.pitot.events.HttpCall;
import dev.pitot.events.HttpRequest;
import dev.pitot.events.PoolSummary;
import dev.pitot.events.SpanEvent;
import dev.pitot.events.SpanSummary;
import dev.pitot.events.Spans;
import dev.pitot.events.SqlStatement;
import dev.pitot.events.StatementSummary;
import java.lang.instrument.Instrumentation;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Measures requests, statements, waits and calls on the threads that do them: wall time and what it is made of, CPU time, run-queue
 * wait, allocation and counters. Each is counted in the summary of its name; slow, failed and a limited number of others become
 * events of their own.
 *
 * <p>What {@link Spans.Recorder} names runs on the application's threads, {@link #emitSummaries} on the sampler's.
 */
public final class SpanRecorder extends Spans.Recorder {
    private final SpanThreads threads;
    private volatile OwnCost ownCost;
    private boolean ready;
    private final List<String> further;
    private final Endpoints endpoints;
    private final Statements statements;
    private final Summaries targets;
    private final Summaries pools;
    private final LoggedErrorCounts logged = new LoggedErrorCounts();
    private final EventLimit requestEvents;
    private final EventLimit statementEvents;
    private final EventLimit callEvents;
    private final EventLimit waitEvents;
    private final Tasks tasks = new Tasks();
    private final ConcurrentLinkedQueue<Span> postponed = new ConcurrentLinkedQueue<>();
    private final AtomicInteger postponedCount = new AtomicInteger();
    private final Recent<Summary> prepared = new Recent<>();
    private final Carried<Summary> batches = new Carried<>();
    private final Recent<Object> kept = new Recent<>();
    private final ShownChoice shown;
    private final String @Nullable [] shownHeaders;
    /** Of statements, as the program wrote them, and as long as these live; only where events carry them. */
    private final Recent<String> texts = new Recent<>();

    private static final int LONGEST_TEXT = 4096;
    /** What a virtual thread's counters are said to come from when it is not known what it cost; all of its values are N/A. */
    private static final String PARTIAL = "carrier switched: counters partial";

    private static final int TRIALS = 3;
    private static final int MOST_POSTPONED = 1000;
    /** Tasks of one request that are followed: to remember one takes some 100 ns. */
    private static final int MOST_TASKS = 20_000;
    /** Nanoseconds for which a request that has ended waits at least for the tasks that are about to. */
    private static final long PATIENCE = 500_000_000;

    private final int[] scratch = new int[Buckets.COUNT];
    private final long[] extras = new long[Done.EXTRAS];
    /** When the summaries to come begin; the sampler's alone. */
    private long since;

    private long spans;
    private long inlineNanos;
    /** Tasks that have ended since the summaries before: each was measured as a span is, and is in no summary of its own. */
    private final AtomicLong endedTasks = new AtomicLong();

    /** What is given up for the budget, see {@link Shedding}. */
    private volatile int shed;

    private volatile boolean forgotten;

    /** {@link #prepare} is to follow when the first library is woven. */
    public static SpanRecorder open(AgentConfig config, Counters counters, Instrumentation instrumentation) {
        return new SpanRecorder(config, counters.threads(), counters.runQueues(), Pauses.open(instrumentation));
    }

    /** @param counters of threads, or null */
    SpanRecorder(
            AgentConfig config, @Nullable ThreadCounters counters, RunQueue.@Nullable All runQueues, Pauses pauses) {
        threads = new SpanThreads(counters, runQueues, pauses, config.waits());
        further = counters == null ? List.of() : counters.further();
        int places = threads.places();
        endpoints = new Endpoints(config.http().names(), places);
        statements = new Statements(config.sql().names(), places);
        targets = new Summaries(config.calls().names(), places);
        pools = new Summaries(config.sql().names(), places);
        requestEvents = new EventLimit(config.http());
        statementEvents = new EventLimit(config.sql());
        waitEvents = new EventLimit(config.sql());
        callEvents = new EventLimit(config.calls());
        shown = config.shown();
        shownHeaders =
                shown.query() || !shown.headers().isEmpty() ? shown.headers().toArray(new String[0]) : null;
        ownCost = OwnCost.none(places);
        since = System.nanoTime();
    }

    /**
     * What is of use only where something begins spans, and costs tens of milliseconds of the calling thread: the JVM is told to keep account
     * of how long threads are blocked, what measuring itself costs is measured, and all that the JDK's own methods will call is
     * loaded. Once; any thread.
     */
    public synchronized void prepare() {
        if (!ready && !forgotten) {
            ready = true;
            threads.watchWaits();
            ownCost = OwnCost.of(threads.ofThisThread().meter);
            rehearse();
        }
    }

    /**
     * Goes once through all that the JDK's own methods will call: from then on nothing has to be loaded within them, which could not
     * be done in the midst of a class loader's reading, say. Counts as nothing.
     */
    private void rehearse() {
        Span span = new Span(0);
        Object task = new Object();
        workFor(span);
        submitted(task);
        beginStage(task);
        endStage(task, null, false);
        Spans.parked(task, 0);
        waited(Spans.PARK, beginWaiting());
        beginRun(task);
        endRun();
        endedTasks.set(0);
        pooled();
        span.ended = true;
    }

    // Requests

    @Override
    protected @Nullable Object beginRequest() {
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
        frame.id = span.id;
        thread.meter.mark(frame.mark, shed < Shedding.COUNTERS_OF_REQUESTS);
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

    @Override
    protected void trace(Object request, String traceparent, @Nullable List<String> tracestate) {
        if (request instanceof Span span && TraceParent.isValid(traceparent)) {
            span.tracestate = TraceState.of(tracestate);
            span.traceparent = traceparent;
        }
    }

    @Override
    protected String @Nullable [] shown() {
        return shownHeaders;
    }

    @Override
    protected void show(Object request, @Nullable String header, @Nullable String value) {
        if (request instanceof Span span && value != null && shownHeaders != null) {
            Shown its = span.shown;
            if (its == null) {
                its = new Shown();
            }
            its.add(shown, header, value);
            span.shown = its;
        }
    }

    @Override
    protected void route(String pattern) {
        SpanThread thread = threads.peek();
        Span span = thread == null ? null : thread.live();
        if (span != null) {
            span.route = pattern;
        }
    }

    @Override
    protected void endRequest(
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
        span.event.end();
        long wall = close(thread, frame);
        Cost own = less(frame);
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
                span.error = error;
            }
            if (last) {
                finished = span.end(done);
            } else {
                span.add(frame.cost, own);
                span.cover(frame.split, wall);
            }
        } finally {
            span.flag = 0;
        }
        if (finished) {
            thread.stripe = finish(span, done, thread.stripe);
        } else if (last) {
            postpone(span);
        }
    }

    private void postpone(Span span) {
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

    private void finishPostponed(Span span) {
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

    /** What no task has finished by now ends without those tasks. */
    private void finishPostponed() {
        for (int left = postponedCount.get(); left > 0; left--) {
            Span span = postponed.poll();
            if (span == null) {
                return;
            }
            if (System.nanoTime() - span.endedAt < PATIENCE && !forgotten) {
                postponed.add(span);
            } else {
                postponedCount.decrementAndGet();
                finishPostponed(span);
            }
        }
    }

    @Override
    protected void completeRequest(Object request, @Nullable String route, int status, @Nullable Throwable thrown) {
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
            span.error = thrown == null ? null : thrown.getClass().getName();
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
            finishAsync(span);
        } else if (last) {
            postpone(span);
        }
    }

    private boolean isAtWork(Span span) {
        SpanThread thread = threads.peek();
        return thread != null && thread.frameOf(span) != null;
    }

    @Override
    protected @Nullable Object continueRequest(Object request) {
        Frame frame = request instanceof Span span && !span.ended ? workFor(span) : null;
        if (frame != null && frame.span != null) {
            frame.handles = true;
            frame.span.handlerBegins();
        }
        return frame;
    }

    private @Nullable Frame workFor(Span span) {
        SpanThread thread = threads.ofThisThread();
        if (thread.request == span || !begin(thread, Frame.Kind.TASK, span)) {
            return null;
        }
        Frame frame = thread.top();
        if (frame == null) {
            return null;
        }
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

    /** All that an asynchronous request was has come together in its span. Any thread, once. */
    private void finishAsync(Span span) {
        Done done = new Done(threads.places());
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
    private int finish(Span span, Done done, int stripe) {
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
        String route = span.route;
        Summary endpoint = endpoints.find(span.method, route == null ? span.serverRoute : route, span.path, status);
        int at = endpoint.add(done, stripe);
        if (span.event.isEnabled() && shed < Shedding.EVENTS && requestEvents.take(done)) {
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

    // Measuring one frame

    /** Measures a frame that was taken off, and tells the one around it. */
    private long close(SpanThread thread, Frame frame) {
        long wall = thread.meter.since(frame.mark, frame.cost, frame.split);
        frame.split.of(wall, frame.cost.cpuTime, frame.cost.runQueueWait);
        if (thread.virtual && frame.cost.cpuTime == Long.MIN_VALUE) {
            frame.split.parts[Part.ON_CPU] = Long.MIN_VALUE;
            frame.split.parts[Part.RUN_QUEUE] = Long.MIN_VALUE;
            frame.cost.source = PARTIAL;
        }
        if (thread.top() == null) {
            thread.meter.rest();
        }
        ownCost.takeOff(frame.cost, frame.inner, wall);
        if (frame.hasForeign) {
            frame.cost.subtract(frame.foreign);
        }
        Frame around = thread.top();
        if (around != null) {
            around.inner++;
            if (frame.kind == Frame.Kind.TASK || frame.kind == Frame.Kind.REQUEST) {
                if (!around.hasForeign) {
                    around.hasForeign = true;
                    around.foreign.clear();
                }
                around.foreign.add(frame.cost);
            } else {
                around.nested.add(frame.cost);
            }
        }
        return wall;
    }

    /** What a frame cost without what was nested in it; valid until the frame is used again. */
    private static Cost less(Frame frame) {
        // The place is free now that all that was nested has been taken account of.
        Cost own = frame.foreign;
        own.set(frame.cost);
        own.subtract(frame.nested);
        return own;
    }

    /** A statement, wait or call has ended on its thread: what it was, for its summary, and to the span around it one part. */
    private Done closeNested(SpanThread thread, Frame frame, int part, @Nullable Throwable thrown) {
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
    private static @Nullable String parentId(@Nullable Frame around) {
        return around == null ? null : Hex.of(around.id);
    }

    // SQL

    @Override
    protected @Nullable Object beginStatement(@Nullable Object statement, @Nullable String sql) {
        SpanThread thread = threads.ofThisThread();
        Frame open = thread.open(Frame.Kind.STATEMENT);
        if (open != null) {
            if (open.summary == statements.unseen()) {
                // A wrapper that nobody told its text has passed the call on to a statement that knows it.
                open.summary = summaryOf(statement, sql);
                open.text = textOf(statement, sql);
            }
            return null;
        }
        Frame frame = thread.next();
        if (frame == null) {
            return null;
        }
        frame.kind = Frame.Kind.STATEMENT;
        frame.span = null;
        frame.summary = summaryOf(statement, sql);
        frame.text = textOf(statement, sql);
        if (frame.statement == null) {
            frame.statement = new SqlStatement();
        }
        thread.meter.mark(frame.mark, shed < Shedding.COUNTERS_OF_SQL);
        frame.statement.begin();
        thread.push();
        return frame;
    }

    @Override
    protected void endStatement(Object token, long batchSize, @Nullable Throwable thrown) {
        SpanThread thread = threads.peek();
        if (thread == null
                || !(token instanceof Frame frame)
                || frame.kind != Frame.Kind.STATEMENT
                || !thread.popTo(frame)) {
            return;
        }
        Summary summary = frame.summary;
        SqlStatement event = frame.statement;
        String text = frame.text;
        frame.text = null;
        if (summary == null || event == null) {
            return;
        }
        event.end();
        Done done = closeNested(thread, frame, Part.SQL, thrown);
        done.extras[Done.BATCHED] = batchSize;
        Span request = thread.live();
        if (request != null) {
            request.count(Done.STATEMENTS, Done.STATEMENT_NANOS, done.duration);
        }
        thread.stripe = summary.add(done, thread.stripe);
        if (event.isEnabled() && shed < Shedding.EVENTS && statementEvents.take(done)) {
            event.statement = summary.name;
            event.sql = summary.detail;
            event.sqlWithLiterals =
                    text == null || text.length() <= LONGEST_TEXT ? text : text.substring(0, LONGEST_TEXT);
            event.batchSize = batchSize;
            commit(event, frame.id, parentId(thread.top()), request, done, thrown);
        }
    }

    private void commit(
            SpanEvent event,
            long id,
            @Nullable String parentId,
            @Nullable Span request,
            Done done,
            @Nullable Throwable thrown) {
        SpanFields.identify(event, id, parentId, request == null ? null : request.traceparent);
        SpanFields.write(event, done, thrown == null ? null : thrown.getClass().getName(), further);
        event.commit();
    }

    private Summary summaryOf(@Nullable Object statement, @Nullable String sql) {
        if (sql != null) {
            return statements.find(statement, sql);
        }
        Summary known = statement == null ? null : prepared.get(statement);
        if (known == null && statement != null) {
            known = batches.remove(statement);
        }
        return known == null ? statements.unseen() : known;
    }

    private @Nullable String textOf(@Nullable Object statement, @Nullable String sql) {
        if (!shown.literals()) {
            return null;
        }
        return sql != null || statement == null ? sql : texts.get(statement);
    }

    @Override
    protected void prepared(Object statement, String sql) {
        if (shown.literals()) {
            texts.put(statement, sql);
        }
        Summary summary = statements.find(statement, sql);
        // A driver's methods call each other, and a pool may hand out the same statement again.
        if (prepared.get(statement) != summary) {
            prepared.put(statement, summary);
        }
    }

    @Override
    protected void batched(Object statement, @Nullable String sql) {
        if (sql == null) {
            batches.remove(statement);
        } else if (batches.get(statement) == null) {
            batches.put(statement, statements.find(statement, sql));
            if (shown.literals()) {
                texts.put(statement, sql);
            }
        }
    }

    // Waits for connections

    @Override
    protected @Nullable Object beginWait(@Nullable String pool) {
        SpanThread thread = threads.ofThisThread();
        if (thread.isWithin(Frame.Kind.WAIT)) {
            return null;
        }
        Frame frame = thread.next();
        if (frame == null) {
            return null;
        }
        frame.kind = Frame.Kind.WAIT;
        frame.span = null;
        frame.summary = pools.find(pool == null ? "(unnamed)" : pool);
        if (frame.wait == null) {
            frame.wait = new ConnectionWait();
        }
        thread.meter.mark(frame.mark, shed < Shedding.COUNTERS_OF_SQL);
        frame.wait.begin();
        thread.push();
        return frame;
    }

    @Override
    protected void endWait(Object token, @Nullable Throwable thrown) {
        SpanThread thread = threads.peek();
        if (thread == null
                || !(token instanceof Frame frame)
                || frame.kind != Frame.Kind.WAIT
                || !thread.popTo(frame)) {
            return;
        }
        Summary summary = frame.summary;
        ConnectionWait event = frame.wait;
        if (summary == null || event == null) {
            return;
        }
        event.end();
        Done done = closeNested(thread, frame, Part.POOL, thrown);
        thread.stripe = summary.add(done, thread.stripe);
        if (event.isEnabled() && shed < Shedding.EVENTS && waitEvents.take(done)) {
            event.pool = summary.name;
            commit(event, frame.id, parentId(thread.top()), thread.live(), done, thrown);
        }
    }

    // HTTP calls

    @Override
    protected @Nullable Object beginCall(
            @Nullable String method, @Nullable String host, int port, @Nullable String path) {
        SpanThread thread = threads.ofThisThread();
        if (thread.isWithin(Frame.Kind.CALL)) {
            return null;
        }
        Frame frame = thread.next();
        if (frame == null) {
            return null;
        }
        Call call = new Call(targets.find(Target.of(host, port)), thread.live(), frame.id, parentId(thread.top()));
        call.event.method = Endpoints.method(method);
        call.event.route = RouteTemplate.of(path);
        open(thread, frame, call);
        call.begun = frame.mark.wall;
        call.event.begin();
        return call;
    }

    private void open(SpanThread thread, Frame frame, Call call) {
        frame.kind = Frame.Kind.CALL;
        frame.span = null;
        frame.call = call;
        thread.meter.mark(frame.mark, shed < Shedding.COUNTERS_OF_REQUESTS);
        thread.push();
    }

    @Override
    protected @Nullable Object continueCall(Object token) {
        SpanThread thread = threads.ofThisThread();
        if (!(token instanceof Call call) || call.hasEnded() || thread.isWithin(Frame.Kind.CALL)) {
            return null;
        }
        Frame frame = thread.next();
        if (frame == null) {
            return null;
        }
        frame.id = call.id;
        open(thread, frame, call);
        return call;
    }

    @Override
    protected @Nullable String traceparent(@Nullable Object token) {
        Span request = requestOf(token);
        return request == null ? null : request.traceparent;
    }

    @Override
    protected @Nullable String tracestate(@Nullable Object token) {
        Span request = requestOf(token);
        return request == null ? null : request.tracestate;
    }

    private @Nullable Span requestOf(@Nullable Object token) {
        if (token instanceof Call call) {
            return call.request;
        }
        SpanThread thread = threads.peek();
        return thread == null ? null : thread.live();
    }

    @Override
    protected void endCall(Object token, int status, boolean async, @Nullable Throwable thrown) {
        SpanThread thread = threads.peek();
        if (thread == null || !(token instanceof Call call)) {
            return;
        }
        Frame frame = thread.frameOf(call);
        if (frame == null || !thread.popTo(frame)) {
            return;
        }
        frame.call = null;
        call.event.end();
        Done done = closeNested(thread, frame, Part.CALL, thrown);
        if (call.returned(async && thrown == null, status, done, thrown)) {
            thread.stripe = finish(call, done, thread.stripe);
        }
    }

    @Override
    protected void completeCall(Object token, int status, @Nullable Throwable thrown) {
        if (token instanceof Call call) {
            Done made = call.completed(status, thrown);
            if (made != null) {
                finish(call, made, 0);
            }
        }
    }

    private int finish(Call call, Done done, int stripe) {
        done.failed = call.error != null || call.status >= 500;
        done.extras[Done.ASYNC] = call.async ? 1 : 0;
        Span request = call.request;
        if (request != null) {
            request.count(Done.CALLS, Done.CALL_NANOS, done.duration);
        }
        int at = call.summary.add(done, stripe);
        HttpCall event = call.event;
        if (event.isEnabled() && shed < Shedding.EVENTS && callEvents.take(done)) {
            event.target = call.summary.name;
            event.status = call.status;
            event.async = call.async;
            SpanFields.identify(event, call.id, call.parentId, request == null ? null : request.traceparent);
            SpanFields.write(event, done, call.error, further);
            event.commit();
        }
        return at;
    }

    // Work on other threads

    @Override
    protected void submitted(Object task) {
        SpanThread thread = threads.peek();
        Span span = thread == null ? null : thread.live();
        if (span != null
                && span.handedOver < MOST_TASKS
                && !isServers(task.getClass().getName())) {
            span.handedOver++;
            tasks.put(task, span);
        }
    }

    /** Whether a task is one by which a server looks for the next requests, of whatever client, and serves them. */
    private static boolean isServers(String name) {
        return name.startsWith("org.eclipse.jetty.util.thread.")
                || name.startsWith("org.eclipse.jetty.io.")
                || name.startsWith("org.apache.tomcat.util.")
                || name.startsWith("io.netty.")
                || name.startsWith("org.xnio.")
                || name.startsWith("sun.net.httpserver.");
    }

    @Override
    protected @Nullable Object beginTask(Object task) {
        Span span = tasks.take(task);
        return span == null ? null : workFor(span);
    }

    @Override
    protected @Nullable Object beginStage(Object stage) {
        Span span = tasks.peek(stage);
        return span == null ? null : workFor(span);
    }

    @Override
    protected void endStage(Object stage, @Nullable Object token, boolean fired) {
        if (fired) {
            tasks.forget(stage);
        }
        if (token != null) {
            endTask(token);
        }
    }

    @Override
    protected void pooled() {
        SpanThread thread = threads.peek();
        if (thread != null) {
            thread.abandon();
        }
    }

    @Override
    protected void beginRun(Object task) {
        // What a task has left open that threw: the loop of a pool is at the bottom of its thread.
        pooled();
        beginTask(task);
    }

    @Override
    protected void endRun() {
        SpanThread thread = threads.peek();
        Span span = thread == null ? null : thread.request;
        Frame frame = thread == null || span == null ? null : thread.frameOf(span);
        if (frame != null) {
            endTask(frame);
        }
    }

    @Override
    protected void endTask(Object token) {
        SpanThread thread = threads.peek();
        if (thread == null
                || !(token instanceof Frame frame)
                || frame.kind != Frame.Kind.TASK
                || !thread.popTo(frame)) {
            return;
        }
        thread.request = frame.before;
        endedTasks.incrementAndGet();
        Span span = frame.span;
        frame.span = null;
        frame.before = null;
        long wall = close(thread, frame);
        if (span == null) {
            return;
        }
        boolean last = false;
        boolean finished = false;
        boolean settled = false;
        span.take();
        try {
            span.leave(frame);
            if (span.counts(frame)) {
                span.add(frame.cost, less(frame));
                span.otherThreads += thread == span.home ? 0 : 1;
                if (span.async) {
                    span.cover(frame.split, wall);
                }
            }
            span.handlers -= frame.handles ? 1 : 0;
            settled = span.postponed && span.active == 0;
            if (!span.ended && span.completed && span.returned && span.handlers == 0) {
                last = true;
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

    @Override
    protected boolean keep(Object key, Object token) {
        kept.put(key, token);
        return true;
    }

    @Override
    protected @Nullable Object kept(Object key) {
        return kept.get(key);
    }

    @Override
    protected void forget(Object key) {
        kept.remove(key);
    }

    // What happens within spans

    @Override
    protected void logged(@Nullable String logger, @Nullable Throwable thrown) {
        logged.add(logger, thrown);
        SpanThread thread = threads.peek();
        Span span = thread == null ? null : thread.live();
        if (span != null) {
            span.count(Done.LOGGED_ERRORS);
        }
    }

    @Override
    protected long beginWaiting() {
        SpanThread thread = threads.peek();
        if (thread == null || thread.waiting || thread.top() == null || thread.meter.isReading()) {
            return 0;
        }
        thread.pausesBefore = thread.meter.pauses();
        long now = System.nanoTime();
        // Last of all, as nobody would take it back if something before it failed.
        thread.waiting = true;
        return now == 0 ? 1 : now;
    }

    @Override
    protected void waited(int kind, long begun) {
        SpanThread thread = threads.peek();
        if (thread == null || !thread.waiting) {
            return;
        }
        thread.waiting = false;
        ThreadMeter meter = thread.meter;
        meter.waits[Part.LOCK + kind] += System.nanoTime() - begun;
        meter.pausesInWaits += meter.pauses() - thread.pausesBefore;
    }

    @Override
    protected void mounted(Object thread) {
        threads.mounted(thread);
    }

    @Override
    protected void unmounted(Object thread) {
        threads.unmounted(thread);
    }

    /**
     * From 21 on: has this called when the first span begins on a virtual thread, by that thread: it may start a thread and do nothing more.
     * What such spans cost is not known before {@link #tryVirtualThreads} said that it can be.
     */
    public void onVirtualThreads(Runnable first) {
        threads.mounts().onFirst(first);
    }

    /**
     * Tries what virtual threads are said to cost, now that the JDK tells of {@link #mounted} and {@link #unmounted}. Takes a
     * tenth of a second, or seconds when all carriers are busy.
     *
     * @return null when it was right, or why it is not to be believed
     */
    public @Nullable String tryVirtualThreads() {
        String wrong = Trial.run(threads);
        for (int i = 1; i < TRIALS && wrong != null; i++) {
            wrong = Trial.run(threads); // What was measured first was also compiled first.
        }
        threads.mounts().trust(wrong == null);
        return wrong;
    }

    /** Whether threads can be told which carrier they are on; before anything is woven. */
    public boolean canFollowVirtualThreads(Instrumentation instrumentation) {
        if (!threads.mounts().open(instrumentation)) {
            return false;
        }
        threads.rehearseMounts();
        return true;
    }

    // The sampler's

    /** Emits the summary of each name that had something in it since the previous call, and lets the next spans become events again. */
    public void emitSummaries() {
        requestEvents.refill();
        statementEvents.refill();
        callEvents.refill();
        waitEvents.refill();
        long now = System.nanoTime();
        long interval = now - since;
        since = now;
        spans = 0;
        int given = shed;
        inlineNanos = endedTasks.getAndSet(0) * ownCost.ofSpan(given < Shedding.COUNTERS_OF_REQUESTS);
        finishPostponed();
        for (Summary summary : endpoints.all()) {
            EndpointSummary event = new EndpointSummary();
            if (drain(summary, event, interval, given < Shedding.COUNTERS_OF_REQUESTS)) {
                event.method = summary.name;
                event.route = summary.detail;
                event.async = extras[Done.ASYNC];
                event.sqlStatements = extras[Done.STATEMENTS];
                event.sqlDuration = extras[Done.STATEMENT_NANOS];
                event.httpCalls = extras[Done.CALLS];
                event.httpCallDuration = extras[Done.CALL_NANOS];
                event.loggedErrors = extras[Done.LOGGED_ERRORS];
                event.commit();
            }
        }
        for (Summary summary : statements.all()) {
            StatementSummary event = new StatementSummary();
            if (drain(summary, event, interval, given < Shedding.COUNTERS_OF_SQL)) {
                event.statement = summary.name;
                event.sql = summary.detail;
                event.batched = extras[Done.BATCHED];
                event.commit();
            }
        }
        for (Summary summary : targets.all()) {
            CallSummary event = new CallSummary();
            if (drain(summary, event, interval, given < Shedding.COUNTERS_OF_REQUESTS)) {
                event.target = summary.name;
                event.commit();
            }
        }
        for (Summary summary : pools.all()) {
            PoolSummary event = new PoolSummary();
            if (drain(summary, event, interval, given < Shedding.COUNTERS_OF_SQL)) {
                event.pool = summary.name;
                event.commit();
            }
        }
        inlineNanos += threads.inlineNanos(given < Shedding.COUNTERS_OF_REQUESTS);
        logged.emit();
    }

    private boolean drain(Summary summary, SpanSummary event, long interval, boolean counted) {
        if (!summary.takeTouched() || !summary.drainTo(event, scratch, further, extras)) {
            return false;
        }
        event.interval = interval;
        spans += event.count;
        inlineNanos += event.count * ownCost.ofSpan(counted);
        return true;
    }

    /** Spans that the last {@link #emitSummaries} emitted summaries of; the sampler's. */
    public long spans() {
        return spans;
    }

    /** CPU nanoseconds that measuring these and tasks took, at what a span was found to take at the start; the sampler's. */
    public long inlineNanos() {
        return inlineNanos;
    }

    /** Gives up so much from now on, see {@link Shedding}. Any thread. */
    public void shed(int level) {
        shed = level;
        threads.shed(level >= Shedding.COUNTERS_OF_REQUESTS);
    }

    /** Holds nothing any more, and no thread from now on: nobody tidies up after this. Any thread. */
    public void forget() {
        forgotten = true;
        threads.forget();
        tasks.clear();
        prepared.clear();
        batches.clear();
        kept.clear();
        texts.clear();
    }

    /** Forgets threads that have ended; called once a second on the sampler thread. */
    public void tidy() {
        threads.tidy();
    }
}
