package dev.pitot.web.live;

import java.util.List;

/** Loggers that wrote at level ERROR in {@code [from, to)}, milliseconds since the epoch, the JVM's clock. */
public record LoggedTable(long from, long to, List<Row> loggers) {
    /**
     * One logger.
     *
     * @param error class of the latest exception that was logged, empty when there was none
     * @param last milliseconds since the epoch of the latest
     */
    public record Row(String logger, String error, long count, long last) {}
}
