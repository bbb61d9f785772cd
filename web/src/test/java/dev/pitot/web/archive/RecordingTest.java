package dev.pitot.web.archive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pitot.web.store.ChunkRow;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openjdk.jmc.common.item.IItemIterable;
import org.openjdk.jmc.flightrecorder.JfrLoaderToolkit;

class RecordingTest {
    private static final UUID JVM = UUID.fromString("8f14e45f-ceea-467f-a9d2-1b2c3d4e5f60");
    private static List<GrowingRecording.Piece> pieces;

    @TempDir
    Path folder;

    @BeforeAll
    static void record() throws IOException {
        pieces = GrowingRecording.capture(5);
    }

    /** The store as it was when the first {@code n} pieces had come: bytes as they came, hence with the first header. */
    private static final class Stored implements Recording.Source {
        final List<ChunkRow> rows = new ArrayList<>();
        final Map<Long, byte[]> bytes = new HashMap<>();

        void add(int n, String state, long boundary) {
            ByteArrayOutputStream all = new ByteArrayOutputStream();
            pieces.subList(0, n).forEach(piece -> all.writeBytes(piece.bytes()));
            byte[] header = pieces.get(n - 1).header();
            long start = ByteBuffer.wrap(header).getLong(32);
            bytes.put(start, all.toByteArray());
            rows.add(new ChunkRow(start, 1, all.size(), -1, state, header, boundary, 0, null));
        }

        @Override
        public void chunkBytes(UUID jvm, long chunkStart, dev.pitot.web.store.ChunkBytesSink sink) throws IOException {
            byte[] all = bytes.get(chunkStart);
            sink.begin(new byte[68], all.length);
            for (int at = 0; at < all.length; at += 50) {
                sink.bytes(all, at, Math.min(50, all.length - at));
            }
        }
    }

    private static byte[] export(Stored stored) throws Exception {
        Recording recording = Recording.of(JVM, stored.rows, 0, Long.MAX_VALUE / 1_000_000);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        recording.writeTo(out, stored);
        assertThat(out.size()).as("announced length").isEqualTo((int) recording.length());
        return out.toByteArray();
    }

    @Test
    void aCutAtEveryFlushIsARecordingForTheJdkAndForMissionControl() throws Exception {
        long before = 0;
        for (int n = 1; n <= pieces.size(); n++) {
            Stored stored = new Stored();
            stored.add(n, "open", pieces.get(n - 1).boundary());
            byte[] jfr = export(stored);
            assertThat(jfr[64]).as("state byte").isZero();
            Path file = Files.write(folder.resolve("cut" + n + ".jfr"), jfr);
            List<RecordedEvent> events = RecordingFile.readAllEvents(file);
            long marks = events.stream()
                    .filter(event -> event.getEventType().getName().equals("pitot.test.Mark"))
                    .count();
            assertThat(marks).as("marks up to flush %d", n).isGreaterThan(before);
            assertThat(events.stream()
                            .filter(event -> event.getEventType().getName().equals("pitot.test.Mark"))
                            .mapToLong(event -> event.getLong("number"))
                            .sorted()
                            .toArray())
                    .as("none is missing or doubled")
                    .containsExactly(java.util.stream.LongStream.range(0, marks).toArray());
            long inMissionControl = 0;
            for (IItemIterable items : JfrLoaderToolkit.loadEvents(file.toFile())) {
                inMissionControl += items.getItemCount();
            }
            assertThat(inMissionControl).isEqualTo(events.size());
            before = marks;
        }
    }

    @Test
    void aFinishedChunkIsWhatTheJvmWrote() throws Exception {
        Stored stored = new Stored();
        stored.add(pieces.size(), "complete", pieces.get(pieces.size() - 1).boundary());
        byte[] expected = stored.bytes.values().iterator().next().clone();
        System.arraycopy(pieces.get(pieces.size() - 1).header(), 0, expected, 0, 68);
        assertThat(pieces.get(pieces.size() - 1).header()[64]).as("finished").isZero();
        assertThat(export(stored)).isEqualTo(expected);
    }

    @Test
    void bytesBeyondTheChosenBoundaryAreLeftOut() throws Exception {
        Stored stored = new Stored();
        stored.add(3, "open", pieces.get(2).boundary());
        Stored grown = new Stored();
        grown.add(5, "open", pieces.get(4).boundary());
        Recording recording = Recording.of(JVM, stored.rows, 0, Long.MAX_VALUE / 1_000_000);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        recording.writeTo(out, grown);
        assertThat(out.toByteArray()).isEqualTo(export(stored));
    }

