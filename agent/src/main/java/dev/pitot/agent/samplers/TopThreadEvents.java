package dev.pitot.agent.samplers;

import dev.pitot.agent.counters.Counters;
import dev.pitot.agent.counters.Reading;
import dev.pitot.agent.counters.TopThreads;
import dev.pitot.events.TopThread;

/** {@code pitot.TopThread}: the threads that used most CPU time. */
final class TopThreadEvents {
    private TopThreadEvents() {}

    static void emit(Counters counters) {
        TopThreads threads = counters.topThreads();
        if (threads == null) {
            return;
        }
        for (TopThreads.Entry entry : threads.top()) {
            TopThread event = new TopThread();
            event.thread = entry.thread();
            event.osThreadId = entry.tid();
            event.kind = entry.kind();
            event.interval = entry.interval();
            event.cpuTime = entry.cpuTime();
            event.runQueueWait = entry.runQueueWait();
            event.timeslices = entry.timeslices();
            event.hardwareSource = counters.hardwareSource();
            Reading reading = entry.reading();
            if (reading != null) {
                Hardware hardware = new Hardware(reading);
                hardware.read(reading);
                event.cycles = hardware.values[0];
                event.instructions = hardware.values[1];
                event.cacheReferences = hardware.values[2];
                event.cacheMisses = hardware.values[3];
                event.branches = hardware.values[4];
                event.branchMisses = hardware.values[5];
                event.hardwareRunning = hardware.least;
            }
            event.commit();
        }
    }
}
