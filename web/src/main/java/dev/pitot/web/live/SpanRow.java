package dev.pitot.web.live;

import com.fasterxml.jackson.annotation.JsonAnyGetter;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonUnwrapped;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What one endpoint, statement, server or pool did over a window, as the API shows it. Figures have five significant digits: the
 * error of a percentile is larger than what is left out, and a page gets a table each second.
 *
 * @param key the key fields by name
 * @param untimed spans of {@code count} whose end was not seen; no duration here is of them
 * @param async requests of {@code count} that were left to another thread
 * @param rate spans per second
 * @param mean milliseconds, like all durations here
 * @param running part of the time in which the counters ran, null without any
 * @param costs each per span that it is known of, by the names of {@link SpanSum}; what was not measured is left out
 * @param time milliseconds per span that each part of the duration took; null when they are not known
 */
public record SpanRow(
        @JsonUnwrapped Key key,
        long count,
        long errors,
        long untimed,
        long async,
        double rate,
        @Nullable Double mean,
        @Nullable Double p50,
        @Nullable Double p90,
        @Nullable Double p99,
        @Nullable Double max,

        @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable Double running,

        @JsonAnyGetter Map<String, Double> costs,

        @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable Map<String, Double> time) {

    /** The key fields by name. */
    public record Key(@JsonAnyGetter Map<String, String> fields) {}

    private static final MathContext DIGITS = new MathContext(5);

    private static final class Sum {
        long count;
        long errors;
        long untimed;
        long async;
        long timed;
        long totalNanos;
        long maxNanos;
        double running;
        long runningOver;
        final DurationHistogram histogram = new DurationHistogram();
        final double[] sums = new double[SpanSum.ALL.size()];
        final long[] over = new long[SpanSum.ALL.size()];

        void add(SpanSecond s) {
            count += s.count();
            errors += s.errors();
            untimed += s.untimed();
            async += s.async();
            timed += s.timed();
            totalNanos += s.totalNanos();
            maxNanos = Math.max(maxNanos, s.maxNanos());
            histogram.add(s.histogram());
            if (s.counted() > 0 && !Double.isNaN(s.counterRunning())) {
                running += s.counterRunning() * s.counted();
                runningOver += s.counted();
            }
            for (SpanSum sum : SpanSum.ALL) {
                double value = s.sums()[sum.ordinal()];
                // Seconds in which a sum could not be had, NaN or negative, do not dilute it.
                if (value >= 0 && s.over(sum) > 0) {
                    sums[sum.ordinal()] += value;
                    over[sum.ordinal()] += s.over(sum);
                }
            }
        }

        @Nullable
        Double each(SpanSum sum) {
            int at = sum.ordinal();
            return over[at] == 0 ? null : (Double) rounded(sums[at] / over[at] / sum.unit);
        }

        @Nullable
        Double percentile(double share) {
            // The middle of the top bucket can lie above the true maximum, which is known exactly.
            return histogram.total() == 0
                    ? null
                    : (Double) rounded(Math.min(histogram.percentile(share), maxNanos) / 1e6);
        }

        SpanRow row(Key key, double windowSeconds) {
            Map<String, Double> costs = new LinkedHashMap<>();
            for (SpanSum sum : SpanSum.COSTS) {
                Double each = each(sum);
                if (each != null) {
                    costs.put(sum.name, each);
                }
            }
            Map<String, Double> time = new LinkedHashMap<>();
            double parts = 0;
            for (SpanSum sum : SpanSum.PARTS) {
                Double each = each(sum);
                if (each != null) {
                    parts += each;
                    time.put(sum.name, each);
                }
            }
            return new SpanRow(
                    key,
                    count,
                    errors,
                    untimed,
                    async,
                    rounded(count / windowSeconds),
                    timed == 0 ? null : (Double) rounded(totalNanos / 1e6 / timed),
                    percentile(0.5),
                    percentile(0.9),
                    percentile(0.99),
                    timed == 0 ? null : (Double) rounded(maxNanos / 1e6),
                    runningOver == 0 ? null : (Double) rounded(running / runningOver),
                    costs,
                    // Of spans whose thread could not be measured, the parts are not known: sums of nothing.
                    parts > 0 ? time : null);
        }
    }

    private static double rounded(double value) {
        return value == Math.rint(value) && Math.abs(value) < 1e5 || Double.isNaN(value) || Double.isInfinite(value)
                ? value
                : new BigDecimal(value).round(DIGITS).doubleValue();
    }

    /**
     * Adds up seconds by key; what took the most time in all is first.
     *
     * @param windowMillis length of the window that the rate refers to; less than a second counts as one
     */
    static List<SpanRow> over(SpanKind kind, Iterable<SpanSecond> seconds, long windowMillis) {
        Map<List<String>, Sum> sums = new HashMap<>();
        for (SpanSecond second : seconds) {
            sums.computeIfAbsent(second.key(), k -> new Sum()).add(second);
        }
        double window = Math.max(1000, windowMillis) / 1000.0;
        List<Map.Entry<List<String>, Sum>> sorted = new ArrayList<>(sums.entrySet());
        sorted.sort(Comparator.comparingLong((Map.Entry<List<String>, Sum> one) -> one.getValue().totalNanos)
                .thenComparing(one -> one.getValue().count)
                .reversed()
                .thenComparing(one -> String.join(" ", one.getKey())));
        return sorted.stream()
                .map(one -> one.getValue().row(key(kind, one.getKey()), window))
                .toList();
    }

    private static Key key(SpanKind kind, List<String> values) {
        Map<String, String> fields = new LinkedHashMap<>();
        for (int i = 0; i < values.size(); i++) {
            fields.put(kind.keys().get(i), values.get(i));
        }
        return new Key(fields);
    }

    /** Without what a page does not show: the share of a span itself, CPU time excepted. */
    SpanRow brief() {
        Map<String, Double> shown = new LinkedHashMap<>(costs);
        for (SpanSum sum : SpanSum.COSTS) {
            if (sum.isOwn() && sum != SpanSum.OWN_CPU) {
                shown.remove(sum.name);
            }
        }
        return new SpanRow(key, count, errors, untimed, async, rate, mean, p50, p90, p99, max, running, shown, time);
    }
}
