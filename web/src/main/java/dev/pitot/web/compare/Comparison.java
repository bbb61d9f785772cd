package dev.pitot.web.compare;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The answer of {@code GET /api/v1/compare}; what each part is, is in {@code docs/spec/api.md}.
 *
 * @param minChange share of a change that is worth a verdict
 * @param tested figures that could be tested, among which false alarms are kept rare
 * @param total figures in all, of which {@code changes} are the first
 */
public record Comparison(
        Side a,
        Side b,
        double minChange,
        int tested,
        int total,
        List<Change> changes,
        List<Only> onlyA,
        List<Only> onlyB,
        List<String> notes) {

    /**
     * What was measured of a side.
     *
     * @param bin milliseconds
     * @param bins those in which anything was measured
     * @param source table that it is from
     * @param services of its JVMs
     * @param jvms how many
     */
    public record Side(
            String selection, long from, long to, long bin, int bins, String source, List<String> services, int jvms) {}

    /** A name that was seen on one side only. */
    public record Only(String kind, String key, long count) {}

    /**
     * One figure on both sides.
     *
     * @param absolute whether {@code change}, {@code low} and {@code high} are differences, else shares of {@code a}
     * @param low of the interval in which the change lies with 95 %
     * @param chance that a change as large comes up where there is none, among all figures tested
     * @param verdict {@code worse}, {@code better}, {@code changed}, {@code no clear change} or {@code too little data}
     * @param reason of the last two; empty
     */
    public record Change(
            String kind,
            String key,
            String metric,
            String unit,
            boolean absolute,
            @Nullable Double a,
            @Nullable Double b,
            @Nullable Double change,
            @Nullable Double low,
            @Nullable Double high,
            @Nullable Double chance,
            String verdict,
            String reason) {
        public boolean isClear() {
            return verdict.equals(WORSE) || verdict.equals(BETTER) || verdict.equals(CHANGED);
        }

        public boolean isMeasured() {
            return !verdict.equals(TOO_LITTLE);
        }
    }

    public static final String WORSE = "worse";
    public static final String BETTER = "better";
    public static final String CHANGED = "changed";
    public static final String NO_CLEAR_CHANGE = "no clear change";
    public static final String TOO_LITTLE = "too little data";
}
