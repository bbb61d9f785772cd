package dev.pitot.agent.recording;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The tail on files whose headers the test writes as the JVM would. */
class TailTest {
    private static final long NOW = System.currentTimeMillis() * 1_000_000;
    private static final Duration HOUR = Duration.ofHours(1);

    @TempDir
    Path folder;

    private final Backlog backlog = new Backlog();
    private Tail tail;

    @BeforeEach
    void follow() {
        tail = new Tail(folder, Map.of(), backlog);
    }

    /** Writes a chunk of zeros with this header in place, the file's identity kept. */
    private Path chunk(String file, long start, int size, int state) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(Math.max(size, ChunkHeader.LENGTH));
        bytes.putInt(0, 0x464c5200).putShort(4, (short) 2).putShort(6, (short) 1);
        bytes.putLong(8, size).putLong(16, 100).putLong(24, 80);
        bytes.putLong(32, NOW + start).putLong(40, 1).putLong(48, 7);
        bytes.put(64, (byte) state);
        return Files.write(
                folder.resolve(file), bytes.array(), StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING);
    }

    private static String name(long start) {
        return (NOW + start) + ".7";
    }

    private String have() {
        tail.look();
        return backlog.have();
    }

    @Test
    void nothingIsSettledBeforeTheFirstFlushAndInsideAnUpdate() throws IOException {
        chunk("a.jfr", 1, ChunkHeader.LENGTH, 1);
        assertThat(have()).isEqualTo(name(1) + ":0:open");
        assertThat(backlog.next()).isNull();
        chunk("a.jfr", 1, 500, 255);
        assertThat(have()).isEqualTo(name(1) + ":0:open");
        chunk("a.jfr", 1, 500, 2);
        assertThat(have()).isEqualTo(name(1) + ":500:open");
        chunk("a.jfr", 1, 600, 0);
        assertThat(have()).isEqualTo(name(1) + ":600:final");
    }

    @Test
    void whatWasThereBeforeAndWhatComesAfterTheEndIsNotOurs() throws IOException {
        chunk("before.jfr", 0, 500, 0);
        tail = new Tail(folder, Tail.files(folder), backlog);
        chunk("ours.jfr", 1, 500, 2);
        tail.look();
        tail.end();
        chunk("after.jfr", 2, 500, 2);
        assertThat(have()).isEqualTo(name(1) + ":500:open");
    }

    @Test
    void aFileNameUsedAgainIsAnotherChunkAndTheDeletedOneStaysReadable() throws IOException {
        chunk("a.jfr", 1, 500, 0);
        tail.look();
        Files.delete(folder.resolve("a.jfr"));
        chunk("a.jfr", 2, 700, 2);
        assertThat(have()).isEqualTo(name(1) + ":500:final," + name(2) + ":700:open");
        Chunk oldest = backlog.next();
        assertThat(oldest.name()).isEqualTo(name(1));
        ByteBuffer bytes = ByteBuffer.allocate(500);
        oldest.read(bytes, 0);
        assertThat(bytes.getLong(8)).isEqualTo(500);
    }

    @Test
    void aShippedChunkIsSentAgainWhileItsFileIsThereAndLostWhenNot() throws IOException {
        chunk("a.jfr", 1, 500, 0);
        chunk("b.jfr", 2, 500, 0);
        chunk("c.jfr", 3, 500, 2);
        tail.look();
        backlog.durable(name(1), 500);
        backlog.durable(name(2), 500);
        assertThat(backlog.next().name()).isEqualTo(name(3));
        Files.delete(folder.resolve("a.jfr"));
        backlog.durable(name(1), 0);
        backlog.durable(name(2), 0);
        assertThat(backlog.next().name()).isEqualTo(name(2));
        assertThat(backlog.lost()).isEqualTo(name(1) + ":0:500");
        backlog.lostIsKnown(backlog.lost());
        assertThat(backlog.lost()).isEmpty();
    }

    @Test
    void beyondItsSizeTheBacklogGivesUpTheOldestAndSaysWhatOfIt() throws IOException {
        for (int i = 1; i <= 4; i++) {
            chunk(i + ".jfr", i, 1000, i == 4 ? 2 : 0);
        }
        tail.look();
        backlog.durable(name(1), 400);
        assertThat(backlog.trim(3600, HOUR))
                .as("what is durable counts no more")
                .isFalse();
        assertThat(backlog.trim(2500, HOUR)).isTrue();
        assertThat(backlog.lost()).isEqualTo(name(1) + ":400:1000," + name(2) + ":0:1000");
        assertThat(have()).isEqualTo(name(3) + ":1000:final," + name(4) + ":1000:open");
    }

    @Test
    void theChunkUnderWayIsNotGivenUp() throws IOException {
        for (int i = 1; i <= 3; i++) {
            chunk(i + ".jfr", i, 1000, 0);
        }
        tail.look();
        assertThat(backlog.post().name()).isEqualTo(name(1));
        backlog.trim(1, HOUR);
        assertThat(backlog.lost()).isEqualTo(name(2) + ":0:1000");
        backlog.posted();
        backlog.trim(1, HOUR);
        assertThat(backlog.lost()).isEqualTo(name(2) + ":0:1000," + name(1) + ":0:1000");
    }

    @Test
    void deletedFilesThatOnlyTheBacklogKeepsOnTheDiskAreBoundedByTheirWholeSize() throws IOException {
        for (int i = 1; i <= 3; i++) {
            Path file = chunk(i + ".jfr", i, 1000, 2);
            tail.look();
            backlog.durable(name(i), 900);
            if (i < 3) {
                Files.delete(file);
            }
        }
        assertThat(backlog.trim(2000, HOUR)).isFalse();
        assertThat(backlog.trim(1500, HOUR)).isTrue();
        assertThat(backlog.lost()).isEqualTo(name(1) + ":900:");
    }

    @Test
    void aFinishedChunkOrManyBytesAreWorthSendingBeforeTheirTime() throws IOException {
        chunk("a.jfr", 1, 1000, 2);
        tail.look();
        assertThat(backlog.presses(1000)).isFalse();
        assertThat(backlog.presses(999)).isTrue();
        backlog.durable(name(1), 500);
        assertThat(backlog.presses(500)).isFalse();
        chunk("a.jfr", 1, 1000, 0);
        tail.look();
        assertThat(backlog.presses(500)).isTrue();
        backlog.durable(name(1), 1000);
        assertThat(backlog.presses(0)).isFalse();
    }

    @Test
    void ofShippedChunksOnlyTheNewestAreListed() throws IOException {
        for (int i = 1; i <= 300; i++) {
            chunk("a" + i + ".jfr", i, 100, i == 300 ? 2 : 0);
            tail.look();
            backlog.durable(name(i), 100);
            backlog.trim(1 << 20, HOUR);
        }
        assertThat(backlog.have().split(",")).hasSize(201).contains(name(300) + ":100:open");
    }

    @Test
    void beyondItsAgeOrNumberOfFilesTheSame() throws IOException {
        chunk("old.jfr", -Duration.ofHours(2).toNanos(), 500, 0);
        for (int i = 1; i <= 70; i++) {
            chunk(i + ".jfr", i, 500, 0);
        }
        tail.look();
        backlog.trim(1 << 30, HOUR);
        assertThat(backlog.have().split(",")).hasSize(64);
        assertThat(backlog.lost().split(","))
                .hasSize(7)
                .contains(name(-Duration.ofHours(2).toNanos()) + ":0:500");
    }

    @Test
    void aChunkThatIsRefusedAgainAndAgainDoesNotHoldUpTheOthers() throws IOException {
        chunk("a.jfr", 1, 500, 0);
        chunk("b.jfr", 2, 500, 0);
        tail.look();
        for (int i = 0; i < 5; i++) {
            backlog.refused(backlog.next());
        }
        assertThat(backlog.next().name()).isEqualTo(name(2));
        assertThat(backlog.lost()).isEqualTo(name(1) + ":0:500");
    }

    @Test
    void aChunkOfAJvmKilledInsideAnUpdateIsTakenIfItsFieldsAreWithinTheFile() throws IOException {
        Path busy = chunk("a.jfr", 1, 500, 255);
        try (var file = java.nio.channels.FileChannel.open(busy)) {
            ChunkHeader header = ChunkHeader.leftBehind(file);
            assertThat(header.size()).isEqualTo(500);
            assertThat(header.bytes()[64]).isZero();
        }
        Path cut = chunk("b.jfr", 1, 500, 2);
        Files.write(cut, java.util.Arrays.copyOf(Files.readAllBytes(cut), 300));
        try (var file = java.nio.channels.FileChannel.open(cut)) {
            assertThat(ChunkHeader.leftBehind(file)).isNull();
        }
    }

    @Test
    void aFileOfAnotherFormatIsRefused() throws IOException {
        Path other = Files.write(folder.resolve("x.jfr"), new byte[] {'F', 'L', 'R', 0, 0, 9, 0, 0});
        Files.write(other, new byte[100], StandardOpenOption.APPEND);
        try (var file = java.nio.channels.FileChannel.open(other)) {
            assertThatThrownBy(() -> ChunkHeader.settled(file)).isInstanceOf(IOException.class);
        }
        assertThat(have()).isEmpty();
    }

    @Test
    void aChunkClosedByAnInterruptedReaderIsOpenedAgain() throws IOException {
        chunk("a.jfr", 1, 500, 2);
        tail.look();
        Thread.currentThread().interrupt();
        tail.look();
        assertThat(Thread.interrupted()).isTrue();
        chunk("a.jfr", 1, 600, 2);
        tail.look();
        Chunk next = backlog.next();
        assertThat(next).isNotNull();
        assertThat(next.size()).isEqualTo(600);
        next.read(ByteBuffer.allocate(600), 0);
    }

    @Test
    void aChunkWhoseHeaderIsBeingWrittenWhenItIsOpenedAgainIsNotLost() throws IOException {
        chunk("a.jfr", 1, 500, 0);
        chunk("b.jfr", 2, 500, 2);
        tail.look();
        backlog.durable(name(1), 500);
        chunk("a.jfr", 1, 500, 255);
        backlog.durable(name(1), 0);
        assertThat(backlog.next()).as("oldest first").isNull();
        assertThat(backlog.lost()).isEmpty();
        chunk("a.jfr", 1, 500, 0);
        assertThat(backlog.next().name()).isEqualTo(name(1));
    }

    @Test
    void whatIsRememberedAsLostIsBounded() throws IOException {
        for (int i = 1; i <= 2_100; i++) {
            Path file = chunk("a" + i + ".jfr", i, 500, 0);
            tail.look();
            backlog.trim(1, HOUR);
            Files.delete(file);
        }
        int pieces = 0;
        for (String lost = backlog.lost(); !lost.isEmpty(); lost = backlog.lost()) {
            pieces += lost.split(",").length;
            backlog.lostIsKnown(lost);
        }
        assertThat(pieces).isEqualTo(2_000);
    }
}
