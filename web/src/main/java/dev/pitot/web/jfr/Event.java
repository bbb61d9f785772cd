package dev.pitot.web.jfr;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A view of one event, reused for the next event of its type: valid only during the call of the {@link EventSink}, on
 * its thread. The values it gives out stay valid.
 *
 * <p>Fields are known by their index in {@link EventType#fields()}. Numbers are read without boxing; strings, structs
 * and constants are decoded when asked for. An accessor that does not fit the field's type, and a value beyond the
 * {@link Limits}, end the read with a {@link JfrFormatException}: the sink need not, and should not, catch anything.
 */
public final class Event {
    private static final long NANOS_PER_SECOND = 1_000_000_000L;

    /** Carries the checked error through the sink. */
    static final class Malformed extends RuntimeException {
        private static final long serialVersionUID = 1L;

        final JfrFormatException error;

        Malformed(JfrFormatException error) {
            super(error.getMessage(), error, false, false);
            this.error = error;
        }
    }

    private final EventType type;
    private final Layout.Slot[] slots;
    private final int[] ops;
    private final Constants constants;
    private final boolean hasDuration;
    private ChunkHeader header;

    private final Bytes in;
    private long base;
    private int end;
    /** A number's value or bits, a constant's id, or the position of anything else. */
    private final long[] raw;
    /** Ids found in their pool before, so that they need no second look. */
    private final long[] present;

    private final @Nullable String[] lastStrings;
    private final byte[][] lastData;
    private final int[] lastStart;
    private final int[] lastEnd;

    Event(EventType type, Layout layout, Constants constants, ChunkHeader header) {
        this.type = type;
        this.slots = layout.slots;
        this.constants = constants;
        this.header = header;
        this.ops = new int[slots.length];
        for (int i = 0; i < ops.length; i++) {
            ops[i] = slots[i].op();
        }
        this.hasDuration = slots.length > 1 && slots[1].name.equals("duration") && ops[1] == Layout.LONG;
        this.in = new Bytes(constants.compressed, new byte[0], 0, 0, 0);
        this.raw = new long[slots.length];
        this.present = new long[slots.length];
        this.lastStrings = new @Nullable String[slots.length];
        this.lastData = new byte[slots.length][];
        this.lastStart = new int[slots.length];
        this.lastEnd = new int[slots.length];
    }

    EventType type() {
        return type;
    }

    /**
     * Moves the view to an event and validates all of it.
     *
     * @param pos where its fields start
     * @return how many of the constants it refers to directly are not there
     */
    int scan(ChunkHeader header, byte[] data, int pos, int end, long base) throws JfrFormatException {
        this.header = header;
        this.base = base;
        this.end = end;
        Bytes in = this.in;
        in.set(data, pos, end, base);
        int missing = 0;
        int[] ops = this.ops;
        long[] raw = this.raw;
        for (int i = 0; i < ops.length; i++) {
            switch (ops[i]) {
                case Layout.LONG -> raw[i] = in.readLong();
                case Layout.INT -> raw[i] = in.readInt();
                case Layout.CONSTANT -> {
                    long key = in.readLong();
                    raw[i] = key;
                    if (key != present[i]) {
                        if (isMissing(slots[i], key)) {
                            missing++;
                        } else {
                            present[i] = key;
                        }
                    }
                }
                case Layout.BOOLEAN -> raw[i] = in.readBoolean() ? 1 : 0;
                case Layout.BYTE -> raw[i] = in.readByte();
                case Layout.SHORT -> raw[i] = in.readShort();
                case Layout.CHAR -> raw[i] = in.readChar();
                case Layout.FLOAT -> raw[i] = Float.floatToRawIntBits(in.readFloat());
                case Layout.DOUBLE -> raw[i] = Double.doubleToRawLongBits(in.readDouble());
                case Layout.STRING -> {
                    raw[i] = in.pos;
                    missing += scanString(i);
                }
                case Layout.ARRAY -> {
                    raw[i] = in.pos;
                    missing += scanArray(slots[i]);
                }
                default -> {
                    raw[i] = in.pos;
                    constants.skip(Layout.STRUCT, slots[i], in, 0);
                }
            }
        }
        return missing;
    }

    private static boolean isMissing(Layout.Slot slot, long key) {
        return key != 0 && !slot.ignored && (slot.type.pool == null || !slot.type.pool.contains(key));
    }

    private int scanString(int field) throws JfrFormatException {
        int encoding = in.readByte();
        if (encoding != Bytes.STRING_CONSTANT) {
            in.skipText(encoding, constants.limits.stringBytes());
            return 0;
        }
        long key = in.readLong();
        if (key == present[field] || !isMissing(slots[field], key)) {
            present[field] = key;
            return 0;
        }
        return 1;
    }

    private int scanArray(Layout.Slot slot) throws JfrFormatException {
        if (!slot.constant) {
            constants.skip(Layout.ARRAY, slot, in, 0);
            return 0;
        }
        int missing = 0;
        for (int left = constants.readArrayLength(slot, in); left > 0; left--) {
            missing += isMissing(slot, in.readLong()) ? 1 : 0;
        }
        return missing;
    }

    /** Forgets the bytes, so that they can be collected while the view waits for the next segment. */
    void drop() {
        in.set(new byte[0], 0, 0, 0);
        Arrays.fill(lastStrings, null);
        Arrays.fill(lastData, null);
    }

    private Bytes at(int field) {
        in.pos = (int) raw[field];
        in.end = end;
        in.base = base;
        return in;
    }

    private Malformed mismatch(int field, String asked) {
        EventType.Field f = type.fields().get(field);
        return new Malformed(new JfrFormatException(
                "field " + f.name() + " of " + type.name() + " is a " + f.typeName() + (f.array() ? "[]" : "")
                        + ", not " + asked,
                base == Bytes.NO_BASE ? -1 : base + end));
    }

    /** Index of the field with this name, or -1. */
    public int field(String name) {
        return type.index(name);
    }

    /** When it began, nanoseconds since the epoch. */
    public long startNanos() {
        return header.ticksToNanos(raw[0]);
    }

    /** How long it took in nanoseconds; 0 for events without a duration. Rounded as the JDK's reader does. */
    public long durationNanos() {
        return hasDuration && raw[1] != 0 ? header.ticksToNanos(raw[0] + raw[1]) - header.ticksToNanos(raw[0]) : 0;
    }

    /** True when {@link #get} would give null: a null string, a constant that is absent or did not come. */
    public boolean isNull(int field) {
        return switch (ops[field]) {
            case Layout.CONSTANT -> constant(field) == null;
            case Layout.STRING -> getString(field) == null;
            default -> false;
        };
    }

    /** A boolean field. */
    public boolean getBoolean(int field) {
        if (ops[field] == Layout.BOOLEAN) {
            return raw[field] != 0;
        }
        if (ops[field] == Layout.CONSTANT) {
            Object value = constant(field);
            if (value == null || value instanceof Boolean) {
                return value != null && (Boolean) value;
            }
        }
        throw mismatch(field, "true or false");
    }

    /** A byte, short, char, int or long field, as it stands in the event (ticks stay ticks); 0 for a null constant. */
    public long getLong(int field) {
        long value = raw[field];
        switch (ops[field]) {
            case Layout.LONG, Layout.CHAR -> {
                return value;
            }
            case Layout.INT -> {
                return slots[field].unsigned ? value & 0xffff_ffffL : value;
            }
            case Layout.SHORT -> {
                return slots[field].unsigned ? value & 0xffff : value;
            }
            case Layout.BYTE -> {
                return slots[field].unsigned ? value & 0xff : value;
            }
            case Layout.CONSTANT -> {
                Object constant = constant(field);
                if (constant == null) {
                    return 0;
                }
                if (constant instanceof Character c) {
                    return c;
                }
                if (constant instanceof Number n && !(n instanceof Float) && !(n instanceof Double)) {
                    return n.longValue();
                }
            }
            default -> {}
        }
        throw mismatch(field, "an integer");
    }

    /** Any field with a number. */
    public double getDouble(int field) {
        switch (ops[field]) {
            case Layout.FLOAT -> {
                return Float.intBitsToFloat((int) raw[field]);
            }
            case Layout.DOUBLE -> {
                return Double.longBitsToDouble(raw[field]);
            }
            case Layout.CONSTANT -> {
                Object constant = constant(field);
                if (constant instanceof Float || constant instanceof Double) {
                    return ((Number) constant).doubleValue();
                }
            }
            default -> {}
        }
        return getLong(field);
    }

    /** Text: a string field, or a constant that stands for one (a symbol, the name of a collector). */
    public @Nullable String getString(int field) {
        if (ops[field] == Layout.CONSTANT) {
            Object value = constant(field);
            if (value == null || value instanceof String) {
                return (String) value;
            }
        }
        if (ops[field] != Layout.STRING) {
            throw mismatch(field, "text");
        }
        try {
            return inlineString(field);
        } catch (JfrFormatException e) {
            throw new Malformed(e);
        }
    }

    /** Events of a type often repeat the text of the one before: that string is used again. */
    private @Nullable String inlineString(int field) throws JfrFormatException {
        Bytes at = at(field);
        int start = at.pos;
        if (start < at.end && at.data[start] == Bytes.STRING_CONSTANT) {
            return constants.decodeString(at, 0);
        }
        int length = lastEnd[field] - lastStart[field];
        String last = lastStrings[field];
        if (last != null
                && length <= at.end - start
                && Arrays.equals(at.data, start, start + length, lastData[field], lastStart[field], lastEnd[field])) {
            return last;
        }
        String text = constants.decodeString(at, 0);
        lastStrings[field] = text;
        lastData[field] = at.data;
        lastStart[field] = start;
        lastEnd[field] = at.pos;
        return text;
    }

    /** A thread, or null; for the thread of the event ask for {@code field("eventThread")}. */
    public @Nullable ThreadInfo thread(int field) {
        Object value = slots[field].type.name.equals("java.lang.Thread") ? get(field) : this;
        if (value == null) {
            return null;
        }
        if (!(value instanceof Struct struct)) {
            throw mismatch(field, "a thread");
        }
        if (!(struct.view instanceof ThreadInfo)) {
            struct.view = ThreadInfo.of(struct);
        }
        return (ThreadInfo) struct.view;
    }

    /** A stack trace, or null; for the stack of the event ask for {@code field("stackTrace")}. */
    public @Nullable StackTrace stackTrace(int field) {
        Object value = slots[field].type.name.equals("jdk.types.StackTrace") ? get(field) : this;
        if (value == null) {
            return null;
        }
        if (!(value instanceof Struct struct)) {
            throw mismatch(field, "a stack trace");
        }
        if (!(struct.view instanceof StackTrace)) {
            struct.view = StackTrace.of(struct);
        }
        return (StackTrace) struct.view;
    }

    /** Name of a class with dots, as {@code jdk.jfr.consumer.RecordedClass} gives it; or null. */
    public @Nullable String className(int field) {
        Object value = slots[field].type.name.equals("java.lang.Class") ? get(field) : this;
        if (value == null) {
            return null;
        }
        if (!(value instanceof Struct struct)) {
            throw mismatch(field, "a class");
        }
        if (!(struct.view instanceof String)) {
            struct.view = StackTrace.className(struct);
        }
        return (String) struct.view;
    }

    /**
     * The value of any field: a boxed primitive, a String, a {@link Struct}, or an unmodifiable {@link java.util.List}
     * of them for an array. Null for a null string, for the constant 0 where there is none, and for a constant that
     * did not come in time.
     */
    public @Nullable Object get(int field) {
        long value = raw[field];
        try {
            return switch (ops[field]) {
                case Layout.BOOLEAN -> value != 0;
                case Layout.BYTE -> (byte) value;
                case Layout.CHAR -> (char) value;
                case Layout.SHORT -> (short) value;
                case Layout.INT -> (int) value;
                case Layout.LONG -> value;
                case Layout.FLOAT -> Float.intBitsToFloat((int) value);
                case Layout.DOUBLE -> Double.longBitsToDouble(value);
                case Layout.STRING -> inlineString(field);
                case Layout.CONSTANT -> constant(field);
                default -> constants.decode(slots[field], at(field), 0);
            };
        } catch (JfrFormatException e) {
            throw new Malformed(e);
        }
    }

    private @Nullable Object constant(int field) {
        Layout.Slot slot = slots[field];
        if (slot.ignored) {
            return null;
        }
        try {
            return constants.resolve(slot.type, raw[field], in, 1);
        } catch (JfrFormatException e) {
            throw new Malformed(e);
        }
    }

    /**
     * A field with {@code @Timespan} in nanoseconds, a field with {@code @Timestamp} in nanoseconds since the epoch;
     * {@code Long.MIN_VALUE} and {@code MAX_VALUE}, which stand for "never" and "for ever", stay. Saturates.
     */
    public long nanos(int field) {
        long value = getLong(field);
        EventType.Field f = type.fields().get(field);
        String unit = f.unit();
        if (unit == null
                || !("jdk.jfr.Timespan".equals(f.contentType()) || "jdk.jfr.Timestamp".equals(f.contentType()))) {
            throw mismatch(field, "a time");
        }
        if (value == Long.MIN_VALUE || value == Long.MAX_VALUE) {
            return value;
        }
        return switch (unit) {
            case "TICKS" ->
                "jdk.jfr.Timespan".equals(f.contentType())
                        ? header.ticksToDurationNanos(value)
                        : header.ticksToNanos(value);
            case "NANOSECONDS" -> value;
            case "MICROSECONDS" -> multiply(value, 1_000);
            case "MILLISECONDS", "MILLISECONDS_SINCE_EPOCH" -> multiply(value, 1_000_000);
            case "SECONDS" -> multiply(value, NANOS_PER_SECOND);
            default -> throw mismatch(field, "a time in a known unit, but in " + unit);
        };
    }

    private static long multiply(long value, long factor) {
        long high = Math.multiplyHigh(value, factor);
        long low = value * factor;
        if (high == 0 && low >= 0 || high == -1 && low < 0) {
            return low;
        }
        return value < 0 ? Long.MIN_VALUE : Long.MAX_VALUE;
    }
}
