package dev.pitot.web.jfr;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The constants of one type: their bytes as they came, found by id, decoded only when an event asks for one.
 *
 * <p>A constant may come again in a later checkpoint. The first one stays, as in the JDK's own reader, which walks the
 * checkpoints backwards and overwrites; within one checkpoint the last one wins there, and so it does here.
 */
final class Pool {
    private static final byte[] NOTHING = {};

    /** What one entry adds to its bytes, roughly, in the index. */
    static final int ENTRY_OVERHEAD = 24;

    private long[] keys = new long[8];
    /** Where the bytes of the constant start, plus one; 0 for a free place. */
    private int[] starts = new int[8];

    private int size;
    /** The checkpoint that added last, and how long the data was when it began. */
    private long checkpoint;

    private int checkpointStart;

    byte[] data = NOTHING;
    int length;

    /** Decoded constants by place, until the end of the read. */
    @Nullable
    Object @Nullable [] decoded;

    /** The place of a constant, or -1. */
    int find(long key) {
        int slot = slot(keys, starts, key);
        return starts[slot] == 0 ? -1 : slot;
    }

    boolean contains(long key) {
        return starts[slot(keys, starts, key)] != 0;
    }

    int start(int place) {
        return starts[place] - 1;
    }

    /**
     * Adds a constant.
     *
     * @param number of the checkpoint, from 1
     * @return false when it was there before the checkpoint, and stays as it was
     */
    boolean add(long key, byte[] from, int start, int end, long number) {
        if (checkpoint != number) {
            checkpoint = number;
            checkpointStart = length;
        }
        int slot = slot(keys, starts, key);
        if (starts[slot] != 0 && starts[slot] <= checkpointStart) {
            return false;
        }
        int bytes = end - start;
        if (data.length - length < bytes) {
            data = Arrays.copyOf(data, Math.max(length + bytes, length + (length >> 1) + 32));
        }
        System.arraycopy(from, start, data, length, bytes);
        if (starts[slot] == 0) {
            size++;
        }
        keys[slot] = key;
        starts[slot] = length + 1;
        length += bytes;
        if (size * 3 > keys.length * 2) {
            grow();
        }
        return true;
    }

    private void grow() {
        long[] newKeys = new long[keys.length * 2];
        int[] newStarts = new int[keys.length * 2];
        for (int i = 0; i < keys.length; i++) {
            if (starts[i] != 0) {
                int slot = slot(newKeys, newStarts, keys[i]);
                newKeys[slot] = keys[i];
                newStarts[slot] = starts[i];
            }
        }
        keys = newKeys;
        starts = newStarts;
        decoded = null;
    }

    @Nullable
    Object[] decoded() {
        @Nullable Object[] values = decoded;
        if (values == null) {
            values = new @Nullable Object[keys.length];
            decoded = values;
        }
        return values;
    }

    private static int slot(long[] keys, int[] starts, long key) {
        int mask = keys.length - 1;
        int slot = (int) (key * 0x9E3779B97F4A7C15L >>> 32) & mask;
        while (starts[slot] != 0 && keys[slot] != key) {
            slot = (slot + 1) & mask;
        }
        return slot;
    }
}
