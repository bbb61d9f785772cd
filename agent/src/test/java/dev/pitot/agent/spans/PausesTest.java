package dev.pitot.agent.spans;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class PausesTest {
    @Test
    void theWayToASafepointIsPartOfThePause() {
        Pauses pauses = Pauses.of(memory(Map.of(
                "sun.rt.safepoints", 3L,
                "sun.rt.safepointSyncTime", 20L,
                "sun.rt.safepointTime", 70L,
                "sun.os.hrt.frequency", 500_000_000L)));
        assertThat(pauses.total()).isEqualTo(180);
    }

    @Test
    void aJvmWithoutTheCountersHasNoPauses() {
        assertThat(Pauses.of(memory(Map.of("sun.os.hrt.frequency", 1L))).total())
                .isZero();
    }

    /** As HotSpot's perfMemory.hpp, version 2, has it: a prologue of 32 bytes, then an entry for each counter. */
    private static ByteBuffer memory(Map<String, Long> counters) {
        ByteBuffer all = ByteBuffer.allocateDirect(32 + counters.size() * 64).order(ByteOrder.nativeOrder());
        all.putInt(24, 32).putInt(28, counters.size());
        int entry = 32;
        for (Map.Entry<String, Long> counter : new TreeMap<>(counters).entrySet()) {
            byte[] name = counter.getKey().getBytes(StandardCharsets.US_ASCII);
            // Length, then where in the entry name and value are.
            all.putInt(entry, 64).putInt(entry + 4, 20).putInt(entry + 16, 56);
            all.put(entry + 20, name);
            all.putLong(entry + 56, counter.getValue());
            entry += 64;
        }
        return all;
    }
}
