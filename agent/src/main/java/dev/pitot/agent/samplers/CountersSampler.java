package dev.pitot.agent.samplers;

import dev.pitot.agent.counters.Counters;
import dev.pitot.agent.counters.ProcessUsage;
import java.io.IOException;

/** Reads all counters of the process, its threads and the machine at one moment, and emits what they say, each in an event of its own. */
final class CountersSampler implements Sampler {
    private final Counters counters;
    private final ProcessCountersEvents process;
    private final ThreadKindEvents kinds;
    private long readAt;

    /** Reads the totals that the first difference is taken from. */
    CountersSampler(Counters counters) throws IOException {
        this.counters = counters;
        this.process = new ProcessCountersEvents(counters);
        this.kinds = new ThreadKindEvents(counters);
        readAt = System.nanoTime();
        counters.usage().read();
        counters.sample();
        process.remember();
    }

    /** CPU nanoseconds of the process in the last second, or {@link Long#MIN_VALUE}. */
    long cpuTime() {
        return process.cpuTime();
    }

    /** The same of the agent's own threads and of JFR's. */
    long agentCpuTime() {
        return kinds.agentCpuTime();
    }

    @Override
    public String name() {
        return "process counters";
    }

    @Override
    public void sample(long interval) throws IOException {
        ProcessUsage usage = counters.usage();
        // Its own clock, read with the totals: the first ones were read before the sampler thread was there.
        long now = System.nanoTime();
        usage.read();
        counters.sample();
        long span = now - readAt;
        process.emit(span);
        kinds.emit(span, process.cpuTime());
        TopThreadEvents.emit(counters);
        NamedCounterEvents.emit(counters, span);
        HostCounterEvents.emit(counters, span);
        process.remember();
        readAt = now;
    }
}
