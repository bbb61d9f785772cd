package dev.pitot.web.compare;

import dev.pitot.web.compare.Comparison.Change;
import dev.pitot.web.compare.Comparison.Only;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Compares two sides, figure by figure. One comparison each; not safe for several threads. */
public final class Comparer {
    /** Of a side: fewer say too little of how much bins differ. */
    public static final int LEAST_BINS = 20;

    private static final int LEAST_BINS_OF_NAME = 10;
    private static final int LEAST_SPANS = 30;
    /** Spans beyond a percentile. */
    private static final int LEAST_BEYOND = 5;

    private static final int MOST_NAMES = 100;
    private static final int MOST_ONLY = 100;
    private static final double FALSE_ALARMS = 0.05;
    private static final double PERCENTILE_BOUND = 0.032;
    /** A change of a share that is worth a verdict: a tenth of a percent point. */
    private static final double LEAST_SHARE_CHANGE = 0.001;

    private static final MathContext DIGITS = new MathContext(6);
    private static final long SEED_A = 0x5eed_000aL;
    private static final long SEED_B = 0x5eed_000bL;

    /** A figure before it is known how rare its change is among all. */
    private record Draft(
            Kind kind, String key, Metric metric, Estimate a, Estimate b, String missing, double p, double half) {
        boolean isTested() {
            return missing.isEmpty();
        }

        double step() {
            return metric.isShare() ? b.value() - a.value() : Math.log(b.value() / a.value());
        }

        /** Size by significance. */
        double weight() {
            return isTested()
                    ? Math.abs(step()) * (metric.isShare() ? 10 : 1) * Math.min(50, -Math.log(Math.max(p, 1e-300)))
                    : 0;
        }
    }

    private final double minChange;
    private final List<Draft> drafts = new ArrayList<>();
    private final List<Only> onlyA = new ArrayList<>();
    private final List<Only> onlyB = new ArrayList<>();

    /** @param minChange share of a change that is worth a verdict: 0.01 for 1 % */
    public Comparer(double minChange) {
        this.minChange = minChange;
    }

    /** @param most figures that the answer has; all are tested */
    public Comparison compare(
            Comparison.Side sideA, Samples samplesA, Comparison.Side sideB, Samples samplesB, int most) {
        Bootstrap ofA = new Bootstrap(Math.max(1, samplesA.measuredBins()), SEED_A);
        Bootstrap ofB = new Bootstrap(Math.max(1, samplesB.measuredBins()), SEED_B);
        List<String> notes = new ArrayList<>();
        Map<Kind, Map<String, Samples.Series>> a = samplesA.series();
        Map<Kind, Map<String, Samples.Series>> b = samplesB.series();
        for (Kind kind : Kind.values()) {
            Map<String, Samples.Series> before = a.getOrDefault(kind, Map.of());
            Map<String, Samples.Series> after = b.getOrDefault(kind, Map.of());
            only(kind, before, after, onlyA);
            only(kind, after, before, onlyB);
            List<String> both = before.keySet().stream()
                    .filter(after::containsKey)
                    .sorted(Comparator.comparingDouble((String key) -> -time(before, key) - time(after, key))
                            .thenComparing(key -> key))
                    .toList();
            if (both.size() > MOST_NAMES) {
                notes.add("Of " + both.size() + " of kind " + kind.label() + " the " + MOST_NAMES
                        + " that took the most time are compared.");
            }
            both.stream().limit(MOST_NAMES).forEach(key -> {
                Samples.Series seriesA = before.get(key);
                Samples.Series seriesB = after.get(key);
                if (seriesA != null && seriesB != null) {
                    Metric.of(kind).forEach(metric -> draft(kind, key, metric, seriesA, ofA, seriesB, ofB));
                }
            });
        }
        int tested = (int) drafts.stream().filter(Draft::isTested).count();
        List<Change> changes = judged(tested);
        return new Comparison(
                sideA,
                sideB,
                minChange,
                tested,
                changes.size(),
                changes.subList(0, Math.min(most, changes.size())),
                onlyA,
                onlyB,
                notes);
    }

