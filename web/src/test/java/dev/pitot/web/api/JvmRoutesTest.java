package dev.pitot.web.api;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pitot.web.store.MetricSeries;
import dev.pitot.web.store.StoredTypes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

class JvmRoutesTest {
    private final Set<String> specified = new HashSet<>();

    private static MetricSeries series(long[] t, Object... fields) {
        LinkedHashMap<String, Object> columns = new LinkedHashMap<>();
        for (int i = 0; i < fields.length; i += 2) {
            columns.put((String) fields[i], fields[i + 1]);
        }
        return new MetricSeries(t, columns);
    }

    @Test
    void memoryCountsWhereTheStoreHasTheSameSecond() {
        MetricSeries merged = JvmRoutes.merged(
                series(new long[] {1000, 2000, 3001, 4000}, "a", new double[] {1, 2, 3, 4}),
                series(new long[] {3000, 4000, 5000}, "a", new double[] {30, 40, 50}));
        assertThat(merged.t()).containsExactly(1000, 2000, 3000, 4000, 5000);
        assertThat((double[]) merged.fields().get("a")).containsExactly(1, 2, 30, 40, 50);
    }

    @Test
    void storedSamplesInAHoleOfMemoryAreShown() {
        MetricSeries merged = JvmRoutes.merged(
                series(new long[] {1000, 2000, 3000}, "a", new double[] {1, 2, 3}),
                series(new long[] {900, 3100}, "a", new double[] {10, 30}));
        assertThat(merged.t()).containsExactly(900, 2000, 3100);
        assertThat((double[]) merged.fields().get("a")).containsExactly(10, 2, 30);
    }

    @Test
    void aFieldOfOnlyOneSideIsUnknownOnTheOther() {
        MetricSeries merged = JvmRoutes.merged(
                series(new long[] {1000}, "a", new double[] {1}, "source", new String[] {"perf"}),
                series(new long[] {2000}, "b", new double[] {2}, "source", new double[] {Double.NaN}));
        assertThat((double[]) merged.fields().get("a")).containsExactly(1, Double.NaN);
        assertThat((double[]) merged.fields().get("b")).containsExactly(Double.NaN, 2);
        assertThat((String[]) merged.fields().get("source")).containsExactly("perf", null);
    }

    @Test
    void theTypesAreThoseOfTheSpecification() throws IOException {
        Map<String, List<String>> keyed = new HashMap<>();
        for (String line : Files.readAllLines(Path.of("..", "docs", "spec", "events.md"))) {
            String[] cells = line.split("\\|");
            if (cells.length > 2 && cells[2].strip().equals("keyed metric")) {
                Pattern.compile("`([\\w.]+)` \\(([^)]+)\\)")
                        .matcher(cells[1])
                        .results()
                        .forEach(type -> keyed.put(
                                type.group(1),
                                List.of(type.group(2).replace("`", "").split(", "))));
            }
            if (cells.length > 2
                    && (cells[2].strip().equals("metric") || cells[2].strip().equals("event"))) {
                String[] types = cells[1].replace("`", "").strip().split(", ");
                boolean metric = cells[2].strip().equals("metric");
                assertThat(metric ? StoredTypes.METRICS : StoredTypes.EVENTS).contains(types);
                specified.addAll(List.of(types));
            }
        }
        assertThat(specified).hasSize(StoredTypes.METRICS.size() + StoredTypes.EVENTS.size());
        assertThat(keyed).isNotEmpty().isEqualTo(StoredTypes.KEYED_METRICS);
    }

    @Test
    void eitherSideMayBeEmpty() {
        MetricSeries none = series(new long[0]);
        MetricSeries one = series(new long[] {1000}, "a", new double[] {1});
        for (MetricSeries merged : new MetricSeries[] {JvmRoutes.merged(none, one), JvmRoutes.merged(one, none)}) {
            assertThat(merged.t()).containsExactly(1000);
            assertThat(merged.fields()).containsOnlyKeys(Map.of("a", 1).keySet());
        }
        assertThat(JvmRoutes.merged(none, none).t()).isEmpty();
    }
}
