package dev.pitot.web.ingest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import dev.pitot.web.store.BlockStore;
import dev.pitot.web.store.Buckets;
import dev.pitot.web.store.Histogram;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class MinutesTest {
    private static final long HOUR = 3_600_000;
    private static final long NOON = 1_800_000_000_000L / HOUR * HOUR;

    private static EventFields.Sample at(long millis) {
        return at(millis, null);
    }

    private static EventFields.Sample at(long millis, @Nullable String key) {
        return new EventFields.Sample("t", key, millis, new String[] {"a"}, new double[] {1}, new String[1]);
    }

    private static List<BlockStore.Block> flush(Minutes minutes) {
        List<BlockStore.Block> due = minutes.due(false).blocks();
        minutes.stored(false);
        minutes.letGo(false);
        return due;
    }

    @Test
    void samplesOfAClockThatWasSetBackAreKept() {
        Minutes minutes = new Minutes();
        for (long t = 0; t < 300_000; t += 1_000) {
            assertThat(minutes.add(at(NOON + t), NOON, t)).isNull();
            flush(minutes);
        }
        long back = NOON - HOUR;
        for (long t = 0; t < 180_000; t += 1_000) {
            assertThat(minutes.add(at(back + t), back, t)).isNull();
            List<BlockStore.Block> due = flush(minutes);
            if (t == 0) {
                assertThat(due).extracting(BlockStore.Block::minuteMillis).containsExactly(NOON + 240_000);
            } else {
                assertThat(due).allSatisfy(block -> assertThat(block.n()).isEqualTo(60));
            }
        }
        assertThat(minutes.add(at(NOON + 250_000), NOON, 0)).as("let go of").isEqualTo(LeftOut.LATE);
    }

    @Test
    void whatComesLateFromBeforeTheClockWasSetBackDoesNotMoveItAheadAgain() {
        Minutes minutes = new Minutes();
        minutes.add(at(NOON), NOON, 0);
        long back = NOON - HOUR;
        minutes.add(at(back), back, 0);
        flush(minutes);
        // In a minute that is gone, and in one that never was.
        assertThat(minutes.add(at(NOON + 1_000), NOON, 1)).isEqualTo(LeftOut.LATE);
        assertThat(minutes.add(at(NOON + 61_000), NOON, 2)).isNull();
        assertThat(flush(minutes)).extracting(BlockStore.Block::minuteMillis).containsExactly(NOON + 60_000);
        for (long t = 1_000; t < 60_000; t += 1_000) {
            assertThat(minutes.add(at(back + t), back, t)).isNull();
            assertThat(flush(minutes)).as("not over").isEmpty();
        }
        assertThat(minutes.blockOffset(NOON, 9)).as("nothing of it is left").isEqualTo(9);
        minutes.add(at(back + 63_000), back, 63_000);
        assertThat(flush(minutes)).extracting(BlockStore.Block::n).containsExactly(60);
    }

    @Test
    void eachKeyHasABlockAndOnlyWhatIsNewIsStoredAgain() {
        Minutes minutes = new Minutes();
        for (long t = 0; t < 60_000; t += 10_000) {
            minutes.add(at(NOON + t, "sda"), NOON, t);
            minutes.add(at(NOON + t, "sdb 1"), NOON, t);
        }
        minutes.add(at(NOON + 64_000, "sda"), NOON, 64_000);
        assertThat(flush(minutes))
                .extracting(BlockStore.Block::key, BlockStore.Block::n)
                .containsExactly(tuple("sda", 6), tuple("sdb 1", 6));
        minutes.add(at(NOON + 59_000, "sda"), NOON, 65_000);
        assertThat(flush(minutes))
                .extracting(BlockStore.Block::key, BlockStore.Block::n)
                .containsExactly(tuple("sda", 7));
        assertThat(flush(minutes)).isEmpty();
    }

    @Test
    void aFieldThatComesInTheMiddleOfAMinuteIsUnknownBefore() {
        Minutes minutes = new Minutes();
        for (long t = 0; t < 50_000; t += 1_000) {
            minutes.add(at(NOON + t), NOON, t);
        }
        minutes.add(
                new EventFields.Sample(
                        "t", null, NOON + 50_000, new String[] {"b", "c"}, new double[] {7, Double.NaN}, new String[] {
                            null, "text"
                        }),
                NOON + 50_000,
                0);
        assertThat(minutes.due(true).blocks().get(0).json())
                .endsWith(",null,7],\"c\":[" + "null,".repeat(50) + "\"text\"]}");
    }

    @Test
    void keysAndSamplesBeyondTheBoundsAreLeftOut() {
        Minutes minutes = new Minutes();
        for (int key = 0; key < 300; key++) {
            assertThat(minutes.add(at(NOON, "k" + key), NOON, 0)).isEqualTo(key < 256 ? null : LeftOut.FULL);
        }
        assertThat(minutes.add(at(NOON + 60_000, "k299"), NOON, 0))
                .as("the next minute")
                .isNull();
        int taken = 256;
        for (int i = 1; i < 100; i++) {
            for (int key = 0; key < 256; key++) {
                taken += minutes.add(at(NOON + i, "k" + key), NOON, 0) == null ? 1 : 0;
            }
        }
        assertThat(taken).isEqualTo(Minutes.MOST_KEYED_SAMPLES);
        assertThat(minutes.due(true).blocks().stream()
                        .mapToInt(BlockStore.Block::n)
                        .sum())
                .isEqualTo(taken + 1);
    }

    private static EventFields.Sample counted(
            String type, String key, long millis, String[] fields, double... numbers) {
        return new EventFields.Sample(type, key, millis, fields, numbers, new String[fields.length]);
    }

    @Test
    void whatIsCountedComesToOneRowOfItsKeyAndMinute() {
        Minutes minutes = new Minutes();
        String type = "pitot.CallSummary";
        String[] fields = {"count", "async", "totalDuration", "maxDuration", "counterRunning", "totalCycles"};
        minutes.count(counted(type, "a", NOON, fields, 3, 1, 40, 30, 0.5, Double.NaN), "15:1 64:1", NOON, 0);
        // Of the next chunk, whose type has another field.
        String[] more = {"untimed", "count", "async", "totalDuration", "maxDuration", "counterRunning", "totalCycles"};
        minutes.count(counted(type, "a", NOON + 9, more, 0, 1, 1, 20, 20, Double.NaN, 7), "20:1 damaged", NOON + 1, 0);
        minutes.count(counted(type, "a", NOON + 9, more, 1, 1, 0, 0, 0, Double.NaN, Double.NaN), "", NOON + 1, 0);
        minutes.count(
                counted("jdk.GarbageCollection", "G1", NOON, new String[] {"gcId", "sumOfPauses"}, 8, 5), "", NOON, 0);
        List<BlockStore.Row> rows = minutes.due(true).rows();
        assertThat(rows)
                .extracting(BlockStore.Row::key, BlockStore.Row::n)
                .containsExactly(tuple("a", 3), tuple("G1", 1));
        assertThat(rows.get(0).agg())
                .contains("\"count\":5", "\"async\":2", "\"untimed\":1", "\"totalDuration\":60", "\"totalCycles\":7")
                .contains("\"duration\":[3,null,30,60]", "\"counterRunning\":[1,0.5]")
                .doesNotContain("maxDuration");
        // Bucket 64 begins at 128 ns.
        Histogram durations = new Histogram();
        for (int nanos : new int[] {15, 20, 128}) {
            durations.add(Buckets.of(nanos), 1);
        }
        assertThat(rows.get(0).hist()).isEqualTo("{\"duration\":\"" + durations + "\"}");
        assertThat(rows.get(1).agg())
                .contains("\"count\":1", "\"sumOfPauses\":5", "\"duration\":[1,5]")
                .doesNotContain("gcId");
        minutes.stored(true);
        assertThat(minutes.due(true).isEmpty()).isTrue();
        for (int i = 0; i < Minutes.MOST_COUNTED_KEYS + 9; i++) {
            assertThat(minutes.count(counted(type, "k" + i, NOON + 60_000, fields, new double[6]), "", NOON, 0))
                    .isEqualTo(i < Minutes.MOST_COUNTED_KEYS ? null : LeftOut.FULL);
        }
    }

    @Test
    void aCollectionThatBeganLongBeforeItsChunkSetsNoClockBack() {
        Minutes minutes = new Minutes();
        for (long t = 0; t < 90_000; t += 1_000) {
            minutes.add(at(NOON + t), NOON, t);
        }
        long next = NOON + 90_000;
        String[] fields = {"sumOfPauses"};
        assertThat(minutes.count(counted("jdk.GarbageCollection", "ZGC", NOON, fields, 1), "", next, 0))
                .isEqualTo(LeftOut.LATE);
        minutes.add(at(next), next, 0);
        flush(minutes);
        minutes.add(at(NOON + 123_000), next, 1);
        assertThat(flush(minutes)).extracting(BlockStore.Block::n).containsExactly(31);
    }
}
