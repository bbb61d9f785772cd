package dev.pitot.agent.spans;

/**
 * Splits the wall time of what one thread did into {@link Part}s that add up to it. What was measured in nanoseconds goes first, what the
 * JVM tells in milliseconds fills what that leaves, and the rest is unknown. Not thread-safe.
 */
final class Split {
    /** Nanoseconds within the JDK's waiting methods and in nested spans, by part. */
    final long[] waits = new long[Part.COUNT];
    /** As the JVM's own accounting has it: for monitors; and parked, asleep or waiting for a notification. */
    long blocked;

    long waited;
    long pauses;
    /** How often what has to be read only after a wait was read within, for spans nested in it. */
    long readings;
    /** The result, in nanoseconds. */
    final long[] parts = new long[Part.COUNT];

    /**
     * Fills {@link #parts}.
     *
     * @param cpuTime within {@code wall}, or {@link Long#MIN_VALUE}: then so is its part, and what it was is among what is unknown
     * @param runQueueWait the same
     */
    void of(long wall, long cpuTime, long runQueueWait) {
        long onCpu = cpuTime == Long.MIN_VALUE ? 0 : Math.min(cpuTime, wall);
        long queued = runQueueWait == Long.MIN_VALUE ? 0 : Math.min(runQueueWait, wall - onCpu);
        parts[Part.ON_CPU] = cpuTime == Long.MIN_VALUE ? Long.MIN_VALUE : onCpu;
        parts[Part.RUN_QUEUE] = runQueueWait == Long.MIN_VALUE ? Long.MIN_VALUE : queued;
        parts[Part.HANDOFF] = 0;
        long left = wall - onCpu - queued;
        long waiting = 0;
        for (int part = Part.LOCK; part <= Part.POOL; part++) {
            parts[part] = Math.max(0, waits[part]);
            waiting += parts[part];
        }
        long parked = parts[Part.LOCK] + parts[Part.PARK];
        if (waiting > left) {
            // A wait ends when its thread is on a CPU again: the queue for that CPU is in it, and was counted already.
            double fits = (double) left / waiting;
            waiting = 0;
            for (int part = Part.LOCK; part <= Part.POOL; part++) {
                parts[part] = (long) (parts[part] * fits);
                waiting += parts[part];
            }
        }
        left -= waiting;
        parts[Part.PAUSE] = within(pauses, left);
        left -= parts[Part.PAUSE];
        long monitors = within(blocked, left);
        parts[Part.LOCK] += monitors;
        left -= monitors;
        // Sleeping and waiting for a notification, which no method of the JDK tells of on 17.
        long asleep = within(waited - parked, left);
        parts[Part.PARK] += asleep;
        parts[Part.UNKNOWN] = left - asleep;
    }

    private static long within(long value, long most) {
        return Math.max(0, Math.min(value, most));
    }

    /** What a span took from the one around it: all but what that one counts as its own CPU time, queueing and pauses. */
    long offCpu(long wall) {
        long onCpu = Math.max(0, parts[Part.ON_CPU]);
        long queued = Math.max(0, parts[Part.RUN_QUEUE]);
        return Math.max(0, wall - onCpu - queued - parts[Part.PAUSE]);
    }
}
