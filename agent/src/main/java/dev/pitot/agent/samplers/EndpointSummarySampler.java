package dev.pitot.agent.samplers;

import dev.pitot.agent.spans.RequestRecorder;

/** {@code pitot.EndpointSummary}: what each endpoint served in the last second. */
final class EndpointSummarySampler implements Sampler {
    private final RequestRecorder recorder;

    EndpointSummarySampler(RequestRecorder recorder) {
        this.recorder = recorder;
    }

    @Override
    public String name() {
        return "endpoint summaries";
    }

    @Override
    public void sample(long interval) {
        recorder.emitSummaries();
    }
}
