package dev.pitot.agent.counters;

import java.util.concurrent.atomic.AtomicInteger;

/**
 * How many file descriptors counters may hold: a quarter of the process's limit and never more than 1 024, so that the
 * application cannot run out of them because it is measured. Thread-safe.
 */
final class FileBudget {
    private final AtomicInteger left;

    FileBudget(long fileLimit) {
        left = new AtomicInteger((int) Math.min(1024, fileLimit / 4));
    }

    /** Takes n descriptors, or none. */
    boolean reserve(int n) {
        int before;
        do {
            before = left.get();
            if (before < n) {
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
}
