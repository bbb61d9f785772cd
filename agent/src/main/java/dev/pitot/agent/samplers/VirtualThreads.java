package dev.pitot.agent.samplers;

import dev.pitot.agent.instrument.SpanTransformer;
import dev.pitot.agent.spans.SpanRecorder;
import dev.pitot.agent.status.Contained;
import dev.pitot.agent.status.StatusBoard;
import dev.pitot.agent.status.StatusBoard.Entry;
import java.lang.instrument.Instrumentation;
import org.jspecify.annotations.Nullable;

/**
 * Begins to measure virtual threads once the first of them has a span: a JVM without pays nothing. {@link #inBackground} may be
 * called by any thread, {@link #run} is that of a thread of its own.
 */
final class VirtualThreads implements Runnable {
    /** Whose scheduler of virtual threads was tried; its methods are the JDK's own affair and may change. */
    private static final int KNOWN = 25;

    private final SpanRecorder recorder;
    private final SpanTransformer transformer;
    private final Instrumentation instrumentation;
    private final StatusBoard status;

    VirtualThreads(
            SpanRecorder recorder, SpanTransformer transformer, Instrumentation instrumentation, StatusBoard status) {
        this.recorder = recorder;
        this.transformer = transformer;
        this.instrumentation = instrumentation;
        this.status = status;
    }

    static boolean isKnown() {
        return Runtime.version().feature() == KNOWN;
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
        String wrong;
        try {
            wrong = tried();
        } catch (Throwable failed) {
            wrong = failed.getClass().getSimpleName() + ": " + failed.getMessage();
        }
        status.set(
                "virtual threads",
                wrong == null
                        ? Entry.ON
                        : Entry.partial("It is not known what spans on virtual threads cost: " + wrong, "Report this"));
    }

    private @Nullable String tried() throws Exception {
        if (!recorder.canFollowVirtualThreads(instrumentation)) {
            return "this JDK does not tell which carrier they are on";
        }
        transformer.followMounts();
        return recorder.tryVirtualThreads();
    }
}
