package dev.pitot.web.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The laws by which rows of the tiers add up. */
class RollupTest {
    private static final int ROUNDS = 300;

    private final Random random = new Random(17);

    private double value(int kind) {
        return switch (kind) {
            case 0 -> random.nextInt(100);
            case 1 -> random.nextGaussian() * 1e9;
            case 2 -> Math.exp(random.nextGaussian() * 20);
            case 3 -> 42;
            case 4 -> -random.nextDouble();
            default -> random.nextInt(3) == 0 ? Double.NaN : random.nextDouble();
        };
    }

    @Test
    void aBucketHoldsWhatIsLessThanItsErrorFromItsMiddle() {
        for (int i = 0; i < 100_000; i++) {
            double value = value(i % 5);
            double middle = Buckets.middle(Buckets.of(value));
            if (Math.abs(value) >= 0x1p-64) {
                assertThat(middle)
                        .isBetween(Math.min(value * 0.968, value * 1.032), Math.max(value * 0.968, value * 1.032));
            }
        }
        assertThat(Buckets.of(0)).isZero();
        assertThat(Buckets.of(-Double.MIN_VALUE)).isZero();
        assertThat(Buckets.of(1)).isEqualTo(1 + 64 * 16);
        assertThat(Buckets.of(-1.99)).isEqualTo(-(16 + 64 * 16));
        assertThat(Buckets.middle(Buckets.of(Double.MAX_VALUE))).isFinite();
    }

    @Test
    void rowsOfPartsComeToTheRowOfTheWholeWhateverWayTheyWent() {
        for (int round = 0; round < ROUNDS; round++) {
            int kind = round % 6;
            int n = 1 + random.nextInt(200);
            double[] values = new double[n];
            Arrays.setAll(values, i -> value(kind));
            Rollup whole = new Rollup();
            whole.values("v", values, n);
            whole.events(n);
            Rollup parts = new Rollup();
            Rollup stored = new Rollup();
            for (int from = 0; from < n; ) {
                int to = Math.min(n, from + 1 + random.nextInt(60));
                Rollup part = new Rollup();
                part.values("v", Arrays.copyOfRange(values, from, to), to - from);
                part.total("t", to - from);
                part.text("source", from == 0 ? "perf" : "none");
                part.events(to - from);
                parts.add(part);
                stored.add(part.n(), part.aggJson(), part.histJson());
                whole.total("t", to - from);
                whole.text("source", from == 0 ? "perf" : "none");
                from = to;
            }
            same(parts, whole, 1e-12);
            same(stored, whole, 1e-7);
        }
    }

    private static void same(Rollup one, Rollup other, double error) {
        assertThat(one.n()).isEqualTo(other.n());
        assertThat(one.spreads()).isEqualTo(other.spreads());
        assertThat(one.total("t")).isEqualTo(other.total("t"));
        assertThat(one.text("source")).isEqualTo(other.text("source"));
        Rollup.Spread a = one.spread("v");
        Rollup.Spread b = other.spread("v");
        if (a == null || b == null) {
            assertThat(a).isEqualTo(b);
            return;
        }
        double most = Math.max(Math.abs(b.min()), Math.abs(b.max()));
        assertThat(a.n()).isEqualTo(b.n());
        assertThat(a.min()).isCloseTo(b.min(), within(error * most));
        assertThat(a.max()).isCloseTo(b.max(), within(error * most));
        assertThat(a.sum()).isCloseTo(b.sum(), within(error * most * b.n()));
        for (double share : new double[] {0, 0.5, 0.9, 0.99, 0.999, 1}) {
            assertThat(a.percentile(share)).isCloseTo(b.percentile(share), within(error * most));
        }
    }

    @Test
    void aPercentileIsAtMostItsErrorFromTheNearestRank() {
        for (int round = 0; round < ROUNDS; round++) {
            int kind = round % 5;
            double[] values = new double[1 + random.nextInt(3_000)];
            Arrays.setAll(values, i -> value(kind));
            Rollup rollup = new Rollup();
            rollup.values("v", values, values.length);
            Arrays.sort(values);
            for (double share : new double[] {0.5, 0.9, 0.99, 0.999}) {
                double exact = values[(int) Math.max(1, Math.ceil(share * values.length)) - 1];
                assertThat(rollup.spread("v").percentile(share))
                        .isCloseTo(exact, within(0.032 * Math.abs(exact) + 1e-18));
            }
        }
    }

    @Test
    void whatWasAlwaysTheSameIsExactAndTakesNoHistogram() {
        Rollup rollup = new Rollup();
        rollup.values("heapMax", new double[] {4294967296.0, 4294967296.0}, 2);
        rollup.values("ghost", new double[] {Double.NaN}, 1);
        assertThat(rollup.aggJson()).isEqualTo("{\"heapMax\":[2,4294967296]}");
        assertThat(rollup.histJson()).isEqualTo("{}");
        assertThat(rollup.spread("heapMax").percentile(0.5)).isEqualTo(4294967296.0);
    }

    @Test
    void whatHasNoKnownLeastSaysSoInSumsToo() {
        Histogram histogram = new Histogram();
        histogram.add(Buckets.of(1e6), 3);
        Rollup seconds = new Rollup();
        seconds.spread("duration", 3, 1e6, 3e6, histogram);
        seconds.spread("duration", 0, Double.NaN, 0, new Histogram());
        assertThat(seconds.aggJson()).isEqualTo("{\"duration\":[3,null,1000000,3000000]}");
        assertThat(seconds.histJson()).isEqualTo("{\"duration\":\"" + Buckets.of(1e6) + ":3\"}");
        Rollup both = new Rollup();
        both.add(3, seconds.aggJson(), seconds.histJson());
        both.add(seconds);
        assertThat(both.spread("duration").n()).isEqualTo(6);
        assertThat(both.spread("duration").min()).isNaN();
        assertThat(both.spread("duration").percentile(0.5)).isCloseTo(1e6, within(32_000.0));
    }
}
