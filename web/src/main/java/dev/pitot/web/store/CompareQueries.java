package dev.pitot.web.store;

import java.sql.Array;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What a comparison reads: the JVMs that a side is of, and their sums from one tier. Every statement is bounded in rows and in
 * time. Any thread; each call takes one connection of the pool.
 */
public final class CompareQueries {
    /** JVMs of one side. */
    public static final int MOST_JVMS = 200;

    /** Rows of one side; a row of 20 sums and a histogram is some 300 bytes on the way. */
    public static final int MOST_ROWS = 300_000;

    private static final int SECONDS_AT_MOST = 15;
    private static final long MINUTE = 60_000;

    private static final List<String> SPAN_FIELDS = List.of(
            "count",
            "errors",
            "untimed",
            "measured",
            "counted",
            "totalCpuTime",
            "totalRunQueueWait",
            "totalAllocated",
            "totalContextSwitches",
            "totalPageFaults",
            "totalCycles",
            "totalInstructions",
            "totalCacheMisses",
            "totalBranchMisses",
            "sqlStatements",
            "httpCalls",
            // The last two are the duration, as either place has it.
            "duration",
            "totalDuration");
    private static final List<String> SPAN_TYPES =
            List.of("pitot.EndpointSummary", "pitot.StatementSummary", "pitot.CallSummary", "pitot.PoolSummary");

    private static final Map<String, List<String>> PROCESS_FIELDS = Map.of(
            "pitot.ProcessCounters",
            List.of(
                    "interval",
                    "userTime",
                    "systemTime",
                    "voluntaryContextSwitches",
                    "involuntaryContextSwitches",
                    "minorFaults",
                    "majorFaults",
                    "runQueueWait",
                    "cycles",
                    "instructions",
                    "cacheMisses",
                    "branchMisses"),
            "pitot.JvmMemory",
            List.of("heapUsed", "residentSize"),
            "jdk.JavaThreadStatistics",
            List.of("activeCount"),
            "jdk.GarbageCollection",
            List.of("sumOfPauses"));

    /** Where sums can be read from. */
    public enum Tier {
        SECONDS("event"),
        MINUTES("metric_1m"),
        QUARTERS("metric_15m"),
        HOURS("metric_1h");

        private final String table;

        Tier(String table) {
            this.table = table;
        }

        public String table() {
            return table;
        }

        /** Milliseconds that a row of it is of. */
        public long width() {
            return switch (this) {
                case SECONDS -> 1_000;
                case MINUTES -> MINUTE;
                case QUARTERS -> 15 * MINUTE;
                case HOURS -> 60 * MINUTE;
            };
        }
    }

    /** A JVM, and when it was heard of; milliseconds since the epoch. */
    public record Jvm(UUID id, String service, long started, long firstSeen, long lastSeen) {}

    /** Takes what was read. */
    public interface Sink {
        /**
         * Sums of a summary event.
         *
         * @param jvm place in the list
         * @param fields by name; {@code NaN} where unknown
         * @param durations of those whose end was seen
         */
        void spans(int jvm, long millis, String type, String key, Map<String, Double> fields, Histogram durations);

        /** The sum of so many values of a field of the process. */
        void process(int jvm, long millis, String field, double sum, double values);
    }

    private final Database database;

    public CompareQueries(Database database) {
        this.database = database;
    }

    /**
     * JVMs of these that were heard of in the window, the one heard last first; one more than {@link #MOST_JVMS} when there are
     * more.
     *
     * @param jvm null: any, as is a null service
     */
    public List<Jvm> jvms(@Nullable UUID jvm, @Nullable String service, Map<String, String> labels, long from, long to)
            throws SQLException {
        try (Connection c = database.connection();
                PreparedStatement s = c.prepareStatement("""
                        select jvm_id, service, started_at, first_seen, last_seen from jvm
                        where (?::uuid is null or jvm_id = ?::uuid) and (?::text is null or service = ?)
                            and labels @> ?::jsonb and last_seen >= ? and first_seen < ?
                        order by last_seen desc, jvm_id limit ?""")) {
            s.setObject(1, jvm);
            s.setObject(2, jvm);
            s.setString(3, service == null ? null : Json.storable(service));
            s.setString(4, service == null ? null : Json.storable(service));
            StringBuilder wanted = new StringBuilder("{");
            labels.forEach((name, value) -> {
                Json.text(wanted.append(wanted.length() == 1 ? "" : ","), Json.storable(name));
                Json.text(wanted.append(':'), Json.storable(value));
            });
            s.setString(5, wanted.append('}').toString());
            s.setObject(6, time(from));
            s.setObject(7, time(to));
            s.setInt(8, MOST_JVMS + 1);
            List<Jvm> jvms = new ArrayList<>();
            try (ResultSet rows = s.executeQuery()) {
                while (rows.next()) {
                    jvms.add(new Jvm(
                            rows.getObject(1, UUID.class),
                            rows.getString(2),
                            millis(rows, 3),
                            millis(rows, 4),
                            millis(rows, 5)));
                }
            }
            return jvms;
        }
    }

