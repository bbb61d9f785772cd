package dev.pitot.web.ingest;

import dev.pitot.web.jfr.ChunkHeader;
import dev.pitot.web.jfr.Event;
import dev.pitot.web.jfr.EventType;
import dev.pitot.web.jfr.Struct;
import dev.pitot.web.jfr.ThreadInfo;
import dev.pitot.web.live.DurationHistogram;
import dev.pitot.web.live.SpanSecond;
import dev.pitot.web.store.Json;
import dev.pitot.web.store.StoredTypes;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * How the fields of one event type become JSON or a metric sample: time spans in nanoseconds, time stamps in milliseconds
 * since the epoch, what could not be had left out of JSON ({@code docs/spec/events.md}). Immutable.
 */
final class EventFields {
    /** Characters of a text of a sample or of {@link #text}, which stay in memory for minutes. */
    static final int LONGEST_TEXT = 1024;
    /** Characters of a histogram, which does not stay: all buckets, each with its number and a count of 15 digits. */
    private static final int LONGEST_HISTOGRAM = 20 * DurationHistogram.BUCKETS;
    /** Fields of a type that are used: the JVM's own have some thirty at most, and Java code hardly more. */
    private static final int MOST_FIELDS = 256;

    private static final int DEEPEST = 4;
    private static final int LONGEST_LIST = 64;
    /** Characters of one event's JSON after which further fields are left out. */
    private static final int LONGEST_JSON = 64 << 10;
    /** Characters that most events have room in: making room for more took half of the time of writing them. */
    private static final int USUAL_JSON = 1024;

    private static final Set<String> TIME_UNITS =
            Set.of("TICKS", "NANOSECONDS", "MICROSECONDS", "MILLISECONDS", "MILLISECONDS_SINCE_EPOCH", "SECONDS");

    private static final String TIMESPAN = "jdk.jfr.Timespan";
    private static final String TIMESTAMP = "jdk.jfr.Timestamp";

    private enum Kind {
        WHOLE,
        AMOUNT,
        TIMESPAN,
        TIMESTAMP,
        FLOAT,
        DOUBLE,
        BOOLEAN,
        TEXT,
        THREAD,
        CLASS,
        OTHER
    }

    private final EventType type;
    private final ChunkHeader clock;
    /** Of each field of the type; found once, as a field may have any number of annotations. */
    private final Kind[] kindOf;

    private final String[] unitOf;
    private final int[] fields;
    private final Name[] names;
    private final boolean duration;
    private final int thread;

    /** The name of a field as it stands in JSON, quotes and colon included. */
    private record Name(String json) {
        static Name of(String name) {
            StringBuilder out = new StringBuilder(name.length() + 3);
            Json.text(out, name);
            return new Name(out.append(':').toString());
        }
    }

    private final int[] metricFields;
    private final String[] metricNames;
    /** Fields that make the key, -1 for one that the type lacks; null when the type has no keys. */
    private final int @Nullable [] keyFields;

    /**
     * @param clock any header of the chunk, for the frequency of its clock
     */
    EventFields(EventType type, ChunkHeader clock) {
        this.type = type;
        this.clock = clock;
        kindOf = type.fields().stream().map(EventFields::kind).toArray(Kind[]::new);
        unitOf = new String[kindOf.length];
        for (int i = 0; i < kindOf.length; i++) {
            unitOf[i] = unit(type.fields().get(i), kindOf[i] == Kind.TIMESTAMP ? TIMESTAMP : TIMESPAN);
        }
        List<String> key = StoredTypes.keyFields(type.name());
        keyFields = key.isEmpty() ? null : key.stream().mapToInt(type::index).toArray();
        List<Integer> kept = new ArrayList<>();
        List<Integer> metrics = new ArrayList<>();
        for (int i = 1; i < Math.min(type.fields().size(), 1 + MOST_FIELDS); i++) {
            EventType.Field field = type.fields().get(i);
            boolean keptElsewhere = field.name().equals("sql") && StoredTypes.WITH_SQL.contains(type.name());
            if (!keptElsewhere
                    && !field.name().equals("duration")
                    && !field.name().equals("eventThread")
                    && !field.name().equals("stackTrace")) {
                kept.add(i);
                if (isMetric(kindOf[i]) && !key.contains(field.name())) {
                    metrics.add(i);
                }
            }
        }
        fields = kept.stream().mapToInt(i -> i).toArray();
        names = Stream.of(names(type, kept)).map(Name::of).toArray(Name[]::new);
        metricFields = metrics.stream().mapToInt(i -> i).toArray();
        metricNames = names(type, metrics);
        duration =
                type.index("duration") == 1 && type.fields().get(1).typeName().equals("long");
        int eventThread = type.index("eventThread");
        thread = eventThread >= 0 && type.index("thread") < 0 && kindOf[eventThread] == Kind.THREAD ? eventThread : -1;
    }

