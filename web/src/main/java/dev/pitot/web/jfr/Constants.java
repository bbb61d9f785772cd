package dev.pitot.web.jfr;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Reads values of every {@link Layout}, and the constants they refer to. */
final class Constants {
    static final String STACK_FRAME = "jdk.types.StackFrame";

    /** Decoded constants are dropped between two events when their bytes add up to this: memory stays bounded. */
    private static final int EVICT_BYTES = 4 << 20;
    /** What one event may make the reader decode. */
    private static final int EVENT_BYTES = 8 << 20;

    private static final long READ_BYTES = 64L << 20;

    private static final Object IN_PROGRESS = new Object();
    private static final Object NULL = new Object();

    final Limits limits;
    final boolean compressed;
    /** The constants of {@code java.lang.String}, which every text can refer to; null before the first metadata. */
    @Nullable
    Layout strings;

    private final List<Pool> decodedPools = new ArrayList<>();
    private long checkpoints;
    private int entries;
    private long retained;
    private long unresolved;
    private long decodedBytes;
    private long budget;

    Constants(Limits limits, boolean compressed) {
        this.limits = limits;
        this.compressed = compressed;
    }

    long retained() {
        return retained;
    }

    void retain(long bytes, Bytes at) throws JfrFormatException {
        if (bytes > limits.retainedBytes() - retained) {
            throw at.malformed("constants and types of the chunk exceed the limit of " + limits.retainedBytes());
        }
        retained += bytes;
    }

    void release(long bytes) {
        retained -= bytes;
    }

    long unresolved() {
        return unresolved;
    }

    void countUnresolved(int more) {
        unresolved += more;
    }

    // Checkpoints

    /** Reads a checkpoint whose size and type were read; {@code in} ends where it ends. */
    void readCheckpoint(Bytes in, LongMap<Layout> types) throws JfrFormatException {
        checkpoints++;
        in.readLong(); // timestamp
        in.readLong(); // duration
        in.readLong(); // way to the checkpoint before: not needed, as none is missed
        in.readByte(); // kind of checkpoint
        int pools = in.readCount(Integer.MAX_VALUE, 2, "constant pools");
        for (int i = 0; i < pools; i++) {
            long id = in.readLong();
            Layout type = types.get(id);
            if (type == null) {
                throw in.malformed("constants of a type " + id + " that the metadata does not declare");
            }
            int count = in.readCount(Integer.MAX_VALUE, 2, "constants");
            Pool pool = type.pool;
            for (int j = 0; j < count; j++) {
                long key = in.readLong();
                int start = in.pos;
                skipConstant(type, in);
                if (pool != null && pool.add(key, in.data, start, in.pos, checkpoints)) {
                    retain((long) in.pos - start + Pool.ENTRY_OVERHEAD, in);
                    if (++entries > limits.poolEntries()) {
                        throw in.malformed("more than the limit of " + limits.poolEntries() + " constants");
                    }
                }
            }
        }
        if (in.remaining() != 0) {
            throw in.malformed("a checkpoint has " + in.remaining() + " bytes more than its content");
        }
    }

    private void skipConstant(Layout type, Bytes in) throws JfrFormatException {
        if (type.kind != Layout.STRUCT) {
            skip(type.kind, type, in, 0);
        } else if (type.simple && type.slots.length > 0) {
            skip(type.slots[0].op(), type.slots[0], in, 0);
        } else {
            skipStruct(type, in, 0);
        }
    }

    // Skipping, which is also validating

    void skip(int op, Layout.Slot slot, Bytes in, int depth) throws JfrFormatException {
        if (op == Layout.ARRAY) {
            skipArray(slot, in, depth);
        } else {
            skip(op, slot.type, in, depth);
        }
    }

    private void skip(int kind, Layout type, Bytes in, int depth) throws JfrFormatException {
        switch (kind) {
            case Layout.BOOLEAN, Layout.BYTE -> in.skip(1);
            case Layout.CHAR, Layout.SHORT -> in.readShort();
            case Layout.INT -> in.readInt();
            case Layout.LONG, Layout.CONSTANT -> in.readLong();
            case Layout.FLOAT -> in.skip(Float.BYTES);
            case Layout.DOUBLE -> in.skip(Double.BYTES);
            case Layout.STRING -> {
                int encoding = in.readByte();
                if (encoding == Bytes.STRING_CONSTANT) {
                    in.readLong();
                } else {
                    in.skipText(encoding, limits.stringBytes());
                }
            }
            default -> skipStruct(type, in, depth + 1);
        }
    }

    private void skipStruct(Layout type, Bytes in, int depth) throws JfrFormatException {
        check(type, in, depth);
        if (type.integers > 0 && compressed) {
            in.skipCompressed(type.integers);
            return;
        }
        for (Layout.Slot slot : type.slots) {
            skip(slot.op(), slot, in, depth);
        }
    }

    private void skipArray(Layout.Slot slot, Bytes in, int depth) throws JfrFormatException {
        int count = readArrayLength(slot, in);
        int kind = slot.kind();
        Layout type = slot.type;
        if (kind == Layout.STRUCT && compressed && type.integers > 0) {
            check(type, in, depth + 1);
            in.skipCompressed((long) count * type.integers);
            return;
        }
        for (int i = 0; i < count; i++) {
            skip(kind, type, in, depth);
        }
    }

