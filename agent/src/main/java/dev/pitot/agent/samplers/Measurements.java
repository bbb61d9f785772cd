package dev.pitot.agent.samplers;

import dev.pitot.agent.config.AgentConfig;
import dev.pitot.agent.counters.Counters;
import dev.pitot.agent.counters.Reads;
import dev.pitot.agent.instrument.SpanTransformer;
import dev.pitot.agent.samplers.host.HostSampler;
import dev.pitot.agent.spans.SpanRecorder;
import dev.pitot.agent.status.StatusBoard;
import dev.pitot.agent.status.StatusBoard.Entry;
import dev.pitot.events.Spans;
import java.io.IOException;
import java.lang.instrument.Instrumentation;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Everything that measures. {@link #install} runs on the main thread before the application, {@link #prepare} and
 * {@link #start} on the agent's starter thread, {@link #stop} on any thread, also in a shutdown hook.
 */
public final class Measurements {
    private static final long LONGEST_STOP_MILLIS = 150;

    private final AgentConfig config;
    private final Instrumentation instrumentation;
    private final StatusBoard status;
    private final SpanTransformer transformer;
    private @Nullable Counters counters;
    private @Nullable SpanRecorder recorder;
    private @Nullable SamplerThread thread;
    private boolean stopped;

    private Measurements(
            AgentConfig config, Instrumentation instrumentation, StatusBoard status, SpanTransformer transformer) {
        this.config = config;
        this.instrumentation = instrumentation;
        this.status = status;
        this.transformer = transformer;
    }

    /** On the main thread in premain: adds the class-file transformer and nothing else. */
    public static Measurements install(AgentConfig config, Instrumentation instrumentation, StatusBoard status) {
        SpanTransformer transformer = new SpanTransformer(config, instrumentation, status);
        instrumentation.addTransformer(transformer, true);
        return new Measurements(config, instrumentation, status, transformer);
    }

    /** On the starter thread, before the recording starts: opens the counters and registers all event types. */
    public synchronized void prepare() {
        EventTypes.registerAll(config);
        transformer.catchUp();
        if (config.counters().enabled()) {
            Reads.prepare(instrumentation);
        }
        counters = Counters.open(config.counters(), status);
    }

    /**
     * After the recording has started: measures requests from now on, and starts the sampler thread.
     *
     * @param onSecond runs on the sampler thread each second, after the samplers
     * @param stackTraces told on the sampler thread, when it changes, whether the recording is to take any
     */
    public synchronized void start(Runnable onSecond, Consumer<Boolean> stackTraces) {
        Counters opened = counters;
        if (opened == null || stopped || thread != null) {
            return;
        }
        // Opened first and sampled last, as it takes longest and what measures the process is to be on time.
        HostSampler host = null;
        if (config.host()) {
            host = HostSampler.open(config.hostCores(), status);
        } else {
            status.set("host", Entry.off("Switched off by host=false", "Set host=true"));
        }
        List<Sampler> samplers = new ArrayList<>();
        CountersSampler processCounters = null;
        try {
            processCounters = new CountersSampler(opened);
            samplers.add(processCounters);
        } catch (IOException unreadable) {
            status.set(
                    "software counters",
                    Entry.off("The process counters cannot be read: " + unreadable.getMessage(), "Report this"));
        }
        samplers.add(new JvmMemorySampler());
        SpanRecorder measured = SpanRecorder.open(config, opened, instrumentation);
        samplers.add(new SpanSummarySampler(measured));
        samplers.add(new AgentCostSampler(processCounters, measured, config.budget(), status, stackTraces));
        if (Runtime.version().feature() >= 21) {
            measured.onVirtualThreads(new VirtualThreadCosts(
                    config.follow(), measured, transformer, instrumentation, status)::inBackground);
        }
        if (host != null) {
            samplers.add(host);
        }
        samplers.add(new AgentStatusSampler(status));
        samplers.add(new DiagnosisSampler(opened));
        recorder = measured;
        Runnable each = () -> {
            // No sampler's task: it must go on when one of those has failed.
            try {
                onSecond.run();
            } finally {
                opened.tidy();
                measured.tidy();
            }
        };
        SamplerThread started = new SamplerThread(samplers, each, opened::close, status);
        started.start();
        thread = started; // Only now: one that could not be started closes nothing.
        transformer.beforeFollowers(measured::prepare);
        Spans.install(measured); // Last, as that thread tidies up after it.
    }

    /**
     * Stops measuring for good: takes the recorder away and lets the sampler emit what is left. Blocks 150 ms at most, and
     * does nothing the second time.
     */
    public synchronized void stop() {
        if (stopped) {
            return;
        }
        stopped = true;
        Spans.install(null);
        SpanRecorder measured = recorder;
        if (measured != null) {
            measured.forget();
        }
        instrumentation.removeTransformer(transformer);
        SamplerThread running = thread;
        if (running != null) {
            running.finish();
            try {
                running.join(LONGEST_STOP_MILLIS);
            } catch (InterruptedException hurried) {
                Thread.currentThread().interrupt();
            }
            return; // It closes the counters itself, whenever it ends.
        }
        if (counters != null) {
            counters.close();
        }
    }
}
