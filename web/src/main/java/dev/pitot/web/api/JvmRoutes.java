package dev.pitot.web.api;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.util.RawValue;
import dev.pitot.web.archive.Recording;
import dev.pitot.web.live.Diagnosis;
import dev.pitot.web.live.Json;
import dev.pitot.web.live.JvmSummary;
import dev.pitot.web.live.Live;
import dev.pitot.web.live.LoggedTable;
import dev.pitot.web.live.PartStatus;
import dev.pitot.web.live.SpanKind;
import dev.pitot.web.live.SpanTable;
import dev.pitot.web.store.ChunkRow;
import dev.pitot.web.store.EventRow;
import dev.pitot.web.store.JvmRow;
import dev.pitot.web.store.MetricSeries;
import dev.pitot.web.store.Queries;
import dev.pitot.web.store.StoredTypes;
import io.javalin.http.Context;
import io.javalin.http.HandlerType;
import java.io.IOException;
import java.sql.SQLException;
import java.time.Clock;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** What people ask about JVMs, from memory and the store. */
final class JvmRoutes {
    private static final Pattern TYPE = Pattern.compile("[A-Za-z_$][\\w$]*(\\.[A-Za-z_$][\\w$]*)*");
    private static final Pattern SPAN_ID = Pattern.compile("[0-9a-f]{16}");
    private static final int MOST_TEXTS = 100;
    private static final long MINUTE = 60_000;
    private static final long TEN_MINUTES = 10 * MINUTE;
    private static final long LONGEST_EVENTS = 31 * 24 * 60 * MINUTE;
    /** A sample of the store that lies this close to one in memory is the same one, or made up for it. */
    private static final long SAME_SECOND = 500;

    /** Samples of all keys of a type in one answer: 64 keys for 26 minutes, some 12 MB. */
    private static final long MOST_SAMPLES = 100_000;

    private final Live live;
    private final Queries queries;
    private final List<String> eventPatterns;
    private final Clock clock;

    /** @param eventPatterns types of the user's own that are stored: full names, or prefixes that end in {@code .*} */
    JvmRoutes(Live live, Queries queries, List<String> eventPatterns, Clock clock) {
        this.live = live;
        this.queries = queries;
        this.eventPatterns = List.copyOf(eventPatterns);
        this.clock = clock;
    }

    void fleet(Context ctx) {
        send(ctx, new Fleet(clock.millis(), live.fleet()));
    }

    private record Fleet(long now, List<JvmSummary> jvms) {}

    void jvm(Context ctx) throws SQLException {
        UUID id = Parameters.jvm(ctx);
        JvmSummary summary = known(id);
        ObjectNode jvm = Json.MAPPER.valueToTree(summary);
        Optional<JvmRow> row = queries.jvm(id);
        String information = row.map(JvmRow::information).orElse(null);
        jvm.set("info", tree(information));
        jvm.set(
                "chunks",
                Json.MAPPER.valueToTree(
                        queries.chunks(id).stream().map(Chunk::of).toList()));
        List<PartStatus> status = live.status(id);
        jvm.set("status", Json.MAPPER.valueToTree(status.isEmpty() ? storedStatus(id) : status));
        List<Diagnosis> diagnosis = live.diagnosis(id);
        jvm.set("diagnosis", Json.MAPPER.valueToTree(diagnosis.isEmpty() ? storedDiagnosis(id) : diagnosis));
        send(ctx, jvm);
    }

    private List<Diagnosis> storedDiagnosis(UUID id) throws SQLException {
        List<Diagnosis> lines = new ArrayList<>();
        for (EventRow row : queries.latestDiagnosis(id)) {
            JsonNode data = tree(row.dataJson());
            lines.add(new Diagnosis(
                    data.path("subject").asText(""),
                    data.path("category").asText(""),
                    data.path("state").asText(""),
                    data.path("detail").asText(""),
                    data.path("blocker").asText(""),
                    data.path("fixOnHost").asText(""),
                    data.path("fixInDocker").asText(""),
                    data.path("fixInKubernetes").asText(""),
                    row.tsMillis()));
        }
        return lines;
    }

    private List<PartStatus> storedStatus(UUID id) throws SQLException {
        List<PartStatus> status = new ArrayList<>();
        for (EventRow row : queries.latestStatus(id)) {
            JsonNode data = tree(row.dataJson());
            status.add(new PartStatus(
                    row.tsMillis(),
                    data.path("part").asText(""),
                    data.path("state").asText(""),
                    data.path("reason").asText(""),
                    data.path("remedy").asText("")));
        }
        return status;
    }

