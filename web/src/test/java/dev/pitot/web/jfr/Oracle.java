package dev.pitot.web.jfr;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import jdk.jfr.AnnotationElement;
import jdk.jfr.ValueDescriptor;
import jdk.jfr.consumer.RecordedClass;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordedFrame;
import jdk.jfr.consumer.RecordedObject;
import jdk.jfr.consumer.RecordedStackTrace;
import jdk.jfr.consumer.RecordedThread;
import jdk.jfr.consumer.RecordingFile;
import org.jspecify.annotations.Nullable;

/** What the JDK's own {@code RecordingFile} reads, by offset in the chunk, and how an event of ours compares to it. */
final class Oracle {
    final TreeMap<Long, RecordedEvent> events = new TreeMap<>();
    private final Map<Long, jdk.jfr.EventType> types = new HashMap<>();
    /** Constants found equal before, by ours: they are shared by many events. */
    private final IdentityHashMap<Struct, RecordedObject> equal = new IdentityHashMap<>();

    private final IdentityHashMap<EventType, Boolean> equalTypes = new IdentityHashMap<>();

    /** Reads a file of one finished chunk. */
    static Oracle read(byte[] chunk, Path folder) throws IOException {
        Path file = Files.createTempFile(folder, "cut", ".jfr");
        Files.write(file, chunk);
        Oracle oracle = new Oracle();
        List<RecordedEvent> events = new ArrayList<>();
        try (RecordingFile recording = new RecordingFile(file)) {
            recording.readEventTypes().forEach(t -> oracle.types.put(t.getId(), t));
            while (recording.hasMoreEvents()) {
                events.add(recording.readEvent());
            }
        }
        Files.delete(file);
        int next = 0;
        ByteBuffer in = ByteBuffer.wrap(chunk);
        for (int at = ChunkHeader.SIZE; at < chunk.length; ) {
            in.position(at);
            long size = varint(in);
            long type = varint(in);
            if (type > 1 && oracle.types.containsKey(type)) {
                RecordedEvent event = events.get(next++);
                assertThat(event.getEventType().getId()).isEqualTo(type);
                oracle.events.put((long) at, event);
            }
            at += (int) size;
        }
        assertThat(next).isEqualTo(events.size());
        return oracle;
    }

    private static long varint(ByteBuffer in) {
        long value = 0;
        for (int shift = 0; ; shift += 7) {
            byte b = in.get();
            value |= (b & 0x7fL) << shift;
            if (b >= 0) {
                return value;
            }
        }
    }

    /** An event of ours, taken out of the reused view. */
    record Taken(
            EventType type,
            long offset,
            long startNanos,
            long durationNanos,
            List<@Nullable Object> values,
            Map<String, Object> views) {

        static Taken of(EventType type, long offset, Event event) {
            List<@Nullable Object> values = new ArrayList<>();
            Map<String, Object> views = new HashMap<>();
            for (int i = 0; i < type.fields().size(); i++) {
                EventType.Field field = type.fields().get(i);
                Object value = event.get(i);
                values.add(value);
                assertThat(event.isNull(i)).isEqualTo(value == null);
                String name = field.name();
                switch (field.typeName()) {
                    case "java.lang.Thread" -> views.put(name, String.valueOf(event.thread(i)));
                    case "java.lang.Class" -> views.put(name, String.valueOf(event.className(i)));
                    case "jdk.types.StackTrace" -> views.put(name, String.valueOf(event.stackTrace(i)));
                    case "java.lang.String" -> views.put(name, String.valueOf(event.getString(i)));
                    case "boolean" -> views.put(name, event.getBoolean(i));
                    case "float", "double" -> views.put(name, event.getDouble(i));
                    case "byte", "short", "char", "int", "long" -> {
                        boolean time = "jdk.jfr.Timespan".equals(field.contentType())
                                || "jdk.jfr.Timestamp".equals(field.contentType());
                        views.put(name, time && i > 1 ? event.nanos(i) : event.getLong(i));
                    }
                    default -> {}
                }
            }
            return new Taken(type, offset, event.startNanos(), event.durationNanos(), values, views);
        }
    }

    /** Asserts that an event of ours is the one at its offset, in every field. */
    void assertEqual(Taken ours) {
        RecordedEvent theirs = events.get(ours.offset);
        assertThat(theirs).as("event at %s", ours.offset).isNotNull();
        String path = ours.type.name() + "@" + ours.offset;
        assertEqualTypes(ours.type, theirs.getEventType());
        assertThat(ours.startNanos).as(path).isEqualTo(nanos(theirs.getStartTime()));
        assertThat(ours.durationNanos).as(path).isEqualTo(theirs.getDuration().toNanos());
        assertThat(ours.values).hasSameSizeAs(theirs.getFields());
        for (int i = 0; i < ours.values.size(); i++) {
            ValueDescriptor field = theirs.getFields().get(i);
            String name = field.getName();
            assertSame(path + "." + name, ours.values.get(i), theirs.getValue(name));
            assertThat(ours.views.get(name)).as(path + "." + name).isEqualTo(view(theirs, field, i));
        }
    }

