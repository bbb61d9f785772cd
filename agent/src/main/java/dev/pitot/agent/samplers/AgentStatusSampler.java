package dev.pitot.agent.samplers;

import dev.pitot.agent.status.StatusBoard;

/** {@code pitot.AgentStatus}: repeats the state of all parts once a minute, so that any exported minute has it. */
final class AgentStatusSampler implements Sampler {
    private static final long MINUTE = 60_000_000_000L;

    private final StatusBoard status;
    private long sinceLast;

    AgentStatusSampler(StatusBoard status) {
        this.status = status;
    }

    @Override
    public String name() {
        return "agent status";
    }

    @Override
    public void sample(long interval) {
        sinceLast += interval;
        // Half a second early is on time: intervals are a second each, give or take the scheduler.
        if (sinceLast >= MINUTE - 500_000_000L) {
            sinceLast = 0;
            status.emitAll();
        }
    }
}
