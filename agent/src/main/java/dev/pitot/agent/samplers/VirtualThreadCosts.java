package dev.pitot.agent.samplers;

import dev.pitot.agent.instrument.SpanTransformer;
import dev.pitot.agent.spans.SpanRecorder;
import dev.pitot.agent.status.Contained;
import dev.pitot.agent.status.StatusBoard;
import dev.pitot.agent.status.StatusBoard.Entry;
import java.lang.instrument.Instrumentation;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Begins to measure virtual threads once the first of them has a span, or says why that cannot be: a JVM without pays nothing.
 * {@link #inBackground} may be called by any thread, {@link #run} is that of a thread of its own.
 */
final class VirtualThreadCosts implements Runnable {
    /** Whose scheduler of virtual threads was tried; its methods are the JDK's own affair and may change. */
    private static final int KNOWN = 25;

    /** Seconds between trials, twice as long each time. */
    private static final long FIRST_PAUSE = 5;

    private static final long LAST_PAUSE = 320;

    private final boolean follow;
    private final SpanRecorder recorder;
    private final SpanTransformer transformer;
    private final Instrumentation instrumentation;
    private final StatusBoard status;

    VirtualThreadCosts(
            boolean follow,
            SpanRecorder recorder,
            SpanTransformer transformer,
            Instrumentation instrumentation,
            StatusBoard status) {
        this.follow = follow;
        this.recorder = recorder;
        this.transformer = transformer;
        this.instrumentation = instrumentation;
        this.status = status;
    }

    void inBackground() {
        Thread thread = new Thread(null, this, "pitot-virtual", 0, false);
        thread.setDaemon(true);
        Contained.in(thread);
        thread.setContextClassLoader(null);
        thread.start();
    }

    @Override
    public void run() {
        status.set("virtual threads", found());
    }

    private Entry found() {
        Entry cannot = whyNot(Runtime.version().feature(), follow);
        if (cannot != null) {
            return cannot;
        }
        String wrong;
        try {
            wrong = tried();
        } catch (Throwable failed) {
            wrong = failed.getClass().getSimpleName() + ": " + failed.getMessage();
        }
        return wrong == null ? Entry.ON : unknown(wrong, "Report this");
    }

    /** Null when they can be measured. */
    static @Nullable Entry whyNot(int jdk, boolean follow) {
        if (jdk != KNOWN) {
            return unknown("they are measured on JDK " + KNOWN + " alone, and this is " + jdk, "Run on JDK " + KNOWN);
        }
        return follow ? null : unknown("follow=false leaves alone what tells of their carriers", "Set follow=true");
    }

    private static Entry unknown(String why, String remedy) {
        return Entry.partial("It is not known what spans on virtual threads cost: " + why, remedy);
    }

    private @Nullable String tried() throws Exception {
        if (!recorder.canFollowVirtualThreads(instrumentation)) {
            return "this JDK does not tell which carrier they are on";
        }
        transformer.followMounts();
        String wrong = recorder.tryVirtualThreads();
        for (long pause = FIRST_PAUSE; wrong != null && pause <= LAST_PAUSE; pause *= 2) {
            status.set(
                    "virtual threads",
                    unknown(wrong, "It is tried again for some minutes, as a busy machine may be why"));
            TimeUnit.SECONDS.sleep(pause);
            wrong = recorder.tryVirtualThreads();
        }
        return wrong;
    }
}
