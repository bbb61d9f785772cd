package dev.pitot.agent.counters;

/** Why a counter cannot be had, as one sentence, and what a person can do about it (empty when nothing). */
public record Refusal(String reason, String remedy) {
    /** {@code reason} without what only a person at this machine can act on; short enough for a field of an event. */
    public String asSource() {
        return "none: " + reason;
    }
}
