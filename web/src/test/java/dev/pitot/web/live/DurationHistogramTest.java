package dev.pitot.web.live;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class DurationHistogramTest {
    private static final double WORST = 0.0321;

    @Test
    void percentilesAreWithinTheStatedErrorOfExactOnes() {
        Random random = new Random(7);
        for (int round = 0; round < 200; round++) {
            long[] durations = new long[1 + random.nextInt(3000)];
            double scale = Math.pow(10, 1 + random.nextInt(11));
            for (int i = 0; i < durations.length; i++) {
                durations[i] = (long) (Math.exp(random.nextGaussian()) * scale);
            }
            DurationHistogram histogram = new DurationHistogram();
            assertThat(histogram.add(asText(durations))).isTrue();
            Arrays.sort(durations);
            for (double share : new double[] {0, 0.1, 0.5, 0.9, 0.99, 0.999, 1}) {
                long exact = durations[Math.max(0, (int) Math.ceil(share * durations.length) - 1)];
                assertThat(histogram.percentile(share))
                        .as("p%s of %d", share * 100, durations.length)
                        .isCloseTo(exact, within(exact * WORST));
            }
        }
    }

    @Test
    void eachBucketBeginsWhereItsFormulaSaysAndIsAtMostASixteenthWide() {
        for (int bucket = 0; bucket < DurationHistogram.BUCKETS; bucket++) {
            long start = DurationHistogram.start(bucket);
            assertThat(DurationHistogram.bucket(start)).isEqualTo(bucket);
            if (bucket > 0) {
                assertThat(DurationHistogram.bucket(start - 1)).isEqualTo(bucket - 1);
            }
            if (bucket >= 16 && bucket < DurationHistogram.BUCKETS - 1) {
                assertThat(DurationHistogram.start(bucket + 1) - start).isLessThanOrEqualTo(Math.max(1, start / 16));
            }
        }
        assertThat(DurationHistogram.bucket(Long.MAX_VALUE)).isEqualTo(DurationHistogram.BUCKETS - 1);
        assertThat(DurationHistogram.bucket(-5)).isZero();
    }

    @Test
    void histogramsAddUpAsIfAllHadBeenInOne() {
        DurationHistogram one = new DurationHistogram();
        DurationHistogram two = new DurationHistogram();
        DurationHistogram all = new DurationHistogram();
        one.add("3:2 200:7");
        two.add("200:1 400:9");
        all.add("3:2 200:8 400:9");
        one.add(two);
        assertThat(one.total()).isEqualTo(19);
        for (double share = 0; share <= 1; share += 0.05) {
            assertThat(one.percentile(share)).isEqualTo(all.percentile(share));
        }
    }

    @Test
    void malformedTextIsToldAndNeverThrows() {
        for (String text : new String[] {
            ":",
            "1",
            "1:",
            "a:1",
            "1:a",
            "1:1,2:2",
            "960:1",
            "99999:1",
            "-1:1",
            "1:1  2:2",
            "1:9999999999999999999",
            "1:-2"
        }) {
            assertThat(new DurationHistogram().add(text)).as(text).isFalse();
        }
        assertThat(new DurationHistogram().add("")).isTrue();
        assertThat(new DurationHistogram().percentile(0.5)).isNaN();
    }

    private static String asText(long[] durations) {
        Map<Integer, Long> counts = Arrays.stream(durations)
                .boxed()
                .collect(Collectors.groupingBy(DurationHistogram::bucket, TreeMap::new, Collectors.counting()));
        return counts.entrySet().stream()
                .map(entry -> entry.getKey() + ":" + entry.getValue())
                .collect(Collectors.joining(" "));
    }
}
