package dev.pitot.agent.samplers;

import dev.pitot.agent.spans.Shedding;
import dev.pitot.agent.spans.SpanRecorder;
import dev.pitot.agent.status.StatusBoard;
import dev.pitot.agent.status.StatusBoard.Entry;
import dev.pitot.events.AgentCost;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * {@code pitot.AgentCost}: what the agent cost in the last second, on its own threads and on those of the application; and what it
 * gives up when that is more than its budget.
 */
final class AgentCostSampler implements Sampler {
    private static final String PART = "budget";
    private static final String[] SHED = {
        "",
        "stack traces",
        "stack traces and single events",
        "stack traces, single events and the counters of SQL statements",
        "stack traces, single events and all counters of requests, calls and statements",
        "stack traces, single events, all counters of requests, calls and statements and what requests leave to other threads",
        "stack traces, single events, all counters of requests, calls and statements, what requests leave to other threads and how long they wait for a CPU, monitors and notifications"
    };

    private final @Nullable CountersSampler counters;
    private final SpanRecorder recorder;
    private final double share;
    private final Budget budget;
    private final StatusBoard status;
    private final Consumer<Boolean> stackTraces;
    private int level;

    /**
     * @param counters sampled before this one; null when they could not be had
     * @param stackTraces told whether the recording is to take any
     */
    AgentCostSampler(
            @Nullable CountersSampler counters,
            SpanRecorder recorder,
            double share,
            StatusBoard status,
            Consumer<Boolean> stackTraces) {
        this.counters = counters;
        this.recorder = recorder;
        this.share = share;
        this.budget = new Budget(share);
        this.status = status;
        this.stackTraces = stackTraces;
        status.set(PART, share >= 1 ? Entry.off("Switched off by budget=none", "Set budget=1%") : Entry.ON);
    }

    @Override
    public String name() {
        return "agent cost";
    }

    @Override
    public void sample(long interval) {
        AgentCost event = new AgentCost();
        event.interval = interval;
        event.spans = recorder.spans();
        event.inlineCpuTime = recorder.inlineNanos();
        long process = Long.MIN_VALUE;
        if (counters != null) {
            event.threadCpuTime = counters.agentCpuTime();
            process = counters.cpuTime();
        }
        double known = (double) (Math.max(0, event.threadCpuTime) + event.inlineCpuTime) / Math.max(process, interval);
        event.share = event.threadCpuTime == Long.MIN_VALUE ? Double.NaN : known;
        event.budget = share >= 1 ? Double.NaN : share;
        apply(budget.next(known));
        event.shed = level;
        event.commit();
    }

    private void apply(int wanted) {
        if (wanted == level) {
            return;
        }
        boolean traced = level < Shedding.STACK_TRACES;
        level = wanted;
        recorder.shed(wanted);
        if (traced != wanted < Shedding.STACK_TRACES) {
            stackTraces.accept(wanted < Shedding.STACK_TRACES);
        }
        status.set(
                PART,
                wanted == Shedding.NOTHING
                        ? Entry.ON
                        : Entry.partial(
                                "The agent would cost more than " + Math.round(share * 1e6) / 1e4
                                        + " % of the CPU time: " + SHED[wanted] + " are given up until it costs less",
                                "Raise budget to keep them, or set budget=none"));
    }
}
