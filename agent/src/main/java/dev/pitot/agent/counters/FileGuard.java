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
        HOST(0.15, "the top threads and the CPUs of the machine have no counters"),
        SPANS(0.1, "the top threads, the CPUs of the machine and threads that serve requests have no counters"),
        PROCESS(0.05, "nothing is counted any more");

        private final double free;
        final String what;

        Level(double free, String what) {
            this.free = free;
            this.what = what;
        }
    }

    private static final int MOST_LISTED = 1 << 16;

    private FileGuard() {}

    /** @param limit how many files this process may open */
    static Level look(long limit) {
        long open = new File("/proc/self/fd").length();
        if (open > 0) {
            return level(open, limit); // From Linux 6.2 on the size of the folder is how many there are.
        }
        if (limit > MOST_LISTED) {
            return Level.ENOUGH; // To list so many would cost more than it could save.
        }
        String[] listed = new File("/proc/self/fd").list();
        return listed == null ? Level.PROCESS : level(listed.length, limit);
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
