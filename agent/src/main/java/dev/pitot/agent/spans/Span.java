package dev.pitot.agent.spans;

import dev.pitot.events.HttpRequest;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * One request, from its handler's begin to its end, on whatever threads. Its own thread and those that work for it add what they
 * did under a flag that is held for some nanoseconds; after its end nothing is added any more. Holds nothing of the application.
 */
final class Span {
    private final AtomicInteger flag = new AtomicInteger();
    final HttpRequest event = new HttpRequest();
    final long id;
    final long begun;
    /** As it came in, or null. */
    volatile @Nullable String traceparent;

    /** Of a framework, which goes before the server's. */
    volatile @Nullable String route;

    /** What follows is read and written between {@link #take} and {@link #release}. */
    boolean returned;

    boolean completed;
    /** Threads that go on with its handling now. */
    int handlers;

    volatile boolean ended;
    boolean async;
    int status;

    @Nullable
    String method;

    @Nullable
    String path;

    @Nullable
    String serverRoute;

    @Nullable
    String error;

    long completedAt;
    /** What was done on other threads, and by an asynchronous request on its own; null when that was nothing. */
    @Nullable
    Cost all;

    @Nullable
    Cost own;

    final long[] parts = new long[Part.COUNT];
    /** Wall time that {@link #parts} add up to. */
    long covered;

    long otherThreads;
    final long[] extras = new long[Done.EXTRAS];

    Span(long id) {
        this.id = id;
        this.begun = System.nanoTime();
    }

    void take() {
        while (!flag.compareAndSet(0, 1)) {
            Thread.onSpinWait();
        }
    }

    void release() {
        flag.setRelease(0);
    }

    void handlerBegins() {
        take();
        handlers++;
        release();
    }

    /** Adds the work of one thread; within the flag. */
    void add(Cost inclusive, Cost exclusive) {
        Cost sum = all;
        Cost rest = own;
        if (sum == null || rest == null) {
            sum = new Cost(inclusive.counts.length);
            rest = new Cost(inclusive.counts.length);
            sum.clear();
            rest.clear();
            all = sum;
            own = rest;
        }
        sum.add(inclusive);
        rest.add(exclusive);
    }

    /** Within the flag. */
    void cover(Split split, long wall) {
        for (int part = 0; part < Part.COUNT; part++) {
            parts[part] += split.parts[part];
        }
        covered += wall;
    }

    /** One more, and for how long. */
    void count(int extra, int extraNanos, long nanos) {
        take();
        extras[extra]++;
        extras[extraNanos] += nanos;
        release();
    }

    void count(int extra) {
        take();
        extras[extra]++;
        release();
    }
}