    /** @param size bytes, null while unknown */
    private record Chunk(
            long start,
            String state,
            long durable,
            @Nullable Long size) {
        static Chunk of(ChunkRow row) {
            return new Chunk(
                    row.startNanos() / 1_000_000,
                    row.state(),
                    row.durable(),
                    row.size() < 0 ? null : (Long) row.size());
        }
    }

    void metrics(Context ctx) throws SQLException {
        UUID id = Parameters.jvm(ctx);
        String type = Parameters.required(ctx, "type");
        if (!StoredTypes.isMetric(type)) {
            throw Problem.badRequest(Parameters.quoted(type) + " is no metric type; there are "
                    + Stream.concat(StoredTypes.METRICS.stream(), StoredTypes.KEYED_METRICS.keySet().stream())
                            .sorted()
                            .collect(Collectors.joining(", "))
                    + ".");
        }
        String key = Parameters.one(ctx, "key");
        List<String> keyFields = StoredTypes.KEYED_METRICS.get(type);
        if (key != null && keyFields == null) {
            throw Problem.badRequest("Samples of '" + type + "' have no keys; leave 'key' out.");
        }
        if (key != null && key.length() > StoredTypes.LONGEST_KEY) {
            throw Problem.badRequest("'key' has at most " + StoredTypes.LONGEST_KEY + " characters, not " + key.length()
                    + "; without it all keys of '" + type + "' are answered.");
        }
        Parameters.Window window = Parameters.window(ctx, clock.millis(), TEN_MINUTES, Queries.LONGEST_METRICS_MILLIS);
        known(id);
        if (keyFields == null) {
            MetricSeries stored = queries.metrics(id, type, "", window.from(), window.to());
            MetricSeries all = merged(stored, series(live.metrics(id, type, window.from(), window.to())));
            send(ctx, new Metrics(type, null, all.t(), all.fields()));
        } else if (key != null) {
            MetricSeries stored = queries.metrics(id, type, key, window.from(), window.to());
            Live.Tail tail =
                    live.metricsByKey(id, type, key, window.from(), window.to()).get(key);
            MetricSeries all = tail == null ? stored : merged(stored, series(tail));
            send(ctx, new Metrics(type, key, all.t(), all.fields()));
        } else {
            send(ctx, new KeyedMetrics(type, allKeys(id, type, window)));
        }
    }

    private List<KeySeries> allKeys(UUID id, String type, Parameters.Window window) throws SQLException {
        long samples = queries.metricSamples(id, type, window.from(), window.to());
        if (samples > MOST_SAMPLES) {
            throw Problem.badRequest(
                    "All keys of '" + type + "' have " + samples + " samples in this window, more than "
                            + MOST_SAMPLES + "; ask for a shorter one, or for one 'key' ("
                            + String.join(" and ", StoredTypes.KEYED_METRICS.getOrDefault(type, List.of())) + ").");
        }
        TreeMap<String, MetricSeries> all = new TreeMap<>(queries.metricsByKey(id, type, window.from(), window.to()));
        live.metricsByKey(id, type, null, window.from(), window.to())
                .forEach((key, tail) -> all.merge(key, series(tail), JvmRoutes::merged));
        return all.entrySet().stream()
                .map(one -> new KeySeries(
                        one.getKey(), one.getValue().t(), one.getValue().fields()))
                .toList();
    }

    private static MetricSeries series(Live.Tail tail) {
        return new MetricSeries(tail.t(), tail.fields());
    }

    private record Metrics(
            String type,

            @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable
            String key,

            long[] t,
            Map<String, Object> fields) {}

    private record KeyedMetrics(String type, List<KeySeries> series) {}

    private record KeySeries(String key, long[] t, Map<String, Object> fields) {}

    /** Both in the order of time; where both have a sample of a second, memory's counts: it may be newer than the block. */
    static MetricSeries merged(MetricSeries stored, MetricSeries memory) {
        int n = 0;
        int[] fromStore = new int[stored.t().length + memory.t().length];
        int m = 0;
        for (int s = 0; s < stored.t().length; s++) {
            long time = stored.t()[s];
            while (m < memory.t().length && memory.t()[m] <= time - SAME_SECOND) {
                fromStore[n++] = ~m++;
            }
            if (m >= memory.t().length || memory.t()[m] >= time + SAME_SECOND) {
                boolean justBefore = m > 0 && time - memory.t()[m - 1] < SAME_SECOND;
                if (!justBefore) {
                    fromStore[n++] = s;
                }
            }
        }
        while (m < memory.t().length) {
            fromStore[n++] = ~m++;
        }
        LinkedHashMap<String, Object> fields = new LinkedHashMap<>();
        stored.fields().forEach((name, column) -> fields.put(name, column));
        memory.fields().forEach((name, column) -> fields.merge(name, column, (a, b) -> a instanceof String[] ? a : b));
        long[] t = new long[n];
        for (int i = 0; i < n; i++) {
            t[i] = fromStore[i] >= 0 ? stored.t()[fromStore[i]] : memory.t()[~fromStore[i]];
        }
        LinkedHashMap<String, Object> columns = new LinkedHashMap<>();
        for (Map.Entry<String, Object> field : fields.entrySet()) {
            columns.put(
                    field.getKey(),
                    column(
                            field.getValue() instanceof String[],
                            stored.fields().get(field.getKey()),
                            memory.fields().get(field.getKey()),
                            fromStore,
                            n));
        }
        return new MetricSeries(t, columns);
    }

