package dev.pitot.web.store;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Reads rows of one type from the tiers, for many JVMs in one statement, each by its own part of the index. One per request, on the
 * request's thread.
 */
final class TierReader {
    /** Rows of one question, of all tiers together. */
    static final int MOST_ROWS = 500_000;

    private static final ObjectMapper JSON = new ObjectMapper();

    /** Takes what was read. */
    interface Sink {
        /**
         * Takes a row, or samples that lie together.
         *
         * @param jvm place of the JVM in the question
         * @param time milliseconds since the epoch: of the row's start, or of a sample
         */
        void row(int jvm, String key, long time, Rollup row);
    }

    /** More rows than a question may read. */
    static final class TooManyRows extends RuntimeException {
        private static final long serialVersionUID = 1;
    }

    private final Connection connection;
    private final UUID[] jvms;
    private final Metric metric;
    private final @Nullable String key;
    private final boolean histograms;
    private final boolean summed;
    private int rows;

    /**
     * Reads for one question.
     *
     * @param key one key only; null: all
     * @param histograms whether percentiles are wanted
     * @param whole whether all rows of a JVM and key come to one value: totals are then added up where they lie, and come as one row
     *     with the time of the newest
     */
    TierReader(
            Connection connection,
            List<UUID> jvms,
            Metric metric,
            @Nullable String key,
            boolean histograms,
            boolean whole) {
        this.connection = connection;
        this.jvms = jvms.toArray(UUID[]::new);
        this.metric = metric;
        this.key = key;
        this.histograms = histograms;
        this.summed = whole && metric.formula() instanceof Metric.PerSecond;
    }

    /** Start of the oldest partition of each tier, {@code Long.MAX_VALUE} where there is none. */
    long[] oldest() throws SQLException {
        long[] oldest = new long[Tier.values().length];
        Arrays.fill(oldest, Long.MAX_VALUE);
        String seconds = Tier.SECOND.table(metric.type());
        try (PreparedStatement s = connection.prepareStatement("""
                select parent.relname, min(substr(child.relname, length(parent.relname) + 2)) from pg_inherits
                join pg_class parent on parent.oid = inhparent join pg_class child on child.oid = inhrelid
                where inhparent in (to_regclass('metric_1m'), to_regclass('metric_15m'), to_regclass('metric_1h'), to_regclass(?))
                group by 1""")) {
            s.setString(1, seconds);
            try (ResultSet found = s.executeQuery()) {
                while (found.next()) {
                    for (Tier tier : Tier.values()) {
                        if (tier.table(metric.type()).equals(found.getString(1))) {
                            oldest[tier.ordinal()] =
                                    Partitions.start(found.getString(2)).toEpochMilli();
                        }
                    }
                }
            }
        }
        return oldest;
    }

    /** Whether a tier has a row of any of the JVMs in {@code [from, to)}. */
    boolean has(Tier tier, long from, long to) throws SQLException {
        try (PreparedStatement s = connection.prepareStatement("""
                select exists (select from unnest(?::uuid[]) as j(jvm_id) cross join lateral (
                    select from %s as m where m.jvm_id = j.jvm_id and m.type = ? and m.ts >= to_timestamp(?) and m.ts < to_timestamp(?)
                    limit 1) as one)""".formatted(tier.table(metric.type())))) {
            s.setArray(1, connection.createArrayOf("uuid", jvms));
            s.setString(2, metric.type());
            s.setDouble(3, from / 1000.0);
            s.setDouble(4, to / 1000.0);
            try (ResultSet row = s.executeQuery()) {
                row.next();
                return row.getBoolean(1);
            }
        }
    }

