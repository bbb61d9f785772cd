package dev.pitot.agent.counters;

import java.io.File;

/**
 * How near the whole process, the application with it, is to its limit of open files. Close to it, counters give descriptors
 * back in a stated order, as the application needs them more. The sampler thread's alone.
 */
final class FileGuard {
    /** What is to be given up, each with all before it. */
    enum Level {
        ENOUGH(1.0, ""),
        TOP_THREADS(0.2, "the top threads have no counters"),
        HOST(0.15, "neither have the CPUs of the machine"),
        SPANS(0.1, "neither have threads that serve requests"),
        PROCESS(0.05, "neither has the process");

        private final double free;
        final String what;

        Level(double free, String what) {
            this.free = free;
            this.what = what;
        }
    }

    private FileGuard() {}

    /** @param limit how many files this process may open */
    static Level look(long limit) {
        if (limit > 1 << 20) {
            return Level.ENOUGH; // To list so many would cost more than it could save.
        }
        String[] open = new File("/proc/self/fd").list();
        return open == null ? Level.PROCESS : level(open.length, limit);
    }

    static Level level(long open, long limit) {
        double free = (double) (limit - open) / limit;
        Level level = Level.ENOUGH;
        for (Level candidate : Level.values()) {
            if (free < candidate.free) {
                level = candidate;
            }
        }
        return level;
    }
}
