package dev.pitot.web.jfr;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;

/** Writes chunks byte by byte, also such as no JVM would write. */
public final class ChunkBuilder {
    static final long START_NANOS = 1_700_000_000_000_000_000L;
    static final long START_TICKS = 1_000;
    static final long TICKS_PER_SECOND = 100_000_000;

    private final boolean compressed;
    private final Out chunk;
    private final Map<Long, Type> types = new TreeMap<>();
    private long metadataOffset;
    private long checkpointOffset;
    private int generation = 1;
    private int flushed;

    public ChunkBuilder(boolean compressed) {
        this.compressed = compressed;
        this.chunk = new Out(compressed);
        chunk.raw(new byte[ChunkHeader.SIZE]);
        for (String primitive :
                List.of("boolean", "byte", "char", "short", "int", "long", "float", "double", "java.lang.String")) {
            type(types.size() + 10, primitive);
        }
    }

    record FieldType(String name, long type, boolean array, boolean constant) {}

    /** A declared type. */
    public static final class Type {
        final long id;
        final String name;
        String superType;
        boolean simple;
        final List<FieldType> fields = new ArrayList<>();

        Type(long id, String name) {
            this.id = id;
            this.name = name;
        }

        public Type field(String fieldName, Type type) {
            fields.add(new FieldType(fieldName, type.id, false, false));
            return this;
        }

        Type array(String fieldName, Type type) {
            fields.add(new FieldType(fieldName, type.id, true, false));
            return this;
        }

        Type constant(String fieldName, Type type) {
            fields.add(new FieldType(fieldName, type.id, false, true));
            return this;
        }

        Type constants(String fieldName, Type type) {
            fields.add(new FieldType(fieldName, type.id, true, true));
            return this;
        }

        Type simple() {
            simple = true;
            return this;
        }
    }

    Type type(long id, String name) {
        Type type = new Type(id, name);
        types.put(id, type);
        return type;
    }

    /** The metadata that follows does not declare it. */
    void forget(Type type) {
        types.remove(type.id);
    }

    public Type primitive(String name) {
        return types.values().stream()
                .filter(t -> t.name.equals(name))
                .findFirst()
                .orElseThrow();
    }

    /** An event type with a start time. */
    public Type eventType(long id, String name) {
        Type type = type(id, name).field("startTime", primitive("long"));
        type.superType = "jdk.jfr.Event";
        return type;
    }

    public ChunkBuilder metadata() {
        List<String> strings = new ArrayList<>(List.of("root", "metadata", "region", "class", "field"));
        Out tree = new Out(compressed);
        tree.integer(0).integer(0).integer(2);
        tree.integer(1).integer(0).integer(types.size());
        for (Type type : types.values()) {
            tree.integer(3);
            List<String> attributes = new ArrayList<>(List.of("name", type.name, "id", Long.toString(type.id)));
            if (type.superType != null) {
                attributes.addAll(List.of("superType", type.superType));
            }
            if (type.simple) {
                attributes.addAll(List.of("simpleType", "true"));
            }
            attributes(tree, strings, attributes);
            tree.integer(type.fields.size());
            for (FieldType field : type.fields) {
                tree.integer(4);
                List<String> of = new ArrayList<>(List.of("name", field.name, "class", Long.toString(field.type)));
                if (field.array) {
                    of.addAll(List.of("dimension", "1"));
                }
                if (field.constant) {
                    of.addAll(List.of("constantPool", "true"));
                }
                attributes(tree, strings, of);
                tree.integer(0);
            }
        }
        tree.integer(2).integer(0).integer(0);
        metadataOffset = chunk.size();
        return event(0, out -> {
            out.number(START_TICKS).number(0).number(generation).integer(strings.size());
            strings.forEach(out::utf8);
            out.raw(tree.bytes());
        });
    }

    private static void attributes(Out tree, List<String> strings, List<String> attributes) {
        tree.integer(attributes.size() / 2);
        for (String text : attributes) {
            int index = strings.indexOf(text);
            if (index < 0) {
                index = strings.size();
                strings.add(text);
            }
            tree.integer(index);
        }
    }

    /** Constants of one type. */
    record Constants(Type type, Map<Long, Consumer<Out>> values) {}

    ChunkBuilder checkpoint(Constants... pools) {
        long before = checkpointOffset;
        checkpointOffset = chunk.size();
        return event(1, out -> {
            out.number(START_TICKS).number(0).number(before == 0 ? 0 : before - checkpointOffset);
            out.raw(new byte[] {1}).integer(pools.length);
            for (Constants pool : pools) {
                out.number(pool.type.id).integer(pool.values.size());
                pool.values.forEach((key, value) -> {
                    out.number(key);
                    value.accept(out);
                });
            }
        });
    }

