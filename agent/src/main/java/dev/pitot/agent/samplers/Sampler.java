package dev.pitot.agent.samplers;

/**
 * One kind of measurement that is due every second. Called by the sampler thread only.
 */
public interface Sampler {
    /** What it measures, as a person would say it; used when it has to be switched off. */
    String name();

    /**
     * Measures and commits its events.
     *
     * @param interval nanoseconds since the previous call, or since the start for the first one
     */
    void sample(long interval) throws Exception;
}
