package dev.pitot.agent.samplers;

import dev.pitot.agent.counters.Counters;
import dev.pitot.agent.counters.ProcessUsage;
import dev.pitot.events.ProcessCounters;
import java.io.IOException;

/** {@code pitot.ProcessCounters}: differences of the process's totals. */
final class ProcessCountersSampler implements Sampler {
    private final Counters counters;
    private long readAt;
    private long userTime;
    private long systemTime;
    private double voluntarySwitches;
    private double involuntarySwitches;
    private double minorFaults;
    private double majorFaults;

    /** Reads the totals that the first difference is taken from. */
    ProcessCountersSampler(Counters counters) throws IOException {
        this.counters = counters;
        readAt = System.nanoTime();
        counters.usage().read();
        counters.sampleHardware();
        remember(counters.usage());
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
        double[] hardware = counters.sampleHardware();
        ProcessCounters event = new ProcessCounters();
        event.interval = now - readAt;
        event.userTime = difference(usage.userTime, userTime);
        event.systemTime = difference(usage.systemTime, systemTime);
        event.voluntaryContextSwitches = usage.voluntarySwitches - voluntarySwitches;
        event.involuntaryContextSwitches = usage.involuntarySwitches - involuntarySwitches;
        event.minorFaults = usage.minorFaults - minorFaults;
        event.majorFaults = usage.majorFaults - majorFaults;
        event.softwareSource = usage.source();
        event.cycles = hardware[0];
        event.instructions = hardware[1];
        event.cacheReferences = hardware[2];
        event.cacheMisses = hardware[3];
        event.branches = hardware[4];
        event.branchMisses = hardware[5];
        event.hardwareSource = counters.hardwareSource();
        event.hardwareRunning = counters.hardwareRunning();
        event.commit();
        remember(usage);
        readAt = now;
    }

    private void remember(ProcessUsage usage) {
        userTime = usage.userTime;
        systemTime = usage.systemTime;
        voluntarySwitches = usage.voluntarySwitches;
        involuntarySwitches = usage.involuntarySwitches;
        minorFaults = usage.minorFaults;
        majorFaults = usage.majorFaults;
    }

    /** The kernel splits CPU time into user and system by an estimate that may step back a little; that is a zero. */
    private static long difference(long now, long before) {
        return now == Long.MIN_VALUE || before == Long.MIN_VALUE ? Long.MIN_VALUE : Math.max(0, now - before);
    }
}
