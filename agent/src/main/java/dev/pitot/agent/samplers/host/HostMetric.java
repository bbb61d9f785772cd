package dev.pitot.agent.samplers.host;

/** One kind of measurement of the machine. Used by one thread at a time, once a second. */
interface HostMetric {
    /** What it measures, as a person would say it; used when it has to be switched off. */
    String name();

    /**
     * Reads its files and commits its events; the first call only remembers the totals that differences are taken from.
     *
     * @return whether there was anything to read
     */
    boolean sample();
}
