package dev.pitot.agent.spans;

import dev.pitot.agent.counters.ThreadCounters;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Counters that were asked for by name, as text, since an event has a fixed set of fields. Pure functions. */
final class Further {
    private Further() {}

    /** {@code name=value} pairs; null when none was asked for. */
    static @Nullable String text(List<String> names, double[] counts) {
        if (names.isEmpty()) {
            return null;
        }
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < names.size(); i++) {
            double value = counts[ThreadCounters.PLACES + i];
            if (!Double.isNaN(value)) {
                text.append(text.length() == 0 ? "" : " ")
                        .append(names.get(i))
                        .append('=')
                        .append(Math.round(value));
            }
        }
        return text.toString();
    }
}