    @Test
    void chunksAreWholeOldestFirstAndOnlyThoseOfTheWindow() throws Exception {
        Stored stored = new Stored();
        stored.add(pieces.size(), "complete", pieces.get(pieces.size() - 1).boundary());
        ChunkRow chunk = stored.rows.get(0);
        byte[] early = chunk.header().clone();
        long earlyStart = chunk.startNanos() - 3_600_000_000_000L;
        ByteBuffer.wrap(early).putLong(32, earlyStart);
        stored.rows.add(new ChunkRow(earlyStart, 1, chunk.durable(), -1, "complete", early, chunk.boundary(), 0, null));
        stored.bytes.put(earlyStart, stored.bytes.get(chunk.startNanos()));
        byte[] both = export(stored);
        assertThat(both).hasSize((int) (2 * chunk.boundary()));
        assertThat(ByteBuffer.wrap(both).getLong(32)).isEqualTo(earlyStart);

        long millis = chunk.startNanos() / 1_000_000;
        assertThat(Recording.of(JVM, stored.rows, millis + 500, millis + 501).chunks())
                .isEqualTo(1);
        assertThat(Recording.of(JVM, stored.rows, millis - 3_700_000, millis + 1)
                        .chunks())
                .isEqualTo(2);
        assertThatThrownBy(() -> Recording.of(JVM, stored.rows, millis - 100_000, millis - 50_000))
                .isInstanceOf(Recording.NothingThere.class)
                .hasMessageContaining("what is stored reaches from");
        assertThatThrownBy(() -> Recording.of(JVM, List.of(), 0, 1)).isInstanceOf(Recording.NothingThere.class);
    }

    @Test
    void timesThatNanosecondsCannotHoldAreTakenAsTheLastThereIs() throws Exception {
        Stored stored = new Stored();
        stored.add(pieces.size(), "complete", pieces.get(pieces.size() - 1).boundary());
        long year9999 = 253_402_300_799_999L;
        assertThat(Recording.of(JVM, stored.rows, 0, year9999).chunks()).isEqualTo(1);
        assertThatThrownBy(() -> Recording.of(JVM, stored.rows, year9999 - 1, year9999))
                .isInstanceOf(Recording.NothingThere.class);

        ChunkRow chunk = stored.rows.get(0);
        long last = Long.MAX_VALUE - 1;
        List<ChunkRow> wrongClock =
                List.of(new ChunkRow(last, 1, chunk.durable(), -1, "open", chunk.header(), chunk.boundary(), 0, null));
        assertThat(Recording.of(JVM, wrongClock, last / 1_000_000, year9999).chunks())
                .isEqualTo(1);
    }

    @Test
    void bytesThatAreGoneMeanwhileAreAnError() throws Exception {
        Stored stored = new Stored();
        stored.add(3, "open", pieces.get(2).boundary());
        Recording recording = Recording.of(JVM, stored.rows, 0, Long.MAX_VALUE / 1_000_000);
        Recording.Source gone = (jvm, start, sink) -> {};
        assertThatThrownBy(() -> recording.writeTo(new ByteArrayOutputStream(), gone))
                .isInstanceOf(IOException.class);
    }

    @Test
    void theFilesNameSaysWhoseAndWhatIsInItWhateverWasAskedFor() throws Exception {
        long start = 1_767_225_600_000_000_000L;
        List<ChunkRow> chunks = List.of(chunk(start + 60_000_000_000L, 184), chunk(start, 60));
        // A window within the second chunk only, and one far wider than both.
        Recording second = Recording.of(JVM, chunks, start / 1_000_000 + 90_000, start / 1_000_000 + 91_000);
        assertThat(second.fileName("Bücher shop/../\"x\"\n", "db.local"))
                .isEqualTo("Bucher_shop_.._x-db.local-20260101T000100Z-20260101T000404Z.jfr");
        assertThat(Recording.of(JVM, chunks, 0, Long.MAX_VALUE / 1_000_000).fileName("", "…"))
                .isEqualTo("unnamed-unnamed-20260101T000000Z-20260101T000404Z.jfr");
    }

    private static ChunkRow chunk(long startNanos, long seconds) {
        byte[] header = new byte[Recording.HEADER];
        ByteBuffer.wrap(header).putLong(40, seconds * 1_000_000_000L);
        return new ChunkRow(startNanos, 1, 100, -1, "open", header, 100, 0, null);
    }
}
