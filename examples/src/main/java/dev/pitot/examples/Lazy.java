package dev.pitot.examples;

import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;

/**
 * A part of the shop that is made for the first request that needs it, so that the shop opens at once and stays small until then.
 * Any thread; those that come meanwhile wait.
 */
final class Lazy<T> {
    private final Callable<T> maker;
    private volatile @Nullable T made;
    private boolean ended;

    Lazy(Callable<T> maker) {
        this.maker = maker;
    }

    /** @throws Exception of the maker; the next call tries again */
    T get() throws Exception {
        T there = made;
        return there == null ? make() : there;
    }

    private synchronized T make() throws Exception {
        T there = made;
        if (there == null) {
            if (ended) {
                throw new InterruptedException("The shop is closing.");
            }
            there = maker.call();
            made = there;
        }
        return there;
    }

    /** Lets nothing be made from now on; what was made, or null. */
    synchronized @Nullable T end() {
        ended = true;
        return made;
    }
}
