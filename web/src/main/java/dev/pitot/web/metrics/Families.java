package dev.pitot.web.metrics;

import io.prometheus.metrics.model.snapshots.ClassicHistogramBuckets;
import io.prometheus.metrics.model.snapshots.CounterSnapshot;
import io.prometheus.metrics.model.snapshots.CounterSnapshot.CounterDataPointSnapshot;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot.GaugeDataPointSnapshot;
import io.prometheus.metrics.model.snapshots.HistogramSnapshot;
import io.prometheus.metrics.model.snapshots.HistogramSnapshot.HistogramDataPointSnapshot;
import io.prometheus.metrics.model.snapshots.InfoSnapshot;
import io.prometheus.metrics.model.snapshots.InfoSnapshot.InfoDataPointSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.MetricSnapshots;
import io.prometheus.metrics.model.snapshots.SummarySnapshot;
import io.prometheus.metrics.model.snapshots.SummarySnapshot.SummaryDataPointSnapshot;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The families of one scrape, gathered one value at a time: the values of a family may be added in any order, and its help is
 * that of the first. A value that is null, for which there is none, is left out. One thread.
 */
final class Families {
    private final Map<String, GaugeSnapshot.Builder> gauges = new LinkedHashMap<>();
    private final Map<String, CounterSnapshot.Builder> counters = new LinkedHashMap<>();
    private final MetricSnapshots.Builder others = MetricSnapshots.builder();

    /** @param labels name, value, name, value … */
    void gauge(String name, String help, @Nullable Number value, String... labels) {
        if (value != null) {
            gauges.computeIfAbsent(
                            name, key -> GaugeSnapshot.builder().name(key).help(help))
                    .dataPoint(GaugeDataPointSnapshot.builder()
                            .labels(Labels.of(labels))
                            .value(value.doubleValue())
                            .build());
        }
    }

    /** @param name without the {@code _total} that the format adds */
    void counter(String name, String help, @Nullable Number value, String... labels) {
        if (value != null) {
            counters.computeIfAbsent(
                            name, key -> CounterSnapshot.builder().name(key).help(help))
                    .dataPoint(CounterDataPointSnapshot.builder()
                            .labels(Labels.of(labels))
                            .value(value.doubleValue())
                            .build());
        }
    }

    /**
     * @param bounds upper ones, ascending; the last is infinite
     * @param counts of values in each bucket
     */
    void histogram(String name, String help, double[] bounds, long[] counts, double sum) {
        others.metricSnapshot(HistogramSnapshot.builder()
                .name(name)
                .help(help)
                .dataPoint(HistogramDataPointSnapshot.builder()
                        .classicHistogramBuckets(ClassicHistogramBuckets.of(bounds, counts))
                        .sum(sum)
                        .build())
                .build());
    }

    /** Numbers of what took time, and how long it took in all: of each label value one, which {@code each} adds. */
    void summary(String name, String help, Consumer<Summary> each) {
        SummarySnapshot.Builder builder = SummarySnapshot.builder().name(name).help(help);
        each.accept((count, sum, labels) -> builder.dataPoint(SummaryDataPointSnapshot.builder()
                .labels(Labels.of(labels))
                .count(count)
                .sum(sum)
                .build()));
        others.metricSnapshot(builder.build());
    }

    interface Summary {
        void add(long count, double sum, String... labels);
    }

    /** @param name without the {@code _info} that the format adds */
    void info(String name, String help, String... labels) {
        others.metricSnapshot(InfoSnapshot.builder()
                .name(name)
                .help(help)
                .dataPoint(InfoDataPointSnapshot.builder()
                        .labels(Labels.of(labels))
                        .build())
                .build());
    }

    MetricSnapshots snapshots() {
        gauges.values().forEach(gauge -> others.metricSnapshot(gauge.build()));
        counters.values().forEach(counter -> others.metricSnapshot(counter.build()));
        return others.build();
    }
}
