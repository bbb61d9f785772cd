package dev.pitot.agent.spans;

import org.jspecify.annotations.Nullable;

/**
 * Which request a task belongs to that was handed to another thread. One object may be handed over several times before it runs (a
 * lambda that captures nothing is one object for all): first come, first served. Holds tasks weakly. Thread-safe.
 */
final class Tasks {
    /** Beyond so many of one object nothing more is remembered of it. */
    private static final int MOST = 64;

    private final Carried<Entry> entries = new Carried<>();

    /** One request, and those that handed over the same object after it. */
    private static final class Entry {
        final Span span;
        final @Nullable Entry next;

        Entry(Span span, @Nullable Entry next) {
            this.span = span;
            this.next = next;
        }
    }

    void put(Object task, Span span) {
        boolean done = false;
        while (!done) {
            Entry known = entries.get(task);
            int length = 0;
            for (Entry each = known; each != null; each = each.next) {
                length++;
            }
            // What is not remembered at the first attempt, for there are too many, will not be at the second.
            done = length >= MOST || entries.replace(task, known, append(known, span)) || known == null;
        }
    }

    private static Entry append(@Nullable Entry known, Span span) {
        Entry rest = live(known);
        return rest == null ? new Entry(span, null) : new Entry(rest.span, append(rest.next, span));
    }

    /** The first whose request has not ended. */
    private static @Nullable Entry live(@Nullable Entry entry) {
        Entry found = entry;
        while (found != null && found.span.ended) {
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
                return first == null ? null : first.span;
            }
        }
    }

    /** The same, and the task keeps its turn. */
    @Nullable
    Span peek(Object task) {
        Entry first = live(entries.get(task));
        return first == null ? null : first.span;
    }

    void forget(Object task) {
        entries.remove(task);
    }

    void clear() {
        entries.clear();
    }
}
