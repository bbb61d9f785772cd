package dev.pitot.agent.counters;

import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Why a counter cannot be had, as one sentence, and what a person can do about it (empty when nothing). */
public record Refusal(String reason, String remedy) {
    /** All of them in one, each reason and remedy once, or null when there is none. */
    static @Nullable Refusal all(Collection<Refusal> refusals) {
        Set<String> reasons = new LinkedHashSet<>();
        Set<String> remedies = new LinkedHashSet<>();
        for (Refusal refusal : refusals) {
            reasons.add(refusal.reason());
            if (!refusal.remedy().isEmpty()) {
                remedies.add(refusal.remedy());
            }
        }
        return reasons.isEmpty() ? null : new Refusal(String.join("; ", reasons), String.join("; ", remedies));
    }

    /** {@code reason} without what only a person at this machine can act on; short enough for a field of an event. */
    public String asSource() {
        return "none: " + reason;
    }
}
