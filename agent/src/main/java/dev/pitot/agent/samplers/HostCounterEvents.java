package dev.pitot.agent.samplers;

import dev.pitot.agent.counters.Counters;
import dev.pitot.agent.counters.HostHardware;
import dev.pitot.agent.counters.Reading;
import dev.pitot.events.HostCounters;

/** {@code pitot.HostCounters}: each CPU of the machine, and all of them. */
final class HostCounterEvents {
    private HostCounterEvents() {}

    static void emit(Counters counters, long interval) {
        HostHardware host = counters.host();
        if (host == null || !Hardware.isIn(host.all())) {
            return; // On a machine without a PMU there is nothing to say of its CPUs but what was asked for by name.
        }
        emit("all", host.all(), interval);
        for (int i = 0; i < host.size(); i++) {
            emit(Integer.toString(host.cpu(i)), host.of(i), interval);
        }
    }

    private static void emit(String cpu, Reading reading, long interval) {
        Hardware hardware = new Hardware(reading);
        hardware.read(reading);
        HostCounters event = new HostCounters();
        event.cpu = cpu;
        event.interval = interval;
        event.cycles = hardware.values[0];
        event.instructions = hardware.values[1];
        event.cacheReferences = hardware.values[2];
        event.cacheMisses = hardware.values[3];
        event.branches = hardware.values[4];
        event.branchMisses = hardware.values[5];
        event.hardwareSource = "perf";
        event.hardwareRunning = hardware.least;
        event.commit();
    }
}
