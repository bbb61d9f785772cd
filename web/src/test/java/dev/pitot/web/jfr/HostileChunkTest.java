package dev.pitot.web.jfr;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import jdk.jfr.Recording;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Broken and hostile bytes end in a {@link JfrFormatException} or in events, in bounded time and memory, never in
 * anything else. All cases follow from fixed seeds.
 */
@Timeout(value = 60, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class HostileChunkTest {
    private static final Limits LIMITS =
            new Limits(1 << 20, 1 << 16, 8 << 20, 1 << 16, 1 << 14, 1 << 11, 64, 1 << 12, 1 << 20, 1 << 15);
    /** Decoding every value of the real chunk takes far less. */
    private static final long ALLOCATED_AT_MOST = 64L << 20;

    /** Of the processor: on a busy machine a thread may wait long for its turn. */
    private static final Duration TIME_AT_MOST = Duration.ofSeconds(2);

    private static byte[] real;
    private static byte[] small;

    private int refused;
    private int read;

    @BeforeAll
    static void makeChunks(@TempDir Path folder) throws Exception {
        Path file = folder.resolve("real.jfr");
        try (Recording recording = new Recording()) {
            recording.enable("jdk.ThreadStart").withStackTrace();
            recording.enable("jdk.JVMInformation");
            recording.enable("jdk.GCHeapSummary");
            recording.enable("jdk.ClassLoaderStatistics").with("period", "endChunk");
            recording
                    .enable("jdk.ObjectAllocationSample")
                    .with("throttle", "1000/s")
                    .withStackTrace();
            recording.start();
            for (int i = 0; i < 20; i++) {
                Thread thread = new Thread(() -> {}, "thread " + i);
                thread.start();
                thread.join();
            }
            System.gc();
            recording.stop();
            recording.dump(file);
        }
        byte[] all = Files.readAllBytes(file);
        real = Arrays.copyOf(all, (int) ChunkHeader.parse(all).chunkSize());

        ChunkBuilder b = new ChunkBuilder(true);
        ChunkBuilder.Type text = b.primitive("java.lang.String");
        ChunkBuilder.Type symbol =
                b.type(51, "jdk.types.Symbol").field("string", text).simple();
        ChunkBuilder.Type node = b.type(52, "test.Node");
        node.constant("next", node).constants("others", node).field("i", b.primitive("int"));
        ChunkBuilder.Type frame =
                b.type(53, "jdk.types.StackFrame").constant("method", symbol).field("lineNumber", b.primitive("int"));
        ChunkBuilder.Type stack = b.type(54, "jdk.types.StackTrace")
                .field("truncated", b.primitive("boolean"))
                .array("frames", frame);
        ChunkBuilder.Type event = b.eventType(100, "test.E")
                .field("duration", b.primitive("long"))
                .constant("symbol", symbol)
                .constant("node", node)
                .constant("stackTrace", stack)
                .field("text", text)
                .array("numbers", b.primitive("short"));
        b.metadata();
        for (int i = 0; i < 4; i++) {
            int n = i;
            b.event(event, i, out -> out.number(7)
                    .number(1)
                    .number(2)
                    .number(1)
                    .stringConstant(1)
                    .integer(2)
                    .shortInteger(n)
                    .shortInteger(-n));
            b.event(event, i, out -> out.number(0)
                    .number(0)
                    .number(1)
                    .number(0)
                    .chars("chars é")
                    .integer(0));
        }
        b.checkpoint(
                new ChunkBuilder.Constants(symbol, Map.of(1L, out -> out.utf8("symbol"))),
                new ChunkBuilder.Constants(text, Map.of(1L, out -> out.latin1("pooled"))),
                new ChunkBuilder.Constants(
                        node,
                        Map.of(
                                1L,
                                        out -> out.number(2)
                                                .integer(2)
                                                .number(1)
                                                .number(2)
                                                .integer(1),
                                2L, out -> out.number(1).integer(1).number(2).integer(2))),
                new ChunkBuilder.Constants(stack, Map.of(1L, out -> out.raw(new byte[] {1})
                        .integer(2)
                        .number(1)
                        .integer(10)
                        .number(1)
                        .integer(11))));
        small = b.finished();
    }

    /** Takes every value out in every way. */
    private static EventSink takeAll(ChunkHeader clock) {
        return (type, offset, event) -> takeAll(clock, type, event);
    }

    private static void takeAll(ChunkHeader clock, EventType type, Event event) {
        long ticks = event.getLong(0);
        double start = nanos(clock, ticks);
        checkTime(type + " starts", event.startNanos(), start);
        boolean spans = type.index("duration") == 1
                && type.fields().get(1).typeName().equals("long")
                && !type.fields().get(1).array()
                && !type.fields().get(1).constantPool();
        long span = spans ? event.getLong(1) : 0;
        // an end beyond the range of the clock wraps around, as in the JDK's reader
        double end = nanos(clock, ticks + span);
        if (Math.abs(end - start) < Long.MAX_VALUE) {
            checkTime(type + " takes", event.durationNanos(), end - start);
        }
        for (int i = 0; i < type.fields().size(); i++) {
            event.get(i);
            switch (type.fields().get(i).typeName()) {
                case "java.lang.Thread" -> event.thread(i);
                case "jdk.types.StackTrace" -> event.stackTrace(i);
                default -> event.isNull(i);
            }
        }
    }

    /** Of the clock of the chunk; beyond the range of a long the value next to it. */
    private static double nanos(ChunkHeader clock, long ticks) {
        double sinceStart = Math.min(Math.max((double) ticks - clock.startTicks(), Long.MIN_VALUE), Long.MAX_VALUE);
        double nanos = Math.min(
                Math.max(sinceStart / (clock.ticksPerSecond() / 1e9), Long.MIN_VALUE), (double) Long.MAX_VALUE);
        return Math.min(Math.max(clock.startNanos() + nanos, Long.MIN_VALUE), Long.MAX_VALUE);
    }

    /** A double holds 53 bits: of times near the range's ends the last 11 are lost, each time that one is rounded. */
    private static void checkTime(String what, long nanos, double expected) {
        if (Math.abs(nanos - expected) > 1 << 14) {
            fail(what + " at or for " + nanos + " ns instead of " + expected);
        }
    }

    private void check(String what, byte[] chunk) {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long allocated = threads.getCurrentThreadAllocatedBytes();
        long from = threads.getCurrentThreadCpuTime();
        ChunkReader reader = new ChunkReader(LIMITS, name -> true);
        try {
            ChunkHeader header = ChunkHeader.parse(chunk);
            reader.read(header, chunk, takeAll(header));
            reader.finish(takeAll(header));
            read++;
        } catch (JfrFormatException e) {
            assertThat(e.offset()).as(what).isBetween(-1L, Math.max(ChunkHeader.SIZE, (long) chunk.length));
            assertThat(e).hasMessageMatching("(?s).{10,}");
            refused++;
        } catch (RuntimeException | Error e) {
            fail(what, e);
        }
        assertThat(threads.getCurrentThreadCpuTime() - from)
                .as("%s: CPU ns", what)
                .isLessThan(TIME_AT_MOST.toNanos());
        assertThat(threads.getCurrentThreadAllocatedBytes() - allocated)
                .as("%s: bytes allocated", what)
                .isLessThan(ALLOCATED_AT_MOST);
        assertThat(reader.retainedBytes()).as(what).isLessThanOrEqualTo(LIMITS.retainedBytes() + chunk.length);
    }

    /** The first bytes of a chunk with a header that fits them: it speaks of the metadata that is still there. */
    private static byte[] withSize(byte[] chunk, int length) {
        byte[] cut = Arrays.copyOf(chunk, length);
        if (length >= ChunkHeader.SIZE) {
            long metadata = 0;
            for (int at = ChunkHeader.SIZE; at < length && at + 5 <= chunk.length; ) {
                int size = chunk[at] & 0x7f
                        | (chunk[at + 1] & 0x7f) << 7
                        | (chunk[at + 2] & 0x7f) << 14
                        | (chunk[at + 3] & 0x7f) << 21;
                boolean padded = chunk[at] < 0 && chunk[at + 1] < 0 && chunk[at + 2] < 0 && chunk[at + 3] >= 0;
                metadata = padded && chunk[at + 4] == 0 ? at : metadata;
                at += padded ? size : chunk[at] < 0 ? chunk[at] & 0x7f | (chunk[at + 1] & 0x7f) << 7 : chunk[at];
            }
            ByteBuffer.wrap(cut).putLong(8, length).putLong(16, 0).putLong(24, metadata);
        }
        return cut;
    }

    @Test
    void bothChunksAreReadWhole() {
        check("real", real);
        check("small", small);
        assertThat(read).isEqualTo(2);
    }

    @Test
    void flippedBits() {
        Random random = new Random(1);
        for (int i = 0; i < 20_000; i++) {
            check("small, flips " + i, flipped(small, random));
        }
        for (int i = 0; i < 400; i++) {
            check("real, flips " + i, flipped(real, random));
        }
        assertThat(refused).isGreaterThan(1_000);
        assertThat(read).isGreaterThan(100);
    }

    private static byte[] flipped(byte[] chunk, Random random) {
        byte[] bad = chunk.clone();
        for (int flips = 1 + random.nextInt(8); flips > 0; flips--) {
            bad[random.nextInt(bad.length)] ^= (byte) (1 << random.nextInt(8));
        }
        return bad;
    }

    @Test
    void truncatedEverywhereWithAHeaderThatSaysSo() {
        for (int length = 0; length < small.length; length++) {
            check("small cut to " + length, withSize(small, length));
        }
        // the cuts between two events are whole
        assertThat(read).isBetween(5, 20);
        for (int length = 0; length < real.length; length += real.length / 300) {
            check("real cut to " + length, withSize(real, length));
        }
        assertThat(refused).isGreaterThan(small.length);
    }

    @Test
    void truncatedWithAHeaderThatPromisesMore() {
        for (int length = 0; length < small.length; length++) {
            check("small short of " + length, Arrays.copyOf(small, length));
        }
        assertThat(read).isZero();
    }

    @Test
    void randomBytesBehindAHeader() {
        Random random = new Random(2);
        for (int i = 0; i < 5_000; i++) {
            byte[] noise = new byte[ChunkHeader.SIZE + random.nextInt(4_000)];
            random.nextBytes(noise);
            System.arraycopy(small, 0, noise, 0, ChunkHeader.SIZE);
            ByteBuffer.wrap(noise).putLong(8, noise.length).putLong(16, 0).putLong(24, ChunkHeader.SIZE);
            check("noise " + i, noise);
        }
        assertThat(read).isZero();
    }

    @Test
    void randomHeaders() {
        Random random = new Random(3);
        for (int i = 0; i < 5_000; i++) {
            byte[] bad = small.clone();
            int from = random.nextInt(ChunkHeader.SIZE);
            for (int at = from; at < Math.min(ChunkHeader.SIZE, from + 1 + random.nextInt(8)); at++) {
                bad[at] = (byte) random.nextInt();
            }
            check("header " + i, bad);
        }
    }

    @Test
    void giantNumbersEverywhere() {
        byte[][] giants = {
            {-1, -1, -1, -1, -1, -1, -1, -1, -1},
            {-1, -1, -1, -1, 7},
            {-1, -1, -1, -1, 15},
            {-128, -128, -128, -128, -128, -128, -128, -128, -128},
            {-1, -1, 3},
        };
        for (byte[] giant : giants) {
            for (int at = ChunkHeader.SIZE; at < small.length; at++) {
                byte[] bad = small.clone();
                System.arraycopy(giant, 0, bad, at, Math.min(giant.length, bad.length - at));
                check("giant at " + at, bad);
            }
            for (int at = ChunkHeader.SIZE; at < real.length - giant.length; at += real.length / 40) {
                byte[] bad = real.clone();
                System.arraycopy(giant, 0, bad, at, giant.length);
                check("giant at " + at + " of real", bad);
            }
        }
    }

    /** What the collector meets: with the limits it has, and no more memory than a small one. */
    @Test
    void metadataIsBoundedByTheLimitsThatTheCollectorHas() {
        Limits standard = Limits.standard();
        // 57 MB of elements without attributes and children, which deflate to 57 KB
        byte[] elements = metadata(tree(19_000_000));
        assertRefused(standard, elements, "metadata of", 1 << 20);
        // as many bytes as may be, of objects: elements, attributes, strings
        assertRefused(standard, metadata(tree(1_300_000)), "elements of metadata", 32 << 20);
        ChunkBuilder.Out nested = strings(1).integer(0).integer(0).integer(130);
        for (int i = 0; i < 130; i++) {
            nested.integer(0).integer(0).integer(10_000).raw(new byte[30_000]);
        }
        assertRefused(standard, metadata(nested), "more elements and attributes", 32 << 20);
        ChunkBuilder.Out attributes = strings(1).integer(0).integer(1_900_000).raw(new byte[3_800_000]);
        assertRefused(standard, metadata(attributes.integer(0)), "attributes", 32 << 20);
        assertRefused(standard, metadata(strings(3_900_000)), "strings", 32 << 20);
        // each metadata event adds a type, the fields of all of which are kept
        ChunkBuilder b = new ChunkBuilder(true);
        for (int i = 0; i < 40; i++) {
            ChunkBuilder.Type type = b.type(200 + i, "test.Wide" + i);
            for (int f = 0; f < 20_000; f++) {
                type.field("f", b.primitive("int"));
            }
            b.metadata();
            b.forget(type);
        }
        assertRefused(standard, b.finished(), "constants and types", 1 << 30);
    }

    private static ChunkBuilder.Out strings(int count) {
        return new ChunkBuilder.Out(true).integer(count).raw(new byte[count]);
    }

    private static ChunkBuilder.Out tree(int elements) {
        return strings(1).integer(0).integer(0).integer(elements).raw(new byte[3 * elements]);
    }

    /** A chunk of one metadata event. */
    private static byte[] metadata(ChunkBuilder.Out content) {
        ChunkBuilder b = new ChunkBuilder(true);
        b.event(0, out -> out.number(0).number(0).number(1).raw(content.bytes()));
        byte[] chunk = b.finished();
        ByteBuffer.wrap(chunk).putLong(24, ChunkHeader.SIZE);
        return chunk;
    }

    private static void assertRefused(Limits limits, byte[] chunk, String message, long allocatedAtMost) {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long allocated = threads.getCurrentThreadAllocatedBytes();
        ChunkReader reader = new ChunkReader(limits, name -> true);
        try {
            reader.read(ChunkHeader.parse(chunk), chunk, (type, offset, event) -> {});
            fail(message + ": read");
        } catch (JfrFormatException e) {
            assertThat(e).hasMessageContaining(message).hasMessageContaining("limit");
        }
        assertThat(threads.getCurrentThreadAllocatedBytes() - allocated)
                .as("%s: bytes allocated", message)
                .isLessThan(allocatedAtMost);
        assertThat(reader.retainedBytes()).as(message).isLessThanOrEqualTo(limits.retainedBytes());
    }

    @Test
    void aFewBytesThatStandForMuchAreRefusedBeforeTheyCostMuch() {
        // each event asks for another of a few large constants, which do not fit what is kept decoded
        ChunkBuilder b = new ChunkBuilder(true);
        ChunkBuilder.Type list = b.type(51, "test.List").array("numbers", b.primitive("int"));
        ChunkBuilder.Type lists = b.type(52, "test.Lists").constants("lists", list);
        ChunkBuilder.Type event = b.eventType(100, "test.E").constant("lists", lists);
        b.metadata();
        byte[] numbers = new byte[16_000];
        for (long id = 1; id <= 400; id++) {
            b.checkpoint(new ChunkBuilder.Constants(
                    list, Map.of(id, out -> out.integer(numbers.length).raw(numbers))));
        }
        b.checkpoint(new ChunkBuilder.Constants(lists, Map.of(1L, out -> {
            out.integer(400);
            for (long id = 1; id <= 400; id++) {
                out.number(id);
            }
        })));
        for (int i = 0; i < 20_000; i++) {
            b.event(event, i, out -> out.number(1));
        }
        ChunkReader reader = new ChunkReader(LIMITS, name -> true);
        byte[] chunk = b.finished();
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long from = threads.getCurrentThreadCpuTime();
        try {
            ChunkHeader header = ChunkHeader.parse(chunk);
            reader.read(header, chunk, takeAll(header));
            fail("events that need 6 MB of constants each were read");
        } catch (JfrFormatException e) {
            assertThat(e).hasMessageContaining("over and over");
        }
        assertThat(threads.getCurrentThreadCpuTime() - from).isLessThan(TimeUnit.SECONDS.toNanos(20));
    }
}
