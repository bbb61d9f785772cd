package dev.pitot.web.store;

/** How finely rows lie in time. */
enum Tier {
    /** Blocks of metrics, and events that are counted. */
    SECOND("1s", 1_000L),
    MINUTE("1m", 60_000L),
    QUARTER("15m", 900_000L),
    HOUR("1h", 3_600_000L);

    /** As the API says it. */
    final String label;
    /** Width of a row. */
    final long millis;

    Tier(String label, long millis) {
        this.label = label;
        this.millis = millis;
    }

    /** The table that holds rows of a type. */
    String table(String type) {
        return this != SECOND ? "metric_" + label : StoredTypes.isMetric(type) ? "metric_block" : "event";
    }

    /** The next coarser one; the coarsest is its own. */
    Tier coarser() {
        return values()[Math.min(ordinal() + 1, values().length - 1)];
    }

    /** The start of the row that holds a time. */
    long floor(long time) {
        return Math.floorDiv(time, millis) * millis;
    }
}
