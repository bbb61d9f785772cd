package dev.pitot.web.jfr;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ChunkReaderTest {
    private final List<String> handedOn = new ArrayList<>();

    private final EventSink sink = (type, offset, event) -> {
        List<Object> values = new ArrayList<>();
        for (int i = 1; i < type.fields().size(); i++) {
            values.add(text(event.get(i)));
        }
        handedOn.add(type.name() + values);
    };

    private static Object text(Object value) {
        if (value instanceof Struct s) {
            return s.fieldNames().stream().map(n -> n + "=" + text(s.get(n))).toList();
        }
        return value instanceof List<?> list
                ? list.stream().map(ChunkReaderTest::text).toList()
                : "" + value;
    }

    private static ChunkReader reader() {
        return new ChunkReader(Limits.standard(), name -> true);
    }

    private void readAtOnce(byte[] chunk) throws JfrFormatException {
        reader().read(ChunkHeader.parse(chunk), chunk, sink);
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void everyKindOfFieldIsReadInBothEncodingsOfIntegers(boolean compressed) throws Exception {
        ChunkBuilder b = new ChunkBuilder(compressed);
        ChunkBuilder.Type point =
                b.type(50, "test.Point").field("x", b.primitive("int")).field("y", b.primitive("double"));
        ChunkBuilder.Type symbol = b.type(51, "jdk.types.Symbol")
                .field("string", b.primitive("java.lang.String"))
                .simple();
        ChunkBuilder.Type pair = b.type(52, "test.Pair")
                .constant("name", symbol)
                .field("at", point)
                .array("bytes", b.primitive("byte"));
        ChunkBuilder.Type event = b.eventType(100, "test.All")
                .field("z", b.primitive("boolean"))
                .field("b", b.primitive("byte"))
                .field("c", b.primitive("char"))
                .field("s", b.primitive("short"))
                .field("i", b.primitive("int"))
                .field("l", b.primitive("long"))
                .field("f", b.primitive("float"))
                .field("d", b.primitive("double"))
                .array("texts", b.primitive("java.lang.String"))
                .field("point", point)
                .array("points", point)
                .constant("pair", pair)
                .constants("pairs", pair)
                .constant("number", b.primitive("int"))
                .constant("text", b.primitive("java.lang.String"));
        b.metadata();
        b.event(event, 100, out -> out.raw(new byte[] {1, -7})
                .shortInteger('é')
                .shortInteger(-30_000)
                .integer(Integer.MIN_VALUE)
                .number(Long.MIN_VALUE)
                .single(-1.5f)
                .real(1e300)
                .integer(6)
                .raw(new byte[] {0, 1})
                .stringConstant(77)
                .utf8("日本\uD83D\uDE80")
                .chars("chars\uD800")
                .latin1("é")
                .integer(-1)
                .real(0.5)
                .integer(2)
                .integer(1)
                .real(1)
                .integer(2)
                .real(2)
                .number(9)
                .integer(2)
                .number(9)
                .number(0)
                .number(5)
                .number(77));
        b.checkpoint(
                new ChunkBuilder.Constants(pair, Map.of(9L, out -> out.number(8)
                        .integer(3)
                        .real(4)
                        .integer(2)
                        .raw(new byte[] {1, 2}))),
                new ChunkBuilder.Constants(symbol, Map.of(8L, out -> out.utf8("symbol"))),
                new ChunkBuilder.Constants(b.primitive("int"), Map.of(5L, out -> out.integer(-5))),
                new ChunkBuilder.Constants(b.primitive("java.lang.String"), Map.of(77L, out -> out.latin1("pooled"))));

        readAtOnce(b.finished());

        String pairText = "[name=symbol, at=[x=3, y=4.0], bytes=[1, 2]]";
        assertThat(handedOn)
                .containsExactly("test.All[true, -7, é, -30000, -2147483648, -9223372036854775808, -1.5, 1.0E300, "
                        + "[null, , pooled, 日本\uD83D\uDE80, chars\uD800, é], [x=-1, y=0.5], [[x=1, y=1.0], [x=2, y=2.0]], "
                        + pairText + ", [" + pairText + ", null], -5, pooled]");
    }

    @Test
    void aConstantThatComesWithTheNextSegmentIsWaitedFor() throws Exception {
        ChunkBuilder b = new ChunkBuilder(true);
        ChunkBuilder.Type symbol = b.type(51, "jdk.types.Symbol")
                .field("string", b.primitive("java.lang.String"))
                .simple();
        ChunkBuilder.Type event = b.eventType(100, "test.E").constant("symbol", symbol);
        ChunkReader reader = reader();

        b.metadata();
        int early = b.size();
        b.event(event, 1, out -> out.number(1));
        b.event(event, 2, out -> out.number(0));
        List<Long> offsets = new ArrayList<>();
        b.flush(reader, (type, offset, e) -> {
            sink.event(type, offset, e);
            offsets.add(offset);
        });
        assertThat(handedOn).containsExactly("test.E[null]");

        b.checkpoint(new ChunkBuilder.Constants(symbol, Map.of(1L, out -> out.utf8("came"))));
        b.flush(reader, (type, offset, e) -> {
            sink.event(type, offset, e);
            offsets.add(offset);
            assertThat(e.startNanos()).isEqualTo(ChunkBuilder.START_NANOS + 10);
        });

        assertThat(handedOn).containsExactly("test.E[null]", "test.E[came]");
        assertThat(offsets.get(1)).isEqualTo(early);
        assertThat(reader.unresolved()).isZero();
    }

    @Test
    void aConstantOrTypeThatDoesNotComeIsWaitedForOnceThenCounted() throws Exception {
        ChunkBuilder b = new ChunkBuilder(true);
        ChunkBuilder.Type symbol = b.type(51, "jdk.types.Symbol")
                .field("string", b.primitive("java.lang.String"))
                .simple();
        ChunkBuilder.Type event = b.eventType(100, "test.E").constant("symbol", symbol);
        ChunkReader reader = reader();
        b.metadata().event(event, 1, out -> out.number(1)).event(777, out -> out.number(1));
        b.flush(reader, sink);
        assertThat(handedOn).isEmpty();
        assertThat(reader.unresolved()).isZero();

        b.event(event, 2, out -> out.number(0));
        b.flush(reader, sink);

        assertThat(handedOn).containsExactly("test.E[null]", "test.E[null]");
        assertThat(reader.unresolved()).isEqualTo(2);

        b.event(event, 2, out -> out.number(3));
        b.flush(reader, sink);
        reader.finish(sink);
        assertThat(handedOn).hasSize(3);
        assertThat(reader.unresolved()).isEqualTo(3);
    }

    @Test
    void aTypeDeclaredLaterExtendsTheOldOnesAndItsWaitingEventsCome() throws Exception {
        ChunkBuilder b = new ChunkBuilder(true);
        ChunkBuilder.Type event = b.eventType(100, "test.E").field("i", b.primitive("int"));
        ChunkReader reader = reader();
        b.metadata().event(event, 1, out -> out.integer(1)).event(101, out -> out.number(5)
                .integer(7));
        List<EventType> types = new ArrayList<>();
        b.flush(reader, (type, offset, e) -> {
            sink.event(type, offset, e);
            types.add(type);
        });
        b.eventType(101, "test.Late").field("i", b.primitive("int"));
        b.metadata().event(event, 3, out -> out.integer(3));
        b.flush(reader, (type, offset, e) -> {
            sink.event(type, offset, e);
            types.add(type);
        });

        assertThat(handedOn).containsExactly("test.E[1]", "test.Late[7]", "test.E[3]");
        assertThat(types.get(2)).isSameAs(types.get(0));
        assertThat(reader.unresolved()).isZero();
    }

    @Test
    void ofAConstantThatComesTwiceTheFirstCheckpointAndInItTheLastEntryWins(@TempDir Path folder) throws Exception {
        ChunkBuilder b = new ChunkBuilder(true);
        ChunkBuilder.Type symbol = b.type(51, "jdk.types.Symbol")
                .field("string", b.primitive("java.lang.String"))
                .simple();
        ChunkBuilder.Type event = b.eventType(100, "test.E").constant("symbol", symbol);
        b.metadata();
        b.checkpoint(
                new ChunkBuilder.Constants(symbol, Map.of(1L, out -> out.utf8("first"))),
                new ChunkBuilder.Constants(symbol, Map.of(1L, out -> out.utf8("first again"))));
        b.checkpoint(new ChunkBuilder.Constants(symbol, Map.of(1L, out -> out.utf8("second"))));
        b.event(event, 1, out -> out.number(1));
        byte[] chunk = b.finished();

        readAtOnce(chunk);

        String theirs =
                Oracle.read(chunk, folder).events.firstEntry().getValue().getString("symbol");
        assertThat(handedOn).containsExactly("test.E[" + theirs + "]");
        assertThat(theirs).isEqualTo("first again");
    }

    @Test
    void aConstantThatContainsItselfEndsWithNull() throws Exception {
        ChunkBuilder b = new ChunkBuilder(true);
        ChunkBuilder.Type node = b.type(51, "test.Node");
        node.constant("next", node).field("i", b.primitive("int"));
        ChunkBuilder.Type event = b.eventType(100, "test.E").constant("node", node);
        b.metadata();
        b.checkpoint(
                new ChunkBuilder.Constants(node, Map.of(1L, out -> out.number(2).integer(1), 2L, out -> out.number(1)
                        .integer(2))));
        b.event(event, 1, out -> out.number(1));

        readAtOnce(b.finished());

        assertThat(handedOn).containsExactly("test.E[[next=[next=null, i=2], i=1]]");
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aChainOfConstantsBeyondTheDepthLimitIsATypedError(boolean simple) throws Exception {
        ChunkBuilder b = new ChunkBuilder(true);
        ChunkBuilder.Type node = b.type(51, "test.Node");
        node.constant("next", node).simple = simple;
        ChunkBuilder.Type event = b.eventType(100, "test.E").constant("node", node);
        Map<Long, Consumer<ChunkBuilder.Out>> chain = new HashMap<>();
        for (long i = 1; i < 100_000; i++) {
            long next = i + 1;
            chain.put(i, out -> out.number(next));
        }
        b.metadata().checkpoint(new ChunkBuilder.Constants(node, chain)).event(event, 1, out -> out.number(1));

        assertThatExceptionOfType(JfrFormatException.class)
                .isThrownBy(() -> readAtOnce(b.finished()))
                .withMessageContaining("nested deeper than the limit of 100");
    }

    @Test
    void aTypeThatContainsItselfIsATypedError() throws Exception {
        ChunkBuilder b = new ChunkBuilder(true);
        ChunkBuilder.Type node = b.type(51, "test.Node");
        node.field("left", node).field("right", node);
        ChunkBuilder.Type event = b.eventType(100, "test.E").field("node", node);
        b.metadata().event(event, 1, out -> out.raw(new byte[1000]));

        assertThatExceptionOfType(JfrFormatException.class)
                .isThrownBy(() -> readAtOnce(b.finished()))
                .withMessageContaining("nested deeper");
    }

    @Test
    void anArrayOfValuesThatTakeNoBytesIsATypedError() throws Exception {
        ChunkBuilder b = new ChunkBuilder(true);
        ChunkBuilder.Type nothing = b.type(51, "test.Nothing");
        ChunkBuilder.Type event = b.eventType(100, "test.E").array("nothings", nothing);
        b.metadata().event(event, 1, out -> out.integer(1000).raw(new byte[1000]));

        assertThatExceptionOfType(JfrFormatException.class)
                .isThrownBy(() -> readAtOnce(b.finished()))
                .withMessageContaining("has no fields");
    }

    @Test
    void anIntegerThatDoesNotFitItsFieldIsATypedErrorThatNamesTheOffset() throws Exception {
        ChunkBuilder b = new ChunkBuilder(true);
        ChunkBuilder.Type event = b.eventType(100, "test.E").field("i", b.primitive("int"));
        b.metadata();
        int start = b.size();
        b.event(event, 1, out -> out.number(1L << 40));

        assertThatExceptionOfType(JfrFormatException.class)
                .isThrownBy(() -> readAtOnce(b.finished()))
                .satisfies(e -> assertThat(e.offset()).isBetween((long) start, (long) b.size()))
                .withMessageContaining("does not fit an int");
    }

    @Test
    void anIntegerThatRunsIntoTheNextEventIsATypedError() throws Exception {
        ChunkBuilder b = new ChunkBuilder(true);
        ChunkBuilder.Type event = b.eventType(100, "test.E").field("l", b.primitive("long"));
        b.metadata();
        b.event(event, 1, out -> out.raw(new byte[] {-1, -1}));
        b.event(event, 2, out -> out.number(1L << 60));

        assertThatExceptionOfType(JfrFormatException.class)
                .isThrownBy(() -> readAtOnce(b.finished()))
                .withMessageContaining("end in the middle of a value");
        assertThat(handedOn).isEmpty();
    }

    @Test
    void anAccessorThatDoesNotFitTheFieldIsATypedError() throws Exception {
        ChunkBuilder b = new ChunkBuilder(true);
        ChunkBuilder.Type event = b.eventType(100, "test.E").field("i", b.primitive("int"));
        byte[] chunk = b.metadata().event(event, 1, out -> out.integer(1)).finished();

        for (EventSink wrong : List.<EventSink>of(
                (t, o, e) -> e.getString(1),
                (t, o, e) -> e.getBoolean(1),
                (t, o, e) -> e.thread(1),
                (t, o, e) -> e.stackTrace(1),
                (t, o, e) -> e.className(1),
                (t, o, e) -> e.nanos(1))) {
            assertThatExceptionOfType(JfrFormatException.class)
                    .isThrownBy(() -> reader().read(ChunkHeader.parse(chunk), chunk, wrong))
                    .withMessageContaining("field i of test.E is a int, not ");
        }
    }

    @Test
    void eachLimitIsATypedError() throws Exception {
        ChunkBuilder b = new ChunkBuilder(true);
        ChunkBuilder.Type symbol = b.type(51, "jdk.types.Symbol")
                .field("string", b.primitive("java.lang.String"))
                .simple();
        ChunkBuilder.Type frame = b.type(52, "jdk.types.StackFrame").field("line", b.primitive("int"));
        ChunkBuilder.Type event = b.eventType(100, "test.E")
                .constant("symbol", symbol)
                .array("numbers", b.primitive("int"))
                .array("frames", frame)
                .field("text", b.primitive("java.lang.String"));
        b.metadata()
                .checkpoint(new ChunkBuilder.Constants(
                        symbol, Map.of(1L, out -> out.utf8("one"), 2L, out -> out.utf8("two"))));
        byte[] chunk = b.event(event, 1, out -> out.number(1)
                        .integer(3)
                        .integer(1)
                        .integer(1)
                        .integer(1)
                        .integer(3)
                        .integer(1)
                        .integer(1)
                        .integer(1)
                        .utf8("x".repeat(40)))
                .finished();
        Limits fine = new Limits(70, 2, 4000, 40, 3, 3, 10, 13, 2000, 200);
        readAtOnce(chunk);
        new ChunkReader(fine, name -> true).read(ChunkHeader.parse(chunk), chunk, sink);
        assertThat(handedOn).hasSize(2);

        int[] values = {70, 2, 4000, 40, 3, 3, 10, 13, 2000, 200};
        int[] tooSmall = {50, 1, 200, 39, 2, 2, 1, 11, 200, 40};
        for (int i = 0; i < values.length; i++) {
            int[] v = values.clone();
            v[i] = tooSmall[i];
            Limits limits = new Limits(v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9]);
            assertThatExceptionOfType(JfrFormatException.class)
                    .as(limits.toString())
                    .isThrownBy(() -> new ChunkReader(limits, n -> true).read(ChunkHeader.parse(chunk), chunk, sink))
                    .withMessageContaining("limit");
        }
    }

    @Test
    void namesThatNoRowShouldHoldAreRefusedUnlessNobodyWantsTheEvent() throws Exception {
        ChunkBuilder type = new ChunkBuilder(true);
        type.eventType(100, "t".repeat(513));
        byte[] longType = type.metadata().finished();
        ChunkBuilder field = new ChunkBuilder(true);
        field.eventType(100, "test.E").field("f".repeat(513), field.primitive("int"));
        byte[] longField = field.metadata().finished();
        for (byte[] chunk : List.of(longType, longField)) {
            assertThatExceptionOfType(JfrFormatException.class)
                    .isThrownBy(() -> readAtOnce(chunk))
                    .withMessageContaining("a name of 513 characters, the limit is 512");
            new ChunkReader(Limits.standard(), name -> false).read(ChunkHeader.parse(chunk), chunk, sink);
        }
    }

    @Test
    void typesNobodyWantsAreSkippedAndTheirConstantsNotKept() throws Exception {
        ChunkBuilder b = new ChunkBuilder(true);
        ChunkBuilder.Type symbol = b.type(51, "jdk.types.Symbol")
                .field("string", b.primitive("java.lang.String"))
                .simple();
        ChunkBuilder.Type wanted = b.eventType(100, "test.Wanted").field("i", b.primitive("int"));
        ChunkBuilder.Type other = b.eventType(101, "test.Other").constant("symbol", symbol);
        Map<Long, Consumer<ChunkBuilder.Out>> many = new HashMap<>();
        for (long i = 1; i < 1000; i++) {
            many.put(i, out -> out.utf8("a constant"));
        }
        b.metadata().checkpoint(new ChunkBuilder.Constants(symbol, many));
        byte[] chunk = b.event(other, 1, out -> out.number(4))
                .event(wanted, 2, out -> out.integer(5))
                .finished();
        ChunkReader some = new ChunkReader(Limits.standard(), name -> name.equals("test.Wanted"));
        ChunkReader all = reader();

        some.read(ChunkHeader.parse(chunk), chunk, sink);
        assertThat(handedOn).containsExactly("test.Wanted[5]");
        all.read(ChunkHeader.parse(chunk), chunk, sink);

        assertThat(some.retainedBytes()).isLessThan(2_000);
        assertThat(all.retainedBytes()).isGreaterThan(20_000);
    }

    @Test
    void stackTracesNobodyWantsAreNullAndNotKept() throws Exception {
        ChunkBuilder b = new ChunkBuilder(true);
        ChunkBuilder.Type frame = b.type(52, "jdk.types.StackFrame").field("lineNumber", b.primitive("int"));
        ChunkBuilder.Type stack = b.type(53, "jdk.types.StackTrace")
                .field("truncated", b.primitive("boolean"))
                .array("frames", frame);
        ChunkBuilder.Type event = b.eventType(100, "test.E").constant("stackTrace", stack);
        b.metadata().checkpoint(new ChunkBuilder.Constants(stack, Map.of(1L, out -> out.raw(new byte[] {0})
                .integer(2)
                .integer(11)
                .integer(12))));
        b.event(event, 1, out -> out.number(1)).event(event, 1, out -> out.number(2));
        List<StackTrace> traces = new ArrayList<>();
        ChunkReader without = new ChunkReader(Limits.standard(), name -> true, false);

        b.flush(without, (type, offset, e) -> traces.add(e.stackTrace(1)));
        assertThat(traces).hasSize(2).containsOnlyNulls();
        assertThat(without.unresolved()).isZero();

        byte[] chunk = b.finished();
        reader().read(ChunkHeader.parse(chunk), chunk, (type, offset, e) -> traces.add(e.stackTrace(1)));
        assertThat(traces.get(2).frames().stream().map(StackTrace.Frame::line)).containsExactly(11, 12);
    }

    @Test
    void aSegmentThatDoesNotFollowTheOneBeforeIsRefused() throws Exception {
        ChunkBuilder b = new ChunkBuilder(true);
        b.eventType(100, "test.E");
        byte[] chunk = b.metadata().finished();
        ChunkHeader header = ChunkHeader.parse(chunk);
        byte[] tooLong = Arrays.copyOf(chunk, chunk.length + 1);

        assertThatExceptionOfType(JfrFormatException.class)
                .isThrownBy(() -> reader().read(header, tooLong, sink))
                .withMessageContaining("are due");

        ChunkReader reader = reader();
        reader.read(header, chunk, sink);
        byte[] other = chunk.clone();
        other[39]++;
        assertThatExceptionOfType(JfrFormatException.class)
                .isThrownBy(() -> reader.read(ChunkHeader.parse(other), new byte[0], sink))
                .withMessageContaining("another chunk");
        assertThatIllegalStateException().isThrownBy(() -> reader.read(header, new byte[0], sink));
    }

    @ParameterizedTest
    @ValueSource(ints = {39, 55, 63, 67})
    void firstBytesWithAnotherStartOrClockOrEncodingThanTheHeaderAreRefused(int at) throws Exception {
        byte[] chunk = new ChunkBuilder(true).metadata().finished();
        ChunkHeader header = ChunkHeader.parse(chunk);
        chunk[at] ^= 1;
        assertThatExceptionOfType(JfrFormatException.class)
                .isThrownBy(() -> reader().read(header, chunk, sink))
                .withMessageContaining("header of another chunk");
    }

    @Test
    void thatTheChunkIsTheLastOfItsRecordingMayBecomeKnownLater() throws Exception {
        byte[] chunk = new ChunkBuilder(true).metadata().finished();
        byte[] last = chunk.clone();
        last[67] |= 2;
        ChunkReader reader = reader();
        reader.read(ChunkHeader.parse(last), chunk, sink);
        assertThat(reader.parsedTo()).isEqualTo(chunk.length);
    }

    @Test
    void ticksAreConvertedWithoutOverflow() throws Exception {
        byte[] bytes = new ChunkBuilder(true).header(false);
        ChunkHeader header = ChunkHeader.parse(bytes);
        assertThat(header.ticksToNanos(ChunkBuilder.START_TICKS + 1)).isEqualTo(ChunkBuilder.START_NANOS + 10);
        assertThat(header.ticksToNanos(Long.MAX_VALUE)).isEqualTo(Long.MAX_VALUE);
        assertThat(header.ticksToNanos(Long.MIN_VALUE)).isLessThan(0);
        assertThat(header.ticksToDurationNanos(Long.MIN_VALUE)).isEqualTo(Long.MIN_VALUE);
        assertThat(header.state()).isEqualTo(1);
        assertThat(header.isFinished()).isFalse();
    }

    @Test
    void aHeaderIsCheckedFieldByField() {
        byte[] good = new ChunkBuilder(true).header(false);
        for (int[] change :
                new int[][] {{0, 'X'}, {3, 1}, {5, 3}, {8, -1}, {15, 67}, {16, 1}, {23, 5}, {24, -1}, {56, -1}}) {
            byte[] bad = good.clone();
            bad[change[0]] = (byte) change[1];
            assertThatExceptionOfType(JfrFormatException.class)
                    .as("byte %d", change[0])
                    .isThrownBy(() -> ChunkHeader.parse(bad));
        }
        assertThatExceptionOfType(JfrFormatException.class)
                .isThrownBy(() -> ChunkHeader.parse(Arrays.copyOf(good, ChunkHeader.SIZE - 1)));
    }

    @Test
    void constantsAreFoundAgainAmongMany() throws Exception {
        ChunkBuilder b = new ChunkBuilder(true);
        ChunkBuilder.Type symbol = b.type(51, "jdk.types.Symbol")
                .field("string", b.primitive("java.lang.String"))
                .simple();
        ChunkBuilder.Type event = b.eventType(100, "test.E").constant("symbol", symbol);
        b.metadata();
        List<Integer> keys = new ArrayList<>(IntStream.range(0, 5_000).boxed().toList());
        Collections.shuffle(keys, new Random(1));
        List<String> expected = new ArrayList<>();
        ChunkReader reader = reader();
        for (int key : keys) {
            long id = key * 0x1_0000_0001L;
            b.event(event, 1, out -> out.number(id));
            b.checkpoint(new ChunkBuilder.Constants(symbol, Map.of(id, out -> out.utf8("text " + id))));
            expected.add("test.E[text " + id + "]");
        }
        b.flush(reader, sink);
        assertThat(handedOn).isEqualTo(expected);
        assertThat(reader.unresolved()).isZero();
    }
}
