package dev.pitot.web.live;

import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The last minutes of one metric type of one JVM, or of one key of it, a column per field, oldest first. The number of samples is
 * bounded: arrays grow up to that with some slack, and are moved down when the slack is used up, so that a window is always one
 * run of each array. A field takes no room before its first value. Guarded by its {@link LiveJvm}.
 */
final class MetricWindow {
    /** 15 minutes at 1 Hz. */
    static final int MOST = 900;

    /** Column of a field that never had a value. */
    private static final Object UNKNOWN = new Object();

    private static final int MOST_FIELDS = 100;
    private static final int MOST_TEXTS = 64;
    private static final int LONGEST_TEXT = 200;

    private final int most;
    /** Beyond {@link #most}, so that arrays are moved once in so many samples. */
    private final int slack;

    private long[] times = new long[16];
    private int from;
    private int to;
    /** {@code double[]} or {@code String[]}, as long as {@link #times}, or {@link #UNKNOWN}. */
    private final LinkedHashMap<String, Object> columns = new LinkedHashMap<>();
    /** Sources and the like: few different ones, kept once each. */
    private final Map<String, String> texts = new HashMap<>();
    /** The oldest time that came since the last {@link #settle}. */
    private long freshFrom = Long.MAX_VALUE;

    MetricWindow() {
        this(MOST);
    }

    /** @param most samples at a time */
    MetricWindow(int most) {
        this.most = most;
        slack = most / 8;
    }

    void add(long time, String[] fields, double[] numbers, @Nullable String[] fieldTexts) {
        int at = place(time);
        if (at < 0) {
            return;
        }
        for (Object column : columns.values()) {
            if (column instanceof double[] numeric) {
                numeric[at] = Double.NaN;
            } else if (column instanceof String[] strings) {
                strings[at] = null;
            }
        }
        for (int i = 0; i < fields.length; i++) {
            String text = fieldTexts[i];
            if (text != null) {
                @Nullable String[] column = textColumn(fields[i]);
                if (column != null) {
                    column[at] = interned(text);
                }
            } else {
                // The least long is JFR's "could not be had".
                double number = numbers[i] <= Long.MIN_VALUE ? Double.NaN : numbers[i];
                double[] column = numberColumn(fields[i], Double.isNaN(number));
                if (column != null) {
                    column[at] = number;
                }
            }
        }
        freshFrom = Math.min(freshFrom, time);
    }

    /** Index for a sample of this time, with room made for it; the one that was there is overwritten. -1: too old to keep. */
    private int place(long time) {
        int at = to;
        while (at > from && times[at - 1] >= time) {
            at--;
        }
        if (at < to && times[at] == time) {
            return at;
        }
        if (to - from == most) {
            if (at == from) {
                return -1;
            }
            from++;
        }
        if (to == times.length) {
            int length = Math.min(most + slack, times.length * 2);
            int shift = from;
            times = moved(times, length);
            columns.replaceAll((name, column) -> column instanceof double[] numbers
                    ? moved(numbers, length)
                    : column instanceof String[] strings ? moved(strings, length) : column);
            from -= shift;
            to -= shift;
            at -= shift;
        }
        int after = to - at;
        System.arraycopy(times, at, times, at + 1, after);
        for (Object column : columns.values()) {
            if (column != UNKNOWN) {
                System.arraycopy(column, at, column, at + 1, after);
            }
        }
        times[at] = time;
        to++;
        return at;
    }

    private long[] moved(long[] old, int length) {
        long[] fresh = new long[length];
        System.arraycopy(old, from, fresh, 0, to - from);
        return fresh;
    }

    private double[] moved(double[] old, int length) {
        double[] fresh = new double[length];
        System.arraycopy(old, from, fresh, 0, to - from);
        return fresh;
    }

    private String[] moved(String[] old, int length) {
        String[] fresh = new String[length];
        System.arraycopy(old, from, fresh, 0, to - from);
        return fresh;
    }

