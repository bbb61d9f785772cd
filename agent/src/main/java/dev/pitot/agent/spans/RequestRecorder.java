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

    private final ThreadLocal<Span> spans = ThreadLocal.withInitial(this::newSpan);
    private final @Nullable ThreadCounters counters;
    private final @Nullable ThreadMXBean threads;
    private final Endpoints endpoints;
    private final long slowNanos;
    private final int eventsPerSecond;
    private final AtomicInteger tokens;
    private final int[] scratch = new int[Buckets.COUNT];

    /**
     * @param slow requests at least this long become single events
     * @param eventsPerSecond other requests that do, between two calls of {@link #emitSummaries}
     * @param maxRoutes endpoints kept apart
     */
    public RequestRecorder(@Nullable ThreadCounters counters, Duration slow, int eventsPerSecond, int maxRoutes) {
        this.counters = counters;
        this.threads = threadBean();
        this.endpoints = new Endpoints(maxRoutes);
        this.slowNanos = slow.toNanos();
        this.eventsPerSecond = eventsPerSecond;
        this.tokens = new AtomicInteger(eventsPerSecond);
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
        try {
            return MethodHandles.publicLookup()
                    .findVirtual(Thread.class, "isVirtual", MethodType.methodType(boolean.class));
        } catch (ReflectiveOperationException beforeJava21) {
            return null;
        }
    }

    private Span newSpan() {
        boolean virtual;
        try {
            virtual = IS_VIRTUAL != null && (boolean) IS_VIRTUAL.invokeExact(Thread.currentThread());
        } catch (Throwable impossible) {
            throw new AssertionError(impossible);
        }
        return new Span(!virtual, virtual || counters == null ? null : counters.openForThisThread());
    }

    @Override
    protected @Nullable Object begin() {
        Span span = spans.get();
        if (span.open) {
            return null;
        }
        if (span.platform && threads != null) {
            span.startAllocated = threads.getCurrentThreadAllocatedBytes();
            span.startCpuTime = threads.getCurrentThreadCpuTime();
        }
        if (span.counters != null) {
            span.counters.begin();
        }
        span.event.begin();
        span.startNanos = System.nanoTime();
        // Last of all: were it set and something above failed (no memory), this thread would never be measured again.
        span.open = true;
        return span;
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
        long duration = System.nanoTime() - span.startNanos;
        span.event.end();
        double[] counts = span.counts;
        if (span.counters != null && counts != null && !span.counters.end(counts)) {
            Arrays.fill(counts, Double.NaN);
        }
        long cpuTime = Long.MIN_VALUE;
        long allocated = Long.MIN_VALUE;
        if (span.platform && threads != null) {
            cpuTime = threads.getCurrentThreadCpuTime() - span.startCpuTime;
            allocated = threads.getCurrentThreadAllocatedBytes() - span.startAllocated;
        }
        int answered = thrown != null && status < 400 ? 500 : Math.max(0, status);
        boolean failed = thrown != null || answered >= 500;
        Endpoint endpoint = endpoints.find(method, route, path);
        span.stripe = endpoint.add(span.stripe, duration, failed, cpuTime, allocated, counts);
        if (span.event.isEnabled() && (failed || duration >= slowNanos || takeToken())) {
            commit(span, endpoint, answered, failed, async, cpuTime, allocated);
        }
    }

    private boolean takeToken() {
        return tokens.get() > 0 && tokens.getAndDecrement() > 0;
    }

    private static void commit(
            Span span, Endpoint endpoint, int status, boolean failed, boolean async, long cpuTime, long allocated) {
        HttpRequest event = span.event;
        event.method = endpoint.method;
        event.route = endpoint.route;
        event.status = status;
        event.failed = failed;
        event.async = async;
        event.cpuTime = cpuTime;
        event.allocated = allocated;
        double[] counts = span.counts;
        if (counts != null) {
            event.contextSwitches = counts[ThreadCounters.CONTEXT_SWITCHES];
            event.pageFaults = counts[ThreadCounters.PAGE_FAULTS];
            event.cycles = counts[ThreadCounters.CYCLES];
            event.instructions = counts[ThreadCounters.INSTRUCTIONS];
            event.cacheMisses = counts[ThreadCounters.CACHE_MISSES];
            event.branchMisses = counts[ThreadCounters.BRANCH_MISSES];
        }
        event.commit();
    }

    /**
     * Emits one {@code pitot.EndpointSummary} for each endpoint that finished a request since the previous call, and lets the
     * next ordinary requests become events again.
     *
     * @param interval nanoseconds since the previous call
     */
    public void emitSummaries(long interval) {
        tokens.set(eventsPerSecond);
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
}