    /** An event at this many ticks after the chunk's start. */
    public ChunkBuilder event(Type type, long ticks, Consumer<Out> fields) {
        return event(type.id, out -> {
            out.number(START_TICKS + ticks);
            fields.accept(out);
        });
    }

    /** Any event; its size is written with four bytes, as the JVM does. */
    ChunkBuilder event(long type, Consumer<Out> content) {
        Out body = new Out(compressed);
        body.number(type);
        content.accept(body);
        int size = body.size() + 4;
        if (compressed) {
            chunk.raw(new byte[] {
                (byte) (size | 0x80), (byte) (size >> 7 | 0x80), (byte) (size >> 14 | 0x80), (byte) (size >> 21 & 0x7f)
            });
        } else {
            chunk.integer(size);
        }
        chunk.raw(body.bytes());
        return this;
    }

    ChunkBuilder raw(int... bytes) {
        for (int b : bytes) {
            chunk.raw(new byte[] {(byte) b});
        }
        return this;
    }

    int size() {
        return chunk.size();
    }

    /** The header as it stands now. */
    byte[] header(boolean finished) {
        return ByteBuffer.allocate(ChunkHeader.SIZE)
                .put(new byte[] {'F', 'L', 'R', 0})
                .putShort((short) 2)
                .putShort((short) 1)
                .putLong(chunk.size())
                .putLong(checkpointOffset)
                .putLong(metadataOffset)
                .putLong(START_NANOS)
                .putLong(1_000_000_000)
                .putLong(START_TICKS)
                .putLong(TICKS_PER_SECOND)
                .put((byte) (finished ? 0 : generation++))
                .put((byte) 0)
                .putShort((short) (compressed ? 1 : 0))
                .array();
    }

    /** The whole chunk so far, finished. */
    public byte[] finished() {
        byte[] bytes = chunk.bytes();
        System.arraycopy(header(true), 0, bytes, 0, ChunkHeader.SIZE);
        return bytes;
    }

    /** Feeds the reader what was written since the last flush. */
    void flush(ChunkReader reader, EventSink sink) throws JfrFormatException {
        byte[] header = header(false);
        byte[] bytes = chunk.bytes();
        System.arraycopy(header, 0, bytes, 0, ChunkHeader.SIZE);
        reader.read(ChunkHeader.parse(header), Arrays.copyOfRange(bytes, flushed, bytes.length), sink);
        flushed = bytes.length;
    }

    /** Bytes in the chunk's encoding. */
    public static final class Out {
        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        private final boolean compressed;

        Out(boolean compressed) {
            this.compressed = compressed;
        }

        int size() {
            return bytes.size();
        }

        byte[] bytes() {
            return bytes.toByteArray();
        }

        Out raw(byte[] more) {
            bytes.writeBytes(more);
            return this;
        }

        /** A long. */
        Out number(long value) {
            return compressed
                    ? varint(value)
                    : raw(ByteBuffer.allocate(8).putLong(value).array());
        }

        public Out integer(int value) {
            return compressed
                    ? varint(value & 0xffff_ffffL)
                    : raw(ByteBuffer.allocate(4).putInt(value).array());
        }

        Out shortInteger(int value) {
            return compressed
                    ? varint(value & 0xffff)
                    : raw(ByteBuffer.allocate(2).putShort((short) value).array());
        }

        Out single(float value) {
            return raw(ByteBuffer.allocate(4).putFloat(value).array());
        }

        Out real(double value) {
            return raw(ByteBuffer.allocate(8).putDouble(value).array());
        }

        Out utf8(String text) {
            byte[] encoded = text.getBytes(StandardCharsets.UTF_8);
            return raw(new byte[] {3}).integer(encoded.length).raw(encoded);
        }

        Out latin1(String text) {
            byte[] encoded = text.getBytes(StandardCharsets.ISO_8859_1);
            return raw(new byte[] {5}).integer(encoded.length).raw(encoded);
        }

        Out chars(String text) {
            raw(new byte[] {4}).integer(text.length());
            text.chars().forEach(this::shortInteger);
            return this;
        }

        Out stringConstant(long key) {
            return raw(new byte[] {2}).number(key);
        }

        private Out varint(long value) {
            long left = value;
            for (int i = 0; i < 8; i++) {
                if (left >>> 7 == 0) {
                    bytes.write((int) left);
                    return this;
                }
                bytes.write((int) left & 0x7f | 0x80);
                left >>>= 7;
            }
            bytes.write((int) left);
            return this;
        }
    }
}