    int readArrayLength(Layout.Slot slot, Bytes in) throws JfrFormatException {
        return slot.type.name.equals(STACK_FRAME)
                ? in.readCount(limits.stackFrames(), 1, "stack frames")
                : in.readCount(limits.arrayLength(), 1, "elements of an array");
    }

    /** A struct without fields takes no bytes, so that no count of them would be too large: refused. */
    private void check(Layout type, Bytes in, int depth) throws JfrFormatException {
        if (depth > limits.depth()) {
            throw in.malformed("values nested deeper than the limit of " + limits.depth());
        }
        if (type.slots.length == 0) {
            throw in.malformed("a value of type " + type.name + ", which has no fields");
        }
    }

    // Decoding

    /** Reads the value of a field; the same shapes as {@link Event#get}. */
    @Nullable
    Object decode(Layout.Slot slot, Bytes in, int depth) throws JfrFormatException {
        if (!slot.array) {
            return decode(slot.kind(), slot.type, slot.ignored, in, depth);
        }
        @Nullable Object[] elements = new @Nullable Object[readArrayLength(slot, in)];
        int kind = slot.kind();
        for (int i = 0; i < elements.length; i++) {
            elements[i] = decode(kind, slot.type, slot.ignored, in, depth);
        }
        return Collections.unmodifiableList(Arrays.asList(elements));
    }

    private @Nullable Object decode(int kind, Layout type, boolean ignored, Bytes in, int depth)
            throws JfrFormatException {
        return switch (kind) {
            case Layout.BOOLEAN -> in.readBoolean();
            case Layout.BYTE -> in.readByte();
            case Layout.CHAR -> in.readChar();
            case Layout.SHORT -> in.readShort();
            case Layout.INT -> in.readInt();
            case Layout.LONG -> in.readLong();
            case Layout.FLOAT -> in.readFloat();
            case Layout.DOUBLE -> in.readDouble();
            case Layout.STRING -> decodeString(in, depth);
            case Layout.CONSTANT -> {
                long id = in.readLong();
                yield ignored ? null : resolve(type, id, in, depth + 1);
            }
            default -> decodeStruct(type, 0, in, depth + 1);
        };
    }

    @Nullable
    String decodeString(Bytes in, int depth) throws JfrFormatException {
        int encoding = in.readByte();
        if (encoding != Bytes.STRING_CONSTANT) {
            return in.readText(encoding, limits.stringBytes());
        }
        long id = in.readLong();
        return strings != null && resolve(strings, id, in, depth + 1) instanceof String s ? s : null;
    }

    private Struct decodeStruct(Layout type, long id, Bytes in, int depth) throws JfrFormatException {
        check(type, in, depth);
        Layout.Slot[] slots = type.slots;
        @Nullable Object[] values = new @Nullable Object[slots.length];
        for (int i = 0; i < slots.length; i++) {
            values[i] = decode(slots[i], in, depth);
        }
        return new Struct(type, id, values);
    }

    /**
     * The constant with this id, or null. A missing one is counted unless an event refers to it directly: the event
     * counts that itself.
     *
     * @param depth 1 when an event refers to it directly
     */
    @Nullable
    Object resolve(Layout type, long id, Bytes at, int depth) throws JfrFormatException {
        Pool pool = type.pool;
        int place = pool == null ? -1 : pool.find(id);
        if (pool == null || place < 0) {
            if (id != 0 && depth > 1) {
                unresolved++;
            }
            return null;
        }
        if (pool.decoded == null) {
            decodedPools.add(pool);
        }
        @Nullable Object[] decoded = pool.decoded();
        Object value = decoded[place];
        if (value != null) {
            // a constant that contains itself: the inner one is null, as in the JDK's reader
            return value == NULL || value == IN_PROGRESS ? null : value;
        }
        if (depth > limits.depth()) {
            throw at.malformed("constants nested deeper than the limit of " + limits.depth());
        }
        decoded[place] = IN_PROGRESS;
        int start = pool.start(place);
        Bytes in = new Bytes(compressed, pool.data, start, pool.length, Bytes.NO_BASE);
        if (type.kind != Layout.STRUCT) {
            value = decode(type.kind, type, false, in, depth);
        } else if (type.simple && type.slots.length > 0) {
            value = decode(type.slots[0], in, depth);
        } else {
            value = decodeStruct(type, id, in, depth);
        }
        decoded[place] = value == null ? NULL : value;
        decodedBytes += in.pos - start;
        if (decodedBytes > EVICT_BYTES + EVENT_BYTES) {
            throw at.malformed("an event that refers to more than " + EVENT_BYTES + " bytes of constants");
        }
        return value;
    }

    void startRead(int segmentBytes) {
        budget = READ_BYTES + 8L * segmentBytes;
    }

    /** To be called between two events. */
    void startEvent(Bytes at) throws JfrFormatException {
        if (decodedBytes > EVICT_BYTES) {
            dropDecoded();
            if (budget < 0) {
                throw at.malformed("events that need the same large constants over and over");
            }
        }
    }

    /** Forgets what was decoded, keeps the bytes. */
    void dropDecoded() {
        budget -= decodedBytes;
        decodedBytes = 0;
        for (Pool pool : decodedPools) {
            pool.decoded = null;
        }
        decodedPools.clear();
    }
}
