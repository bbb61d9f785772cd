package dev.pitot.web.store;

import java.math.BigDecimal;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What becomes of the values of a bin.
 *
 * @param name as it is asked for
 * @param share of a percentile: 0.99 for p99; else 0
 */
public record Aggregate(Kind kind, String name, double share) {
    /** Kinds of aggregates. */
    public enum Kind {
        /** The mean; of a metric that is computed, its value over all rows together. */
        AVG,
        MIN,
        MAX,
        /** The means of all JVMs and keys, added up. */
        SUM,
        /** All values added up. */
        TOTAL,
        /** The total per second that went by. */
        RATE,
        /** How many values. */
        COUNT,
        PERCENTILE
    }

    /** An aggregate by its name: {@code avg}, {@code p99.9}. */
    public static Optional<Aggregate> of(String name) {
        if (name.matches("p\\d{1,3}(\\.\\d{1,6})?")) {
            double share = new BigDecimal(name.substring(1)).movePointLeft(2).doubleValue();
            return share <= 1 ? Optional.of(new Aggregate(Kind.PERCENTILE, name, share)) : Optional.empty();
        }
        for (Kind kind : Kind.values()) {
            if (kind != Kind.PERCENTILE && kind.name().equalsIgnoreCase(name)) {
                return Optional.of(new Aggregate(kind, name, 0));
            }
        }
        return Optional.empty();
    }

    /**
     * Whether a metric has it.
     *
     * @return null when it has, else a sentence that says what to ask for
     */
    public @Nullable String refusal(Metric metric) {
        if (metric.formula() instanceof Metric.Values values) {
            boolean isTotal = StoredTypes.COUNTED.containsKey(metric.type())
                    && !values.field().equals("duration")
                    && !values.field().equals("counterRunning");
            return isTotal && kind != Kind.TOTAL && kind != Kind.RATE
                    ? "Of '" + metric.name() + "' only sums are kept; ask for agg=rate or agg=total."
                    : null;
        }
        boolean rate = metric.formula() instanceof Metric.PerSecond;
        return kind == Kind.AVG || kind == Kind.SUM || rate && (kind == Kind.RATE || kind == Kind.TOTAL)
                ? null
                : "'" + metric.name() + "' is computed of sums, so it has no " + name + "; ask for agg=avg or agg=sum"
                        + (rate ? ", agg=rate or agg=total." : ".");
    }
}
