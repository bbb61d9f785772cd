package dev.pitot.web.jfr;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * A cursor over bytes of a chunk that never leaves {@code [pos, end)}.
 *
 * <p>A compressed integer has seven bits to a byte, lowest first, the high bit saying that more follow; a ninth byte
 * holds eight bits.
 */
final class Bytes {
    static final int STRING_NULL = 0;
    static final int STRING_EMPTY = 1;
    static final int STRING_CONSTANT = 2;
    static final int STRING_UTF8 = 3;
    static final int STRING_CHARS = 4;
    static final int STRING_LATIN1 = 5;

    private static final VarHandle SHORT = MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.BIG_ENDIAN);
    private static final VarHandle INT = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.BIG_ENDIAN);
    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN);

    private static final VarHandle LITTLE_LONG =
            MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    /** Bytes of the longest compressed integer. */
    private static final int LONGEST = 9;

    /** The bit of each byte that is clear in the last byte of a compressed integer. */
    private static final long STOPS = 0x8080808080808080L;

    final boolean compressed;
    byte[] data;
    int pos;
    int end;
    /** Offset in the chunk of {@code data[0]}; {@link #NO_BASE} when the bytes are copies. */
    long base;

    static final long NO_BASE = Long.MIN_VALUE;

    Bytes(boolean compressed, byte[] data, int pos, int end, long base) {
        this.compressed = compressed;
        this.data = data;
        this.pos = pos;
        this.end = end;
        this.base = base;
    }

    void set(byte[] data, int pos, int end, long base) {
        this.data = data;
        this.pos = pos;
        this.end = end;
        this.base = base;
    }

    int remaining() {
        return end - pos;
    }

    JfrFormatException malformed(String what) {
        return new JfrFormatException(what, base == NO_BASE ? -1 : base + pos);
    }

    private JfrFormatException tooShort() {
        return malformed("the bytes end in the middle of a value");
    }

    void skip(int n) throws JfrFormatException {
        if (n < 0 || n > end - pos) {
            throw tooShort();
        }
        pos += n;
    }

    byte readByte() throws JfrFormatException {
        if (pos >= end) {
            throw tooShort();
        }
        return data[pos++];
    }

    boolean readBoolean() throws JfrFormatException {
        return readByte() != 0;
    }

    long readLong() throws JfrFormatException {
        if (!compressed) {
            skip(Long.BYTES);
            return (long) LONG.get(data, pos - Long.BYTES);
        }
        byte[] d = data;
        int p = pos;
        if (p < end && d[p] >= 0) {
            pos = p + 1;
            return d[p];
        }
        return p <= d.length - LONGEST ? readLongAtOnce(d, p) : readLongByByte();
    }

    /** Eight bytes in one go: the groups of seven bits are pushed together in three steps. */
    private long readLongAtOnce(byte[] d, int p) throws JfrFormatException {
        long word = (long) LITTLE_LONG.get(d, p);
        long stops = ~word & STOPS;
        int length = stops == 0 ? LONGEST : (Long.numberOfTrailingZeros(stops) >>> 3) + 1;
        if (length > end - p) {
            throw tooShort();
        }
        pos = p + length;
        return stops == 0
                ? (d[p + LONGEST - 1] & 0xffL) << 56 | pack(word & ~STOPS)
                : pack(word & (stops ^ (stops - 1)) & ~STOPS);
    }

    private static long pack(long word) {
        long pairs = word & 0x007f007f007f007fL | (word & 0x7f007f007f007f00L) >>> 1;
        long fours = pairs & 0x00003fff00003fffL | (pairs & 0x3fff00003fff0000L) >>> 2;
        return fours & 0x000000000fffffffL | (fours & 0x0fffffff00000000L) >>> 4;
    }

    private long readLongByByte() throws JfrFormatException {
        int p = pos;
        long value = 0;
        for (int shift = 0; p < end; shift += 7) {
            byte b = data[p++];
            if (shift == 56) {
                pos = p;
                return value | (b & 0xffL) << 56;
            }
            value |= (b & 0x7fL) << shift;
            if (b >= 0) {
                pos = p;
                return value;
            }
        }
        throw tooShort();
    }

    int readInt() throws JfrFormatException {
        if (!compressed) {
            skip(Integer.BYTES);
            return (int) INT.get(data, pos - Integer.BYTES);
        }
        if (pos < end && data[pos] >= 0) {
            return data[pos++];
        }
        long value = readLong();
        int narrow = (int) value;
        if (value != narrow && value >>> Integer.SIZE != 0) {
            throw malformed(value + " does not fit an int");
        }
        return narrow;
    }

    short readShort() throws JfrFormatException {
        if (!compressed) {
            skip(Short.BYTES);
            return (short) SHORT.get(data, pos - Short.BYTES);
        }
        int value = readInt();
        short narrow = (short) value;
        if (value != narrow && value >>> Short.SIZE != 0) {
            throw malformed(value + " does not fit a short");
        }
        return narrow;
    }

    char readChar() throws JfrFormatException {
        return (char) readShort();
    }

    float readFloat() throws JfrFormatException {
        skip(Float.BYTES);
        return Float.intBitsToFloat((int) INT.get(data, pos - Float.BYTES));
    }

    double readDouble() throws JfrFormatException {
        skip(Double.BYTES);
        return Double.longBitsToDouble((long) LONG.get(data, pos - Double.BYTES));
    }

    /** Skips integers of any width; with compressed integers only. */
    void skipCompressed(long count) throws JfrFormatException {
        if (count > end - pos) {
            throw tooShort();
        }
        byte[] d = data;
        int p = pos;
        long left = count;
        // p is always where an integer starts: whole ones are taken from a word, as many as end in it
        while (left > 0 && p <= end - LONGEST) {
            long stops = ~(long) LITTLE_LONG.get(d, p) & STOPS;
            int ended = Long.bitCount(stops);
            if (ended > left) {
                break;
            }
            p += ended == 0 ? LONGEST : Long.BYTES - (Long.numberOfLeadingZeros(stops) >>> 3);
            left -= Math.max(ended, 1);
        }
        for (; left > 0; left--) {
            int last = p + LONGEST - 1;
            while (p < end && d[p] < 0 && p < last) {
                p++;
            }
            if (p >= end) {
                throw tooShort();
            }
            p++;
        }
        pos = p;
    }

    /** A count of things that take at least {@code smallest} bytes each, all of which must still be there. */
    int readCount(int limit, int smallest, String things) throws JfrFormatException {
        int count = readInt();
        if (count < 0 || (long) count * smallest > remaining()) {
            throw malformed(Integer.toUnsignedString(count) + " " + things + " do not fit the bytes that are left");
        }
        if (count > limit) {
            throw malformed(count + " " + things + " are more than the limit of " + limit);
        }
        return count;
    }

    /** Skips what follows the encoding byte of a string that is no constant. */
    void skipText(int encoding, int limit) throws JfrFormatException {
        switch (encoding) {
            case STRING_NULL, STRING_EMPTY -> {}
            case STRING_UTF8, STRING_LATIN1 -> skip(readCount(limit, 1, "bytes of text"));
            case STRING_CHARS -> {
                int chars = readCount(limit, compressed ? 1 : Short.BYTES, "characters");
                if (compressed) {
                    skipCompressed(chars);
                } else {
                    skip(chars * Short.BYTES);
                }
            }
            default -> throw malformed("unknown encoding " + encoding + " of a string");
        }
    }

    /** Reads what follows the encoding byte of a string that is no constant. */
    @Nullable
    String readText(int encoding, int limit) throws JfrFormatException {
        return switch (encoding) {
            case STRING_NULL -> null;
            case STRING_EMPTY -> "";
            case STRING_UTF8 -> readText(StandardCharsets.UTF_8, limit);
            case STRING_LATIN1 -> readText(StandardCharsets.ISO_8859_1, limit);
            case STRING_CHARS -> {
                char[] chars = new char[readCount(limit, compressed ? 1 : Short.BYTES, "characters")];
                for (int i = 0; i < chars.length; i++) {
                    chars[i] = readChar();
                }
                yield new String(chars);
            }
            default -> throw malformed("unknown encoding " + encoding + " of a string");
        };
    }

    private String readText(Charset charset, int limit) throws JfrFormatException {
        int length = readCount(limit, 1, "bytes of text");
        pos += length;
        return new String(data, pos - length, length, charset);
    }
}
