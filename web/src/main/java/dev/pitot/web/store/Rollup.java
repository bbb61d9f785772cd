package dev.pitot.web.store;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What events of one type and key came to: a row of {@code metric_1m}, {@code metric_15m} or {@code metric_1h}, or several of them
 * together, by the laws of {@code docs/spec/data-model.md}. Not safe for several threads.
 */
public final class Rollup {
    /** Stands for texts that were not all the same. */
    public static final String VARIES = "varies";

    private static final JsonFactory JSON = new JsonFactory();
    /** What is further from zero is no measurement: sums of what is not never overflow. */
    private static final double MOST = 1e290;

    private static final MathContext NINE_DIGITS = new MathContext(9);

    /** The values of one field. */
    public static final class Spread {
        private long n;
        private double min = Double.NaN;
        private double max = Double.NaN;
        private double sum;
        private final Histogram histogram = new Histogram();

        private boolean isOne() {
            return min == max;
        }

        /** Values. */
        public long n() {
            return n;
        }

        /** The least of them; {@code NaN} when that is not known. */
        public double min() {
            return min;
        }

        /** The greatest of them. */
        public double max() {
            return max;
        }

        public double sum() {
            return sum;
        }

        public double mean() {
            return n == 0 ? Double.NaN : sum / n;
        }

        /**
         * The value that a share of all does not exceed, at most 3.2 % off.
         *
         * @param share 0 to 1: 0.99 for p99
         */
        public double percentile(double share) {
            double value = histogram.percentile(share);
            value = value < min ? min : value;
            return value > max ? max : value;
        }

        Histogram histogram() {
            return histogram;
        }

        private void add(Spread other) {
            // Of values whose least is not known neither is it with others.
            min = n == 0 ? other.min : other.n == 0 ? min : Math.min(min, other.min);
            max = n == 0 ? other.max : other.n == 0 ? max : Math.max(max, other.max);
            n += other.n;
            sum += other.sum;
            histogram.add(other.histogram);
        }
    }

    private int n;
    private final Map<String, Spread> spreads = new LinkedHashMap<>();
    private final Map<String, Double> totals = new LinkedHashMap<>();
    private final Map<String, String> texts = new LinkedHashMap<>();

    /** Counts events. */
    public void events(int more) {
        n += more;
    }

    private static boolean isValue(double value) {
        // NaN is not.
        return Math.abs(value) <= MOST;
    }

    /** Adds values of a field, of which {@code NaN}, infinities and what is beyond 1e290 are left out. */
    public void values(String field, double[] values, int count) {
        int[] buckets = new int[count];
        Spread spread = new Spread();
        for (int i = 0; i < count; i++) {
            double value = values[i];
            if (isValue(value)) {
                spread.min = spread.n == 0 ? value : Math.min(spread.min, value);
                spread.max = spread.n == 0 ? value : Math.max(spread.max, value);
                spread.sum += value;
                buckets[(int) spread.n++] = Buckets.of(value);
            }
        }
        if (spread.n == 0) {
            return;
        }
        Arrays.sort(buckets, 0, (int) spread.n);
        for (int i = 0, run = 1; i < spread.n; i++, run++) {
            if (i + 1 == spread.n || buckets[i + 1] != buckets[i]) {
                spread.histogram.add(buckets[i], run);
                run = 0;
            }
        }
        spread(field, spread);
    }

    /**
     * Adds values of which only this is known.
     *
     * @param max {@code NaN} when {@code n} is 0
     */
    public void spread(String field, long n, double max, double sum, Histogram histogram) {
        Spread spread = new Spread();
        spread.n = n;
        spread.max = max;
        spread.sum = sum;
        spread.histogram.add(histogram);
        if (n > 0) {
            spread(field, spread);
        }
    }

    private void spread(String field, Spread spread) {
        Spread known = spreads.get(field);
        if (known == null) {
            spreads.put(field, spread);
        } else {
            known.add(spread);
        }
    }

    /** Adds to a total; {@code NaN}, infinities and what is beyond 1e290 add nothing. */
    public void total(String field, double amount) {
        if (isValue(amount)) {
            totals.merge(field, amount, Double::sum);
        }
    }

    /** Takes note of a text. */
    public void text(String field, String text) {
        texts.merge(field, text, (a, b) -> a.equals(b) ? a : VARIES);
    }

    /** Adds all of another one. */
    public void add(Rollup other) {
        n += other.n;
        other.spreads.forEach((field, spread) -> {
            Spread copy = new Spread();
            copy.add(spread);
            spread(field, copy);
        });
        other.totals.forEach(this::total);
        other.texts.forEach(this::text);
    }

    /** Events. */
    public int n() {
        return n;
    }

    /** The values of a field; null when there was none. */
    public @Nullable Spread spread(String field) {
        return spreads.get(field);
    }

    /** A total; {@code NaN} when there was none. */
    public double total(String field) {
        return totals.getOrDefault(field, Double.NaN);
    }

    /** A text; null when there was none. */
    public @Nullable String text(String field) {
        return texts.get(field);
    }

    /** Fields that have values. */
    public Set<String> spreads() {
        return spreads.keySet();
    }

