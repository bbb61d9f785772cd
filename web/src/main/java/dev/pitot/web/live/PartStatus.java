package dev.pitot.web.live;

/**
 * State of one part of an agent: the newest {@code pitot.AgentStatus} of it.
 *
 * @param ts milliseconds since the epoch
 * @param state {@code on}, {@code partial} or {@code off}
 */
public record PartStatus(long ts, String part, String state, String reason, String remedy) {}
