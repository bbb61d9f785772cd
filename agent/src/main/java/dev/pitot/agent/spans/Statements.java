package dev.pitot.agent.spans;

import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * Finds the summary of a statement by its text as the program wrote it. Texts are remembered, so that one that comes again is not
 * taken apart again; how many and how long is bounded. Thread-safe; finding a remembered one allocates nothing.
 */
final class Statements {
    /** Slots, a power of two; a newer text takes the slot of an older one with the same hash. */
    private static final int SLOTS = 2048;

    /** A longer one is taken apart each time it comes, unless it was prepared. */
    private static final int LONGEST_REMEMBERED = 8192;
    /** Characters of all remembered texts together, of one or two bytes each. */
    private static final int MOST_REMEMBERED = 2_000_000;

    /** The program prepared it before it was watched. */
    private static final String UNSEEN = "(prepared before Pitot saw it)";
    /** What a driver may send to see whether its connection lives. */
    private static final String EMPTY = "(empty)";

    private record Known(String sql, int reading, Summary summary) {}

    private final AtomicReferenceArray<@Nullable Known> known = new AtomicReferenceArray<>(SLOTS);
    private final AtomicLong remembered = new AtomicLong();
    private final Summaries summaries;
    private final Summary unseen;

    /** @param places of counters */
    Statements(int most, int places) {
        // One more for the unknown ones.
        summaries = new Summaries(most + 1, places);
        unseen = summaries.find(SqlText.hash(UNSEEN), UNSEEN);
    }

    /** @param statement only its class is looked at, to know how its database reads a text; null when that is unknown */
    Summary find(@Nullable Object statement, String sql) {
        int reading =
                SqlText.readingOf(statement == null ? "" : statement.getClass().getName());
        int slot = (sql.hashCode() * 0x9E3779B9) >>> 21;
        Known found = known.get(slot);
        if (found != null && found.reading == reading && found.sql.equals(sql)) {
            return found.summary;
        }
        String text = SqlText.normalised(sql, reading);
        if (text.isEmpty()) {
            text = EMPTY;
        }
        Summary summary = summaries.find(SqlText.hash(text), text);
        remember(slot, found, new Known(sql, reading, summary));
        return summary;
    }

    private void remember(int slot, @Nullable Known former, Known latter) {
        int length = latter.sql.length();
        int more = length - (former == null ? 0 : former.sql.length());
        if (length <= LONGEST_REMEMBERED
                && (more <= 0 || remembered.get() + more <= MOST_REMEMBERED)
                && known.compareAndSet(slot, former, latter)) {
            remembered.addAndGet(more);
        }
    }

    /** Characters. */
    long remembered() {
        return remembered.get();
    }

    /** That of statements whose text is unknown. */
    Summary unseen() {
        return unseen;
    }

    List<Summary> all() {
        return summaries.all();
    }
}