    private static String[] names(EventType type, List<Integer> fields) {
        return fields.stream().map(i -> type.fields().get(i).name()).toArray(String[]::new);
    }

    private static boolean isMetric(Kind kind) {
        return switch (kind) {
            case WHOLE, AMOUNT, TIMESPAN, TIMESTAMP, FLOAT, DOUBLE, TEXT -> true;
            default -> false;
        };
    }

    private static Kind kind(EventType.Field field) {
        if (field.array()) {
            return Kind.OTHER;
        }
        return switch (field.typeName()) {
            case "long", "int", "short", "byte" ->
                TIME_UNITS.contains(unit(field, TIMESPAN))
                        ? Kind.TIMESPAN
                        : TIME_UNITS.contains(unit(field, TIMESTAMP))
                                ? Kind.TIMESTAMP
                                : field.has("jdk.jfr.DataAmount") ? Kind.AMOUNT : Kind.WHOLE;
            case "float" -> Kind.FLOAT;
            case "double" -> Kind.DOUBLE;
            case "boolean" -> Kind.BOOLEAN;
            case "java.lang.String" -> Kind.TEXT;
            case "java.lang.Thread" -> Kind.THREAD;
            case "java.lang.Class" -> Kind.CLASS;
            default -> Kind.OTHER;
        };
    }

    /** The type these fields are of. */
    EventType type() {
        return type;
    }

    /** Unit of a time; a field may have several content types (the JVM's own spans are unsigned too). */
    private static String unit(EventType.Field field, String annotation) {
        return field.annotations().stream()
                .filter(a -> a.type().equals(annotation))
                .findFirst()
                .map(a -> a.values().getOrDefault("value", ""))
                .orElse("");
    }

    /** A time span in nanoseconds or a time stamp in nanoseconds since the epoch; the extremes stay. */
    private long time(Event event, int field, String annotation) {
        long value = event.getLong(field);
        if (value == Long.MIN_VALUE || value == Long.MAX_VALUE) {
            return value;
        }
        return switch (unitOf[field]) {
            case "TICKS" -> annotation.equals(TIMESPAN) ? clock.ticksToDurationNanos(value) : clock.ticksToNanos(value);
            case "MICROSECONDS" -> TimeUnit.MICROSECONDS.toNanos(value);
            case "MILLISECONDS", "MILLISECONDS_SINCE_EPOCH" -> TimeUnit.MILLISECONDS.toNanos(value);
            case "SECONDS" -> TimeUnit.SECONDS.toNanos(value);
            default -> value;
        };
    }

    /** The event as {@code event.data}; a field that could not be had is not there, as most rows would be nulls else. */
    String json(Event event) {
        StringBuilder out = ownFields(event);
        if (duration) {
            key(out, "duration");
            out.append(event.durationNanos());
        }
        if (thread >= 0) {
            int before = out.length();
            key(out, "thread");
            int value = out.length();
            appendThread(out, event.thread(thread));
            takeBackIfNothing(out, value, before);
        }
        return out.append('}').toString();
    }

    /** What it says, whenever and on whatever thread: JSON as {@link #json}, without what all events have and its end. */
    String said(Event event) {
        return ownFields(event).toString();
    }

    private StringBuilder ownFields(Event event) {
        StringBuilder out = new StringBuilder(USUAL_JSON).append('{');
        for (int i = 0; i < fields.length && out.length() < LONGEST_JSON; i++) {
            int before = out.length();
            key(out, names[i]);
            int value = out.length();
            append(out, event, fields[i], kindOf[fields[i]]);
            takeBackIfNothing(out, value, before);
        }
        return out;
    }

    /** Takes a name back when no value came behind it. */
    private static void takeBackIfNothing(StringBuilder out, int value, int before) {
        if (out.length() == value) {
            out.setLength(before);
        }
    }

