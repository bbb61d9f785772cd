package dev.pitot.web.store;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.pitot.web.live.JvmInfo;
import dev.pitot.web.live.SpanKind;
import dev.pitot.web.live.SpanSecond;
import java.io.IOException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;
import org.jspecify.annotations.Nullable;

/**
 * What people and the API ask the store. Every answer is bounded. Any thread; each call takes a connection of the pool for
 * its duration only. A {@link SQLException} means that the database is away or too slow.
 */
public final class Queries {
    /** The longest window that {@link #metrics} answers at once: 6 hours. */
    public static final long LONGEST_METRICS_MILLIS = 6 * 3_600_000L;

    private static final int MOST_EVENTS = 1_000;
    private static final int MOST_SPAN_SECONDS = 100_000;
    /** Single spans that are looked through for slow ones: some 100 ms of PostgreSQL's time. */
    static final int MOST_SCANNED = 20_000;

    private static final int MOST_JVMS = 10_000;
    private static final int MOST_CHUNKS = 10_000;

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final JsonFactory FACTORY = JSON.getFactory();

    private final Database database;

    public Queries(Database database) {
        this.database = database;
    }

    private static final String JVM = """
             select jvm_id, service, host, pid, started_at, agent_version, java_version, jvm_name, labels, info, first_seen,
                last_seen, ended, clock_skew_ns from jvm """;

    /** All JVMs that are known, the one heard last first; at most 10 000. */
    public List<JvmRow> jvms() throws SQLException {
        try (Connection c = database.connection();
                PreparedStatement s = c.prepareStatement(JVM + " order by last_seen desc limit " + MOST_JVMS);
                ResultSet rows = s.executeQuery()) {
            List<JvmRow> jvms = new ArrayList<>();
            while (rows.next()) {
                jvms.add(jvm(rows));
            }
            return jvms;
        }
    }

    /** One JVM. */
    public Optional<JvmRow> jvm(UUID jvm) throws SQLException {
        try (Connection c = database.connection();
                PreparedStatement s = c.prepareStatement(JVM + " where jvm_id = ?")) {
            s.setObject(1, jvm);
            try (ResultSet rows = s.executeQuery()) {
                return rows.next() ? Optional.of(jvm(rows)) : Optional.empty();
            }
        }
    }

    private static JvmRow jvm(ResultSet row) throws SQLException {
        Map<String, String> labels = new LinkedHashMap<>();
        json(row.getString(9))
                .properties()
                .forEach(e -> labels.put(e.getKey(), e.getValue().asText()));
        JvmInfo info = new JvmInfo(
                row.getObject(1, UUID.class),
                row.getString(2),
                row.getString(3),
                row.getLong(4),
                millis(row, 5),
                row.getString(6),
                row.getString(7),
                row.getString(8),
                Collections.unmodifiableMap(labels));
        return new JvmRow(
                info, row.getString(10), millis(row, 11), millis(row, 12), row.getBoolean(13), row.getLong(14));
    }

    /** The chunks of a JVM whose bytes or gaps are known, oldest first; the newest 10 000 at most. */
    public List<ChunkRow> chunks(UUID jvm) throws SQLException {
        try (Connection c = database.connection();
                PreparedStatement s = c.prepareStatement("""
                        select chunk_start, chunk_ticks, durable_offset, size, state, header, boundary, last_seen, parse_error
                        from chunk where jvm_id = ? and state <> 'expired' order by chunk_start desc limit """ + " " + MOST_CHUNKS)) {
            s.setObject(1, jvm);
            List<ChunkRow> chunks = new ArrayList<>();
            try (ResultSet rows = s.executeQuery()) {
                while (rows.next()) {
                    chunks.add(new ChunkRow(
                            rows.getLong(1),
                            rows.getLong(2),
                            rows.getLong(3),
                            rows.getLong(4),
                            rows.getString(5),
                            rows.getBytes(6),
                            rows.getLong(7),
                            millis(rows, 8),
                            rows.getString(9)));
                }
            }
            Collections.reverse(chunks);
            return chunks;
        }
    }

