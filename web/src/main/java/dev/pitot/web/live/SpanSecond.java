package dev.pitot.web.live;

import java.util.List;

/**
 * One summary event: what became of one endpoint, statement, server or pool in about a second.
 *
 * @param key values of {@link SpanKind#keys}
 * @param untimed spans of {@code count} whose end was not seen: their durations are in no sum and not in the histogram
 * @param async requests of {@code count} that were left to another thread
 * @param totalNanos of those whose end was seen, like {@code maxNanos}
 * @param histogram {@code bucket:count} pairs as in {@code docs/spec/events.md}
 * @param counterRunning running / enabled time of the counters, {@code NaN} without any
 * @param sums by the ordinals of {@link SpanSum}: nanoseconds, bytes or numbers, {@code NaN} where unknown
 */
public record SpanSecond(
        SpanKind kind,
        long timeMillis,
        List<String> key,
        long count,
        long errors,
        long untimed,
        long async,
        long totalNanos,
        long maxNanos,
        String histogram,
        long measured,
        long counted,
        double counterRunning,
        double[] sums) {

    /** The fields of one event, wherever it comes from. */
    public interface Fields {
        boolean has(String name);

        /** Empty when it is absent or no text. */
        String text(String name);

        /** Nanoseconds of a time span, bytes, or a number; {@code NaN} when it is absent, no number or could not be had. */
        double number(String name);
    }

    /** Takes the fields of a summary event of this kind. */
    public static SpanSecond of(SpanKind kind, long timeMillis, Fields fields) {
        double[] sums = new double[SpanSum.ALL.size()];
        for (SpanSum sum : SpanSum.ALL) {
            sums[sum.ordinal()] = fields.number(sum.field);
        }
        long async = whole(fields, "async");
        return new SpanSecond(
                kind,
                timeMillis,
                kind.keys().stream().map(fields::text).toList(),
                whole(fields, "count"),
                whole(fields, "errors"),
                // Agents before 'untimed' saw the end of no request that was left to another thread.
                fields.has("untimed") ? whole(fields, "untimed") : async,
                async,
                whole(fields, "totalDuration"),
                whole(fields, "maxDuration"),
                fields.text("histogram"),
                whole(fields, "measured"),
                whole(fields, "counted"),
                fields.number("counterRunning"),
                sums);
    }

    private static long whole(Fields fields, String name) {
        // NaN is 0.
        return Math.max(0, (long) fields.number(name));
    }

    /** How many of its spans a sum is over. */
    long over(SpanSum sum) {
        return switch (sum.over) {
            case ALL -> count;
            case TIMED -> timed();
            case MEASURED -> measured;
            case COUNTED -> counted;
        };
    }

    /** Spans whose end was seen. */
    long timed() {
        return Math.max(0, count - untimed);
    }
}
