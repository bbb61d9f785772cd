package dev.pitot.agent.config;

import java.time.Duration;

/**
 * What is recorded of one kind of span.
 *
 * @param enabled false: its libraries are not instrumented
 * @param slow spans at least this long become single events before all others, as failed ones do
 * @param eventsPerSecond other spans that become single events
 * @param names distinct names kept apart; later ones count under {@code other}
 */
public record SpanChoice(boolean enabled, Duration slow, int eventsPerSecond, int names) {
    static final SpanChoice OFF = new SpanChoice(false, Duration.ZERO, 0, 1);
}