    /**
     * Samples of a metric type in {@code [fromMillis, toMillis)} from stored minutes; what is newer is in memory.
     *
     * @param key of a keyed type; else empty
     * @throws IllegalArgumentException when the window is longer than {@link #LONGEST_METRICS_MILLIS}
     */
    public MetricSeries metrics(UUID jvm, String type, String key, long fromMillis, long toMillis) throws SQLException {
        checkLength(fromMillis, toMillis);
        SeriesBuilder series = new SeriesBuilder(fromMillis, toMillis);
        try (Connection c = database.connection();
                PreparedStatement s = c.prepareStatement("""
                        select ts, data from metric_block
                        where jvm_id = ? and type = ? and key = ? and ts > ? and ts < ? order by ts""")) {
            s.setObject(1, jvm);
            s.setString(2, type);
            s.setString(3, Json.storable(key));
            s.setObject(4, time(fromMillis - 60_000));
            s.setObject(5, time(toMillis));
            try (ResultSet rows = s.executeQuery()) {
                while (rows.next()) {
                    series.add(millis(rows, 1), rows.getString(2));
                }
            }
        }
        return series.build();
    }

    private static void checkLength(long fromMillis, long toMillis) {
        if (toMillis - fromMillis > LONGEST_METRICS_MILLIS) {
            throw new IllegalArgumentException("At most 6 hours of samples can be asked for at once.");
        }
    }

    /** How many samples of all keys the stored minutes of {@code [fromMillis, toMillis)} hold. */
    public long metricSamples(UUID jvm, String type, long fromMillis, long toMillis) throws SQLException {
        try (Connection c = database.connection();
                PreparedStatement s = c.prepareStatement("""
                        select coalesce(sum(n), 0) from metric_block
                        where jvm_id = ? and type = ? and ts > ? and ts < ?""")) {
            s.setObject(1, jvm);
            s.setString(2, type);
            s.setObject(3, time(fromMillis - 60_000));
            s.setObject(4, time(toMillis));
            try (ResultSet row = s.executeQuery()) {
                row.next();
                return row.getLong(1);
            }
        }
    }

    /** As {@link #metrics}, of all keys, by key; ask {@link #metricSamples} first. */
    public Map<String, MetricSeries> metricsByKey(UUID jvm, String type, long fromMillis, long toMillis)
            throws SQLException {
        checkLength(fromMillis, toMillis);
        Map<String, SeriesBuilder> builders = new LinkedHashMap<>();
        try (Connection c = database.connection();
                PreparedStatement s = c.prepareStatement("""
                        select key, ts, data from metric_block
                        where jvm_id = ? and type = ? and ts > ? and ts < ? order by key, ts""")) {
            s.setObject(1, jvm);
            s.setString(2, type);
            s.setObject(3, time(fromMillis - 60_000));
            s.setObject(4, time(toMillis));
            try (ResultSet rows = s.executeQuery()) {
                while (rows.next()) {
                    builders.computeIfAbsent(rows.getString(1), key -> new SeriesBuilder(fromMillis, toMillis))
                            .add(millis(rows, 2), rows.getString(3));
                }
            }
        }
        Map<String, MetricSeries> series = new LinkedHashMap<>();
        builders.forEach((key, builder) -> {
            if (builder.n > 0) {
                series.put(key, builder.build());
            }
        });
        return series;
    }

    /** Puts blocks one after the other; a field that a block lacks is unknown there. */
    private static final class SeriesBuilder {
        private final long from;
        private final long to;
        private long[] t = new long[64];
        private int n;
        private final LinkedHashMap<String, Object[]> values = new LinkedHashMap<>();

        SeriesBuilder(long from, long to) {
            this.from = from;
            this.to = to;
        }

