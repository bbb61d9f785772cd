package dev.pitot.agent.spans;

import org.jspecify.annotations.Nullable;

/**
 * Which request a task belongs to that was handed to another thread. One object may be handed over several times before it runs (a
 * lambda that captures nothing is one object for all): first come, first served. Holds tasks weakly, and
 * of requests that have ended nothing. Thread-safe.
 */
final class Tasks {
    /** Beyond so many of one object nothing more is remembered of it. */
    private static final int MOST = 64;

    private final Carried<Entry> entries = new Carried<>();

    /** One request, and those that handed over the same object after it; no more of them than it takes to find them while they last. */
    private static final class Entry {
        final Span.Link link;
        final @Nullable Entry next;

        Entry(Span.Link link, @Nullable Entry next) {
            this.link = link;
            this.next = next;
        }
    }

    /** Whether it is remembered. */
    boolean put(Object task, Span.Link link) {
        while (true) {
            Entry known = entries.get(task);
            int length = 0;
            for (Entry each = known; each != null; each = each.next) {
                length += each.link.span == null ? 0 : 1;
            }
            if (length >= MOST) {
                return false;
            }
            if (entries.replace(task, known, append(known, link))) {
                return true;
            }
            if (known == null && entries.get(task) == null) {
                return false; // There are too many of others.
            }
        }
    }

    private static Entry append(@Nullable Entry known, Span.Link link) {
        Entry rest = live(known);
        return rest == null ? new Entry(link, null) : new Entry(rest.link, append(rest.next, link));
    }

    /** The first whose request has not ended. */
    private static @Nullable Entry live(@Nullable Entry entry) {
        Entry found = entry;
        while (found != null && found.link.span == null) {
            found = found.next;
        }
        return found;
    }

    /** The request that this task belongs to, if it is a live one; this is its turn. */
    @Nullable
    Span take(Object task) {
        while (true) {
            Entry known = entries.get(task);
            if (known == null) {
                return null;
            }
            Entry first = live(known);
            Entry rest = first == null ? null : live(first.next);
            if (rest == null ? entries.remove(task, known) : entries.replace(task, known, rest)) {
                return first == null ? null : first.link.span;
            }
        }
    }

    /** The same, and the task keeps its turn. */
    @Nullable
    Span peek(Object task) {
        Entry first = live(entries.get(task));
        return first == null ? null : first.link.span;
    }

    /** Forgets the tasks whose requests have all ended: rejected or cancelled ones above all. */
    void tidy() {
        entries.removeIf(Tasks::isOver);
    }

    private static boolean isOver(Entry entry) {
        return live(entry) == null;
    }

    void forget(Object task) {
        entries.remove(task);
    }

    void clear() {
        entries.clear();
    }
}