    /** Appends nothing when the value could not be had. */
    private void append(StringBuilder out, Event event, int field, Kind kind) {
        switch (kind) {
            case TIMESPAN, AMOUNT -> {
                long value = kind == Kind.AMOUNT ? event.getLong(field) : time(event, field, TIMESPAN);
                if (value != Long.MIN_VALUE) {
                    out.append(value);
                }
            }
            case TIMESTAMP -> {
                long value = time(event, field, TIMESTAMP);
                if (value != Long.MIN_VALUE) {
                    out.append(Math.floorDiv(value, 1_000_000L));
                }
            }
            case WHOLE -> out.append(event.getLong(field));
            case FLOAT -> appendNumber(out, widened((float) event.getDouble(field)));
            case DOUBLE -> appendNumber(out, event.getDouble(field));
            case BOOLEAN -> out.append(event.getBoolean(field));
            case TEXT -> appendText(out, event.getString(field));
            case THREAD -> appendThread(out, event.thread(field));
            case CLASS -> appendText(out, event.className(field));
            default -> appendValue(out, event.get(field), 0);
        }
    }

    /** 0.1f is 0.1, not 0.10000000149011612. */
    private static double widened(float value) {
        return value == Math.rint(value) ? value : Double.parseDouble(Float.toString(value));
    }

    private static void appendNumber(StringBuilder out, double number) {
        if (Double.isFinite(number)) {
            Json.number(out, number);
        }
    }

    private static void appendText(StringBuilder out, @Nullable String text) {
        if (text != null) {
            Json.text(out, text);
        }
    }

    private static void appendThread(StringBuilder out, @Nullable ThreadInfo thread) {
        appendText(out, thread == null ? null : thread.javaName() != null ? thread.javaName() : thread.osName());
    }

    private static void appendValue(StringBuilder out, @Nullable Object value, int depth) {
        if (value instanceof String text) {
            Json.text(out, text);
        } else if (value instanceof Float number) {
            appendNumber(out, widened(number));
        } else if (value instanceof Double number) {
            appendNumber(out, number);
        } else if (value instanceof Number || value instanceof Boolean) {
            out.append(value);
        } else if (value instanceof Character c) {
            Json.text(out, c.toString());
        } else if (depth >= DEEPEST || out.length() > LONGEST_JSON) {
            return;
        } else if (value instanceof Struct struct) {
            if (struct.typeName().equals("java.lang.Class")) {
                String name = struct.getString("name");
                appendText(out, name == null ? null : name.replace('/', '.'));
                return;
            }
            out.append('{');
            for (int i = 0; i < struct.fieldNames().size() && out.length() < LONGEST_JSON; i++) {
                int before = out.length();
                key(out, struct.fieldNames().get(i));
                int start = out.length();
                appendValue(out, struct.get(i), depth + 1);
                takeBackIfNothing(out, start, before);
            }
            out.append('}');
        } else if (value instanceof List<?> list) {
            out.append('[');
            for (int i = 0; i < Math.min(list.size(), LONGEST_LIST) && out.length() < LONGEST_JSON; i++) {
                if (i > 0) {
                    out.append(',');
                }
                int start = out.length();
                appendValue(out, list.get(i), depth + 1);
                if (out.length() == start) {
                    // The elements behind it keep their places.
                    out.append("null");
                }
            }
            out.append(']');
        }
    }

    private static void key(StringBuilder out, Name name) {
        if (out.length() > 1) {
            out.append(',');
        }
        out.append(name.json);
    }

    private static void key(StringBuilder out, String name) {
        if (out.charAt(out.length() - 1) != '{') {
            out.append(',');
        }
        Json.text(out, name);
        out.append(':');
    }

    /** Names of the fields of a sample: numbers and texts, none of the key; always the same array. */
    String[] metricNames() {
        return metricNames;
    }

    /** The event as a metric sample, or as one that is counted. */
    Sample sample(Event event) {
        double[] numbers = new double[metricFields.length];
        @Nullable String[] texts = new @Nullable String[metricFields.length];
        for (int i = 0; i < metricFields.length; i++) {
            int field = metricFields[i];
            Kind kind = kindOf[field];
            numbers[i] = Double.NaN;
            switch (kind) {
                case TEXT -> texts[i] = cut(event.getString(field), LONGEST_TEXT);
                case FLOAT -> numbers[i] = widened((float) event.getDouble(field));
                case DOUBLE -> numbers[i] = event.getDouble(field);
                case WHOLE -> numbers[i] = event.getLong(field);
                default -> {
                    long value = kind == Kind.AMOUNT
                            ? event.getLong(field)
                            : time(event, field, kind == Kind.TIMESTAMP ? TIMESTAMP : TIMESPAN);
                    if (value != Long.MIN_VALUE) {
                        numbers[i] = kind == Kind.TIMESTAMP ? Math.floorDiv(value, 1_000_000L) : value;
                    }
                }
            }
        }
        return new Sample(
                type.name(), key(event), Math.floorDiv(event.startNanos(), 1_000_000L), metricNames, numbers, texts);
    }

