package dev.pitot.agent.spans;

import org.jspecify.annotations.Nullable;

/** Follows what a request hands to other threads: which request a task belongs to when a thread begins with it. Runs on the application's threads. */
final class Followed {
    /** Tasks of one request that are followed: to remember one takes some 100 ns. */
    private static final int MOST_TASKS = 20_000;

    private final SpanThreads threads;
    private final Requests requests;
    private final Tasks tasks = new Tasks();

    Followed(SpanThreads threads, Requests requests) {
        this.threads = threads;
        this.requests = requests;
    }

    void submitted(Object task) {
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

    /** Holds nothing of the application any more. */
    void forget() {
        tasks.clear();
    }
}
