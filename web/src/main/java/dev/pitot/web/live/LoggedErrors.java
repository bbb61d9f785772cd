package dev.pitot.web.live;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Log events at level ERROR of one JVM over the last ten minutes of data, by logger. Guarded by its {@link LiveJvm}. */
final class LoggedErrors {
    static final long MILLIS = 10 * 60_000;
    private static final int MOST = 10_000;
    /** Rows of the table; an agent keeps fewer loggers apart. */
    private static final int MOST_ROWS = 200;

    private record Second(long time, String logger, String error, long count) {}

    private final ArrayDeque<Second> seconds = new ArrayDeque<>();
    private boolean fresh;

    void add(long time, String logger, String error, long count) {
        seconds.addLast(new Second(time, logger, error, count));
        fresh = true;
        if (seconds.size() > MOST) {
            seconds.removeFirst();
        }
    }

    void dropOld(long lastData) {
        while (!seconds.isEmpty() && seconds.getFirst().time() <= lastData - MILLIS) {
            seconds.removeFirst();
            fresh = true;
        }
    }

    boolean takeFresh() {
        boolean was = fresh;
        fresh = false;
        return was;
    }

    /** The logger that wrote most is first. */
    List<LoggedTable.Row> rows() {
        Map<String, LoggedTable.Row> rows = new HashMap<>();
        for (Second second : seconds) {
            rows.merge(
                    second.logger(),
                    new LoggedTable.Row(second.logger(), second.error(), second.count(), second.time()),
                    (known, more) -> new LoggedTable.Row(
                            known.logger(),
                            more.error().isEmpty() ? known.error() : more.error(),
                            known.count() + more.count(),
                            Math.max(known.last(), more.last())));
        }
        List<LoggedTable.Row> sorted = new ArrayList<>(rows.values());
        sorted.sort(Comparator.comparingLong(LoggedTable.Row::count).reversed().thenComparing(LoggedTable.Row::logger));
        return sorted.size() <= MOST_ROWS ? sorted : List.copyOf(sorted.subList(0, MOST_ROWS));
    }
}