        void add(long minute, String block) throws SQLException {
            try (JsonParser in = FACTORY.createParser(block)) {
                Map<String, List<Object>> arrays = new LinkedHashMap<>();
                in.nextToken();
                while (in.nextToken() == JsonToken.FIELD_NAME) {
                    String name = in.currentName();
                    List<@Nullable Object> array = new ArrayList<>();
                    in.nextToken();
                    while (in.nextToken() != JsonToken.END_ARRAY) {
                        JsonToken token = in.currentToken();
                        array.add(
                                token == JsonToken.VALUE_STRING
                                        ? in.getText()
                                        : token == JsonToken.VALUE_NULL ? null : (Object) in.getDoubleValue());
                    }
                    arrays.put(name, array);
                }
                List<Object> times = arrays.remove("t");
                for (int i = 0; times != null && i < times.size(); i++) {
                    long at = minute + ((Number) times.get(i)).longValue();
                    if (at >= from && at < to) {
                        append(at, i, arrays);
                    }
                }
            } catch (IOException | ClassCastException e) {
                throw new SQLException("a metric block that is not as docs/spec/data-model.md says", e);
            }
        }

        private void append(long at, int i, Map<String, List<Object>> arrays) {
            if (n == t.length) {
                t = Arrays.copyOf(t, n * 2);
                values.replaceAll((name, column) -> Arrays.copyOf(column, n * 2));
            }
            t[n] = at;
            arrays.forEach((name, array) -> {
                if (i < array.size()) {
                    values.computeIfAbsent(name, k -> new Object[t.length])[n] = array.get(i);
                }
            });
            n++;
        }

        MetricSeries build() {
            LinkedHashMap<String, Object> fields = new LinkedHashMap<>();
            values.forEach((name, column) -> {
                boolean text = Arrays.stream(column).anyMatch(String.class::isInstance);
                if (text) {
                    String[] texts = new String[n];
                    for (int i = 0; i < n; i++) {
                        texts[i] = column[i] instanceof String s ? s : null;
                    }
                    fields.put(name, texts);
                } else {
                    double[] numbers = new double[n];
                    for (int i = 0; i < n; i++) {
                        numbers[i] = column[i] instanceof Double d ? d : Double.NaN;
                    }
                    fields.put(name, numbers);
                }
            });
            return new MetricSeries(Arrays.copyOf(t, n), fields);
        }
    }

    /** Events of a type that start in {@code [fromMillis, toMillis)}, newest first; {@code limit} is at most 1000. */
    public List<EventRow> events(UUID jvm, String type, long fromMillis, long toMillis, int limit) throws SQLException {
        try (Connection c = database.connection();
                PreparedStatement s = c.prepareStatement("""
                        select type, ts, chunk_start, chunk_offset, data from event
                        where jvm_id = ? and type = ? and ts >= ? and ts < ?
                        order by ts desc, chunk_start desc, chunk_offset desc limit ?""")) {
            s.setObject(1, jvm);
            s.setString(2, type);
            s.setObject(3, time(fromMillis));
            s.setObject(4, time(toMillis));
            s.setInt(5, Math.max(1, Math.min(limit, MOST_EVENTS)));
            return events(s);
        }
    }

    /** The newest {@code pitot.AgentStatus} of each part, by the part's name. */
    public List<EventRow> latestStatus(UUID jvm) throws SQLException {
        try (Connection c = database.connection();
                PreparedStatement s = c.prepareStatement("""
                        select type, ts, chunk_start, chunk_offset, data from (
                            select distinct on (data ->> 'part') * from (
                                select * from event where jvm_id = ? and type = 'pitot.AgentStatus'
                                order by ts desc limit 1000) newest
                            order by data ->> 'part', ts desc, chunk_start desc, chunk_offset desc) latest
                        order by data ->> 'part' limit 100""")) {
            s.setObject(1, jvm);
            return events(s);
        }
    }

    /** The newest {@code pitot.Diagnosis} of each subject, in the order of time: that in which the agent says them all. */
    public List<EventRow> latestDiagnosis(UUID jvm) throws SQLException {
        try (Connection c = database.connection();
                PreparedStatement s = c.prepareStatement("""
                        select type, ts, chunk_start, chunk_offset, data from (
                            select distinct on (data ->> 'subject') * from (
                                select * from event where jvm_id = ? and type = 'pitot.Diagnosis'
                                order by ts desc limit 1000) newest
                            order by data ->> 'subject', ts desc, chunk_start desc, chunk_offset desc) latest
                        order by ts, chunk_start, chunk_offset limit 100""")) {
            s.setObject(1, jvm);
            return events(s);
        }
    }

