package dev.pitot.web.ingest;

import dev.pitot.web.store.EventStore;
import java.util.ArrayList;
import java.util.List;

/** What the parts of one transaction hand on. One thread at a time. */
final class Batch {
    private static final int BATCH_EVENTS = 5_000;
    private static final int BATCH_SAMPLES = 20_000;
    private static final int BATCH_BYTES = 4 << 20;
    /** A few kilobytes can name one long text in thousands of events. */
    private static final int ROW_BYTES_PER_BYTE = 16;

    private static final int LARGEST_BATCH = BATCH_BYTES + (32 << 20);

    private static final int MOST_SAMPLES = 1_000_000;

    /** A part hands on more than memory has room for. */
    static final class TooMuch extends RuntimeException {
        private static final long serialVersionUID = 1;

        private TooMuch(String message) {
            super(message, null, false, false);
        }
    }

    final EventStore.Rows rows;
    /** To be done after the commit, in order. */
    final List<Runnable> after = new ArrayList<>();

    /** Bytes of rows at most. */
    private long largest = LARGEST_BATCH;

    Batch(EventStore.Rows rows) {
        this.rows = rows;
    }

    /** A part is to be read; after an outage it may be all of a chunk, and its rows are some times as large. */
    void begin(int partBytes) {
        long fair = Math.min(
                (long) ROW_BYTES_PER_BYTE * partBytes, Runtime.getRuntime().maxMemory() / 4);
        largest = rows.bytes() + Math.max(LARGEST_BATCH, fair);
    }

    /** Ends the reading of a part that hands on more than memory has room for. */
    void check() {
        if (rows.bytes() > largest || after.size() > MOST_SAMPLES) {
            throw new TooMuch("The events between two flush boundaries are more than " + (largest >> 20) + " MB or "
                    + MOST_SAMPLES + " samples.");
        }
    }

    /** Whether it is time to store it. */
    boolean isFull() {
        return rows.size() >= BATCH_EVENTS || rows.bytes() >= BATCH_BYTES || after.size() >= BATCH_SAMPLES;
    }
}