    /** For each JVM the first bin of a tier that must be made anew, {@code Long.MAX_VALUE} where there is none. */
    long[] due(Tier tier) throws SQLException {
        long[] due = new long[jvms.length];
        Arrays.fill(due, Long.MAX_VALUE);
        try (PreparedStatement s = connection.prepareStatement("""
                select j.place, (extract(epoch from d.ts) * 1000)::bigint from unnest(?::uuid[]) with ordinality as j(jvm_id, place)
                cross join lateral (select min(ts) as ts from rollup_due where jvm_id = j.jvm_id and tier = ?) as d
                where d.ts is not null""")) {
            s.setArray(1, connection.createArrayOf("uuid", jvms));
            s.setString(2, tier.label);
            try (ResultSet rows = s.executeQuery()) {
                while (rows.next()) {
                    due[rows.getInt(1) - 1] = rows.getLong(2);
                }
            }
        }
        return due;
    }

    /**
     * Reads rows of a tier.
     *
     * @param from for each JVM, like {@code to}: milliseconds, whole bins of the tier; nothing is read of one where they are equal
     */
    void read(Tier tier, long[] from, long[] to, Sink sink) throws SQLException {
        long least = Arrays.stream(from).min().orElse(0);
        long most = Arrays.stream(to).max().orElse(0);
        List<Integer> places = new ArrayList<>();
        for (int i = 0; i < jvms.length; i++) {
            if (from[i] < to[i]) {
                places.add(i);
            }
        }
        if (places.isEmpty()) {
            return;
        }
        // "offset 0": each JVM by its own part of the index, whatever is guessed of the whole.
        try (PreparedStatement s = connection.prepareStatement("""
                select j.place, r.* from unnest(?::int[], ?::uuid[], ?::bigint[], ?::bigint[]) as j(place, jvm_id, a, b)
                cross join lateral (
                    select (extract(epoch from %s) * 1000)::bigint, %s from %s as m
                    where m.jvm_id = j.jvm_id and m.type = ? and %s
                    and m.ts >= to_timestamp(j.a / 1000.0) and m.ts < to_timestamp(j.b / 1000.0)
                    and m.ts >= to_timestamp(?) and m.ts < to_timestamp(?)
                    %s offset 0) as r
                limit ?""".formatted(
                        isSummed(tier) ? "max(m.ts)" : "m.ts",
                        columns(tier),
                        tier.table(metric.type()),
                        condition(tier),
                        isSummed(tier) ? "group by m.key" : ""))) {
            int at = 1;
            s.setArray(at++, connection.createArrayOf("int4", places.toArray()));
            s.setArray(
                    at++,
                    connection.createArrayOf(
                            "uuid", places.stream().map(i -> jvms[i]).toArray()));
            s.setArray(
                    at++,
                    connection.createArrayOf(
                            "int8", places.stream().map(i -> from[i]).toArray()));
            s.setArray(
                    at++,
                    connection.createArrayOf(
                            "int8", places.stream().map(i -> to[i]).toArray()));
            s.setString(at++, metric.type());
            if (key != null && !isEvents(tier)) {
                s.setString(at++, Json.storable(key));
            }
            s.setDouble(at++, least / 1000.0);
            s.setDouble(at++, most / 1000.0);
            s.setInt(at, MOST_ROWS - rows + 1);
            s.setFetchSize(0);
            try (ResultSet found = s.executeQuery()) {
                while (found.next()) {
                    if (++rows > MOST_ROWS) {
                        throw new TooManyRows();
                    }
                    take(tier, found, sink);
                }
            }
        }
    }

    private boolean isSummed(Tier tier) {
        return summed && tier != Tier.SECOND;
    }

    private boolean isEvents(Tier tier) {
        return tier == Tier.SECOND && !StoredTypes.isMetric(metric.type());
    }

    private String condition(Tier tier) {
        if (isEvents(tier)) {
            return "true";
        }
        return key != null ? "m.key = ?" : isKeyed() ? "true" : "m.key = ''";
    }

    private boolean isKeyed() {
        return !StoredTypes.keyFields(metric.type()).isEmpty();
    }

