package dev.pitot.web.live;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The rows of one kind over {@code [from, to)}, milliseconds since the epoch, the JVM's clock.
 *
 * @param rows those that took the most time, which come first
 * @param total how many there are in all
 */
public record SpanTable(SpanKind kind, long from, long to, List<SpanRow> rows, int total) {
    /** Most rows in an answer. */
    public static final int MOST_ROWS = 1_000;

    /** Adds up seconds. */
    public static SpanTable of(SpanKind kind, Iterable<SpanSecond> seconds, long from, long to) {
        List<SpanRow> rows = SpanRow.over(kind, seconds, to - from);
        return new SpanTable(kind, from, to, rows.size() <= MOST_ROWS ? rows : rows.subList(0, MOST_ROWS), rows.size());
    }

    /** The first so many rows, without what a page does not show. */
    SpanTable brief(int most) {
        return new SpanTable(
                kind, from, to, rows.stream().limit(most).map(SpanRow::brief).toList(), total);
    }

    /** As the API shows it: the rows under the name of the table. */
    public Map<String, Object> json() {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("from", from);
        json.put("to", to);
        json.put("total", total);
        json.put(kind.table(), rows);
        return json;
    }
}
