package dev.pitot.web.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class MetricsTest {
    private static String row(Metric metric) {
        return "| `" + metric.name() + "` | `" + metric.type() + "` | " + metric.definition() + " | " + metric.unit()
                + " |";
    }

    @Test
    void theTableOfTheSpecificationIsThatOfTheCode() throws Exception {
        String page = Files.readString(Path.of("../docs/spec/metrics.md"));
        String table = page.substring(page.indexOf("## Metrics that can be asked for by name"));
        List<String> rows = table.lines().filter(line -> line.startsWith("| `")).toList();
        assertThat(rows)
                .containsExactlyElementsOf(
                        Metrics.all().stream().map(MetricsTest::row).toList());
    }

    @Test
    void anyFieldOfAStoredTypeIsAMetricAndNothingElse() {
        assertThat(Metrics.of("pitot.JvmMemory.heapUsed")).isPresent();
        assertThat(Metrics.of("pitot.EndpointSummary.duration")).isPresent();
        assertThat(Metrics.of("pitot.JvmMemory.heap'Used")).isEmpty();
        assertThat(Metrics.of("pitot.HttpRequest.duration")).isEmpty();
        assertThat(Metrics.of("heapUsed")).isEmpty();
        assertThat(Metrics.of("")).isEmpty();
    }

    @Test
    void aMetricSaysWhatItCannotBeAskedFor() {
        Metric ipc = Metrics.of("ipc").orElseThrow();
        Metric count = Metrics.of("pitot.EndpointSummary.count").orElseThrow();
        for (Map.Entry<String, Metric> bad :
                Map.of("p99", ipc, "max", ipc, "avg", count).entrySet()) {
            assertThat(Aggregate.of(bad.getKey()).orElseThrow().refusal(bad.getValue()))
                    .contains("ask for");
        }
        assertThat(Aggregate.of("p100.1")).isEmpty();
        assertThat(Aggregate.of("p99.9").orElseThrow().share()).isEqualTo(0.999);
    }
}