    private static List<EventRow> events(PreparedStatement s) throws SQLException {
        List<EventRow> events = new ArrayList<>();
        try (ResultSet rows = s.executeQuery()) {
            while (rows.next()) {
                events.add(new EventRow(
                        rows.getString(1), millis(rows, 2), rows.getLong(3), rows.getLong(4), rows.getString(5)));
            }
        }
        return events;
    }

    /** Stored summaries of a kind in {@code [fromMillis, toMillis)}, oldest first; the newest 100 000 at most. */
    public List<SpanSecond> spanSeconds(UUID jvm, SpanKind kind, long fromMillis, long toMillis) throws SQLException {
        try (Connection c = database.connection();
                PreparedStatement s = c.prepareStatement("""
                        select ts, data from event
                        where jvm_id = ? and type = ? and ts >= ? and ts < ?
                        order by ts desc limit ?""")) {
            s.setObject(1, jvm);
            s.setString(2, kind.type());
            s.setObject(3, time(fromMillis));
            s.setObject(4, time(toMillis));
            s.setInt(5, MOST_SPAN_SECONDS);
            List<SpanSecond> seconds = new ArrayList<>();
            Map<String, String> shared = new HashMap<>();
            try (ResultSet rows = s.executeQuery()) {
                while (rows.next()) {
                    seconds.add(
                            SpanSecond.of(kind, millis(rows, 1), new StoredFields(json(rows.getString(2)), shared)));
                }
            }
            Collections.reverse(seconds);
            return seconds;
        }
    }

    /** @param shared texts, so that one that comes often is held once */
    private record StoredFields(JsonNode data, Map<String, String> shared) implements SpanSecond.Fields {
        @Override
        public boolean has(String name) {
            return data.has(name);
        }

        @Override
        public String text(String name) {
            String text = data.path(name).asText("");
            return name.equals("histogram") ? text : shared.computeIfAbsent(text, t -> t);
        }

        @Override
        public double number(String name) {
            JsonNode value = data.path(name);
            return value.isNumber() ? value.doubleValue() : Double.NaN;
        }
    }

    /** Texts of statements by their hash; those that are not known are left out. */
    public Map<String, String> sql(UUID jvm, Collection<String> statements) throws SQLException {
        Map<String, String> texts = new HashMap<>();
        try (Connection c = database.connection();
                PreparedStatement s = c.prepareStatement(
                        "select statement, sql from sql_text where jvm_id = ? and statement = any(?)")) {
            s.setObject(1, jvm);
            s.setArray(
                    2,
                    c.createArrayOf(
                            "text", statements.stream().map(Json::storable).toArray()));
            try (ResultSet rows = s.executeQuery()) {
                while (rows.next()) {
                    texts.put(rows.getString(1), rows.getString(2));
                }
            }
        }
        return texts;
    }

    /**
     * Single spans that start in {@code [fromMillis, toMillis)}, newest first, out of the newest {@link #MOST_SCANNED} of each type.
     * Of more than {@code limit} the newest that took long and the newest that only failed get as many places each, so that an
     * endpoint that always fails at once leaves the slow ones to be seen.
     *
     * @param types of {@link StoredTypes#SPANS}
     * @param parent only those within the span of this id; null: whatever they are within
     * @param leastNanos only those that took as long or failed
     * @param limit at most 1000
     */
    public List<EventRow> spans(
            UUID jvm,
            List<String> types,
            @Nullable String parent,
            long leastNanos,
            long fromMillis,
            long toMillis,
            int limit)
            throws SQLException {
        List<EventRow> spans = new ArrayList<>();
        try (Connection c = database.connection();
                PreparedStatement s = c.prepareStatement("""
                        select type, ts, chunk_start, chunk_offset, data from (
                            select *, row_number() over (partition by took
                                order by ts desc, chunk_start desc, chunk_offset desc) as place from (
                                select *, data -> 'duration' >= to_jsonb(?::bigint) as took from (
                                    select * from event where jvm_id = ? and type = ? and ts >= ? and ts < ?
                                    order by ts desc limit ?) newest
                                where ?::text is null or data ->> 'parentSpanId' = ?) within
                            where took or data -> 'failed' = 'true'::jsonb
                            order by place, ts desc limit ?) found
                        order by ts desc, chunk_start desc, chunk_offset desc""")) {
            for (String type : types) {
                s.setLong(1, leastNanos);
                s.setObject(2, jvm);
                s.setString(3, type);
                s.setObject(4, time(fromMillis));
                s.setObject(5, time(toMillis));
                s.setInt(6, MOST_SCANNED);
                s.setString(7, parent);
                s.setString(8, parent);
                s.setInt(9, Math.max(1, Math.min(limit, MOST_EVENTS)));
                spans.addAll(events(s));
            }
        }
        spans.sort(Comparator.comparingLong(EventRow::tsMillis).reversed());
        return spans.size() <= limit ? spans : List.copyOf(spans.subList(0, limit));
    }

