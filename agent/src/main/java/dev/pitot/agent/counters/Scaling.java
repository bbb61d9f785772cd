package dev.pitot.agent.counters;

/** The estimate for a counter that shared its place in the CPU with others; see perf_event_open(2), "time_running". */
final class Scaling {
    private Scaling() {}

    /**
     * @param value what was counted while it ran
     * @param enabled nanoseconds it should have run
     * @param running nanoseconds it did run
     * @return value * enabled / running, or NaN when it never ran though it should have
     */
    static double scale(double value, long enabled, long running) {
        if (running >= enabled) {
            return value;
        }
        return running <= 0 ? Double.NaN : value * enabled / running;
    }
}
