package dev.pitot.agent.samplers;

import dev.pitot.agent.counters.Counters;
import dev.pitot.agent.counters.ProcessUsage;
import dev.pitot.agent.counters.Reading;
import dev.pitot.events.ProcessCounters;

/** {@code pitot.ProcessCounters}: differences of the process's totals. */
final class ProcessCountersEvents {
    private final Counters counters;
    private final Hardware hardware;
    private final int migrations;
    private long userTime;
    private long systemTime;
    private double voluntarySwitches;
    private double involuntarySwitches;
    private double minorFaults;
    private double majorFaults;
    private long cpuTime = Long.MIN_VALUE;

    ProcessCountersEvents(Counters counters) {
        this.counters = counters;
        Reading reading = counters.process();
        this.hardware = new Hardware(reading);
        this.migrations = reading == null ? -1 : reading.indexOf("cpu-migrations");
    }

    void emit(long interval) {
        ProcessUsage usage = counters.usage();
        ProcessCounters event = new ProcessCounters();
        event.interval = interval;
        event.userTime = difference(usage.userTime, userTime);
        event.systemTime = difference(usage.systemTime, systemTime);
        cpuTime = event.userTime == Long.MIN_VALUE
                ? Long.MIN_VALUE
                : event.userTime + (event.systemTime == Long.MIN_VALUE ? 0 : event.systemTime);
        event.voluntaryContextSwitches = usage.voluntarySwitches - voluntarySwitches;
        event.involuntaryContextSwitches = usage.involuntarySwitches - involuntarySwitches;
        event.minorFaults = usage.minorFaults - minorFaults;
        event.majorFaults = usage.majorFaults - majorFaults;
        event.softwareSource = usage.source();
        event.runQueueWait = counters.runQueueWait();
        Reading reading = counters.process();
        if (reading != null) {
            event.cpuMigrations = migrations < 0 ? Double.NaN : reading.value(migrations);
            hardware.read(reading);
            event.cycles = hardware.values[0];
            event.instructions = hardware.values[1];
            event.cacheReferences = hardware.values[2];
            event.cacheMisses = hardware.values[3];
            event.branches = hardware.values[4];
            event.branchMisses = hardware.values[5];
            event.cyclesRunning = hardware.running[0];
            event.instructionsRunning = hardware.running[1];
            event.cacheReferencesRunning = hardware.running[2];
            event.cacheMissesRunning = hardware.running[3];
            event.branchesRunning = hardware.running[4];
            event.branchMissesRunning = hardware.running[5];
            event.hardwareRunning = hardware.least;
        }
        event.hardwareSource = counters.hardwareSource();
        event.commit();
    }

    /** CPU nanoseconds of the interval last emitted, or {@link Long#MIN_VALUE}. */
    long cpuTime() {
        return cpuTime;
    }

    /** From here on the next difference is taken. */
    void remember() {
        ProcessUsage usage = counters.usage();
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
