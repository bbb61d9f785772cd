package dev.pitot.web.jfr;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A value with named parts: a struct within an event, or a constant such as a class or a thread. Immutable; equal only to itself.
 *
 * <p>Constants share parts (a hundred frames, one class): whoever writes one out as a tree bounds the depth.
 */
public final class Struct {
    private final Layout type;
    private final long id;
    private final @Nullable Object[] values;

    /** What {@link Event} made of this constant, so that it does so once; not part of the value. */
    @Nullable
    Object view;

    Struct(Layout type, long id, @Nullable Object[] values) {
        this.type = type;
        this.id = id;
        this.values = values;
    }

    /** {@code java.lang.Class}, {@code jdk.types.Method} … */
    public String typeName() {
        return type.name;
    }

    /** The constant's id, which is unique among those of its type in the chunk; 0 for a struct within an event. */
    public long id() {
        return id;
    }

    /** The names of its fields, in order. */
    public List<String> fieldNames() {
        return type.fieldNames();
    }

    /** Value of a field by its place: as {@link Event#get}. */
    public @Nullable Object get(int field) {
        return values[field];
    }

    /** Value of a field as {@link Event#get}; null also when there is no such field. */
    public @Nullable Object get(String field) {
        int i = type.indexOf(field);
        return i < 0 ? null : values[i];
    }

    /** Text of a field; null when it is something else or absent. */
    public @Nullable String getString(String field) {
        return get(field) instanceof String s ? s : null;
    }

    /** Number of a field; {@code otherwise} when it is something else or absent. */
    public long getLong(String field, long otherwise) {
        return get(field) instanceof Number n ? n.longValue() : otherwise;
    }

    @Override
    public String toString() {
        return type.name + "#" + id;
    }
}