    private static double time(Map<String, Samples.Series> all, String key) {
        Samples.Series series = all.get(key);
        double sum = 0;
        for (double nanos : series == null ? new double[0] : series.above.getOrDefault(Metric.MEAN, new double[0])) {
            sum += nanos;
        }
        return sum;
    }

    private static void only(
            Kind kind, Map<String, Samples.Series> here, Map<String, Samples.Series> there, List<Only> names) {
        here.entrySet().stream()
                .filter(one -> !one.getKey().isEmpty() && !there.containsKey(one.getKey()))
                .map(one -> new Only(kind.label(), one.getKey(), (long) one.getValue().spans))
                .sorted(Comparator.comparingLong(Only::count).reversed().thenComparing(Only::key))
                .limit(MOST_ONLY)
                .forEach(names::add);
    }

    private void draft(
            Kind kind, String key, Metric metric, Samples.Series a, Bootstrap ofA, Samples.Series b, Bootstrap ofB) {
        if (isUnknown(metric, a) && isUnknown(metric, b)) {
            return;
        }
        Estimate one = estimate(metric, a, ofA);
        Estimate other = estimate(metric, b, ofB);
        if (Double.isNaN(one.value()) && Double.isNaN(other.value())) {
            return;
        }
        String missing = missing(kind, metric, a, one, "A");
        missing = missing.isEmpty() ? missing(kind, metric, b, other, "B") : missing;
        if (!missing.isEmpty()) {
            drafts.add(new Draft(kind, key, metric, one, other, missing, Double.NaN, Double.NaN));
            return;
        }
        double varianceA = one.error() * one.error();
        double varianceB = other.error() * other.error();
        double variance = varianceA + varianceB;
        // Welch and Satterthwaite.
        double degrees = variance > 0
                ? variance
                        * variance
                        / (varianceA * varianceA / one.degrees() + varianceB * varianceB / other.degrees())
                : Math.min(one.degrees(), other.degrees());
        double error = Math.sqrt(variance);
        double step = new Draft(kind, key, metric, one, other, "", 0, 0).step();
        // Rounding is no change.
        double p = Math.abs(step) < 1e-9 ? 1 : StudentT.twoSided(step / error, degrees);
        drafts.add(new Draft(kind, key, metric, one, other, "", p, error * StudentT.critical(0.05, degrees)));
    }

    private static boolean isUnknown(Metric metric, Samples.Series series) {
        return metric.isPercentile() ? series.durations.total() == 0 : !series.above.containsKey(metric);
    }

    private static Estimate estimate(Metric metric, Samples.Series series, Bootstrap bootstrap) {
        if (isUnknown(metric, series)) {
            return Estimate.NONE;
        }
        Estimate raw = metric.isPercentile()
                ? bootstrap.percentile(series.durations, metric.percentile())
                : bootstrap.quotient(
                        series.above.getOrDefault(metric, new double[series.bins]),
                        series.below.getOrDefault(metric, new double[series.bins]),
                        !metric.isShare());
        return new Estimate(raw.value() * metric.scale(), raw.error(), raw.degrees());
    }

    /** Why a figure of one side cannot be tested; empty when it can. */
    private static String missing(Kind kind, Metric metric, Samples.Series series, Estimate estimate, String side) {
        if (Double.isNaN(estimate.value())) {
            return side + " has none";
        }
        if (series.bins < LEAST_BINS) {
            return side + " has " + series.bins + " time bins, and " + LEAST_BINS + " are needed";
        }
        double total = metric.isPercentile() ? series.durations.total() : series.spans;
        int used = 0;
        for (double weight : series.below.getOrDefault(metric.isPercentile() ? Metric.MEAN : metric, new double[0])) {
            used += weight > 0 ? 1 : 0;
        }
        if (used < LEAST_BINS_OF_NAME) {
            return side + " has it in " + used + " time bins only, and " + LEAST_BINS_OF_NAME + " are needed";
        }
        double needed = metric.isPercentile()
                ? Math.max(LEAST_SPANS, Math.rint(LEAST_BEYOND / (1 - metric.percentile())))
                : LEAST_SPANS;
        if (kind != Kind.PROCESS && total < needed) {
            return side + " has " + (long) total + " of them, and " + (long) needed + " are needed";
        }
        if (Double.isNaN(estimate.error())) {
            return side + (estimate.value() == 0 ? " is 0" : " has too few of them");
        }
        return "";
    }