    /**
     * Streams the decompressed bytes of a chunk in order, up to its last stored boundary; holds about 8 MB at a time and no
     * connection while the sink works. Nothing is called when the chunk has no boundary or is unknown.
     *
     * @throws IOException from the sink, or when bytes in between are no longer stored
     */
    public void chunkBytes(UUID jvm, long chunkStart, ChunkBytesSink sink) throws SQLException, IOException {
        long boundary;
        byte[] header;
        LocalDate day;
        try (Connection c = database.connection();
                PreparedStatement s = c.prepareStatement("""
                        select boundary, header, day from chunk
                        where jvm_id = ? and chunk_start = ? and state <> 'expired' and boundary > 0""")) {
            s.setObject(1, jvm);
            s.setLong(2, chunkStart);
            try (ResultSet row = s.executeQuery()) {
                if (!row.next()) {
                    return;
                }
                boundary = row.getLong(1);
                header = row.getBytes(2);
                day = row.getObject(3, LocalDate.class);
            }
        }
        header[STATE] = 0;
        sink.begin(header, boundary);
        byte[] buffer = new byte[64 << 10];
        long at = 0;
        while (at < boundary) {
            List<StoredSegment> page = StoredSegment.read(database, jvm, chunkStart, day, at, boundary);
            if (page.isEmpty()) {
                throw new IOException("Bytes from " + at + " of chunk " + chunkStart + " on are no longer stored.");
            }
            for (StoredSegment segment : page) {
                if (segment.offset() != at) {
                    throw new IOException("Bytes from " + at + " of chunk " + chunkStart + " on are no longer stored.");
                }
                inflate(segment, header, buffer, sink);
                at = segment.end();
            }
        }
    }

    /** Place of the state byte in the header. */
    private static final int STATE = 64;

    private static void inflate(StoredSegment segment, byte[] header, byte[] buffer, ChunkBytesSink sink)
            throws IOException {
        Inflater inflater = new Inflater();
        try {
            inflater.setInput(segment.zlib());
            long at = segment.offset();
            while (at < segment.end()) {
                int n = inflater.inflate(buffer, 0, (int) Math.min(buffer.length, segment.end() - at));
                if (n == 0) {
                    throw new IOException("Stored bytes of a segment are damaged.");
                }
                if (at < header.length) {
                    System.arraycopy(header, (int) at, buffer, 0, (int) Math.min(n, header.length - at));
                }
                sink.bytes(buffer, 0, n);
                at += n;
            }
        } catch (DataFormatException e) {
            throw new IOException("Stored bytes of a segment are damaged.", e);
        } finally {
            inflater.end();
        }
    }

    private static JsonNode json(String text) throws SQLException {
        try {
            return JSON.readTree(text);
        } catch (JsonProcessingException e) {
            throw new SQLException("PostgreSQL gave JSON that is none", e);
        }
    }

    private static long millis(ResultSet row, int column) throws SQLException {
        return row.getObject(column, OffsetDateTime.class).toInstant().toEpochMilli();
    }

    private static OffsetDateTime time(long millis) {
        // Within what PostgreSQL can say, whatever the caller asks for.
        long bounded = Math.max(-60_000_000_000_000L, Math.min(millis, 253_402_300_799_000L));
        return Instant.ofEpochMilli(bounded).atOffset(ZoneOffset.UTC);
    }
}
