package dev.pitot.agent.spans;

import dev.pitot.agent.config.AgentConfig;
import dev.pitot.agent.config.ShownChoice;
import dev.pitot.agent.counters.Counters;
import dev.pitot.agent.counters.RunQueue;
import dev.pitot.agent.counters.ThreadCounters;
import dev.pitot.events.Spans;
import java.lang.instrument.Instrumentation;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Measures requests, statements, waits and calls on the threads that do them: wall time and what it is made of, CPU time, run-queue
 * wait, allocation and counters. Each is counted in the summary of its name; slow, failed and a limited number of others become
 * events of their own. This class is the way in, from the bridge and from the sampler: each kind has a class of its own.
 *
 * <p>What {@link Spans.Recorder} names runs on the application's threads, {@link #emitSummaries} on the sampler's.
 */
public final class SpanRecorder extends Spans.Recorder {
    private static final int TRIALS = 3;

    private final SpanThreads threads;
    private final Shedding shedding = new Shedding();
    private final Frames frames;
    private final Endings endings;
    private final Requests requests;
    private final Followed followed;
    private final SqlSpans sql;
    private final Calls calls;
    private final LoggedErrorCounts logged = new LoggedErrorCounts();
    private final Recent<Object> kept = new Recent<>();
    private final Emission emission;
    private final ShownChoice shown;
    private final String @Nullable [] shownHeaders;
    private boolean ready;
    private volatile boolean forgotten;

    /** {@link #prepare} is to follow when the first library is woven. */
    public static SpanRecorder open(AgentConfig config, Counters counters, Instrumentation instrumentation) {
        return new SpanRecorder(config, counters.threads(), counters.runQueues(), Pauses.open(instrumentation));
    }

    /** @param counters of threads, or null */
    SpanRecorder(
            AgentConfig config, @Nullable ThreadCounters counters, RunQueue.@Nullable All runQueues, Pauses pauses) {
        threads = new SpanThreads(counters, runQueues, pauses, shedding, config.waits());
        List<String> further = counters == null ? List.of() : counters.further();
        frames = new Frames(threads.places());
        endings = new Endings(config, threads.places(), further, shedding);
        requests = new Requests(threads, frames, endings, shedding);
        followed = new Followed(threads, requests, shedding);
        sql = new SqlSpans(config, threads, frames, shedding, further);
        calls = new Calls(config, threads, frames, shedding, further);
        emission = new Emission(further);
        shown = config.shown();
        shownHeaders =
                shown.query() || !shown.headers().isEmpty() ? shown.headers().toArray(new String[0]) : null;
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
            frames.ownCost = OwnCost.of(threads.ofThisThread().meter);
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
        requests.workFor(span);
        submitted(task);
        beginStage(task);
        endStage(task, null, false);
        Spans.parked(task, 0);
        waited(Spans.PARK, beginWaiting());
        beginRun(task);
        endRun();
        requests.endedTasks();
        followed.remembered();
        frames.readings();
        pooled();
        span.ended = true;
    }

    // Requests

    @Override
    protected @Nullable Object beginRequest() {
        return requests.begin();
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
        requests.end(request, method, route, path, status, async, thrown);
    }

    @Override
    protected void completeRequest(Object request, @Nullable String route, int status, @Nullable Throwable thrown) {
        requests.complete(request, route, status, thrown);
    }

    @Override
    protected @Nullable Object continueRequest(Object request) {
        return requests.goOn(request);
    }

    @Override
    protected void failed(Object request, @Nullable Throwable thrown) {
        requests.failed(request, thrown);
    }

    // SQL

    @Override
    protected @Nullable Object beginStatement(@Nullable Object statement, @Nullable String text) {
        return sql.beginStatement(statement, text);
    }

    @Override
    protected @Nullable Object beginUncounted() {
        return sql.beginUncounted();
    }

    @Override
    protected void endStatement(Object token, long batchSize, @Nullable Throwable thrown) {
        sql.endStatement(token, batchSize, thrown);
    }