    private double @Nullable [] numberColumn(String field, boolean unknown) {
        Object column = columns.get(field);
        if (column == null && columns.size() >= MOST_FIELDS) {
            return null;
        }
        if (column == null && unknown) {
            columns.put(field, UNKNOWN);
            return null;
        }
        if (!unknown && (column == null || column == UNKNOWN)) {
            double[] fresh = new double[times.length];
            Arrays.fill(fresh, Double.NaN);
            columns.put(field, fresh);
            return fresh;
        }
        return column instanceof double[] numbers ? numbers : null;
    }

    private @Nullable String @Nullable [] textColumn(String field) {
        Object column = columns.get(field);
        if (column instanceof String[] strings) {
            return strings;
        }
        if (column == null && columns.size() >= MOST_FIELDS) {
            return null;
        }
        // A text field shows as one only when the first text comes; until then it was a column of NaN.
        String[] fresh = new String[times.length];
        columns.put(field, fresh);
        return fresh;
    }

    private String interned(String text) {
        String cut = text.length() <= LONGEST_TEXT ? text : text.substring(0, LONGEST_TEXT);
        String known = texts.get(cut);
        if (known != null) {
            return known;
        }
        if (texts.size() < MOST_TEXTS) {
            texts.put(cut, cut);
        }
        return cut;
    }

    /** Samples in {@code [fromMillis, toMillis)} as copies; null when there are none. */
    @Nullable
    Samples copy(long fromMillis, long toMillis) {
        int first = lowerBound(fromMillis);
        int last = lowerBound(toMillis);
        if (first >= last) {
            return null;
        }
        LinkedHashMap<String, Object> fields = new LinkedHashMap<>();
        columns.forEach((name, column) -> fields.put(
                name,
                column instanceof double[] numbers
                        ? Arrays.copyOfRange(numbers, first, last)
                        : column instanceof String[] strings
                                ? Arrays.copyOfRange(strings, first, last)
                                : unknown(last - first)));
        return new Samples(Arrays.copyOfRange(times, first, last), fields);
    }

    private static double[] unknown(int length) {
        double[] values = new double[length];
        Arrays.fill(values, Double.NaN);
        return values;
    }

    /** How many samples there are from a time on. */
    int count(long fromMillis) {
        return to - lowerBound(fromMillis);
    }

    /** The newest samples as copies, so many at most; null when there are none. */
    @Nullable
    Samples newest(int count) {
        return count == 0 || to == from ? null : copy(times[Math.max(from, to - count)], Long.MAX_VALUE);
    }

    int fields() {
        return columns.size();
    }

    /** Bytes of the arrays, about. */
    long bytes() {
        long perSample = Long.BYTES;
        for (Object column : columns.values()) {
            perSample += column instanceof double[] ? Double.BYTES : column == UNKNOWN ? 0 : 4;
        }
        return perSample * times.length;
    }

    private int lowerBound(long time) {
        int low = from;
        int high = to;
        while (low < high) {
            int mid = (low + high) >>> 1;
            if (times[mid] < time) {
                low = mid + 1;
            } else {
                high = mid;
            }
        }
        return low;
    }

    /** The oldest time that came since the last {@link #settle}, else {@code Long.MAX_VALUE}. */
    long freshFrom() {
        return freshFrom;
    }

    void settle() {
        freshFrom = Long.MAX_VALUE;
    }

    int size() {
        return to - from;
    }

    long newest() {
        return to > from ? times[to - 1] : Long.MIN_VALUE;
    }

    /** The newest value of a field that is known and not older than {@code notBefore}; else {@code NaN}. */
    double latest(String field, long notBefore) {
        if (columns.get(field) instanceof double[] numbers) {
            for (int i = to - 1; i >= from && times[i] >= notBefore; i--) {
                if (!Double.isNaN(numbers[i])) {
                    return numbers[i];
                }
            }
        }
        return Double.NaN;
    }

    /**
     * A run of samples.
     *
     * @param t milliseconds since the epoch
     * @param fields per field a {@code double[]} or {@code String[]} as long as {@code t}
     */
    record Samples(long[] t, LinkedHashMap<String, Object> fields) {}
}
