package dev.pitot.web.compare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pitot.web.store.Buckets;
import dev.pitot.web.store.Histogram;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Verdicts over whole sides, and conditions on them. */
class ComparerTest {
    private static final int BINS = 40;
    private static final int ENDPOINTS = 50;

    private static Comparison.Side side() {
        return new Comparison.Side("service=shop", 0, BINS * 60_000L, 60_000, BINS, "metric_1m", List.of("shop"), 2);
    }

    /** @param factor of the CPU time of the first endpoint */
    private static Samples samples(long seed, int bins, double factor) {
        Random random = new Random(seed);
        Samples samples = new Samples(bins, 60_000);
        for (int t = 0; t < bins; t++) {
            double neighbours = Math.exp(0.1 * random.nextGaussian());
            for (int jvm = 0; jvm < 2; jvm++) {
                samples.addProcess(jvm, t, "interval", 60e9, 60);
                samples.addProcess(jvm, t, "userTime", 20e9 * neighbours, 60);
                samples.addProcess(jvm, t, "systemTime", 4e9, 60);
            }
            for (int e = 0; e < ENDPOINTS; e++) {
                int count = 50 + random.nextInt(20);
                Map<String, Double> fields = new HashMap<>();
                double nanos = 0;
                Histogram durations = new Histogram();
                for (int i = 0; i < count; i++) {
                    double one = 5e6 * neighbours * Math.exp(0.4 * random.nextGaussian());
                    nanos += one;
                    durations.add(Buckets.of(one), 1);
                }
                fields.put("count", (double) count);
                fields.put("timed", (double) count);
                fields.put("errors", 0.0);
                fields.put("measured", (double) count);
                fields.put("totalDuration", nanos);
                fields.put("totalCpuTime", nanos * 0.5 * (e == 0 ? factor : 1));
                fields.put("totalAllocated", count * 1e5 * (1 + 0.01 * random.nextGaussian()));
                samples.addSpans(
                        e % 2,
                        t,
                        "pitot.EndpointSummary",
                        "GET /" + e,
                        field -> fields.getOrDefault(field, Double.NaN),
                        durations);
            }
        }
        return samples;
    }

    private static Comparison compare(long seed, double factor) {
        return new Comparer(0.01)
                .compare(side(), samples(seed, BINS, 1), side(), samples(seed + 1000, BINS, factor), 10_000);
    }

    @Test
    void ofTwoSidesAlikeHardlyAnyFigureIsClear() {
        int withAlarm = 0;
        for (int seed = 0; seed < 5; seed++) {
            Comparison comparison = compare(seed, 1);
            assertThat(comparison.tested()).isGreaterThan(400);
            withAlarm += comparison.changes().stream().anyMatch(Comparison.Change::isClear) ? 1 : 0;
        }
        // One in twenty is promised.
        assertThat(withAlarm).isLessThanOrEqualTo(1);
    }

    @Test
    void theOneEndpointThatChangedIsNamedAndNothingElse() {
        Comparison comparison = compare(3, 1.3);
        List<Comparison.Change> clear =
                comparison.changes().stream().filter(Comparison.Change::isClear).toList();
        assertThat(clear).hasSize(1);
        assertThat(clear.get(0).key()).isEqualTo("GET /0");
        assertThat(clear.get(0).metric()).isEqualTo("cpu");
        assertThat(clear.get(0).verdict()).isEqualTo(Comparison.WORSE);
        assertThat(comparison.changes().get(0)).isEqualTo(clear.get(0));
        assertThat(compare(3, 1.3)).as("the same data, the same answer").isEqualTo(comparison);

        assertThat(outcome("cpu > +5%", comparison)).isEqualTo(Gate.Outcome.FAILED);
        assertThat(outcome("endpoint:GET /0 cpu > +5% significant", comparison)).isEqualTo(Gate.Outcome.FAILED);
        assertThat(outcome("endpoint:GET /1* cpu > +25%", comparison)).isEqualTo(Gate.Outcome.PASSED);
        assertThat(outcome("endpoint:GET /0 p99 > 1s", comparison)).isEqualTo(Gate.Outcome.PASSED);
        assertThat(outcome("requests mean >= 1ms", comparison)).isEqualTo(Gate.Outcome.FAILED);
        assertThat(outcome("errorShare > 1%", comparison)).isEqualTo(Gate.Outcome.PASSED);
        assertThat(outcome("endpoint:GET /gone cpu > +5%", comparison)).isEqualTo(Gate.Outcome.UNKNOWN);
        assertThat(outcome("instructions > +3%", comparison)).isEqualTo(Gate.Outcome.UNKNOWN);
    }

    private static Gate.Outcome outcome(String condition, Comparison comparison) {
        return Gate.parse(condition).judge(comparison.changes()).outcome();
    }

    @Test
    void aSideOfFewBinsHasTooLittleDataAndSaysHowMuchIsNeeded() {
        Comparison comparison =
                new Comparer(0.01).compare(side(), samples(1, 19, 1), side(), samples(2, BINS, 2), 10_000);
        assertThat(comparison.tested()).isZero();
        assertThat(comparison.changes())
                .allSatisfy(change -> assertThat(change.verdict()).isEqualTo(Comparison.TOO_LITTLE));
        assertThat(comparison.changes().get(0).reason()).isEqualTo("A has 19 time bins, and 20 are needed");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "p98 > +5%|did you mean 'p90'",
                "endpont:GET / cpu > 5%|did you mean 'endpoint'",
                "cpu is bad|is no condition",
                "cpu > 5 MB|The unit 'MB'",
                "process p99 > 5%|process has no metric 'p99'",
            })
    void aConditionThatIsNoneIsNamedWithTheNearestThatIs(String condition, String said) {
        assertThatThrownBy(() -> Gate.parse(condition))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(said)
                .hasMessageContaining(condition);
    }

    @Test
    void sidesAreReadAsTheyAreWritten() {
        long now = 10_000_000_000L;
        Selection side = Selection.parse("a", "service=shop, version=\"1.4 beta\" -2h..-1h", now, null);
        assertThat(side.service()).isEqualTo("shop");
        assertThat(side.labels()).containsExactly(Map.entry("version", "1.4 beta"));
        assertThat(side.window()).isEqualTo(new Selection.Window(now - 7_200_000, now - 3_600_000));
        assertThat(Selection.Window.parse("1970-01-01T00:00:01Z..1970-01-02", now))
                .isEqualTo(new Selection.Window(1_000, 86_400_000));
        for (String wrong : List.of("", "-2h..-1h", "shop", "version=1,-1h..-2h", "x=\"1", "jvm=7", "v=1,soon..now")) {
            assertThatThrownBy(() -> Selection.parse("a", wrong, now, null))
                    .as(wrong)
                    .isInstanceOf(IllegalArgumentException.class);
        }
    }
}
