package dev.pitot.web.ingest;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.MathContext;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.Collectors;
import jdk.jfr.ValueDescriptor;
import jdk.jfr.consumer.RecordedEvent;

/** What {@code metric_1m} must hold of a flight, by plain sums over the JDK's own reader, and what it does hold: a line for each field. */
final class ExpectedMinutes {
    private static final Map<String, List<String>> COUNTED = Map.of(
            "pitot.EndpointSummary", List.of("method", "route"),
            "pitot.StatementSummary", List.of("statement"),
            "pitot.LoggedErrors", List.of("logger"),
            "jdk.GarbageCollection", List.of("name"));
    private static final Set<String> NO_FIELDS = Set.of("startTime", "eventThread", "stackTrace", "duration");
    private static final ObjectMapper JSON = new ObjectMapper();

    private ExpectedMinutes() {}

    /** One field of one row. */
    private static final class Field {
        final List<BigDecimal> values = new ArrayList<>();
        final TreeMap<Integer, Long> buckets = new TreeMap<>();
        final TreeMap<String, Integer> texts = new TreeMap<>();
        boolean total;
        long spans;
        BigDecimal longest;

        String line() {
            BigDecimal sum = values.stream().reduce(BigDecimal.ZERO, BigDecimal::add);
            if (!texts.isEmpty()) {
                return texts.size() == 1 ? texts.firstKey() : "varies";
            }
            if (total) {
                return number(sum);
            }
            StringBuilder histogram = new StringBuilder();
            int before = 0;
            for (Map.Entry<Integer, Long> bucket : buckets.entrySet()) {
                histogram.append(histogram.isEmpty() ? "" : " ").append(bucket.getKey() - before);
                histogram.append(bucket.getValue() == 1 ? "" : ":" + bucket.getValue());
                before = bucket.getKey();
            }
            if (spans > 0) {
                return "[" + spans + ",null," + number(longest) + "," + number(sum) + "] " + histogram;
            }
            BigDecimal min = values.stream().reduce(BigDecimal::min).orElseThrow();
            BigDecimal max = values.stream().reduce(BigDecimal::max).orElseThrow();
            return min.compareTo(max) == 0
                    ? "[" + values.size() + "," + number(max) + "]"
                    : "[" + values.size() + "," + number(min) + "," + number(max) + "," + number(sum) + "] "
                            + histogram;
        }

        void value(BigDecimal value) {
            values.add(value);
            buckets.merge(bucket(value.doubleValue()), 1L, Long::sum);
        }
    }

    private static String number(BigDecimal value) {
        BigDecimal plain = value.signum() == 0 ? BigDecimal.ZERO : value.stripTrailingZeros();
        return (plain.scale() <= 0 ? plain : plain.round(new MathContext(9)).stripTrailingZeros()).toPlainString();
    }

    private static int bucket(double value) {
        double amount = Math.abs(value);
        int e = -64;
        if (amount < 0x1p-64) {
            return 0;
        }
        while (amount >= Math.pow(2, e + 1)) {
            e++;
        }
        int bucket = 1 + 16 * (e + 64) + (int) Math.floor(16 * (amount / Math.pow(2, e) - 1));
        return value < 0 ? -bucket : bucket;
    }

    /** Of each row and field: type, key, minute, events, field and what its values came to. */
    static TreeMap<String, Integer> rows(Flight flight) throws IOException {
        Map<String, Map<String, Field>> rows = new HashMap<>();
        Map<String, Integer> events = new HashMap<>();
        for (RecordedEvent event : Expected.read(flight)) {
            String type = event.getEventType().getName();
            boolean metric = Expected.METRICS.contains(type) || Expected.KEYED.containsKey(type);
            List<String> keys = Expected.KEYED.getOrDefault(type, COUNTED.getOrDefault(type, List.of()));
            if (metric || COUNTED.containsKey(type)) {
                String row = type
                        + ' '
                        + keys.stream().map(k -> event.getValue(k).toString()).collect(Collectors.joining(" "))
                        + ' '
                        + Math.floorDiv(event.getStartTime().toEpochMilli(), 60_000);
                events.merge(row, 1, Integer::sum);
                Map<String, Field> fields = rows.computeIfAbsent(row, r -> new HashMap<>());
                for (ValueDescriptor field : event.getFields()) {
                    Object value = Expected.value(event, field);
                    boolean text = field.getTypeName().equals("java.lang.String");
                    if (value != null && !keys.contains(field.getName()) && !NO_FIELDS.contains(field.getName())) {
                        add(type, metric, field.getName(), text, value.toString(), fields, event);
                    }
                }
                if (type.equals("jdk.GarbageCollection")) {
                    Field count = field(fields, "count");
                    count.total = true;
                    count.value(BigDecimal.ONE);
                }
            }
        }
        TreeMap<String, Integer> lines = new TreeMap<>();
        rows.forEach((row, fields) -> fields.forEach(
                (name, field) -> lines.put(row + " n=" + events.get(row) + ' ' + name + '=' + field.line(), 1)));
        return lines;
    }