    private static Object column(
            boolean text, @Nullable Object stored, @Nullable Object memory, int[] fromStore, int length) {
        double[] numbers = text ? new double[0] : new double[length];
        @Nullable String[] texts = text ? new String[length] : new String[0];
        for (int i = 0; i < length; i++) {
            Object source = fromStore[i] >= 0 ? stored : memory;
            int at = fromStore[i] >= 0 ? fromStore[i] : ~fromStore[i];
            if (text) {
                texts[i] = source instanceof String[] strings ? strings[at] : null;
            } else {
                numbers[i] = source instanceof double[] doubles ? doubles[at] : Double.NaN;
            }
        }
        return text ? texts : numbers;
    }

    void endpoints(Context ctx) throws SQLException {
        send(ctx, table(ctx, SpanKind.ENDPOINT).json());
    }

    void calls(Context ctx) throws SQLException {
        send(ctx, table(ctx, SpanKind.CALL).json());
    }

    void pools(Context ctx) throws SQLException {
        send(ctx, table(ctx, SpanKind.POOL).json());
    }

    /** Statements with their text. */
    void statements(Context ctx) throws SQLException {
        ObjectNode table =
                Json.MAPPER.valueToTree(table(ctx, SpanKind.STATEMENT).json());
        JsonNode rows = table.path(SpanKind.STATEMENT.table());
        Map<String, String> sql = queries.sql(Parameters.jvm(ctx), rows.findValuesAsText("statement"));
        for (JsonNode row : rows) {
            ((ObjectNode) row).put("sql", sql.get(row.path("statement").asText()));
        }
        send(ctx, table);
    }

    /** Texts of statements by their hash, which tables of the live view do not repeat. */
    void sql(Context ctx) throws SQLException {
        UUID id = Parameters.jvm(ctx);
        List<String> statements = List.of(Parameters.required(ctx, "statement").split(","));
        if (statements.size() > MOST_TEXTS) {
            throw Problem.badRequest("'statement' names at most " + MOST_TEXTS + " statements at a time, not "
                    + statements.size() + ".");
        }
        known(id);
        send(ctx, Map.of("sql", queries.sql(id, statements)));
    }

    private SpanTable table(Context ctx, SpanKind kind) throws SQLException {
        UUID id = Parameters.jvm(ctx);
        boolean explicit = ctx.queryParam("from") != null || ctx.queryParam("to") != null;
        Parameters.Window window = Parameters.window(ctx, clock.millis(), MINUTE, Queries.LONGEST_METRICS_MILLIS);
        JvmSummary summary = known(id);
        if (!explicit) {
            Optional<SpanTable> inMemory = live.spans(id, kind);
            if (inMemory.isPresent()) {
                return inMemory.get();
            }
            // A JVM of before this start, or silent for long: its last minute is in the store.
            window = new Parameters.Window(summary.lastSeen() - MINUTE, summary.lastSeen() + 1);
        }
        return SpanTable.of(
                kind, queries.spanSeconds(id, kind, window.from(), window.to()), window.from(), window.to());
    }

    /** Loggers that wrote at level ERROR, from memory only. */
    void logged(Context ctx) {
        UUID id = Parameters.jvm(ctx);
        JvmSummary summary = known(id);
        send(
                ctx,
                live.logged(id)
                        .orElse(new LoggedTable(summary.lastSeen() - TEN_MINUTES, summary.lastSeen() + 1, List.of())));
    }