    /** Benjamini and Hochberg: of the changes that are called clear, at most one in twenty is none. */
    private List<Change> judged(int tested) {
        List<Draft> byChance = drafts.stream()
                .filter(Draft::isTested)
                .sorted(Comparator.comparingDouble(Draft::p))
                .toList();
        Map<Draft, Double> chances = new IdentityHashMap<>();
        double least = 1;
        for (int rank = byChance.size(); rank > 0; rank--) {
            Draft draft = byChance.get(rank - 1);
            least = Math.min(least, draft.p() * tested / rank);
            chances.put(draft, least);
        }
        record Judged(Draft draft, Change change) {}
        List<String> order = List.of(
                Comparison.WORSE,
                Comparison.BETTER,
                Comparison.CHANGED,
                Comparison.NO_CLEAR_CHANGE,
                Comparison.TOO_LITTLE);
        return drafts.stream()
                .map(draft -> new Judged(draft, change(draft, chances.getOrDefault(draft, Double.NaN))))
                .sorted(Comparator.comparingInt(
                                (Judged one) -> order.indexOf(one.change().verdict()))
                        .thenComparing(one -> -one.draft().weight())
                        .thenComparing(one -> one.draft().kind())
                        .thenComparing(one -> one.draft().key())
                        .thenComparing(one -> one.draft().metric()))
                .map(Judged::change)
                .toList();
    }

    private Change change(Draft draft, double chance) {
        Metric metric = draft.metric();
        boolean share = metric.isShare();
        boolean fromZero = !share && !(draft.a().value() > 0);
        double step = share || fromZero ? draft.b().value() - draft.a().value() : draft.step();
        double change = share || fromZero ? step : Math.expm1(step);
        double low = share ? step - draft.half() : Math.expm1(step - draft.half());
        double high = share ? step + draft.half() : Math.expm1(step + draft.half());
        String verdict;
        String reason = "";
        if (!draft.isTested()) {
            verdict = Comparison.TOO_LITTLE;
            reason = draft.missing();
        } else {
            reason = unclear(metric, change, low, high, chance);
            verdict = !reason.isEmpty()
                    ? Comparison.NO_CLEAR_CHANGE
                    : switch (metric.better()) {
                        case NEITHER -> Comparison.CHANGED;
                        case LESS -> step > 0 ? Comparison.WORSE : Comparison.BETTER;
                        case MORE -> step > 0 ? Comparison.BETTER : Comparison.WORSE;
                    };
        }
        return new Change(
                draft.kind().label(),
                draft.key(),
                metric.label(),
                metric.unit(),
                share || fromZero,
                rounded(draft.a().value()),
                rounded(draft.b().value()),
                rounded(change),
                draft.isTested() ? rounded(low) : null,
                draft.isTested() ? rounded(high) : null,
                rounded(chance),
                verdict,
                reason);
    }

    private String unclear(Metric metric, double change, double low, double high, double chance) {
        double size = Math.abs(change);
        if (size == 0) {
            return "the same";
        }
        if (low <= 0 && high >= 0) {
            return "the interval contains 0";
        }
        if (chance > FALSE_ALARMS) {
            return "among so many figures one like it is likely by chance";
        }
        double least = metric.isShare() ? LEAST_SHARE_CHANGE : minChange;
        if (size < least) {
            return String.format(
                    Locale.ROOT,
                    "less than %s %%",
                    BigDecimal.valueOf(least * 100).stripTrailingZeros().toPlainString());
        }
        return metric.isPercentile() && size <= PERCENTILE_BOUND
                ? "within the 3.2 % by which a percentile may be off"
                : "";
    }

    private static @Nullable Double rounded(double value) {
        return Double.isNaN(value) || Double.isInfinite(value)
                ? null
                : (Double) new BigDecimal(value).round(DIGITS).doubleValue();
    }
}
