package dev.pitot.agent.samplers;

import dev.pitot.agent.spans.SpanRecorder;

/** What each endpoint, statement, pool and server called had in the last second. */
final class SpanSummarySampler implements Sampler {
    private final SpanRecorder recorder;

    SpanSummarySampler(SpanRecorder recorder) {
        this.recorder = recorder;
    }

    @Override
    public String name() {
        return "summaries";
    }

    @Override
    public void sample(long interval) {
        recorder.emitSummaries();
    }
}
