package dev.pitot.agent.counters;

import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * How many file descriptors counters may hold: a quarter of the process's limit and never more than 4 096, so that the
 * application cannot run out of them because it is measured. When they are short, detail goes first: the top threads, then
 * the CPUs of the machine, then the threads that serve requests; the process itself goes last. Thread-safe.
 */
final class FileBudget {
    /** Who holds descriptors, the dearest to a person first. */
    enum Use {
        PROCESS(0),
        SPANS(0),
        HOST(4),
        TOP_THREADS(2);

        /** Leaves free one part in so many, for those before it; 0: none. */
        private final int leaves;

        Use(int leaves) {
            this.leaves = leaves;
        }
    }

    /** For a person, when there are too few. */
    static final String ORDER =
            "when they are short, the top threads go without first, then the CPUs of the machine, then threads that serve requests, and the process last";

    private static final int MOST = 4096;

    private final int all;
    private final AtomicInteger left;
    private final AtomicBoolean isShort = new AtomicBoolean();

    FileBudget(long fileLimit) {
        all = (int) Math.min(MOST, fileLimit / 4);
        left = new AtomicInteger(all);
    }

    /** Takes n descriptors, or none and remembers that they were short. */
    boolean reserve(int n, Use use) {
        int floor = use.leaves == 0 ? 0 : all / use.leaves;
        int before;
        do {
            before = left.get();
            if (before - n < floor) {
                if (use.leaves == 0) {
                    isShort.set(true);
                }
                return false;
            }
        } while (!left.compareAndSet(before, before - n));
        return true;
    }

    void release(int n) {
        left.addAndGet(n);
    }

    int left() {
        return left.get();
    }

    int all() {
        return all;
    }

    /** Whether somebody who goes before others got none since the last call. */
    boolean takeShort() {
        return isShort.getAndSet(false);
    }
}
