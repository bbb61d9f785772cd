package dev.pitot.agent.samplers.host;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Picks the values of some keys out of a file of many: one {@code key value} a line, or a line of names above a line of
 * values. What is not there is {@link Long#MIN_VALUE}. Allocates nothing. Not thread-safe.
 */
final class Keys {
    private final byte[][] names;
    private final long[] values;

    Keys(String... names) {
        this.names = new byte[names.length][];
        for (int i = 0; i < names.length; i++) {
            this.names[i] = names[i].getBytes(StandardCharsets.US_ASCII);
        }
        values = new long[names.length];
        clear();
    }

    /** The value of the key with this index in the constructor's list. */
    long get(int key) {
        return values[key];
    }

    /** Forgets all values: the file cannot be read. */
    void clear() {
        Arrays.fill(values, Long.MIN_VALUE);
    }

    /** Reads the file as lines of {@code key value} or {@code key: value}; false, and all is N/A, when it cannot be read. */
    boolean read(ProcFile file, Text text) {
        clear();
        if (!file.read(text)) {
            return false;
        }
        do {
            int key = keyAt(text);
            if (key >= 0) {
                text.skipWord();
                values[key] = text.number();
            }
        } while (text.nextLine());
        return true;
    }

    /**
     * Reads the file as pairs of lines that begin with the same word, the first with names and the second with values, as
     * /proc/net/snmp has them; false, and all is N/A, when there is no such pair.
     */
    boolean readTable(ProcFile file, Text text, byte[] firstWord) {
        clear();
        if (!file.read(text)) {
            return false;
        }
        while (!text.wordIs(firstWord)) {
            if (!text.nextLine()) {
                return false;
            }
        }
        int name = text.cursor() + firstWord.length + 1;
        int end = text.lineEnd();
        if (!text.nextLine() || !text.skip(firstWord)) {
            return false;
        }
        long value = text.number();
        while (value != Long.MIN_VALUE && name < end) {
            int behind = text.cursor();
            text.moveTo(name);
            text.skipBlanks();
            int key = keyAt(text);
            if (key >= 0) {
                values[key] = value;
            }
            text.skipWord();
            name = text.cursor();
            text.moveTo(behind);
            value = text.number();
        }
        return true;
    }

    private int keyAt(Text text) {
        for (int key = 0; key < names.length; key++) {
            if (text.wordIs(names[key])) {
                return key;
            }
        }
        return -1;
    }
}
