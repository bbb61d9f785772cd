package dev.pitot.agent.samplers.host;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.zip.CRC32;

/**
 * What a file of procfs or sysfs held when it was last read, and a cursor in it. One buffer serves all files in turn, so that
 * reading them allocates nothing; it also says whether they may stay open between. Not thread-safe.
 */
final class Text {
    /** Bytes of a file that are read at most: /proc/stat of 512 CPUs and 5 000 interrupts takes about 60 KB. */
    static final int LIMIT = 256 << 10;

    /** Up to this size a read of {@link RandomAccessFile} takes no native memory. */
    private static final int CHUNK = 8 << 10;

    private byte[] bytes = new byte[CHUNK];
    private int length;
    private int at;
    private boolean whole;
    private boolean filesStayOpen = true;

    /** From now on each file is closed once it was read: the process has few descriptors. */
    void closeFiles() {
        filesStayOpen = false;
    }

    boolean filesStayOpen() {
        return filesStayOpen;
    }

    /** Reads the file from its start, for which the kernel writes it anew, and puts the cursor there. */
    void fill(RandomAccessFile file) throws IOException {
        length = 0;
        at = 0;
        whole = false;
        file.seek(0);
        while (length < LIMIT) {
            if (length == bytes.length) {
                bytes = Arrays.copyOf(bytes, Math.min(LIMIT, 2 * length));
            }
            int read = file.read(bytes, length, Math.min(CHUNK, bytes.length - length));
            if (read <= 0) {
                whole = true;
                return;
            }
            length += read;
        }
    }

    /** The next part of a file that may be too long to be held: what is left from the cursor on, then new bytes, so many; 0 at its end. */
    int fillFurther(RandomAccessFile file) throws IOException {
        int kept = length - at;
        System.arraycopy(bytes, at, bytes, 0, kept);
        int read = kept == bytes.length ? -1 : file.read(bytes, kept, Math.min(CHUNK, bytes.length - kept));
        at = 0;
        length = kept + Math.max(0, read);
        return Math.max(0, read);
    }

    void clear() {
        length = 0;
        at = 0;
    }

    /** False when the file was longer than {@link #LIMIT}. */
    boolean isWhole() {
        return whole;
    }

    int length() {
        return length;
    }

    void rewind() {
        at = 0;
    }

    boolean atLineEnd() {
        return at >= length || bytes[at] == '\n';
    }

    boolean atEnd() {
        return at >= length;
    }

    int cursor() {
        return at;
    }

    void moveTo(int position) {
        at = position;
    }

    /** Moves to the start of the next line; false when there is none. */
    boolean nextLine() {
        int end = lineEnd();
        at = Math.min(length, end + 1);
        return at < length;
    }

    /** Where this line ends: its newline, or the end of all. */
    int lineEnd() {
        int end = at;
        while (end < length && bytes[end] != '\n') {
            end++;
        }
        return end;
    }

    boolean startsWith(byte[] prefix) {
        return startsWith(prefix, prefix.length);
    }

    /** Whether the first bytes of this are at the cursor. */
    boolean startsWith(byte[] prefix, int count) {
        return count <= length - at && Arrays.equals(bytes, at, at + count, prefix, 0, count);
    }

    /** Moves behind the prefix if it is there. */
    boolean skip(byte[] prefix) {
        boolean there = startsWith(prefix);
        if (there) {
            at += prefix.length;
        }
        return there;
    }

    boolean atDigit() {
        return at < length && isDigit(bytes[at]);
    }

    /** Moves over blanks and tabs, and never to another line. */
    void skipBlanks() {
        while (at < length && (bytes[at] == ' ' || bytes[at] == '\t')) {
            at++;
        }
    }

    /** Moves behind the next word of this line. */
    void skipWord() {
        skipBlanks();
        at = wordEnd();
    }

    /** Moves behind what is between the next blanks, colons and all, in this line. */
    void skipField() {
        skipBlanks();
        while (at < length && bytes[at] != ' ' && bytes[at] != '\n') {
            at++;
        }
    }

    /** What is between the next blanks in this line, and moves behind it; empty at the line's end. */
    byte[] fieldBytes() {
        skipBlanks();
        int from = at;
        skipField();
        return Arrays.copyOfRange(bytes, from, at);
    }

    String field() {
        return new String(fieldBytes(), StandardCharsets.UTF_8);
    }

    /** Whether the word at the cursor is this one. */
    boolean wordIs(byte[] word) {
        return startsWith(word) && (at + word.length == length || endsWord(bytes[at + word.length]));
    }

    /** The word at the cursor; it ends at a blank, a colon or the line's end. */
    byte[] word() {
        return Arrays.copyOfRange(bytes, at, wordEnd());
    }

    /** All bytes that were read. */
    byte[] copy() {
        return Arrays.copyOf(bytes, length);
    }

    void addTo(CRC32 crc) {
        crc.update(bytes, 0, length);
    }

    boolean equalTo(byte[] other) {
        return Arrays.equals(bytes, 0, length, other, 0, other.length);
    }

    /** The whole number after blanks or a colon, and moves behind it; {@link Long#MIN_VALUE} when there is none. */
    long number() {
        skipSeparators();
        boolean negative = at < length && bytes[at] == '-';
        int from = negative ? at + 1 : at;
        long value = 0;
        int digit = from;
        for (; digit < length && isDigit(bytes[digit]); digit++) {
            value = value * 10 + (bytes[digit] - '0');
        }
        if (digit == from) {
            return Long.MIN_VALUE;
        }
        at = digit;
        return negative ? -value : value;
    }

    /** The decimal number after blanks or a colon, and moves behind it; NaN when there is none. */
    double decimal() {
        long whole = number();
        if (whole == Long.MIN_VALUE) {
            return Double.NaN;
        }
        double value = whole;
        if (at < length && bytes[at] == '.') {
            double unit = 0.1;
            for (at++; at < length && isDigit(bytes[at]); at++, unit /= 10) {
                value += (bytes[at] - '0') * unit;
            }
        }
        return value;
    }

    /** The hexadecimal number after blanks, and moves behind it; -1 when there is none. */
    int hexadecimal() {
        skipBlanks();
        int value = -1;
        for (int digit; at < length && (digit = Character.digit(bytes[at], 16)) >= 0; at++) {
            value = Math.max(0, value) * 16 + digit;
        }
        return value;
    }

    /** The text up to the end of this line. */
    String restOfLine() {
        return new String(bytes, at, lineEnd() - at, StandardCharsets.UTF_8);
    }

    private int wordEnd() {
        int end = at;
        while (end < length && !endsWord(bytes[end])) {
            end++;
        }
        return end;
    }

    private void skipSeparators() {
        while (at < length && (bytes[at] == ' ' || bytes[at] == '\t' || bytes[at] == ':')) {
            at++;
        }
    }

    private static boolean endsWord(byte b) {
        return b == ' ' || b == '\t' || b == ':' || b == '\n';
    }

    private static boolean isDigit(byte b) {
        return b >= '0' && b <= '9';
    }
}
