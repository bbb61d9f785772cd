package dev.pitot.agent.spans;

import java.util.List;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * Finds the summary of a statement by its text as the program wrote it. Texts are remembered, so that one that comes again is not
 * taken apart again; how many and how long is bounded. Thread-safe.
 */
final class Statements {
    /** Slots, a power of two; a newer text takes the slot of an older one with the same hash. */
    private static final int SLOTS = 2048;

    private static final int LONGEST_REMEMBERED = 8192;
    /** The program prepared it before it was watched. */
    private static final String UNSEEN = "(prepared before Pitot saw it)";

    private record Known(String sql, Summary summary) {}

    private final AtomicReferenceArray<@Nullable Known> known = new AtomicReferenceArray<>(SLOTS);
    private final Summaries summaries;

    /** @param places of counters */
    Statements(int most, int places) {
        summaries = new Summaries(most, places);
    }

    Summary find(@Nullable String sql) {
        if (sql == null) {
            return summaries.find(SqlText.hash(UNSEEN), UNSEEN);
        }
        int slot = (sql.hashCode() * 0x9E3779B9) >>> 21;
        Known found = known.get(slot);
        if (found != null && found.sql.equals(sql)) {
            return found.summary;
        }
        String text = SqlText.normalised(sql);
        Summary summary = summaries.find(SqlText.hash(text), text);
        if (sql.length() <= LONGEST_REMEMBERED) {
            known.set(slot, new Known(sql, summary));
        }
        return summary;
    }

    List<Summary> all() {
        return summaries.all();
    }
}
