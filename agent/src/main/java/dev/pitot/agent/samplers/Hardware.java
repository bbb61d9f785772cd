package dev.pitot.agent.samplers;

import dev.pitot.agent.counters.Reading;
import org.jspecify.annotations.Nullable;

/** The six counters for which events have fields, taken out of a reading. The sampler thread's alone. */
final class Hardware {
    private static final String[] NAMES = {
        "cycles", "instructions", "cache-references", "cache-misses", "branches", "branch-misses"
    };

    private final int[] places = new int[NAMES.length];
    final double[] values = new double[NAMES.length];
    final double[] running = new double[NAMES.length];
    /** The least running share of the six. */
    double least = Double.NaN;

    /** @param sample any reading of the plan that {@link #read} will be given readings of */
    Hardware(@Nullable Reading sample) {
        for (int i = 0; i < NAMES.length; i++) {
            places[i] = sample == null ? -1 : sample.indexOf(NAMES[i]);
        }
    }

    /** Whether an event has a field for a counter. */
    static boolean has(String counter) {
        for (String name : NAMES) {
            if (name.equals(counter)) {
                return true;
            }
        }
        return false;
    }

    /** Whether any of the six is counted. */
    static boolean isIn(Reading reading) {
        for (String name : NAMES) {
            if (reading.indexOf(name) >= 0) {
                return true;
            }
        }
        return false;
    }

    /** Takes out the six; NaN for those that are not counted. */
    void read(@Nullable Reading reading) {
        least = Double.NaN;
        for (int i = 0; i < NAMES.length; i++) {
            if (reading == null || places[i] < 0) {
                values[i] = Double.NaN;
                running[i] = Double.NaN;
                continue;
            }
            values[i] = reading.value(places[i]);
            running[i] = reading.running(places[i]);
            least = Double.isNaN(least) || running[i] < least ? running[i] : least;
        }
    }
}