    @Override
    protected void prepared(Object statement, String text) {
        sql.prepared(statement, text);
    }

    @Override
    protected void batched(Object statement, @Nullable String text) {
        sql.batched(statement, text);
    }

    @Override
    protected @Nullable Object beginWait(@Nullable String pool) {
        return sql.beginWait(pool, true);
    }

    @Override
    protected @Nullable Object beginSource(String source) {
        return sql.beginWait(source, false);
    }

    @Override
    protected void endWait(Object token, @Nullable Throwable thrown) {
        sql.endWait(token, thrown);
    }

    // HTTP calls

    @Override
    protected @Nullable Object beginCall(
            @Nullable String method, @Nullable String host, int port, @Nullable String path) {
        return calls.begin(method, host, port, path);
    }

    @Override
    protected @Nullable Object continueCall(Object call) {
        return calls.goOn(call);
    }

    @Override
    protected @Nullable String traceparent(@Nullable Object call) {
        return calls.traceparent(call);
    }

    @Override
    protected @Nullable String tracestate(@Nullable Object call) {
        return calls.tracestate(call);
    }

    @Override
    protected void endCall(Object call, int status, boolean async, @Nullable Throwable thrown) {
        calls.end(call, status, async, thrown);
    }

    @Override
    protected void completeCall(Object call, int status, @Nullable Throwable thrown) {
        calls.complete(call, status, thrown);
    }

    // Work on other threads

    @Override
    protected void submitted(Object task) {
        followed.submitted(task);
    }

    @Override
    protected @Nullable Object beginTask(Object task) {
        return followed.beginTask(task);
    }

    @Override
    protected void endTask(Object token) {
        requests.endTask(token);
    }

    @Override
    protected @Nullable Object beginStage(Object stage) {
        return followed.beginStage(stage);
    }

    @Override
    protected void endStage(Object stage, @Nullable Object token, boolean fired) {
        followed.endStage(stage, token, fired);
    }

    @Override
    protected void pooled() {
        followed.pooled();
    }

    @Override
    protected void beginRun(Object task) {
        followed.beginRun(task);
    }

    @Override
    protected void endRun() {
        followed.endRun();
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
        endings.refill();
        sql.refill();
        calls.refill();
        OwnCost ownCost = frames.ownCost;
        boolean counted = shedding.countsRequests();
        boolean countedSql = shedding.countsSql();
        emission.begin(ownCost);
        emission.add(requests.endedTasks() * ownCost.ofSpan(counted)
                + followed.remembered() * ownCost.ofFollowing()
                + frames.readings() * ownCost.ofReading());
        for (Span span : threads.requests()) {
            endings.endAnswered(span);
        }
        endings.finishPostponed(forgotten);
        emission.endpoints(endings.all(), counted);
        emission.statements(sql.statements(), countedSql);
        emission.calls(calls.all(), counted);
        emission.pools(sql.pools(), countedSql);
        emission.add(threads.inlineNanos(counted));
        logged.emit();
    }

    /** Spans that the last {@link #emitSummaries} emitted summaries of; the sampler's. */
    public long spans() {
        return emission.spans();
    }

    /** CPU nanoseconds that measuring these and tasks took, at what a span was found to take at the start; the sampler's. */
    public long inlineNanos() {
        return emission.inlineNanos();
    }

    /** Gives up so much from now on, see {@link Shedding}. Any thread. */
    public void shed(int level) {
        shedding.level(level);
        threads.shed(level >= Shedding.COUNTERS_OF_REQUESTS);
    }

    /** Holds nothing any more, and no thread from now on: nobody tidies up after this. Any thread. */
    public void forget() {
        forgotten = true;
        threads.forget();
        followed.forget();
        sql.forget();
        kept.clear();
    }

    /** Forgets threads and requests that have ended; called once a second on the sampler thread. */
    public void tidy() {
        threads.tidy();
        followed.tidy();
    }
}
