package dev.pitot.web.ingest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pitot.web.store.BlockStore;
import java.util.List;
import org.junit.jupiter.api.Test;

class MinutesTest {
    private static final long HOUR = 3_600_000;
    private static final long NOON = 1_800_000_000_000L / HOUR * HOUR;

    private static EventFields.Sample at(long millis) {
        return new EventFields.Sample("t", millis, new String[] {"a"}, new double[] {1}, new String[1]);
    }

    private static List<BlockStore.Block> flush(Minutes minutes) {
        List<BlockStore.Block> due = minutes.due(false);
        minutes.stored(false);
        minutes.letGo(false);
        return due;
    }

    @Test
    void samplesOfAClockThatWasSetBackAreKept() {
        Minutes minutes = new Minutes();
        for (long t = 0; t < 300_000; t += 1_000) {
            assertThat(minutes.add(at(NOON + t), NOON, t)).isTrue();
            flush(minutes);
        }
        long back = NOON - HOUR;
        for (long t = 0; t < 180_000; t += 1_000) {
            assertThat(minutes.add(at(back + t), back, t)).isTrue();
            List<BlockStore.Block> due = flush(minutes);
            if (t == 0) {
                assertThat(due).extracting(BlockStore.Block::minuteMillis).containsExactly(NOON + 240_000);
            } else {
                assertThat(due).allSatisfy(block -> assertThat(block.n()).isEqualTo(60));
            }
        }
        assertThat(minutes.add(at(NOON + 250_000), NOON, 0)).as("let go of").isFalse();
    }
}
