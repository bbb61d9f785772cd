package dev.pitot.web.store;

/** What rows of one bin of one series come to. Not safe for several threads. */
final class Bin {
    private double over;
    private double under;
    private long n;
    private double min = Double.NaN;
    private double max = Double.NaN;
    private final Histogram histogram = new Histogram();
    private boolean known;

    void add(Metric metric, Rollup row) {
        if (metric.formula() instanceof Metric.Values values) {
            Rollup.Spread spread = row.spread(values.field());
            double total = row.total(values.field());
            if (spread != null) {
                min = n == 0 ? spread.min() : Math.min(min, spread.min());
                max = n == 0 ? spread.max() : Math.max(max, spread.max());
                n += spread.n();
                over += spread.sum();
                histogram.add(spread.histogram());
                known = true;
            } else if (!Double.isNaN(total)) {
                over += total;
                known = true;
            }
        } else if (metric.formula() instanceof Metric.PerSecond rate) {
            double total = row.total(rate.field());
            if (!Double.isNaN(total)) {
                over += total;
                known = true;
            }
        } else {
            double[] quotient = metric.quotient(row);
            if (quotient != null) {
                over += quotient[0];
                under += quotient[1];
                known = true;
            }
        }
    }

    /** Whether it has a sum only. */
    boolean isTotal() {
        return known && n == 0;
    }

    /**
     * Its value, {@code NaN} when it has none.
     *
     * @param seconds that went by in it
     */
    double value(Metric metric, Aggregate aggregate, double seconds) {
        if (!known) {
            return Double.NaN;
        }
        if (metric.formula() instanceof Metric.Values values) {
            double value =
                    switch (aggregate.kind()) {
                        case AVG, SUM -> n == 0 ? Double.NaN : over / n;
                        case MIN -> min;
                        case MAX -> max;
                        case TOTAL -> over;
                        case RATE -> over / seconds;
                        case COUNT -> n / values.scale();
                        case PERCENTILE -> percentile(aggregate.share());
                    };
            return value * values.scale();
        }
        if (metric.formula() instanceof Metric.PerSecond rate) {
            return rate.scale() * (aggregate.kind() == Aggregate.Kind.TOTAL ? over : over / seconds);
        }
        return under == 0 ? Double.NaN : over / under;
    }

    private double percentile(double share) {
        double value = histogram.percentile(share);
        value = value < min ? min : value;
        return value > max ? max : value;
    }
}