    /** The key fields joined by one blank, as PostgreSQL takes them; what the event lacks is empty. Null: the type has no keys. */
    private @Nullable String key(Event event) {
        if (keyFields == null) {
            return null;
        }
        StringBuilder key = new StringBuilder();
        for (int i = 0; i < keyFields.length; i++) {
            if (i > 0) {
                key.append(' ');
            }
            int field = keyFields[i];
            if (field >= 0 && kindOf[field] == Kind.WHOLE) {
                key.append(event.getLong(field));
            } else if (field >= 0 && kindOf[field] == Kind.TEXT) {
                String text = event.getString(field);
                key.append(text == null ? "" : text);
            }
        }
        return StoredTypes.key(key.toString());
    }

    /**
     * One metric sample.
     *
     * @param key which of those that its type measures; null when the type has no keys
     * @param fields names of the fields
     * @param numbers {@code NaN} where unknown or text
     * @param texts null where unknown or a number
     */
    record Sample(
            String type,
            @Nullable String key,
            long timeMillis,
            String[] fields,
            double[] numbers,
            @Nullable String[] texts) {
        /** Numbers that JSON cannot say though they could be had. */
        int infinite() {
            int count = 0;
            for (double number : numbers) {
                if (Double.isInfinite(number)) {
                    count++;
                }
            }
            return count;
        }

        /** Texts that are not whole. */
        int cut() {
            int count = 0;
            for (String text : texts) {
                // The longest that is kept, and the mark; a text that was so by itself is rare enough.
                if (text != null && text.length() >= LONGEST_TEXT - 1 && text.endsWith("\u2026")) {
                    count++;
                }
            }
            return count;
        }
    }

    /** The first characters of a text, marked with an ellipsis when there were more. */
    private static @Nullable String cut(@Nullable String text, int longest) {
        if (text == null || text.length() <= longest) {
            return text;
        }
        int end = Character.isHighSurrogate(text.charAt(longest - 2)) ? longest - 2 : longest - 1;
        return text.substring(0, end) + '\u2026';
    }

    /** Text of a field of an event, cut as in a sample unless it is a histogram; empty when it is absent or no text. */
    String text(Event event, String name) {
        return text(event, name, name.equals("histogram") ? LONGEST_HISTOGRAM : LONGEST_TEXT);
    }

    /** The same, of at most so many characters. */
    String text(Event event, String name, int longest) {
        int field = type.index(name);
        String value = field >= 0 && kindOf[field] == Kind.TEXT ? event.getString(field) : null;
        String kept = cut(value, longest);
        return kept == null ? "" : kept;
    }

    /** Whole number of a field, or nanoseconds of a time span; 0 when it is absent, no number or could not be had. */
    long whole(Event event, String name) {
        int field = type.index(name);
        if (field < 0) {
            return 0;
        }
        long value =
                switch (kindOf[field]) {
                    case WHOLE, AMOUNT -> event.getLong(field);
                    case TIMESPAN -> time(event, field, TIMESPAN);
                    default -> 0;
                };
        return value == Long.MIN_VALUE ? 0 : value;
    }

    /** Number of a field, nanoseconds of a time span or bytes; NaN when it is absent, no number or could not be had. */
    double number(Event event, String name) {
        int field = type.index(name);
        if (field < 0) {
            return Double.NaN;
        }
        return switch (kindOf[field]) {
            case WHOLE, FLOAT, DOUBLE -> event.getDouble(field);
            case AMOUNT, TIMESPAN -> {
                long value = kindOf[field] == Kind.AMOUNT ? event.getLong(field) : time(event, field, TIMESPAN);
                yield value == Long.MIN_VALUE ? Double.NaN : value;
            }
            default -> Double.NaN;
        };
    }

    /** The fields of one event by name. */
    SpanSecond.Fields of(Event event) {
        return new SpanSecond.Fields() {
            @Override
            public boolean has(String name) {
                return type.index(name) >= 0;
            }

            @Override
            public String text(String name) {
                return EventFields.this.text(event, name);
            }

            @Override
            public double number(String name) {
                return EventFields.this.number(event, name);
            }
        };
    }
}
