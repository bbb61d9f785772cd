package dev.pitot.web.live;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class MetricWindowTest {
    private static final String[] FIELDS = {"a", "source"};
    private final MetricWindow window = new MetricWindow();

    private void add(long time, double a, String source) {
        window.add(time, FIELDS, new double[] {a, Double.NaN}, new String[] {null, source});
    }

    @Test
    void itHoldsTheNewestSamplesInOrderWhateverTheOrderTheyComeIn() {
        Random random = new Random(3);
        TreeMap<Long, Double> expected = new TreeMap<>();
        for (int i = 0; i < 10_000; i++) {
            long time = Math.max(0, i * 1000L - (random.nextInt(10) == 0 ? random.nextInt(20) * 1000L : 0));
            expected.put(time, (double) i);
            if (expected.size() > MetricWindow.MOST) {
                expected.pollFirstEntry();
            }
            add(time, i, "rusage");
        }
        MetricWindow.Samples samples = window.copy(0, Long.MAX_VALUE);
        assertThat(samples.t())
                .containsExactly(expected.keySet().stream().mapToLong(x -> x).toArray());
        assertThat((double[]) samples.fields().get("a"))
                .containsExactly(expected.values().stream().mapToDouble(x -> x).toArray());
        assertThat((String[]) samples.fields().get("source")).containsOnly("rusage");
        assertThat(window.size()).isEqualTo(MetricWindow.MOST);
    }

    @Test
    void aFieldThatAppearsLaterIsUnknownBefore() {
        add(1000, 1, null);
        window.add(2000, new String[] {"b"}, new double[] {7}, new String[] {null});
        MetricWindow.Samples samples = window.copy(0, 3000);
        assertThat((double[]) samples.fields().get("a")).containsExactly(1, Double.NaN);
        assertThat((double[]) samples.fields().get("b")).containsExactly(Double.NaN, 7);
    }

    @Test
    void equalTextsAreKeptOnce() {
        add(1000, 1, new String("perf"));
        add(2000, 1, new String("perf"));
        String[] texts = (String[]) window.copy(0, 3000).fields().get("source");
        assertThat(texts[0]).isSameAs(texts[1]);
    }

    @Test
    void theWindowIsHalfOpenAndEmptyOnesAreNone() {
        List.of(1000L, 2000L, 3000L).forEach(time -> add(time, time, null));
        assertThat(window.copy(1000, 3000).t()).containsExactly(1000, 2000);
        assertThat(window.copy(1001, 2000)).isNull();
    }

    @Test
    void whatCameSinceTheLastLookIsKnownByItsOldestTime() {
        List<Long> fresh = new ArrayList<>();
        add(1000, 1, null);
        add(2000, 1, null);
        fresh.add(window.freshFrom());
        window.settle();
        fresh.add(window.freshFrom());
        add(3000, 1, null);
        add(1500, 1, null);
        fresh.add(window.freshFrom());
        assertThat(fresh).containsExactly(1000L, Long.MAX_VALUE, 1500L);
    }
}
