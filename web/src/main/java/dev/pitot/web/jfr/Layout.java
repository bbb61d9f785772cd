package dev.pitot.web.jfr;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** How the bytes of one type lie: a primitive, a string, or a struct of slots. */
final class Layout {
    static final int BOOLEAN = 0;
    static final int BYTE = 1;
    static final int CHAR = 2;
    static final int SHORT = 3;
    static final int INT = 4;
    static final int LONG = 5;
    static final int FLOAT = 6;
    static final int DOUBLE = 7;
    static final int STRING = 8;
    static final int STRUCT = 9;
    static final int CONSTANT = 10;
    static final int ARRAY = 11;

    private static final List<String> PRIMITIVES =
            List.of("boolean", "byte", "char", "short", "int", "long", "float", "double", "java.lang.String");

    final long id;
    final String name;
    /** A struct of one field whose constants stand for that field: a symbol is a string. */
    final boolean simple;

    /** One of the above, never CONSTANT or ARRAY. */
    int kind = STRUCT;

    Slot[] slots = {};

    /** How many compressed integers make up the struct; -1 when there is anything else in it. */
    int integers = -1;

    /** The constants of this type; null while no wanted event can lead to them. */
    @Nullable
    Pool pool;

    /** Used while walking the types. */
    boolean visited;

    private @Nullable List<String> fieldNames;

    Layout(long id, String name, boolean simple) {
        this.id = id;
        this.name = name;
        this.simple = simple;
    }

    /** One field. {@code kind} is what each element is, {@code op} is ARRAY when there are many. */
    static final class Slot {
        final String name;
        final Layout type;
        final boolean array;
        final boolean constant;
        final boolean unsigned;
        /** Stack traces that nobody wants: always null. */
        final boolean ignored;

        Slot(String name, Layout type, boolean array, boolean constant, boolean unsigned, boolean ignored) {
            this.name = name;
            this.type = type;
            this.array = array;
            this.constant = constant;
            this.unsigned = unsigned;
            this.ignored = ignored;
        }

        int kind() {
            return constant ? CONSTANT : type.kind;
        }

        int op() {
            return array ? ARRAY : kind();
        }

        boolean isSameAs(Slot other) {
            return name.equals(other.name)
                    && type.id == other.type.id
                    && array == other.array
                    && constant == other.constant
                    && unsigned == other.unsigned;
        }
    }

    /** Gives a declared type its fields. */
    void define(Slot[] fields) {
        slots = fields;
        kind = fields.length == 0 && PRIMITIVES.contains(name) ? PRIMITIVES.indexOf(name) : STRUCT;
    }

    /** To be called when all types are defined. */
    void link() {
        integers = slots.length == 0 ? -1 : slots.length;
        for (Slot slot : slots) {
            int op = slot.op();
            if (op != CHAR && op != SHORT && op != INT && op != LONG && op != CONSTANT) {
                integers = -1;
            }
        }
    }

    boolean hasSlots(Slot[] others) {
        if (slots.length != others.length) {
            return false;
        }
        for (int i = 0; i < others.length; i++) {
            if (!slots[i].isSameAs(others[i])) {
                return false;
            }
        }
        return true;
    }

    int indexOf(String field) {
        for (int i = 0; i < slots.length; i++) {
            if (slots[i].name.equals(field)) {
                return i;
            }
        }
        return -1;
    }

    List<String> fieldNames() {
        List<String> names = fieldNames;
        if (names == null) {
            names = new ArrayList<>(slots.length);
            for (Slot slot : slots) {
                names.add(slot.name);
            }
            names = Collections.unmodifiableList(names);
            fieldNames = names;
        }
        return names;
    }
}