    private static Field field(Map<String, Field> fields, String name) {
        return fields.computeIfAbsent(name, n -> new Field());
    }

    private static void add(
            String type,
            boolean metric,
            String name,
            boolean text,
            String value,
            Map<String, Field> fields,
            RecordedEvent event) {
        if (metric || name.equals("counterRunning")) {
            if (text) {
                field(fields, name).texts.put(value, 1);
            } else {
                field(fields, name).value(new BigDecimal(value));
            }
        } else if (type.equals("jdk.GarbageCollection")) {
            if (name.equals("sumOfPauses")) {
                field(fields, "duration").value(new BigDecimal(value));
                total(fields, name, value);
            }
        } else if (name.equals("counterSource")) {
            field(fields, name).texts.put(value, 1);
        } else if (name.equals("maxDuration")) {
            Field duration = field(fields, "duration");
            duration.spans += event.getLong("count") - event.getLong("untimed");
            BigDecimal max = new BigDecimal(value);
            duration.longest = duration.longest == null ? max : duration.longest.max(max);
            duration.values.add(BigDecimal.valueOf(event.getLong("totalDuration")));
            for (String pair : event.getString("histogram").split(" ")) {
                int bucket = Integer.parseInt(pair.split(":")[0]);
                // Any value of the bucket: as wide, and from 16 ns on at the same places.
                double start = bucket < 16 ? bucket : (16 + bucket % 16) * Math.pow(2, bucket / 16 - 1);
                duration.buckets.merge(bucket(start), Long.parseLong(pair.split(":")[1]), Long::sum);
            }
        } else if (!text) {
            total(fields, name, value);
        }
    }

    private static void total(Map<String, Field> fields, String name, String value) {
        Field total = field(fields, name);
        total.total = true;
        total.value(new BigDecimal(value));
    }

    /** As {@link #rows}, from the table. */
    static TreeMap<String, Integer> stored(Connection c, UUID jvm) throws SQLException, IOException {
        TreeMap<String, Integer> lines = new TreeMap<>();
        try (PreparedStatement s = c.prepareStatement(
                "select type, key, (extract(epoch from ts) / 60)::bigint, n, agg, hist from metric_1m where jvm_id = ?")) {
            s.setObject(1, jvm);
            try (ResultSet rows = s.executeQuery()) {
                while (rows.next()) {
                    String row = rows.getString(1) + ' ' + rows.getString(2) + ' ' + rows.getLong(3) + " n="
                            + rows.getInt(4);
                    JsonNode hist = JSON.readTree(rows.getString(6));
                    for (var field : JSON.readTree(rows.getString(5)).properties()) {
                        JsonNode value = field.getValue();
                        String histogram = hist.path(field.getKey()).asText("");
                        List<String> parts = new ArrayList<>();
                        value.forEach(part -> parts.add(part.isNull() ? "null" : number(part.decimalValue())));
                        String line = value.isTextual()
                                ? value.textValue()
                                : value.isNumber()
                                        ? number(value.decimalValue())
                                        : "[" + String.join(",", parts) + "]" + (histogram.isEmpty() ? "" : " ")
                                                + histogram;
                        lines.merge(row + ' ' + field.getKey() + '=' + line, 1, Integer::sum);
                    }
                }
            }
        }
        return lines;
    }

    /** The quarters of an hour that the minutes lie in. */
    static List<Long> quarters(Connection c, UUID jvm) throws SQLException {
        return longs(
                c,
                jvm,
                "select distinct floor(extract(epoch from ts) / 900)::bigint * 900 from metric_1m where jvm_id = ? order by 1");
    }

    /** Those that are marked, or were made. */
    static List<Long> due(Connection c, UUID jvm) throws SQLException {
        return longs(c, jvm, """
                select distinct extract(epoch from ts)::bigint from (
                    select jvm_id, ts from rollup_due where tier = '15m' union all select jvm_id, ts from metric_15m) t
                where jvm_id = ? order by 1""");
    }

    private static List<Long> longs(Connection c, UUID jvm, String sql) throws SQLException {
        List<Long> longs = new ArrayList<>();
        try (PreparedStatement s = c.prepareStatement(sql)) {
            s.setObject(1, jvm);
            try (ResultSet rows = s.executeQuery()) {
                while (rows.next()) {
                    longs.add(rows.getLong(1));
                }
            }
        }
        return longs;
    }
}
