package dev.pitot.web.compare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Whether intervals hold what they promise, on made-up data of which the truth is known. */
class BootstrapTest {
    private static final int TRIALS = 400;

    private final Random random = new Random(42);

    /** Load and cost by bin; both wander, as those of a real service do. */
    private Estimate side(int bins, double correlation, double factor, double[][] kept) {
        double[] requests = new double[bins];
        double[] cost = new double[bins];
        double noise = random.nextGaussian();
        double load = random.nextGaussian();
        for (int t = 0; t < bins; t++) {
            noise = correlation * noise + Math.sqrt(1 - correlation * correlation) * random.nextGaussian();
            load = correlation * load + Math.sqrt(1 - correlation * correlation) * random.nextGaussian();
            requests[t] = 100 * Math.exp(0.3 * load);
            cost[t] = requests[t] * factor * (1 + 0.08 * noise);
        }
        kept[0] = cost;
        kept[1] = requests;
        return new Bootstrap(bins, 1).quotient(cost, requests, true);
    }

    private double chance(int bins, double correlation, double factor) {
        Estimate a = side(bins, correlation, 1, new double[2][]);
        Estimate b = side(bins, correlation, factor, new double[2][]);
        double va = a.error() * a.error();
        double vb = b.error() * b.error();
        double degrees = (va + vb) * (va + vb) / (va * va / a.degrees() + vb * vb / b.degrees());
        return StudentT.twoSided(Math.log(b.value() / a.value()) / Math.sqrt(va + vb), degrees);
    }

    @ParameterizedTest
    @CsvSource({"20, 0", "24, 0.3", "60, 0.3", "60, 0.6", "120, 0.6"})
    void twoSidesAlikeDifferNoMoreOftenThanPromised(int bins, double correlation) {
        int alarms = 0;
        for (int i = 0; i < TRIALS; i++) {
            alarms += chance(bins, correlation, 1) < 0.05 ? 1 : 0;
        }
        // 5 % of 400 are 20, give or take 4.4.
        assertThat(alarms).isBetween(2, 31);
    }

    @Test
    void aTenthMoreIsFound() {
        int found = 0;
        for (int i = 0; i < TRIALS; i++) {
            found += chance(60, 0.3, 1.1) < 0.05 ? 1 : 0;
        }
        assertThat(found).isGreaterThan(TRIALS * 95 / 100);
    }

    @Test
    void percentilesHaveIntervalsThatHoldTheTruth() {
        int missed = 0;
        for (int i = 0; i < TRIALS; i++) {
            Durations durations = new Durations(30);
            for (int t = 0; t < 30; t++) {
                for (int k = 0; k < 60; k++) {
                    double nanos = 1e6 * Math.exp(0.5 * random.nextGaussian());
                    durations.add(dev.pitot.web.store.Buckets.of(nanos), t, 1);
                }
            }
            Estimate p90 = new Bootstrap(30, 1).percentile(durations, 0.9);
            double truth = 1e6 * Math.exp(0.5 * 1.2815515655);
            double half = p90.error() * StudentT.critical(0.05, p90.degrees());
            missed += Math.abs(Math.log(p90.value() / truth)) > half ? 1 : 0;
        }
        assertThat(missed).isLessThan(TRIALS * 8 / 100);
    }

    @Test
    void studentsDistributionIsThatOfTheTables() {
        assertThat(StudentT.critical(0.05, 1)).isCloseTo(12.706, within(0.001));
        assertThat(StudentT.critical(0.05, 10)).isCloseTo(2.228, within(0.001));
        assertThat(StudentT.critical(0.05, 1000)).isCloseTo(1.962, within(0.001));
        assertThat(StudentT.critical(0.01, 5)).isCloseTo(4.032, within(0.001));
        assertThat(StudentT.twoSided(0, 7)).isEqualTo(1);
        assertThat(StudentT.twoSided(Double.POSITIVE_INFINITY, 7)).isZero();
    }
}
