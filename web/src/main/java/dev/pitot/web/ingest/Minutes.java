package dev.pitot.web.ingest;

import dev.pitot.web.store.BlockStore;
import dev.pitot.web.store.Json;
import dev.pitot.web.store.Rollup;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The minutes of one JVM that are not over yet, sample by sample and what was counted, and for each the part of each chunk where its first sample
 * came from: what must be read again after a crash. One thread at a time.
 *
 * <p>Time is that of the samples: a JVM that was cut off and sends its backlog is not behind. A minute is stored
 * {@link #GRACE_MILLIS} after its end and again if more samples come; it is let go of {@link #KEEP_MILLIS} after its end.
 */
final class Minutes {
    static final long MINUTE = 60_000;
    static final long GRACE_MILLIS = 3_000;
    static final long KEEP_MILLIS = 60_000;
    /** Samples of one type, key and minute: a hundred a second. */
    static final int MOST_SAMPLES = 6_000;
    /** Keys of one type and minute. */
    static final int MOST_KEYS = 256;
    /** Samples of one keyed type and minute: one a second of each key, and a reserve. */
    static final int MOST_KEYED_SAMPLES = MOST_KEYS * 64;
    /** Keys of one counted type and minute: twice 500 endpoints, 500 statements, and a reserve. */
    static final int MOST_COUNTED_KEYS = 2_048;
    /** Minutes at a time; beyond, the oldest is let go of. Only a JVM whose clock jumps has so many. */
    private static final int MOST_MINUTES = 30;

    private static final int MOST_CHUNKS = 64;

    /** One field of one block; small at first, as a thread may be among the top ones for a second. */
    private static final class Column {
        double[] numbers = new double[8];

        @Nullable
        String[] texts = {};

        boolean hasText;

        Column() {
            Arrays.fill(numbers, Double.NaN);
        }

        void set(int i, double number, @Nullable String text) {
            if (i >= numbers.length) {
                int old = numbers.length;
                // A field may come first in the middle of a minute, with a chunk whose type has it.
                numbers = Arrays.copyOf(numbers, Math.max(i + 1, old * 2));
                Arrays.fill(numbers, old, numbers.length, Double.NaN);
            }
            numbers[i] = number;
            if (text != null) {
                if (texts.length < numbers.length) {
                    texts = Arrays.copyOf(texts, numbers.length);
                }
                texts[i] = text;
                hasText = true;
            }
        }
    }

    private static final class Block {
        final Map<String, Column> columns = new LinkedHashMap<>();
        /** The columns of the fields of the last sample, by place; those of a chunk's samples are the same array. */
        private Column[] ofLast = {};

        private String[] last = {};
        long[] t = new long[8];
        int n;
        boolean dirty;

        boolean add(EventFields.Sample sample) {
            if (n == MOST_SAMPLES) {
                return false;
            }
            if (n == t.length) {
                t = Arrays.copyOf(t, n * 2);
            }
            t[n] = sample.timeMillis();
            if (sample.fields() != last) {
                last = sample.fields();
                ofLast = Stream.of(last)
                        .map(field -> columns.computeIfAbsent(field, name -> new Column()))
                        .toArray(Column[]::new);
            }
            for (int i = 0; i < ofLast.length; i++) {
                ofLast[i].set(n, sample.numbers()[i], sample.texts()[i]);
            }
            n++;
            dirty = true;
            return true;
        }

        String json(long minute) {
            int[] order = order();
            StringBuilder out = new StringBuilder(n * 64).append("{\"t\":[");
            for (int k = 0; k < n; k++) {
                out.append(k == 0 ? "" : ",").append(t[order[k]] - minute);
            }
            out.append(']');
            columns.forEach((name, column) -> {
                out.append(',');
                Json.text(out, name);
                out.append(":[");
                for (int k = 0; k < n; k++) {
                    int i = order[k];
                    if (k > 0) {
                        out.append(',');
                    }
                    String text = column.hasText && i < column.texts.length ? column.texts[i] : null;
                    if (text != null) {
                        Json.text(out, text);
                    } else {
                        Json.number(out, i < column.numbers.length ? column.numbers[i] : Double.NaN);
                    }
                }
                out.append(']');
            });
            return out.append('}').toString();
        }

        /** What the samples came to. */
        Rollup row() {
            Rollup row = new Rollup();
            row.events(n);
            columns.forEach((name, column) -> {
                row.values(name, column.numbers, Math.min(n, column.numbers.length));
                for (int i = 0; column.hasText && i < Math.min(n, column.texts.length); i++) {
                    String text = column.texts[i];
                    if (text != null) {
                        row.text(name, text);
                    }
                }
            });
            return row;
        }

        /** Places of the samples by time; a sample that had to wait for its constants came late. */
        private int[] order() {
            int[] order = new int[n];
            for (int i = 0; i < n; i++) {
                int k = i;
                for (; k > 0 && t[order[k - 1]] > t[i]; k--) {
                    order[k] = order[k - 1];
                }
                order[k] = i;
            }
            return order;
        }
    }

    /** The blocks of one type and minute. */
    private static final class TypeBlocks {
        /** By key; the empty one where the type has none. */
        final Map<String, Block> byKey = new LinkedHashMap<>();

        private int n;

        boolean add(EventFields.Sample sample) {
            String key = sample.key() == null ? "" : sample.key();
            Block block = byKey.get(key);
            if (block == null) {
                if (byKey.size() == MOST_KEYS) {
                    return false;
                }
                block = new Block();
                byKey.put(key, block);
            }
            if (n == MOST_KEYED_SAMPLES || !block.add(sample)) {
                return false;
            }
            n++;
            return true;
        }
    }

    private static final class Minute {
        final Map<String, TypeBlocks> blocks = new LinkedHashMap<>();
        /** By counted type and key. */
        final Map<String, Map<String, Tally>> tallies = new LinkedHashMap<>();

        final Map<Long, Long> firstPart = new HashMap<>();
        boolean dirty;
        /** The clock was set back behind it: nothing more comes. */
        boolean left;
    }

    private final TreeMap<Long, Minute> minutes = new TreeMap<>();
    private long newest = Long.MIN_VALUE;
    /** By chunk: minutes before this were let go of. A new chunk may open earlier ones, when the clock was set back. */
    private final LinkedHashMap<Long, Long> letGoUntil = new LinkedHashMap<>();
    /** Chunks of before the clock was set back: what comes late of them says nothing about the time now. */
    private final Set<Long> before = new HashSet<>();

    /**
     * Adds a sample.
     *
     * @param chunk its chunk's start
     * @param part where the part that handed it on begins, bytes from the chunk's start
     * @return why it is left out: its minute was let go of or is full; null when it is not
     */
    @Nullable
    LeftOut add(EventFields.Sample sample, long chunk, long part) {
        Minute minute = minute(sample.timeMillis(), chunk, part);
        if (minute == null) {
            return LeftOut.LATE;
        }
        if (!minute.blocks
                .computeIfAbsent(sample.type(), type -> new TypeBlocks())
                .add(sample)) {
            return LeftOut.FULL;
        }
        minute.dirty = true;
        return null;
    }

    /**
     * Counts an event; as {@link #add}.
     *
     * @param histogram its durations as {@code bucket:count} pairs, empty when it has none
     */
    @Nullable
    LeftOut count(EventFields.Sample event, String histogram, long chunk, long part) {
        // Told of at its end: that a collection began long ago does not say that the clock was set back.
        if (event.type().equals("jdk.GarbageCollection")
                && !letGoUntil.containsKey(chunk)
                && isBefore(event.timeMillis())) {
            return LeftOut.LATE;
        }
        Minute minute = minute(event.timeMillis(), chunk, part);
        if (minute == null) {
            return LeftOut.LATE;
        }
        Map<String, Tally> byKey = minute.tallies.computeIfAbsent(event.type(), type -> new LinkedHashMap<>());
        String key = event.key() == null ? "" : event.key();
        Tally tally = byKey.get(key);
        if (tally == null) {
            if (byKey.size() == MOST_COUNTED_KEYS) {
                return LeftOut.FULL;
            }
            tally = new Tally(event.type());
            byKey.put(key, tally);
        }
        tally.add(event, histogram);
        minute.dirty = true;
        return null;
    }

    /** The minute of a time; null when it was let go of. */
    private @Nullable Minute minute(long time, long chunk, long part) {
        long start = Math.floorDiv(time, MINUTE) * MINUTE;
        if (!letGoUntil.containsKey(chunk)) {
            begin(chunk, time);
        }
        Minute minute = minutes.get(start);
        if (minute == null) {
            if (start < letGoUntil.getOrDefault(chunk, Long.MIN_VALUE)) {
                return null;
            }
            minute = new Minute();
            minute.left = before.contains(chunk) && start > newest;
            minutes.put(start, minute);
        }
        minute.firstPart.merge(chunk, part, Math::min);
        if (!before.contains(chunk)) {
            newest = Math.max(newest, time);
        }
        return minute;
    }

    private void begin(long chunk, long time) {
        if (isBefore(time)) {
            newest = time;
            before.addAll(letGoUntil.keySet());
            minutes.tailMap(time, false).values().forEach(minute -> minute.left = true);
        }
        letGoUntil.put(chunk, Long.MIN_VALUE);
        if (letGoUntil.size() > MOST_CHUNKS) {
            long oldest = letGoUntil.keySet().iterator().next();
            letGoUntil.remove(oldest);
            before.remove(oldest);
        }
    }

    private boolean isBefore(long time) {
        return newest != Long.MIN_VALUE && time < newest - KEEP_MILLIS;
    }

    private boolean isDue(long start, Minute minute, boolean all) {
        return all || minute.left || start + MINUTE + GRACE_MILLIS <= newest;
    }

    /** Whether {@link #due} would give anything. */
    boolean hasDue(boolean all) {
        for (Map.Entry<Long, Minute> entry : minutes.entrySet()) {
            if (entry.getValue().dirty && isDue(entry.getKey(), entry.getValue(), all)) {
                return true;
            }
        }
        return false;
    }

    /** What is to be stored now. */
    BlockStore.Minutes due(boolean all) {
        List<BlockStore.Block> blocks = new ArrayList<>();
        List<BlockStore.Row> rows = new ArrayList<>();
        minutes.forEach((start, minute) -> {
            if (minute.dirty && isDue(start, minute, all)) {
                minute.blocks.forEach((type, ofType) -> ofType.byKey.forEach((key, block) -> {
                    if (block.dirty) {
                        blocks.add(new BlockStore.Block(type, key, start, block.n, block.json(start)));
                        rows.add(row(type, key, start, block.row()));
                    }
                }));
                minute.tallies.forEach((type, ofType) -> ofType.forEach((key, tally) -> {
                    if (tally.dirty) {
                        rows.add(row(type, key, start, tally.row()));
                    }
                }));
            }
        });
        return new BlockStore.Minutes(blocks, rows);
    }

    private static BlockStore.Row row(String type, String key, long start, Rollup rollup) {
        return new BlockStore.Row(type, key, start, rollup.n(), rollup.aggJson(), rollup.histJson());
    }

    /** What {@link #due} gave is stored. */
    void stored(boolean all) {
        minutes.forEach((start, minute) -> {
            if (minute.dirty && isDue(start, minute, all)) {
                minute.dirty = false;
                minute.blocks.values().forEach(blocks -> blocks.byKey.values().forEach(block -> block.dirty = false));
                minute.tallies.values().forEach(tallies -> tallies.values().forEach(tally -> tally.dirty = false));
            }
        });
    }

    /**
     * Lets go of minutes that are stored.
     *
     * @param all whatever their age: nothing more can come
     */
    void letGo(boolean all) {
        for (Map.Entry<Long, Minute> entry : List.copyOf(minutes.entrySet())) {
            long start = entry.getKey();
            Minute minute = entry.getValue();
            boolean old = start + MINUTE + KEEP_MILLIS <= newest || minutes.size() > MOST_MINUTES;
            if (minute.dirty || !(all || old || minute.left)) {
                continue;
            }
            letGoUntil.replaceAll((chunk, until) ->
                    minute.left && !minute.firstPart.containsKey(chunk) ? until : Math.max(until, start + MINUTE));
            minutes.remove(start);
        }
    }

    /** Where a chunk must be read from again: its first part with a sample of a minute that is still here. */
    long blockOffset(long chunk, long parsedTo) {
        long offset = parsedTo;
        for (Minute minute : minutes.values()) {
            offset = Math.min(offset, minute.firstPart.getOrDefault(chunk, Long.MAX_VALUE));
        }
        return offset;
    }

    boolean isEmpty() {
        return minutes.isEmpty();
    }

    void clear() {
        minutes.clear();
        newest = Long.MIN_VALUE;
        letGoUntil.clear();
        before.clear();
    }
}
