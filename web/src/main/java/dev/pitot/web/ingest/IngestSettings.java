package dev.pitot.web.ingest;

import dev.pitot.web.store.DatabaseSettings;
import dev.pitot.web.store.RetentionSettings;
import java.time.Duration;
import java.util.List;

/**
 * How ingest works; {@link #standard()} suits everyone but tests.
 *
 * @param eventPatterns types of the user's own that are stored as events: {@code com.acme.*} or full names
 * @param retention when rows are dropped
 * @param commitWindow how long the segment writer gathers requests into one commit
 * @param parsers threads that parse
 * @param heldBytes most bytes in memory that wait to be parsed (what is over is read back from the database)
 * @param openReaders most chunks whose constants are kept in memory
 */
public record IngestSettings(
        List<String> eventPatterns,
        RetentionSettings retention,
        Duration commitWindow,
        int parsers,
        long heldBytes,
        int openReaders) {
    private static final long MOST_HELD_BYTES = 128L << 20;

    public IngestSettings {
        eventPatterns = List.copyOf(eventPatterns);
    }

    /** The settings of the collector: in a small heap no more than an eighth of it waits to be parsed. */
    public static IngestSettings standard() {
        return standard(Runtime.getRuntime().maxMemory());
    }

    /** @param heapBytes the most the heap may grow to */
    static IngestSettings standard(long heapBytes) {
        return new IngestSettings(
                List.of(),
                RetentionSettings.standard(),
                Duration.ofMillis(100),
                DatabaseSettings.parsers(),
                Math.min(MOST_HELD_BYTES, heapBytes / 8),
                512);
    }

    public IngestSettings withEventPatterns(List<String> patterns) {
        return new IngestSettings(patterns, retention, commitWindow, parsers, heldBytes, openReaders);
    }

    public IngestSettings withRetention(RetentionSettings other) {
        return new IngestSettings(eventPatterns, other, commitWindow, parsers, heldBytes, openReaders);
    }

    public IngestSettings withParsers(int number) {
        return new IngestSettings(eventPatterns, retention, commitWindow, number, heldBytes, openReaders);
    }

    public IngestSettings withCommitWindow(Duration window) {
        return new IngestSettings(eventPatterns, retention, window, parsers, heldBytes, openReaders);
    }
}
