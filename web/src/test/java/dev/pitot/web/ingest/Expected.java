package dev.pitot.web.ingest;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import jdk.jfr.Timespan;
import jdk.jfr.Timestamp;
import jdk.jfr.ValueDescriptor;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordedThread;
import jdk.jfr.consumer.RecordingFile;

/** What the store must hold of a flight by the JDK's own reader, and what it does hold: each as text, with how often it occurs. */
final class Expected {
    static final Set<String> METRICS = Set.of(
            "pitot.ProcessCounters",
            "pitot.JvmMemory",
            "pitot.AgentCost",
            "jdk.CPULoad",
            "jdk.JavaThreadStatistics",
            "jdk.ClassLoadingStatistics");
    static final Map<String, List<String>> KEYED = Map.of(
            "pitot.ThreadKindCounters", List.of("kind"),
            "pitot.TopThread", List.of("thread", "osThreadId"),
            "pitot.HostDisk", List.of("device"));
    static final Set<String> EVENTS = Set.of(
            "pitot.EndpointSummary",
            "pitot.StatementSummary",
            "pitot.SqlStatement",
            "pitot.LoggedErrors",
            "pitot.HttpRequest",
            "pitot.AgentStatus",
            "pitot.Diagnosis",
            "pitot.JvmInformation",
            "jdk.GarbageCollection",
            "jdk.GCHeapSummary",
            "jdk.JavaMonitorEnter",
            "jdk.JavaErrorThrow");

    private static final ObjectMapper JSON = new ObjectMapper();

    private Expected() {}

    /** Of each event: type, start in microseconds and its simple fields. */
    static TreeMap<String, Integer> events(Flight flight) throws IOException {
        TreeMap<String, Integer> events = new TreeMap<>();
        for (Flight.FlightChunk chunk : flight.chunks()) {
            add(chunk, events);
        }
        return events;
    }

    private static void add(Flight.FlightChunk chunk, TreeMap<String, Integer> events) throws IOException {
        Map<String, String> newest = new HashMap<>();
        for (RecordedEvent event : read(chunk)) {
            if (EVENTS.contains(event.getEventType().getName())) {
                StringBuilder line = new StringBuilder();
                for (ValueDescriptor field : event.getFields()) {
                    Object value = value(event, field);
                    // The text of a statement is in a table of its own.
                    if (value != null && !field.getName().equals("sql")) {
                        line.append(' ').append(field.getName()).append('=').append(value);
                    }
                }
                // A line that says once more what was said before on its subject is no event, whoever says it.
                boolean again = event.getEventType().getName().equals("pitot.Diagnosis")
                        && line.toString().equals(newest.put(event.getString("subject"), line.toString()));
                String thread = hasThread(event) ? threadName(event.getThread("eventThread")) : null;
                if (thread != null) {
                    line.append(" thread=").append(thread);
                }
                if (!again) {
                    String when = event.getEventType().getName() + ' ' + micros(event.getStartTime());
                    events.merge(when + line, 1, Integer::sum);
                }
            }
        }
    }

    /** Of each metric sample: type, key, milliseconds, field and value. */
    static TreeMap<String, Integer> samples(Flight flight) throws IOException {
        TreeMap<String, Integer> samples = new TreeMap<>();
        for (RecordedEvent event : read(flight)) {
            String type = event.getEventType().getName();
            if (METRICS.contains(type) || KEYED.containsKey(type)) {
                List<String> keyFields = KEYED.getOrDefault(type, List.of());
                String key = keyFields.stream()
                        .map(name -> event.getValue(name).toString())
                        .collect(Collectors.joining(" "));
                for (ValueDescriptor field : event.getFields()) {
                    if (!Set.of("startTime", "eventThread", "stackTrace", "duration")
                                    .contains(field.getName())
                            && !keyFields.contains(field.getName())) {
                        Object value = value(event, field);
                        samples.merge(
                                type
                                        + ' '
                                        + key
                                        + ' '
                                        + event.getStartTime().toEpochMilli()
                                        + ' '
                                        + field.getName()
                                        + '='
                                        + value,
                                1,
                                Integer::sum);
                    }
                }
            }
        }
        return samples;
    }

    /** What differs, the first lines of it; empty when nothing does. */
    static List<String> difference(TreeMap<String, Integer> expected, TreeMap<String, Integer> stored) {
        List<String> lines = new ArrayList<>();
        TreeSet<String> all = new TreeSet<>(expected.keySet());
        all.addAll(stored.keySet());
        for (String line : all) {
            int due = expected.getOrDefault(line, 0);
            int found = stored.getOrDefault(line, 0);
            if (due != found) {
                lines.add(found + " instead of " + due + " times: " + line);
            }
        }
        return lines.size() <= 10
                ? lines
                : Stream.concat(
                                lines.stream()
                                        .filter(l -> !l.contains("JavaErrorThrow"))
                                        .limit(14),
                                Stream.of(lines.size() + " lines in all"))
                        .toList();
    }

    /** Whether the store has the name of its thread under {@code thread}. */
    private static boolean hasThread(RecordedEvent event) {
        return event.hasField("eventThread") && !event.hasField("thread");
    }

    private static String threadName(RecordedThread thread) {
        return thread == null ? null : thread.getJavaName() != null ? thread.getJavaName() : thread.getOSName();
    }

