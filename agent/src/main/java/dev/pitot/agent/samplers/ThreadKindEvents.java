package dev.pitot.agent.samplers;

import dev.pitot.agent.counters.Counters;
import dev.pitot.agent.counters.Counters.Kind;
import dev.pitot.events.ThreadKindCounters;
import java.util.List;

/**
 * {@code pitot.ThreadKindCounters}: what each kind of thread did. CPU time of the JVM's own threads is what the kernel says of
 * each; that of the application is the rest of the process's, so that threads which have ended stay in it.
 */
final class ThreadKindEvents {
    private final Counters counters;
    private final Hardware hardware;
    /** What the other kinds had more than the process in a second, as the two are read one after the other. */
    private long debt;

    private long agentCpuTime = Long.MIN_VALUE;

    ThreadKindEvents(Counters counters) {
        this.counters = counters;
        this.hardware = new Hardware(counters.process());
    }

    /** @param cpuTime of the process in the interval, or {@link Long#MIN_VALUE} */
    void emit(long interval, long cpuTime) {
        List<Kind> kinds = counters.kinds();
        long others = 0;
        for (Kind kind : kinds) {
            long runTime = kind.isApplication() ? 0 : kind.runTime();
            others = others == Long.MIN_VALUE || runTime == Long.MIN_VALUE ? Long.MIN_VALUE : others + runTime;
        }
        for (Kind kind : kinds) {
            ThreadKindCounters event = new ThreadKindCounters();
            event.kind = kind.name();
            event.threads = kind.threads();
            event.interval = interval;
            event.cpuTime = kind.isApplication() ? rest(cpuTime, others) : kind.runTime();
            if (kind.isAgent()) {
                agentCpuTime = event.cpuTime;
            }
            event.runQueueWait = kind.waitTime();
            hardware.read(kind.reading());
            event.cycles = hardware.values[0];
            event.instructions = hardware.values[1];
            event.cacheReferences = hardware.values[2];
            event.cacheMisses = hardware.values[3];
            event.branches = hardware.values[4];
            event.branchMisses = hardware.values[5];
            event.hardwareSource = counters.hardwareSource();
            event.hardwareRunning = hardware.least;
            event.commit();
        }
    }

    /** Of the last second, or {@link Long#MIN_VALUE}. */
    long agentCpuTime() {
        return agentCpuTime;
    }

    private long rest(long cpuTime, long others) {
        if (cpuTime == Long.MIN_VALUE || others == Long.MIN_VALUE) {
            return Long.MIN_VALUE;
        }
        long rest = cpuTime - others - debt;
        debt = Math.max(0, -rest);
        return Math.max(0, rest);
    }
}