    /**
     * Reads a tier.
     *
     * @param from of each JVM, milliseconds since the epoch
     * @return whether all was read: not when there are more than {@link #MOST_ROWS} rows
     */
    public boolean read(Tier tier, List<Jvm> jvms, long[] from, long to, Sink sink) throws SQLException {
        try (Connection c = database.connection()) {
            c.setAutoCommit(false);
            try (Statement s = c.createStatement()) {
                s.execute("set local statement_timeout = '" + SECONDS_AT_MOST + "s'");
                boolean all = true;
                for (Map.Entry<String, List<String>> type : PROCESS_FIELDS.entrySet()) {
                    all &= process(c, tier, type.getKey(), type.getValue(), jvms, from, to, sink);
                }
                return all & spans(c, tier, jvms, from, to, sink);
            } finally {
                c.rollback();
                c.setAutoCommit(true);
            }
        }
    }

    private static PreparedStatement prepare(
            Connection c, String columns, String table, List<String> types, List<Jvm> jvms, long[] from, long to)
            throws SQLException {
        // jvm by jvm: a condition on type and ts alone walks the whole index of a partition.
        PreparedStatement s = c.prepareStatement("select j.place, m.* from unnest(?::uuid[], ?::timestamptz[])"
                + " with ordinality as j (jvm_id, from_ts, place) cross join lateral (select " + columns + " from "
                + table + " as t where t.jvm_id = j.jvm_id and t.type = any(?) and t.ts >= j.from_ts and t.ts < ?) as m"
                + " limit " + (MOST_ROWS + 1));
        s.setFetchSize(5_000);
        s.setArray(1, c.createArrayOf("uuid", jvms.stream().map(Jvm::id).toArray()));
        String[] begins = new String[from.length];
        for (int i = 0; i < begins.length; i++) {
            begins[i] = time(from[i]).toString();
        }
        s.setArray(2, c.createArrayOf("text", begins));
        s.setArray(3, c.createArrayOf("text", types.toArray()));
        s.setObject(4, time(to));
        return s;
    }

    private static String texts(String column, List<String> fields) {
        return fields.stream().map(f -> column + " ->> '" + f + "'").collect(Collectors.joining(", ", "array[", "]"));
    }

    private static boolean spans(Connection c, Tier tier, List<Jvm> jvms, long[] from, long to, Sink sink)
            throws SQLException {
        boolean seconds = tier == Tier.SECONDS;
        String columns = seconds
                ? "t.type, case t.type when 'pitot.EndpointSummary' then (t.data ->> 'method') || ' ' || (t.data ->> 'route')"
                        + " when 'pitot.StatementSummary' then t.data ->> 'statement'"
                        + " when 'pitot.CallSummary' then t.data ->> 'target' else t.data ->> 'pool' end as key, t.ts, "
                        + texts("t.data", SPAN_FIELDS) + " as fields, t.data ->> 'histogram' as histogram"
                : "t.type, t.key, t.ts, " + texts("t.agg", SPAN_FIELDS)
                        + " as fields, t.hist ->> 'duration' as histogram";
        try (PreparedStatement s = prepare(c, columns, tier.table(), SPAN_TYPES, jvms, from, to);
                ResultSet rows = s.executeQuery()) {
            int n = 0;
            while (rows.next()) {
                if (++n > MOST_ROWS) {
                    return false;
                }
                Map<String, Double> fields = new HashMap<>();
                String[] texts = strings(rows.getArray(5));
                for (int i = 0; i < texts.length - 2; i++) {
                    fields.put(SPAN_FIELDS.get(i), number(texts[i]));
                }
                String histogram = rows.getString(6);
                Histogram durations = new Histogram();
                if (seconds) {
                    double untimed = fields.getOrDefault("untimed", Double.NaN);
                    fields.put("totalDuration", number(texts[texts.length - 1]));
                    fields.put(
                            "timed", fields.getOrDefault("count", Double.NaN) - (Double.isNaN(untimed) ? 0 : untimed));
                    durations.addDurations(histogram == null ? "" : histogram, Long.MAX_VALUE);
                } else {
                    double[] duration = spread(texts[texts.length - 2]);
                    fields.put("timed", duration[0]);
                    fields.put("totalDuration", duration[1]);
                    if (histogram != null) {
                        durations.add(histogram);
                    } else if (duration[0] > 0) {
                        durations.add(Buckets.of(duration[1] / duration[0]), (long) duration[0]);
                    }
                }
                String key = rows.getString(3);
                sink.spans(
                        (int) rows.getLong(1) - 1,
                        millis(rows, 4),
                        rows.getString(2),
                        key == null ? "" : key,
                        fields,
                        durations);
            }
            return true;
        }
    }