    private void assertEqualTypes(EventType ours, jdk.jfr.EventType theirs) {
        if (equalTypes.put(ours, true) != null) {
            return;
        }
        assertThat(ours.name()).isEqualTo(theirs.getName());
        assertThat(ours.label()).isEqualTo(theirs.getLabel());
        assertThat(ours.description()).isEqualTo(theirs.getDescription());
        // the JDK says "Uncategorized" where there is none
        if (!ours.category().isEmpty()) {
            assertThat(ours.category()).isEqualTo(theirs.getCategoryNames());
        }
        for (int i = 0; i < ours.fields().size(); i++) {
            EventType.Field field = ours.fields().get(i);
            ValueDescriptor v = theirs.getFields().get(i);
            assertThat(ours.index(v.getName())).isEqualTo(i);
            assertThat(field.name()).isEqualTo(v.getName());
            assertThat(field.typeName()).isEqualTo(v.getTypeName());
            assertThat(field.array()).isEqualTo(v.isArray());
            assertThat(field.label()).isEqualTo(v.getLabel());
            assertThat(field.contentType()).as(ours.name() + "." + field.name()).isEqualTo(v.getContentType());
            assertThat(field.annotations()).hasSameSizeAs(v.getAnnotationElements());
            for (AnnotationElement a : v.getAnnotationElements()) {
                assertThat(field.has(a.getTypeName())).isTrue();
                if (a.getTypeName().equals(v.getContentType()) && a.hasValue("value")) {
                    assertThat(field.unit()).isEqualTo(a.getValue("value"));
                }
            }
        }
    }

    private static @Nullable Object view(RecordedEvent e, ValueDescriptor field, int index) {
        String name = field.getName();
        if (field.isArray()) {
            return null;
        }
        return switch (field.getTypeName()) {
            case "java.lang.Thread" -> thread(e.getValue(name));
            case "java.lang.Class" -> String.valueOf(className(e.getValue(name)));
            case "jdk.types.StackTrace" -> stackTrace(e.getValue(name));
            case "java.lang.String" -> String.valueOf(e.getString(name));
            case "boolean" -> e.getBoolean(name);
            case "float", "double" -> e.getDouble(name);
            case "byte", "short", "char", "int", "long" -> {
                if ("jdk.jfr.Timespan".equals(field.getContentType()) && index > 1) {
                    Duration d = e.getDuration(name);
                    yield saturated(d.getSeconds(), d.getNano());
                }
                if ("jdk.jfr.Timestamp".equals(field.getContentType()) && index > 1) {
                    Instant at = e.getInstant(name);
                    yield nanos(at);
                }
                yield e.getLong(name);
            }
            default -> null;
        };
    }

    private static long nanos(Instant at) {
        return saturated(at.getEpochSecond(), at.getNano());
    }

    private static long saturated(long seconds, int nanos) {
        BigInteger sum = BigInteger.valueOf(seconds)
                .multiply(BigInteger.valueOf(1_000_000_000))
                .add(BigInteger.valueOf(nanos));
        return sum.bitLength() < Long.SIZE ? sum.longValue() : sum.signum() < 0 ? Long.MIN_VALUE : Long.MAX_VALUE;
    }

    private static @Nullable String className(@Nullable RecordedClass type) {
        return type == null ? null : ((String) type.getValue("name")).replace('/', '.');
    }

    /** Newer JDKs give -1 for a Java id of 0 and for the operating system's id of a virtual thread; 17 does not. */
    private static String thread(@Nullable RecordedThread t) {
        if (t == null) {
            return "null";
        }
        boolean virtual = t.hasField("virtual") && t.getBoolean("virtual");
        long javaId = t.getLong("javaThreadId");
        String group = t.getThreadGroup() == null ? null : t.getThreadGroup().getName();
        return new ThreadInfo(
                        t.getOSName(),
                        virtual ? -1 : t.getLong("osThreadId"),
                        t.getJavaName(),
                        javaId == 0 ? -1 : javaId,
                        group,
                        virtual)
                .toString();
    }

    private static String stackTrace(@Nullable RecordedStackTrace s) {
        if (s == null) {
            return "null";
        }
        List<StackTrace.Frame> frames = new ArrayList<>();
        for (RecordedFrame f : s.getFrames()) {
            frames.add(new StackTrace.Frame(
                    className(f.getMethod().getType()),
                    f.getMethod().getName(),
                    f.getMethod().getDescriptor(),
                    f.getLineNumber(),
                    f.getBytecodeIndex(),
                    f.getType()));
        }
        return new StackTrace(s.isTruncated(), frames).toString();
    }

    private void assertSame(String path, @Nullable Object ours, @Nullable Object theirs) {
        if (ours instanceof Struct struct && theirs instanceof RecordedObject object) {
            if (equal.get(struct) == object) {
                return;
            }
            equal.put(struct, object);
            assertThat(struct.fieldNames())
                    .as(path)
                    .isEqualTo(object.getFields().stream()
                            .map(ValueDescriptor::getName)
                            .toList());
            for (String name : struct.fieldNames()) {
                assertSame(path + "." + name, struct.get(name), object.getValue(name));
            }
            if (object instanceof RecordedClass c) {
                assertThat(struct.id()).isEqualTo(c.getId());
            }
            if (object instanceof RecordedThread t) {
                assertThat(struct.id()).isEqualTo(t.getId());
            }
        } else if (ours instanceof List<?> list && theirs instanceof Object[] array) {
            assertThat(list).as(path).hasSize(array.length);
            for (int i = 0; i < array.length; i++) {
                assertSame(path + "[" + i + "]", list.get(i), array[i]);
            }
        } else if (!Objects.equals(ours, theirs)) {
            assertThat(ours).as(path).isEqualTo(theirs);
        }
    }
}