    /** Fields that have a total. */
    public Set<String> totals() {
        return totals.keySet();
    }

    /** The column {@code agg}. */
    public String aggJson() {
        StringBuilder out = new StringBuilder(64 + 48 * (spreads.size() + totals.size())).append('{');
        spreads.forEach((field, spread) -> {
            name(out, field).append('[').append(spread.n).append(',');
            if (!spread.isOne()) {
                number(out, spread.min).append(',');
                number(out, spread.max).append(',');
                number(out, spread.sum);
            } else {
                number(out, spread.max);
            }
            out.append(']');
        });
        totals.forEach((field, total) -> number(name(out, field), total));
        texts.forEach((field, text) -> Json.text(name(out, field), text));
        return out.append('}').toString();
    }

    /** The column {@code hist}. */
    public String histJson() {
        StringBuilder out = new StringBuilder(64 + 64 * spreads.size()).append('{');
        spreads.forEach((field, spread) -> {
            if (!spread.isOne()) {
                name(out, field).append('"').append(spread.histogram).append('"');
            }
        });
        return out.append('}').toString();
    }

    private static StringBuilder name(StringBuilder out, String field) {
        if (out.length() > 1) {
            out.append(',');
        }
        Json.text(out, field);
        return out.append(':');
    }

    private static StringBuilder number(StringBuilder out, double value) {
        if (Double.isNaN(value) || value == Math.rint(value) && Math.abs(value) < 0x1p53) {
            Json.number(out, value);
        } else {
            out.append(new BigDecimal(value).round(NINE_DIGITS).stripTrailingZeros());
        }
        return out;
    }

    /**
     * Adds a stored row.
     *
     * @throws IllegalArgumentException when it is none
     */
    public void add(int events, String agg, String hist) {
        n += events;
        Map<String, Spread> row = new LinkedHashMap<>();
        try (JsonParser in = JSON.createParser(agg)) {
            in.nextToken();
            while (in.nextToken() == JsonToken.FIELD_NAME) {
                String field = in.currentName();
                switch (in.nextToken()) {
                    case START_ARRAY -> row.put(field, spread(in));
                    case VALUE_STRING -> text(field, in.getText());
                    default -> total(field, in.getDoubleValue());
                }
            }
        } catch (IOException e) {
            throw new IllegalArgumentException("no rollup: " + agg, e);
        }
        try (JsonParser in = JSON.createParser(hist)) {
            in.nextToken();
            while (in.nextToken() == JsonToken.FIELD_NAME) {
                Spread spread = row.get(in.currentName());
                in.nextToken();
                if (spread != null) {
                    spread.histogram.add(in.getText());
                }
            }
        } catch (IOException e) {
            throw new IllegalArgumentException("no histograms: " + hist, e);
        }
        row.forEach(this::spread);
    }

    /**
     * Adds what a stored row has of one field: without a parser, as charts do so for thousands of rows.
     *
     * @param entry of {@code agg}, as PostgreSQL writes it; null when the row has none
     * @param pairs of {@code hist}; null when the row has none, or they are not needed
     * @throws IllegalArgumentException when it is none
     */
    void add(String field, @Nullable String entry, @Nullable String pairs) {
        if (entry == null) {
            return;
        }
        if (entry.startsWith("[")) {
            Spread spread = numbers(entry);
            if (pairs != null) {
                spread.histogram.add(pairs);
            }
            spread(field, spread);
        } else if (entry.startsWith("\"")) {
            try (JsonParser in = JSON.createParser(entry)) {
                in.nextToken();
                text(field, in.getText());
            } catch (IOException e) {
                throw new IllegalArgumentException("no text: " + entry, e);
            }
        } else {
            total(field, Double.parseDouble(entry));
        }
    }

    private static Spread numbers(String array) {
        double[] numbers = new double[4];
        int count = 0;
        for (int at = 1; at < array.length(); ) {
            int comma = array.indexOf(',', at);
            int end = comma < 0 ? array.length() - 1 : comma;
            String number = array.substring(at, end).strip();
            numbers[Math.min(count++, 3)] = number.equals("null") ? Double.NaN : Double.parseDouble(number);
            at = end + 1;
        }
        return spread(numbers, count);
    }

    private static Spread spread(JsonParser in) throws IOException {
        double[] numbers = new double[4];
        int count = 0;
        while (in.nextToken() != JsonToken.END_ARRAY) {
            numbers[Math.min(count++, 3)] =
                    in.currentToken() == JsonToken.VALUE_NULL ? Double.NaN : in.getDoubleValue();
        }
        return spread(numbers, count);
    }

    /** As {@code agg} has them: number, least, greatest, sum; or number and the one value. */
    private static Spread spread(double[] numbers, int count) {
        Spread spread = new Spread();
        spread.n = (long) numbers[0];
        spread.min = numbers[1];
        spread.max = count == 2 ? numbers[1] : numbers[2];
        spread.sum = count == 2 ? numbers[0] * numbers[1] : numbers[3];
        if (count == 2) {
            spread.histogram.add(Buckets.of(numbers[1]), spread.n);
        }
        return spread;
    }
}