    private static boolean process(
            Connection c, Tier tier, String type, List<String> fields, List<Jvm> jvms, long[] from, long to, Sink sink)
            throws SQLException {
        boolean seconds = tier == Tier.SECONDS;
        boolean blocks = seconds && !type.equals("jdk.GarbageCollection");
        long[] begin = from.clone();
        for (int i = 0; blocks && i < begin.length; i++) {
            begin[i] -= MINUTE - 1;
        }
        String columns = "t.ts, " + texts(seconds ? "t.data" : "t.agg", fields) + " as fields, "
                + (blocks ? "t.data ->> 't'" : "''") + " as times";
        try (PreparedStatement s =
                        prepare(c, columns, blocks ? "metric_block" : tier.table(), List.of(type), jvms, begin, to);
                ResultSet rows = s.executeQuery()) {
            int n = 0;
            while (rows.next()) {
                if (++n > MOST_ROWS) {
                    return false;
                }
                int jvm = (int) rows.getLong(1) - 1;
                long ts = millis(rows, 2);
                String[] texts = strings(rows.getArray(3));
                double[] times = blocks ? numbers(rows.getString(4)) : new double[0];
                for (int i = 0; i < texts.length; i++) {
                    String field = fields.get(i);
                    if (blocks) {
                        double[] values = numbers(texts[i]);
                        for (int k = 0; k < Math.min(values.length, times.length); k++) {
                            long at = ts + (long) times[k];
                            if (at >= from[jvm] && at < to) {
                                sink.process(jvm, at, field, values[k], 1);
                            }
                        }
                    } else if (texts[i] != null && texts[i].startsWith("[")) {
                        double[] spread = spread(texts[i]);
                        sink.process(jvm, ts, field, spread[1], spread[0]);
                    } else {
                        sink.process(jvm, ts, field, number(texts[i]), 1);
                    }
                }
            }
            return true;
        }
    }

    private static String[] strings(Array array) throws SQLException {
        return (String[]) array.getArray();
    }

    /** {@code [n, sum]} of an entry {@code [n, min, max, sum]} or {@code [n, value]}. */
    private static double[] spread(@Nullable String entry) {
        double[] numbers = numbers(entry);
        return switch (numbers.length) {
            case 4 -> new double[] {numbers[0], numbers[3]};
            case 2 -> new double[] {numbers[0], numbers[0] * numbers[1]};
            default -> new double[] {Double.NaN, Double.NaN};
        };
    }

    private static double[] numbers(@Nullable String array) {
        if (array == null || array.length() <= 2) {
            return new double[0];
        }
        String[] texts = array.substring(1, array.length() - 1).split(",");
        double[] numbers = new double[texts.length];
        for (int i = 0; i < texts.length; i++) {
            numbers[i] = number(texts[i].strip());
        }
        return numbers;
    }

    private static double number(@Nullable String text) {
        if (text == null || text.isEmpty() || text.equals("null")) {
            return Double.NaN;
        }
        try {
            double value = Double.parseDouble(text);
            return Double.isInfinite(value) ? Double.NaN : value;
        } catch (NumberFormatException none) {
            return Double.NaN;
        }
    }

    /** Buckets of durations as the agent has them are those of the tiers, from 16 ns on, moved. */
    private static long millis(ResultSet row, int column) throws SQLException {
        return row.getObject(column, OffsetDateTime.class).toInstant().toEpochMilli();
    }

    private static OffsetDateTime time(long millis) {
        long bounded = Math.max(0, Math.min(millis, 253_402_300_799_000L));
        return Instant.ofEpochMilli(bounded).atOffset(ZoneOffset.UTC);
    }
}
