package dev.pitot.examples;

import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * Who is looking around in the shop: each session is a chain of small objects, kept for a while and then dropped. Nearly all that is
 * allocated outlives a few collections, so the collector copies it again and again, and the pauses take far longer than making it.
 * Any thread.
 */
final class Sessions {
    /** One page that was looked at, 24 bytes. */
    private record Page(@Nullable Page before, int number) {}

    /** With {@value #PAGES} pages each, 29 MB. */
    static final int KEPT = 1200;

    private static final int PAGES = 1000;
    /** Sessions of one call, 4.8 MB. */
    private static final int OPENED = 200;

    private final Deque<Page> kept = new ArrayDeque<>(KEPT);
    private long opened;

    /** Opens {@value #OPENED} sessions, for which the oldest ones beyond {@link #KEPT} end; how many there were so far. */
    long open() {
        long count = 0;
        for (int i = 0; i < OPENED; i++) {
            count = keep(session());
        }
        return count;
    }

    private static Page session() {
        Page last = new Page(null, 0);
        for (int page = 1; page < PAGES; page++) {
            last = new Page(last, page);
        }
        return last;
    }

    private synchronized long keep(Page session) {
        if (kept.size() == KEPT) {
            kept.removeFirst();
        }
        kept.addLast(session);
        return ++opened;
    }

    /** Sessions that are kept now. */
    synchronized int size() {
        return kept.size();
    }
}
