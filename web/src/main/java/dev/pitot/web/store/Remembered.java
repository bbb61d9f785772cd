package dev.pitot.web.store;

import dev.pitot.web.live.Live;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Samples in the memory of this collector, as rows like those of the tiers. Any thread. */
final class Remembered {
    private final Live live;

    Remembered(Live live) {
        this.live = live;
    }

    /** What this collector remembers, by key; the key of a type without keys is empty. */
    Map<String, Live.Tail> samples(Metric metric, UUID jvm, @Nullable String key, long from, long to) {
        return StoredTypes.KEYED_METRICS.containsKey(metric.type())
                ? live.metricsByKey(jvm, metric.type(), key, from, to)
                : Map.of("", live.metrics(jvm, metric.type(), from, to));
    }

    /** One sample, as a row that has it alone. */
    static Rollup sample(Metric metric, Live.Tail tail, int i) {
        Rollup sample = new Rollup();
        for (String field : metric.fields()) {
            Object column = tail.fields().get(field);
            if (column instanceof double[] numbers) {
                sample.values(field, new double[] {numbers[i]}, 1);
            } else if (column instanceof String[] texts && texts[i] != null) {
                sample.text(field, texts[i]);
            }
        }
        return sample;
    }
}