    void spans(Context ctx) throws SQLException {
        UUID id = Parameters.jvm(ctx);
        String type = Parameters.one(ctx, "type");
        String parent = Parameters.one(ctx, "parent");
        if (type == null && parent == null) {
            throw Problem.badRequest("Say which spans: 'type' is one of " + String.join(", ", StoredTypes.SPANS)
                    + ", or 'parent' is the id of the span that they are within.");
        }
        if (type != null && !StoredTypes.SPANS.contains(type)) {
            throw Problem.badRequest(Parameters.quoted(type) + " is no type of single spans; there are "
                    + String.join(", ", StoredTypes.SPANS) + ".");
        }
        if (parent != null && !SPAN_ID.matcher(parent).matches()) {
            throw Problem.badRequest(
                    "'parent' must be the id of a span, 16 hexadecimal digits, not " + Parameters.quoted(parent) + ".");
        }
        int least = Parameters.whole(ctx, "min", 0, 3_600_000, 0);
        Parameters.Window window = Parameters.window(ctx, clock.millis() + MINUTE, TEN_MINUTES, LONGEST_EVENTS);
        int limit = Parameters.whole(ctx, "limit", 1, 1000, 100);
        known(id);
        List<EventRow> rows = queries.spans(
                id,
                type == null ? StoredTypes.SPANS : List.of(type),
                parent,
                least * 1_000_000L,
                window.from(),
                window.to(),
                limit);
        List<Event> events = rows.stream().map(Event::of).toList();
        Map<String, String> sql = queries.sql(
                id,
                rows.stream()
                        .filter(row -> StoredTypes.WITH_SQL.contains(row.type()))
                        .map(row -> tree(row.dataJson()).path("statement").asText(""))
                        .distinct()
                        .toList());
        send(ctx, new Spans(events, sql));
    }

    /** @param sql texts of the statements among them, by hash */
    private record Spans(List<Event> spans, Map<String, String> sql) {}

    void events(Context ctx) throws SQLException {
        UUID id = Parameters.jvm(ctx);
        String type = storedType(ctx);
        Parameters.Window window = Parameters.window(ctx, clock.millis() + MINUTE, TEN_MINUTES, LONGEST_EVENTS);
        int limit = Parameters.whole(ctx, "limit", 1, 1000, 100);
        known(id);
        List<Event> events = queries.events(id, type, window.from(), window.to(), limit).stream()
                .map(Event::of)
                .toList();
        send(ctx, Map.of("events", events));
    }

    /** The parameter {@code type}, a type that is stored as events. */
    String storedType(Context ctx) {
        String type = Parameters.required(ctx, "type");
        if (!stored(type)) {
            throw Problem.badRequest(Parameters.quoted(type) + " is not stored as events; there are "
                    + String.join(", ", StoredTypes.EVENTS.stream().sorted().toList())
                    + ", and types that --events names. Other types are in the recording.");
        }
        return type;
    }

    /** @param chunk nanoseconds as text: the number does not fit into a browser's */
    private record Event(String type, long ts, String chunk, long offset, RawValue data) {
        static Event of(EventRow row) {
            return new Event(
                    row.type(),
                    row.tsMillis(),
                    Long.toString(row.chunkStart()),
                    row.chunkOffset(),
                    new RawValue(row.dataJson()));
        }
    }

    private boolean stored(String type) {
        if (StoredTypes.EVENTS.contains(type)) {
            return true;
        }
        return type.length() <= 200
                && TYPE.matcher(type).matches()
                && eventPatterns.stream()
                        .anyMatch(pattern -> pattern.endsWith("*")
                                ? type.startsWith(pattern.substring(0, pattern.length() - 1))
                                : type.equals(pattern));
    }

    void recording(Context ctx) throws SQLException, IOException {
        UUID id = Parameters.jvm(ctx);
        Parameters.Window window = Parameters.window(ctx, clock.millis(), TEN_MINUTES, Long.MAX_VALUE);
        JvmSummary summary = known(id);
        Recording recording;
        try {
            recording = Recording.of(id, queries.chunks(id), window.from(), window.to());
        } catch (Recording.NothingThere reason) {
            throw Problem.notFound(String.valueOf(reason.getMessage()));
        }
        String name = recording.fileName(summary.service(), summary.host());
        ctx.disableCompression();
        ctx.contentType("application/octet-stream");
        ctx.header("Content-Disposition", "attachment; filename=\"" + name + "\"");
        ctx.res().setContentLengthLong(recording.length());
        if (ctx.method() == HandlerType.HEAD) {
            return;
        }
        recording.writeTo(ctx.res().getOutputStream(), queries::chunkBytes);
        ctx.res().flushBuffer();
    }

    private JvmSummary known(UUID id) {
        return live.jvm(id).orElseThrow(() -> Problem.notFound("No JVM " + id + " is known here."));
    }

    private static JsonNode tree(@Nullable String json) {
        try {
            return json == null ? Json.MAPPER.nullNode() : Json.MAPPER.readTree(json);
        } catch (JsonProcessingException bug) {
            throw new IllegalStateException("the store gave what is not JSON", bug);
        }
    }

    static void send(Context ctx, Object value) {
        ctx.contentType("application/json").result(Json.text(value));
    }
}
