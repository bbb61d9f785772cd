package dev.pitot.web.compare;

import dev.pitot.web.compare.Comparison.Change;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * A condition under which a build fails: {@code endpoint:GET /checkout cpu > +5% significant}. The grammar is in
 * {@code docs/compare.md}.
 *
 * @param text as it was given
 * @param kind null: the process and every endpoint, whichever has the metric
 * @param key whole, {@code *} standing for anything; null: all
 * @param limit a share for percentages, else in the metric's unit
 * @param bound what the limit is for
 * @param significant whether only a clear change counts
 */
public record Gate(
        String text,
        @Nullable Kind kind,
        @Nullable Pattern key,
        Metric metric,
        String operator,
        double limit,
        Bound bound,
        boolean significant) {
    private static final Pattern FORM = Pattern.compile(
            "(?:(?<kind>[a-zA-Z]+)(?::(?<key>.+?))?\\s+)?(?<metric>[A-Za-z0-9]+)\\s*(?<operator>>=|<=|>|<)\\s*"
                    + "(?<sign>[+-])?\\s*(?<number>\\d+(?:\\.\\d+)?)\\s*(?<unit>%|[A-Za-zµ]+(?:/s)?)?(?<significant>\\s+significant)?");
    private static final Map<String, Double> MILLIS =
            Map.of("ns", 1e-6, "us", 1e-3, "µs", 1e-3, "ms", 1.0, "s", 1e3, "m", 60e3);
    private static final Map<String, Double> BYTES = Map.of(
            "B", 1.0, "kB", 1e3, "KB", 1e3, "MB", 1e6, "GB", 1e9, "KiB", 1024.0, "MiB", 1048576.0, "GiB", 1073741824.0);

    /** What a limit is for. */
    public enum Bound {
        /** The change as a share of A. */
        RELATIVE,
        /** The change in the metric's unit. */
        DIFFERENCE,
        /** The value of B. */
        VALUE
    }

    /** What became of a condition. */
    public enum Outcome {
        PASSED,
        FAILED,
        /** Nothing that it is about was measured well enough. */
        UNKNOWN
    }

    /**
     * @param failing those that it fails by, the most important first
     * @param unmeasured those that it is about and cannot be judged
     */
    public record Result(Gate gate, Outcome outcome, List<Change> failing, List<Change> unmeasured) {}

    /**
     * Reads a condition.
     *
     * @throws IllegalArgumentException with a sentence that names it
     */
    public static Gate parse(String text) {
        Matcher parts = FORM.matcher(text.strip());
        if (!parts.matches()) {
            throw new IllegalArgumentException(
                    "'" + text
                            + "' is no condition: write [KIND[:NAME]] METRIC > +PERCENT%, such as 'endpoint:GET /checkout cpu > +5%'.");
        }
        Metric metric = Metric.of(parts.group("metric"))
                .orElseThrow(
                        () -> new IllegalArgumentException("There is no metric '" + parts.group("metric") + "' in '"
                                + text + "'; did you mean '"
                                + nearest(
                                        parts.group("metric"),
                                        Arrays.stream(Metric.values())
                                                .map(Metric::label)
                                                .toList())
                                + "'?"));
        Kind kind = null;
        String name = parts.group("kind");
        if (name != null) {
            kind = Kind.of(name)
                    .orElseThrow(() -> new IllegalArgumentException("There is no kind '" + name + "' in '" + text
                            + "'; did you mean '"
                            + nearest(
                                    name,
                                    Arrays.stream(Kind.values())
                                            .map(Kind::label)
                                            .toList()) + "'?"));
            if (!metric.isOf(kind)) {
                throw new IllegalArgumentException("In '" + text + "', " + name + " has no metric '" + metric.label()
                        + "'; it has "
                        + String.join(
                                ", ",
                                Metric.of(kind).stream().map(Metric::label).toList()) + ".");
            }
        }
        boolean signed = parts.group("sign") != null;
        double number = Double.parseDouble(parts.group("number")) * ("-".equals(parts.group("sign")) ? -1 : 1);
        String unit = parts.group("unit");
        // Of a share, percents are percent points.
        boolean relative = "%".equals(unit) && !metric.isShare();
        String key = parts.group("key");
        return new Gate(
                text,
                kind,
                key == null ? null : pattern(key),
                metric,
                parts.group("operator"),
                number * factor(text, metric, unit),
                relative ? Bound.RELATIVE : signed ? Bound.DIFFERENCE : Bound.VALUE,
                parts.group("significant") != null);
    }

    private static double factor(String text, Metric metric, @Nullable String unit) {
        if (unit == null) {
            return 1;
        }
        Double factor = unit.equals("%")
                ? (Double) 0.01
                : switch (metric.unit()) {
                    case "ms" -> MILLIS.get(unit);
                    case "B" -> BYTES.get(unit);
                    case "B/s" -> unit.endsWith("/s") ? BYTES.get(unit.substring(0, unit.length() - 2)) : null;
                    default -> null;
                };
        if (factor == null) {
            throw new IllegalArgumentException("The unit '" + unit + "' in '" + text + "' is none of " + metric.label()
                    + (metric.unit().isEmpty() ? ", which has none" : ", which is in " + metric.unit()) + ".");
        }
        return factor;
    }

    private static Pattern pattern(String key) {
        return Pattern.compile(String.join(
                ".*", Arrays.stream(key.split("\\*", -1)).map(Pattern::quote).toList()));
    }

    /** Whether a figure is one that this is about. */
    boolean isAbout(Change change) {
        return change.metric().equals(metric.label())
                && (kind == null
                        ? change.kind().equals(Kind.PROCESS.label())
                                || change.kind().equals(Kind.ENDPOINT.label())
                        : change.kind().equals(kind.label()))
                && (key == null || key.matcher(change.key()).matches());
    }

    /** Looks at all figures of a comparison. */
    public Result judge(List<Change> changes) {
        List<Change> about = changes.stream().filter(this::isAbout).toList();
        List<Change> measured = about.stream().filter(this::isJudged).toList();
        List<Change> failing = measured.stream()
                .filter(change -> isBeyond(change, about.size() == 1))
                .toList();
        List<Change> unmeasured =
                about.stream().filter(change -> !isJudged(change)).toList();
        Outcome outcome = !failing.isEmpty() ? Outcome.FAILED : measured.isEmpty() ? Outcome.UNKNOWN : Outcome.PASSED;
        return new Result(this, outcome, failing, unmeasured);
    }

    private boolean isJudged(Change change) {
        return change.isMeasured() && !Double.isNaN(compared(change));
    }

    private double compared(Change change) {
        double a = change.a() == null ? Double.NaN : change.a();
        double b = change.b() == null ? Double.NaN : change.b();
        return switch (bound) {
            case VALUE -> b;
            case DIFFERENCE -> b - a;
            case RELATIVE -> a > 0 ? b / a - 1 : Double.NaN;
        };
    }

    /** @param alone whether it is the one figure asked for: then it need not stand out among all others */
    private boolean isBeyond(Change change, boolean alone) {
        double value = compared(change);
        boolean beyond =
                switch (operator) {
                    case ">" -> value > limit;
                    case ">=" -> value >= limit;
                    case "<" -> value < limit;
                    default -> value <= limit;
                };
        return beyond && (!significant || change.isClear() || alone && isWithoutZero(change));
    }

    private static boolean isWithoutZero(Change change) {
        return change.low() != null && change.high() != null && (change.low() > 0 || change.high() < 0);
    }

    private static String nearest(String given, List<String> names) {
        return names.stream()
                .min(Comparator.comparingInt(
                        (String name) -> distance(given.toLowerCase(Locale.ROOT), name.toLowerCase(Locale.ROOT))))
                .orElse("");
    }

    /** Letters to insert, remove or replace to make one of the other (Levenshtein). */
    private static int distance(String a, String b) {
        int[] row = IntStream.rangeClosed(0, b.length()).toArray();
        for (int i = 1; i <= a.length(); i++) {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.length(); j++) {
                int same = a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1;
                int least = Math.min(diagonal + same, 1 + Math.min(row[j], row[j - 1]));
                diagonal = row[j];
                row[j] = least;
            }
        }
        return row[b.length()];
    }
}
