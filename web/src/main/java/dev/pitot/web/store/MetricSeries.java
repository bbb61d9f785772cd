package dev.pitot.web.store;

import java.util.LinkedHashMap;

/**
 * Samples of one metric type, oldest first.
 *
 * @param t milliseconds since the epoch
 * @param fields per field a {@code double[]} ({@code NaN} where unknown) or, for text, a {@code String[]} with nulls, each as
 *     long as {@code t}
 */
public record MetricSeries(long[] t, LinkedHashMap<String, Object> fields) {}