    static Object value(RecordedEvent event, ValueDescriptor field) {
        String name = field.getName();
        if (name.equals("duration")) {
            return Long.toString(event.getDuration().toNanos());
        }
        if (field.getAnnotation(Timestamp.class) != null && !name.equals("startTime")) {
            return Long.toString(event.getInstant(name).toEpochMilli());
        }
        if (field.getAnnotation(Timespan.class) != null) {
            Duration span = event.getDuration(name);
            return span.getSeconds() < -1_000_000_000L ? null : Long.toString(span.toNanos());
        }
        return switch (field.getTypeName()) {
            case "long" ->
                Set.of("startTime", "duration").contains(name)
                                || field.getContentType() != null
                                        && field.getContentType().contains("Timestamp")
                                || event.getLong(name) == Long.MIN_VALUE
                        ? null
                        : Long.toString(event.getLong(name));
            case "boolean" -> Boolean.toString(event.getBoolean(name));
            case "int", "short", "byte" -> Long.toString(event.getLong(name));
            case "float" -> number(Double.parseDouble(Float.toString(event.getFloat(name))));
            case "double" -> number(event.getDouble(name));
            case "java.lang.String" -> event.getString(name);
            case "java.lang.Class" ->
                event.getClass(name) == null ? null : event.getClass(name).getName();
            case "java.lang.Thread" -> name.equals("eventThread") ? null : threadName(event.getThread(name));
            default -> null;
        };
    }

    private static String number(double value) {
        return Double.isNaN(value)
                ? null
                : value == Math.rint(value) ? Long.toString((long) value) : Double.toString(value);
    }

    static Iterable<RecordedEvent> read(Flight flight) throws IOException {
        List<RecordedEvent> all = new ArrayList<>();
        for (Flight.FlightChunk chunk : flight.chunks()) {
            all.addAll(read(chunk));
        }
        return all;
    }

    private static List<RecordedEvent> read(Flight.FlightChunk chunk) throws IOException {
        Path file = Files.createTempFile("flight", ".jfr");
        try {
            Files.write(file, chunk.bytes());
            return RecordingFile.readAllEvents(file);
        } finally {
            Files.delete(file);
        }
    }

    private static long micros(Instant at) {
        return at.getEpochSecond() * 1_000_000 + at.getNano() / 1000;
    }

    /** As {@link #events}, from the table; fields that the oracle's line has not are left out of the comparison. */
    static TreeMap<String, Integer> storedEvents(Connection c, UUID jvm, Flight flight)
            throws SQLException, IOException {
        Map<String, List<String>> fields = new HashMap<>();
        for (RecordedEvent event : read(flight)) {
            fields.computeIfAbsent(event.getEventType().getName(), t -> {
                List<String> names = new ArrayList<>();
                event.getFields().forEach(f -> names.add(f.getName()));
                if (hasThread(event)) {
                    names.add("thread");
                }
                return names;
            });
        }
        TreeMap<String, Integer> events = new TreeMap<>();
        try (PreparedStatement s = c.prepareStatement(
                "select type, (extract(epoch from ts) * 1000000)::bigint, data from event where jvm_id = ?")) {
            s.setObject(1, jvm);
            try (ResultSet rows = s.executeQuery()) {
                while (rows.next()) {
                    JsonNode data = JSON.readTree(rows.getString(3));
                    StringBuilder line =
                            new StringBuilder(rows.getString(1)).append(' ').append(rows.getLong(2));
                    for (String field : fields.getOrDefault(rows.getString(1), List.of())) {
                        JsonNode value = data.path(field);
                        boolean simple = value.isTextual() || value.isNumber() || value.isBoolean();
                        if (simple && !field.equals("eventThread")) {
                            line.append(' ').append(field).append('=').append(text(value));
                        }
                    }
                    events.merge(line.toString(), 1, Integer::sum);
                }
            }
        }
        return events;
    }

    private static String text(JsonNode value) {
        return value.isTextual()
                ? value.textValue()
                : value.isIntegralNumber() || value.isBoolean() ? value.asText() : number(value.doubleValue());
    }

    /** As {@link #samples}, from the blocks. */
    static TreeMap<String, Integer> storedSamples(Connection c, UUID jvm) throws SQLException, IOException {
        TreeMap<String, Integer> samples = new TreeMap<>();
        try (PreparedStatement s = c.prepareStatement(
                "select type, (extract(epoch from ts) * 1000)::bigint, n, data, key from metric_block where jvm_id = ?")) {
            s.setObject(1, jvm);
            try (ResultSet rows = s.executeQuery()) {
                while (rows.next()) {
                    JsonNode data = JSON.readTree(rows.getString(4));
                    JsonNode t = data.get("t");
                    if (t.size() != rows.getInt(3)) {
                        throw new AssertionError("n is " + rows.getInt(3) + " of " + t.size() + " samples");
                    }
                    for (var field : data.properties()) {
                        if (!field.getKey().equals("t")) {
                            for (int i = 0; i < t.size(); i++) {
                                JsonNode value = field.getValue().get(i);
                                samples.merge(
                                        rows.getString(1)
                                                + ' '
                                                + rows.getString(5)
                                                + ' '
                                                + (rows.getLong(2) + t.get(i).asLong())
                                                + ' '
                                                + field.getKey()
                                                + '='
                                                + (value.isNull() ? null : text(value)),
                                        1,
                                        Integer::sum);
                            }
                        }
                    }
                }
            }
        }
        return samples;
    }
}