    /** Only what is needed leaves the database: a row holds all fields of its type. */
    private String columns(Tier tier) {
        if (isEvents(tier)) {
            return "m.data";
        }
        // Names of fields are those of the catalogue, or letters and digits.
        if (tier == Tier.SECOND) {
            return "m.key, jsonb_build_object('t', m.data -> 't'"
                    + metric.fields().stream()
                            .map(field -> ", '" + field + "', m.data -> '" + field + "'")
                            .collect(Collectors.joining())
                    + ")::text";
        }
        if (isSummed(tier)) {
            return "m.key"
                    + metric.fields().stream()
                            .map(field -> ", to_jsonb(sum(pitot_number(m.agg -> '" + field + "')))")
                            .collect(Collectors.joining());
        }
        return "m.key"
                + metric.fields().stream()
                        .map(field -> ", m.agg -> '" + field + "'" + (histograms ? ", m.hist ->> '" + field + "'" : ""))
                        .collect(Collectors.joining());
    }

    private void take(Tier tier, ResultSet found, Sink sink) throws SQLException {
        int jvm = found.getInt(1);
        long time = found.getLong(2);
        if (isEvents(tier)) {
            JsonNode event = json(found.getString(3));
            String eventKey = StoredTypes.key(StoredTypes.keyFields(metric.type()).stream()
                    .map(field -> event.path(field).asText(""))
                    .collect(Collectors.joining(" ")));
            if (key == null || key.equals(eventKey)) {
                sink.row(jvm, eventKey, time, counted(event));
            }
        } else if (tier == Tier.SECOND) {
            samples(jvm, found.getString(3), time, json(found.getString(4)), sink);
        } else {
            Rollup row = new Rollup();
            int column = 4;
            for (String field : metric.fields()) {
                String entry = found.getString(column++);
                row.add(field, entry, histograms ? found.getString(column++) : null);
            }
            sink.row(jvm, found.getString(3), time, row);
        }
    }

    private static JsonNode json(String text) throws SQLException {
        try {
            return JSON.readTree(text);
        } catch (JsonProcessingException e) {
            throw new SQLException("a row that is not as docs/spec/data-model.md says", e);
        }
    }

    private void samples(int jvm, String rowKey, long minute, JsonNode block, Sink sink) {
        JsonNode times = block.path("t");
        for (int i = 0; i < times.size(); i++) {
            Rollup sample = new Rollup();
            sample.events(1);
            for (String field : metric.fields()) {
                JsonNode value = block.path(field).path(i);
                if (value.isNumber()) {
                    sample.values(field, new double[] {value.doubleValue()}, 1);
                } else if (value.isTextual()) {
                    sample.text(field, value.textValue());
                }
            }
            sink.row(jvm, rowKey, minute + times.path(i).asLong(), sample);
        }
    }

    /** One event that is counted, by the laws of {@code docs/spec/data-model.md}. */
    private Rollup counted(JsonNode event) {
        Rollup row = new Rollup();
        row.events(1);
        boolean collection = metric.type().equals("jdk.GarbageCollection");
        for (String field : metric.fields()) {
            double value = number(event, field);
            if (field.equals("counterRunning")) {
                row.values(field, new double[] {value}, 1);
            } else if (collection && field.equals("count")) {
                row.total(field, 1);
            } else if (collection && field.equals("duration")) {
                row.values(field, new double[] {number(event, "sumOfPauses")}, 1);
            } else if (field.equals("duration")) {
                durations(event, row);
            } else {
                row.total(field, value);
            }
        }
        return row;
    }

    private static void durations(JsonNode event, Rollup row) {
        double untimed = event.has("untimed") ? number(event, "untimed") : number(event, "async");
        double timed = number(event, "count") - (Double.isNaN(untimed) ? 0 : untimed);
        double longest = number(event, "maxDuration");
        double sum = number(event, "totalDuration");
        if (timed >= 1 && !Double.isNaN(longest) && !Double.isNaN(sum)) {
            Histogram histogram = new Histogram();
            histogram.addDurations(event.path("histogram").asText(""), (long) timed);
            row.spread("duration", (long) timed, longest, sum, histogram);
        }
    }

    private static double number(JsonNode event, String field) {
        JsonNode value = event.path(field);
        return value.isNumber() ? value.doubleValue() : Double.NaN;
    }
}
