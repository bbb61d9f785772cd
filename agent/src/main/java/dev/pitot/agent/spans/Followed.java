package dev.pitot.agent.spans;

import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/** Follows what a request hands to other threads: which request a task belongs to when a thread begins with it. Runs on the application's threads. */
final class Followed {
    /** Tasks of one request that are followed. */
    private static final int MOST_TASKS = 20_000;

    private final SpanThreads threads;
    private final Requests requests;
    private final Shedding shedding;
    private final Tasks tasks = new Tasks();
    /** Tasks remembered since they were last told. */
    private final LongAdder remembered = new LongAdder();

    Followed(SpanThreads threads, Requests requests, Shedding shedding) {
        this.threads = threads;
        this.requests = requests;
        this.shedding = shedding;
    }

    void submitted(Object task) {
        SpanThread thread = threads.peek();
        Span span = thread == null ? null : thread.live();
        if (span == null || isServers(task.getClass().getName())) {
            return;
        }
        if (span.handedOver < MOST_TASKS && shedding.follows()) {
            Span.Link link = span.link();
            if (link == null) {
                return; // It has ended meanwhile.
            }
            span.handedOver++;
            remembered.increment();
            if (tasks.put(task, link)) {
                return;
            }
        }
        span.unfollowed++;
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

    @Nullable
    Object beginTask(Object task) {
        Span span = tasks.take(task);
        return span == null ? null : requests.workFor(span);
    }

    @Nullable
    Object beginStage(Object stage) {
        Span span = tasks.peek(stage);
        return span == null ? null : requests.workFor(span);
    }

    void endStage(Object stage, @Nullable Object token, boolean fired) {
        if (fired) {
            tasks.forget(stage);
        }
        if (token != null) {
            requests.endTask(token);
        }
    }

    void pooled() {
        SpanThread thread = threads.peek();
        if (thread != null) {
            thread.abandon();
        }
    }

    void beginRun(Object task) {
        // What a task has left open that threw: the loop of a pool is at the bottom of its thread.
        pooled();
        beginTask(task);
    }

    void endRun() {
        SpanThread thread = threads.peek();
        Span span = thread == null ? null : thread.request;
        Frame frame = thread == null || span == null ? null : thread.frameOf(span);
        if (frame != null) {
            requests.endTask(frame);
        }
    }

    /** Tasks that were remembered since the call before. */
    long remembered() {
        return remembered.sumThenReset();
    }

    /** Forgets what is of no use; the sampler's. */
    void tidy() {
        tasks.tidy();
    }

    /** Holds nothing of the application any more. */
    void forget() {
        tasks.clear();
    }
}
