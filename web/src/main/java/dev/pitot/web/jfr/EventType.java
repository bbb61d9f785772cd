package dev.pitot.web.jfr;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** One event type as the chunk's metadata declares it. Immutable; equal only to itself. */
public final class EventType {
    private final long id;
    private final String name;
    private final List<Field> fields;
    private final List<Annotation> annotations;
    private final Map<String, Integer> index;

    EventType(long id, String name, List<Field> fields, List<Annotation> annotations) {
        this.id = id;
        this.name = name;
        this.fields = List.copyOf(fields);
        this.annotations = List.copyOf(annotations);
        this.index = new HashMap<>();
        for (int i = 0; i < fields.size(); i++) {
            index.putIfAbsent(fields.get(i).name(), i);
        }
    }

    /** The id the chunk's events carry; another chunk may give the same type another id. */
    public long id() {
        return id;
    }

    /** Full name, {@code jdk.CPULoad} say. */
    public String name() {
        return name;
    }

    /** What a person reads, or null. */
    public @Nullable String label() {
        return Annotation.value(annotations, "jdk.jfr.Label");
    }

    /** A sentence on the event, or null. */
    public @Nullable String description() {
        return Annotation.value(annotations, "jdk.jfr.Description");
    }

    /** Path in the tree of categories, outermost first; empty when there is none. */
    public List<String> category() {
        return annotations.stream()
                .filter(a -> a.type().equals("jdk.jfr.Category"))
                .findFirst()
                .map(a -> a.list("value"))
                .orElse(List.of());
    }

    /** All annotations of the type. */
    public List<Annotation> annotations() {
        return annotations;
    }

    /** The fields in the order of the bytes; the first is {@code startTime}. */
    public List<Field> fields() {
        return fields;
    }

    /** Index of the field with this name, or -1. */
    public int index(String fieldName) {
        Integer at = index.get(fieldName);
        return at == null ? -1 : at;
    }

    @Override
    public String toString() {
        return name;
    }

    /**
     * One field.
     *
     * @param typeName {@code long}, {@code java.lang.String}, {@code java.lang.Thread}, {@code jdk.types.StackTrace} …;
     *     the type of the one field for a constant that stands for that field, such as a thread's state: a string
     * @param array true when the value is a list of that type
     * @param constantPool true when the event holds the id of a constant instead of the value
     * @param annotations label, description, content type and others
     * @param contentType name of the annotation that says what the number means, {@code jdk.jfr.Timespan} say, or null
     */
    public record Field(
            String name,
            String typeName,
            boolean array,
            boolean constantPool,
            List<Annotation> annotations,
            @Nullable String contentType) {

        /** Copies the annotations. */
        public Field {
            annotations = List.copyOf(annotations);
        }

        /** What a person reads, or null. */
        public @Nullable String label() {
            return Annotation.value(annotations, "jdk.jfr.Label");
        }

        /** A sentence on the field, or null. */
        public @Nullable String description() {
            return Annotation.value(annotations, "jdk.jfr.Description");
        }

        /** The value of the content type: {@code TICKS}, {@code NANOSECONDS}, {@code BYTES} …, or null. */
        public @Nullable String unit() {
            return contentType == null ? null : Annotation.value(annotations, contentType);
        }

        /** True when the field has an annotation of this type. */
        public boolean has(String annotationType) {
            return annotations.stream().anyMatch(a -> a.type().equals(annotationType));
        }
    }

    /**
     * An annotation of a type or field.
     *
     * @param type full name, {@code jdk.jfr.Label} say
     * @param values its members as text; element i of an array is under {@code name-i}
     */
    public record Annotation(String type, Map<String, String> values) {
        /** Copies the values. */
        public Annotation {
            values = Map.copyOf(values);
        }

        /** The elements of an array member. */
        public List<String> list(String member) {
            List<String> elements = new ArrayList<>();
            for (String v; (v = values.get(member + "-" + elements.size())) != null; ) {
                elements.add(v);
            }
            return List.copyOf(elements);
        }

        private static @Nullable String value(List<Annotation> annotations, String type) {
            for (Annotation a : annotations) {
                if (a.type.equals(type)) {
                    return a.values.get("value");
                }
            }
            return null;
        }
    }
}
