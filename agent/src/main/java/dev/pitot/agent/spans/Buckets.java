package dev.pitot.agent.spans;

/**
 * Logarithmic buckets of durations, 16 per power of two of nanoseconds, as {@code docs/spec/events.md} defines them.
 */
final class Buckets {
    /** One more than the bucket of {@link Long#MAX_VALUE}. */
    static final int COUNT = (62 - 3) * 16 + 16;

    private Buckets() {}

    /** @param nanos a duration; a negative one (a clock that stepped) counts as 0 */
    static int of(long nanos) {
        if (nanos < 16) {
            return (int) Math.max(0, nanos);
        }
        int e = 63 - Long.numberOfLeadingZeros(nanos);
        return (e - 3) * 16 + (int) ((nanos >> (e - 4)) & 15);
    }
}
