package dev.pitot.agent.samplers;

import dev.pitot.agent.counters.Counters;
import dev.pitot.agent.counters.Counters.Kind;
import dev.pitot.agent.counters.HostHardware;
import dev.pitot.agent.counters.Reading;
import dev.pitot.events.Counter;
import org.jspecify.annotations.Nullable;

/** {@code pitot.Counter}: counters that were asked for by name and have no field of their own, of each scope. */
final class NamedCounterEvents {
    private NamedCounterEvents() {}

    static void emit(Counters counters, long interval) {
        if (!counters.hasNamed()) {
            return;
        }
        emit(counters, "process", counters.process(), counters.source(), interval);
        for (Kind kind : counters.kinds()) {
            emit(counters, kind.name(), kind.reading(), counters.source(), interval);
        }
        HostHardware host = counters.host();
        emit(counters, "host", host == null ? null : host.all(), "perf", interval);
    }

    private static boolean isMigrations(String name) {
        return name.equals("cpu-migrations");
    }

    /** Migrations of the process have a field in its own event, and those of others are counted unasked beside the hardware. */
    private static boolean isElsewhere(String scope, Counters counters) {
        return scope.equals("process") || !(counters.isNamed("cpu-migrations") || counters.isNamed("migrations"));
    }

    private static void emit(Counters counters, String scope, @Nullable Reading reading, String source, long interval) {
        if (reading == null) {
            return;
        }
        for (int i = 0; i < reading.size(); i++) {
            if (Hardware.has(reading.name(i)) || (isMigrations(reading.name(i)) && isElsewhere(scope, counters))) {
                continue;
            }
            Counter event = new Counter();
            event.scope = scope;
            event.name = reading.name(i);
            event.interval = interval;
            event.value = reading.value(i);
            event.unit = reading.unit(i);
            event.running = reading.running(i);
            event.groupCycles = reading.cyclesBeside(i);
            event.groupInstructions = reading.instructionsBeside(i);
            event.source = source;
            event.commit();
        }
    }
}
