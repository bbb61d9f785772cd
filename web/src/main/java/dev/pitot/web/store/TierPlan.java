package dev.pitot.web.store;

import java.sql.SQLException;

/**
 * Which tier answers a question, and in which bins.
 *
 * @param tier the coarsest that is read
 * @param from start of the first bin, milliseconds since the epoch
 * @param to end of the last one
 * @param step width of a bin, milliseconds
 */
record TierPlan(Tier tier, long from, long to, long step) {
    /** Steps of a chart in seconds: whole multiples of the tier that they are read from. */
    private static final long[] STEPS = {
        1, 2, 5, 10, 15, 30, 60, 120, 180, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800,
        432_000, 864_000, 2_592_000
    };

    /**
     * Rows that are read without need, about 5 us each, most of it to fetch the page that a row lies on: of more, the next coarser
     * tier is taken where a chart of it has bins enough.
     */
    private static final long MANY_ROWS = 4_000;

    private static final long ENOUGH_BINS = 90;
    /** Of more, the next coarser tier is taken however few its bins are. */
    private static final long TOO_MANY_ROWS = 30_000;

    private static final long MANY_SAMPLES = 60_000;
    /** Summaries have many keys and histograms. */
    private static final long MANY_SECONDS_OF_SUMMARIES = 1_200;
    /** How many keys there are is not known before they are read. */
    private static final int USUAL_KEYS = 10;

    /** A row with its histogram costs so many without. */
    private static final int HISTOGRAM = 3;

    int bins() {
        return (int) ((to - from) / step);
    }

    /**
     * Plans an answer.
     *
     * @param whole one bin over the whole window, to the minute
     * @param oldest of each tier, as {@link TierReader#oldest} has it
     */
    static TierPlan of(RangeQueries.Question question, boolean whole, int jvms, long[] oldest, TierReader reader)
            throws SQLException {
        long length = question.to() - question.from();
        long wanted = roundStep(ceilDiv(length, question.points()));
        Tier tier = whole ? coarsestWithin(length / 2) : coarsestWithin(wanted);
        if (whole && tier == Tier.SECOND) {
            tier = Tier.MINUTE;
        }
        while (tier != Tier.HOUR && isMuch(tier, question, whole, jvms)) {
            tier = tier.coarser();
        }
        tier = reachingBack(tier, question, oldest, reader);
        if (whole) {
            long from = Tier.MINUTE.floor(question.from());
            long to = Math.max(from + Tier.MINUTE.millis, Tier.MINUTE.floor(question.to() + Tier.MINUTE.millis - 1));
            return new TierPlan(tier, from, to, to - from);
        }
        long step = roundStep(Math.max(wanted, tier.millis));
        return new TierPlan(
                tier, Math.floorDiv(question.from(), step) * step, ceilDiv(question.to(), step) * step, step);
    }

    private static boolean isMuch(Tier tier, RangeQueries.Question question, boolean whole, int jvms) {
        long length = question.to() - question.from();
        long bins = jvms * (length / tier.millis);
        if (tier == Tier.SECOND) {
            return bins > (StoredTypes.isMetric(question.metric().type()) ? MANY_SAMPLES : MANY_SECONDS_OF_SUMMARIES);
        }
        boolean allKeys = question.key() == null
                && !StoredTypes.keyFields(question.metric().type()).isEmpty();
        long rows = allKeys ? bins * USUAL_KEYS : bins;
        if (question.aggregate().kind() == Aggregate.Kind.PERCENTILE) {
            rows *= HISTOGRAM;
        }
        return rows > TOO_MANY_ROWS || rows > MANY_ROWS && (whole || length / tier.coarser().millis >= ENOUGH_BINS);
    }

    /** A coarser tier where the one that was chosen begins after the window does, and that one has rows of before. */
    private static Tier reachingBack(Tier tier, RangeQueries.Question question, long[] oldest, TierReader reader)
            throws SQLException {
        long begin = oldest[tier.ordinal()];
        if (begin > question.from()) {
            for (Tier other = tier; other != Tier.HOUR; ) {
                other = other.coarser();
                if (reader.has(other, other.floor(question.from()), Math.min(begin, question.to()))) {
                    return other;
                }
            }
        }
        return tier;
    }

    private static Tier coarsestWithin(long width) {
        Tier found = Tier.SECOND;
        for (Tier tier : Tier.values()) {
            found = tier.millis <= width ? tier : found;
        }
        return found;
    }

    private static long ceilDiv(long a, long b) {
        return -Math.floorDiv(-a, b);
    }

    /** The least round step that is not shorter. */
    private static long roundStep(long millis) {
        for (long step : STEPS) {
            if (step * 1000 >= millis) {
                return step * 1000;
            }
        }
        long last = STEPS[STEPS.length - 1] * 1000;
        return ceilDiv(millis, last) * last;
    }
}
