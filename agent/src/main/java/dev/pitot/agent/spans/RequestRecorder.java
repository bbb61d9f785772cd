package dev.pitot.agent.spans;

import com.sun.management.ThreadMXBean;
import dev.pitot.agent.counters.ThreadCounters;
import dev.pitot.events.EndpointSummary;
import dev.pitot.events.HttpRequest;
import dev.pitot.events.Requests;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * Measures each request on the thread that serves it: wall time, CPU time, allocation and counters. Every request is counted
 * in its endpoint's summary; slow, failed and a limited number of other requests become events of their own.
 *
 * <p>{@link #begin} and {@link #end} run on the application's threads, {@link #emitSummaries} on the sampler's.
 */
public final class RequestRecorder extends Requests.Recorder {
    private static final @Nullable MethodHandle IS_VIRTUAL = isVirtualMethod();
    /** Slow and failed requests that become single events in a second: an outage must not fill the recording. */
    private static final int LEAST_IMPORTANT_EVENTS = 1000;

    private static final int REHEARSALS = 3000;

    private final ThreadLocal<Span> spans = ThreadLocal.withInitial(this::spanOfThisThread);
    /**
     * The same again, platform threads only: some pools erase thread-locals between tasks (the common one of ForkJoinPool does),
     * and a thread must not open its counters anew for each request.
     */
    private final ConcurrentHashMap<Key, Span> byThread = new ConcurrentHashMap<>();

    private volatile boolean forgotten;

    private final @Nullable ThreadCounters counters;
    private final @Nullable ThreadMXBean threads;
    private final Endpoints endpoints;
    private final long slowNanos;
    private final int eventsPerSecond;
    private final AtomicInteger tokens;
    private final AtomicInteger importantTokens;
    private final int[] scratch = new int[Buckets.COUNT];
    /** What measuring itself adds between the readings: CPU nanoseconds, and counts by their places. */
    private long ownCpuTime;

    private final double[] ownCounts;
    /** When the summaries to come begin; the sampler's alone. */
    private long since;

    /** A thread as itself, whatever its class makes of {@code equals}. */
    private record Key(Thread thread) {
        @Override
        public int hashCode() {
            return System.identityHashCode(thread);
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Key key && key.thread == thread;
        }
    }

    /**
     * Measures what measuring costs, which takes some milliseconds of the calling thread.
     *
     * @param slow requests at least this long become single events
     * @param eventsPerSecond other requests that do, between two calls of {@link #emitSummaries}
     * @param maxRoutes endpoints kept apart, of the server's patterns and of paths each
     */
    public RequestRecorder(@Nullable ThreadCounters counters, Duration slow, int eventsPerSecond, int maxRoutes) {
        this.counters = counters;
        this.ownCounts = new double[counters == null ? ThreadCounters.PLACES : counters.places()];
        this.threads = threadBean();
        this.endpoints = new Endpoints(maxRoutes);
        this.slowNanos = slow.toNanos();
        this.eventsPerSecond = eventsPerSecond;
        this.tokens = new AtomicInteger(eventsPerSecond);
        this.importantTokens = new AtomicInteger(importantEvents());
        calibrate();
        this.since = System.nanoTime();
    }

    private int importantEvents() {
        return (int) Math.max(LEAST_IMPORTANT_EVENTS, Math.min(Integer.MAX_VALUE, eventsPerSecond * 10L));
    }

    /** The least that an empty request costs, as anything above it may be somebody else's. */
    private void calibrate() {
        Span span = spanOfThisThread();
        long cpuTime = Long.MAX_VALUE;
        double[] counts = new double[ownCounts.length];
        Arrays.fill(counts, Double.POSITIVE_INFINITY);
        for (int i = 0; i < REHEARSALS; i++) {
            start(span);
            finish(span);
            if (span.cpuTime != Long.MIN_VALUE) {
                cpuTime = Math.min(cpuTime, span.cpuTime);
            }
            for (int place = 0; span.counts != null && place < counts.length; place++) {
                counts[place] = span.counts[place] < counts[place] ? span.counts[place] : counts[place];
            }
        }
        ownCpuTime = cpuTime == Long.MAX_VALUE ? 0 : cpuTime;
        for (int place = 0; place < counts.length; place++) {
            ownCounts[place] = Double.isInfinite(counts[place]) ? 0 : counts[place];
        }
    }

    private static @Nullable ThreadMXBean threadBean() {
        return ManagementFactory.getThreadMXBean() instanceof ThreadMXBean bean
                        && bean.isCurrentThreadCpuTimeSupported()
                        && bean.isThreadCpuTimeEnabled()
                        && bean.isThreadAllocatedMemorySupported()
                        && bean.isThreadAllocatedMemoryEnabled()
                ? bean
                : null;
    }

    private static @Nullable MethodHandle isVirtualMethod() {
        if (Runtime.version().feature() < 21) {
            // To look for it would leave a NoSuchMethodError among the events of the application's recording.
            return null;
        }
        try {
            return MethodHandles.publicLookup()
                    .findVirtual(Thread.class, "isVirtual", MethodType.methodType(boolean.class));
        } catch (ReflectiveOperationException impossible) {
            return null;
        }
    }

    private Span spanOfThisThread() {
        Thread thread = Thread.currentThread();
        boolean virtual;
        try {
            virtual = IS_VIRTUAL != null && (boolean) IS_VIRTUAL.invokeExact(thread);
        } catch (Throwable impossible) {
            throw new AssertionError(impossible);
        }
        if (virtual) {
            return new Span(false, null, 0);
        }
        Key key = new Key(thread);
        Span span = byThread.get(key);
        if (span == null) {
            span = new Span(true, counters == null ? null : counters.openForThisThread(), ownCounts.length);
            if (!forgotten) {
                byThread.put(key, span);
            }
        }
        return span;
    }

    @Override
    protected @Nullable Object begin() {
        Span span = spans.get();
        if (span.open) {
            return null;
        }
        start(span);
        // Last of all: were it set and something above failed (no memory), this thread would never be measured again.
        span.open = true;
        return span;
    }

    /** Dearest reading first, so that what is read next does not count it: counters, allocation, CPU time, clock. */
    private void start(Span span) {
        if (span.counters != null) {
            span.counters.begin();
        }
        if (span.platform && threads != null) {
            span.startAllocated = threads.getCurrentThreadAllocatedBytes();
            span.startCpuTime = threads.getCurrentThreadCpuTime();
        }
        span.event.begin();
        span.startNanos = System.nanoTime();
    }

    /** The other way round. */
    private void finish(Span span) {
        span.duration = System.nanoTime() - span.startNanos;
        span.event.end();
        span.cpuTime = Long.MIN_VALUE;
        span.allocated = Long.MIN_VALUE;
        if (span.platform && threads != null) {
            span.cpuTime = difference(span.startCpuTime, threads.getCurrentThreadCpuTime(), ownCpuTime);
            span.allocated = difference(span.startAllocated, threads.getCurrentThreadAllocatedBytes(), 0);
        }
        double[] counts = span.counts;
        if (span.counters == null || counts == null) {
            return;
        }
        if (!span.counters.end(counts)) {
            Arrays.fill(counts, Double.NaN);
        }
        for (int i = 0; i < counts.length; i++) {
            counts[i] = Math.max(0, counts[i] - ownCounts[i]);
        }
    }

    /** The bean answers -1 from the moment on that the application switches the measurement off. */
    private static long difference(long before, long after, long own) {
        return before < 0 || after < before ? Long.MIN_VALUE : Math.max(0, after - before - own);
    }

    @Override
    protected void end(
            Object token,
            @Nullable String method,
            @Nullable String route,
            @Nullable String path,
            int status,
            boolean async,
            @Nullable Throwable thrown) {
        if (!(token instanceof Span span) || !span.open) {
            return;
        }
        // First of all: whatever fails below, the next request of this thread must find it closed.
        span.open = false;
        finish(span);
        int answered = thrown != null && status < 400 ? 500 : Math.max(0, status);
        span.failed = thrown != null || answered >= 500;
        span.async = async;
        Endpoint endpoint = endpoints.find(method, route, path, answered);
        endpoint.add(span);
        boolean important = span.failed || span.duration >= slowNanos;
        if (span.event.isEnabled() && take(important ? importantTokens : tokens)) {
            commit(span, endpoint, answered);
        }
    }

    private static boolean take(AtomicInteger tokens) {
        return tokens.get() > 0 && tokens.getAndDecrement() > 0;
    }

    private void commit(Span span, Endpoint endpoint, int status) {
        HttpRequest event = span.event;
        event.method = endpoint.method;
        event.route = endpoint.route;
        event.status = status;
        event.failed = span.failed;
        event.async = span.async;
        event.cpuTime = span.cpuTime;
        event.allocated = span.allocated;
        event.counterSource = span.source();
        double[] counts = span.counts;
        if (counts != null && span.counters != null) {
            long due = span.counters.enabledNanos();
            event.counterRunning = due <= 0 ? Double.NaN : Math.min(1, (double) span.counters.runningNanos() / due);
            event.contextSwitches = counts[ThreadCounters.CONTEXT_SWITCHES];
            event.pageFaults = counts[ThreadCounters.PAGE_FAULTS];
            event.cycles = counts[ThreadCounters.CYCLES];
            event.instructions = counts[ThreadCounters.INSTRUCTIONS];
            event.cacheMisses = counts[ThreadCounters.CACHE_MISSES];
            event.branchMisses = counts[ThreadCounters.BRANCH_MISSES];
            event.furtherCounters = further(counts);
        }
        event.commit();
    }

    /** Counters that were asked for by name, in text, as an event has a fixed set of fields; null when there are none. */
    private @Nullable String further(double[] counts) {
        if (counters == null || counts.length == ThreadCounters.PLACES) {
            return null;
        }
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < counters.further().size(); i++) {
            double value = counts[ThreadCounters.PLACES + i];
            if (!Double.isNaN(value)) {
                text.append(text.length() == 0 ? "" : " ")
                        .append(counters.further().get(i))
                        .append('=')
                        .append(Math.round(value));
            }
        }
        return text.toString();
    }

    /**
     * Emits one {@code pitot.EndpointSummary} for each endpoint that finished a request since the previous call, and lets the
     * next requests become events again.
     */
    public void emitSummaries() {
        tokens.set(eventsPerSecond);
        importantTokens.set(importantEvents());
        long now = System.nanoTime();
        long interval = now - since;
        since = now;
        for (Endpoint endpoint : endpoints.all()) {
            if (endpoint.takeTouched()) {
                EndpointSummary event = new EndpointSummary();
                if (endpoint.drainTo(event, scratch)) {
                    event.interval = interval;
                    event.commit();
                }
            }
        }
    }

    /** Holds no thread any more, and none from now on: nobody tidies up after this. Any thread. */
    public void forget() {
        forgotten = true;
        byThread.clear();
    }

    /** Forgets threads that have ended; called once a second on the sampler thread. */
    public void tidy() {
        byThread.keySet().removeIf(key -> !key.thread.isAlive());
    }
}
