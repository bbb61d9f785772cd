package dev.pitot.agent.spans;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pitot.agent.config.ConfigSources;
import dev.pitot.events.Spans;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PausesTest {
    private static final long PAUSE = 5_000_000;
    /** Where the last of three counters stands in {@link #memory}. */
    private static final int PAUSES = 32 + 2 * 64 + 56;

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

    @Test
    void aPauseWithinAWaitIsTheWaitsAndEveryOtherOnceInEachSpanAroundIt(@TempDir Path folder) throws Exception {
        ByteBuffer memory = memory(Map.of(
                "sun.rt.safepointSyncTime", 0L, "sun.rt.safepointTime", 0L, "sun.os.hrt.frequency", 1_000_000_000L));
        Path file = folder.resolve("test.jfr");
        try (Recording recording = new Recording()) {
            recording.setDestination(file);
            recording.start();
            SpanRecorder recorder = new SpanRecorder(
                    ConfigSources.read("service=test,http.slow=1h", new Properties(), Map.of()),
                    null,
                    null,
                    Pauses.of(memory));
            for (boolean waits : new boolean[] {true, false}) {
                Object request = recorder.beginRequest();
                Object statement = recorder.beginStatement(null, "select 1");
                long begun = waits ? recorder.beginWaiting() : 0;
                // A sleep that nothing tells of, so that there is time for the pause.
                TimeUnit.MILLISECONDS.sleep(20);
                memory.putLong(PAUSES, memory.getLong(PAUSES) + PAUSE);
                recorder.waited(Spans.SOCKET, begun);
                recorder.endStatement(statement, 0, null);
                recorder.endRequest(request, "GET", null, waits ? "/waits" : "/rests", 200, false, null);
            }
        }
        List<RecordedEvent> events = RecordingFile.readAllEvents(file).stream()
                .sorted(Comparator.comparing(RecordedEvent::getEndTime))
                .toList();
        List<Long> parts = events.stream()
                .filter(event -> event.getEventType().getName().equals("pitot.HttpRequest")
                        || event.getEventType().getName().equals("pitot.SqlStatement"))
                .map(event -> event.getLong("timePause"))
                .toList();
        assertThat(parts).hasSize(4).startsWith(0L, 0L);
        // The clocks of the two spans may differ by some microseconds, which the rest of the request then lacks.
        assertThat(parts.subList(2, 4)).allSatisfy(part -> assertThat(part).isBetween(PAUSE - 500_000, PAUSE));
        assertThat(events.stream()
                        .filter(event -> event.getEventType().getName().equals("pitot.HttpRequest")))
                .allSatisfy(event -> assertThat(event.getLong("timeSql") + event.getLong("timePause"))
                        .isBetween(
                                19_000_000L, event.getDuration().plusMillis(1).toNanos()));
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
