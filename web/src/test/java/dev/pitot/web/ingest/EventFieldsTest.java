package dev.pitot.web.ingest;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.pitot.web.jfr.ChunkBuilder;
import dev.pitot.web.jfr.ChunkHeader;
import dev.pitot.web.jfr.ChunkReader;
import dev.pitot.web.jfr.Event;
import dev.pitot.web.jfr.Limits;
import dev.pitot.web.store.StoredTypes;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.stream.IntStream;
import jdk.jfr.AnnotationElement;
import jdk.jfr.EventFactory;
import jdk.jfr.Name;
import jdk.jfr.Recording;
import jdk.jfr.Timespan;
import jdk.jfr.ValueDescriptor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Events that ask for more than rows and memory should hold. */
class EventFieldsTest {
    private static final String TYPE = "test.Generated";

    @TempDir
    private Path folder;

    /** Records one event and hands it on as the collector reads it. */
    private void record(List<ValueDescriptor> fields, List<Object> values, BiConsumer<EventFields, Event> sink)
            throws Exception {
        record(TYPE, fields, values, sink);
    }

    private void record(
            String name, List<ValueDescriptor> fields, List<Object> values, BiConsumer<EventFields, Event> sink)
            throws Exception {
        Path file = folder.resolve("one.jfr");
        EventFactory factory = EventFactory.create(List.of(new AnnotationElement(Name.class, name)), fields);
        try (Recording recording = new Recording()) {
            recording.enable(name);
            recording.start();
            jdk.jfr.Event event = factory.newEvent();
            for (int i = 0; i < values.size(); i++) {
                event.set(i, values.get(i));
            }
            event.commit();
            recording.stop();
            recording.dump(file);
        } finally {
            factory.unregister();
        }
        read(name, Files.readAllBytes(file), sink);
    }

    private static void read(String name, byte[] all, BiConsumer<EventFields, Event> sink) throws Exception {
        ChunkHeader header = ChunkHeader.parse(all);
        int[] events = {0};
        new ChunkReader(Limits.standard(), name::equals)
                .read(header, Arrays.copyOf(all, (int) header.chunkSize()), (type, offset, event) -> {
                    events[0]++;
                    sink.accept(new EventFields(type, header), event);
                });
        assertThat(events[0]).isEqualTo(1);
    }

    @Test
    void numbersThatCannotBeSaidAndTextsThatAreNotWholeAreCounted() throws Exception {
        List<ValueDescriptor> fields = List.of(
                new ValueDescriptor(double.class, "endless"),
                new ValueDescriptor(float.class, "endlessToo"),
                new ValueDescriptor(double.class, "unknown"),
                new ValueDescriptor(double.class, "known"),
                new ValueDescriptor(String.class, "long"),
                new ValueDescriptor(String.class, "short"));
        List<Object> values = List.of(
                Double.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, Double.NaN, 1.5, "x".repeat(5_000), "whole\u2026");
        record(fields, values, (of, event) -> {
            EventFields.Sample sample = of.sample(event);
            assertThat(sample.infinite()).isEqualTo(2);
            assertThat(sample.cut()).isEqualTo(1);
        });
    }

    @Test
    void textsThatStayInMemoryAreCutButNoHistogram() throws Exception {
        String pilot = "x".repeat(EventFields.LONGEST_TEXT - 2) + "\uD83D\uDE80".repeat(5000);
        String histogram = "100:200 ".repeat(500).strip();
        List<ValueDescriptor> fields = List.of(
                new ValueDescriptor(String.class, "route"),
                new ValueDescriptor(String.class, "histogram"),
                new ValueDescriptor(String.class, "whole"));
        String whole = "w".repeat(EventFields.LONGEST_TEXT);
        record(fields, List.of(pilot, histogram, whole), (kept, event) -> {
            String cut = "x".repeat(EventFields.LONGEST_TEXT - 2) + "\u2026";
            assertThat(kept.text(event, "route")).isEqualTo(cut);
            assertThat(kept.text(event, "histogram")).isEqualTo(histogram);
            String[] texts = kept.sample(event).texts();
            assertThat(texts[0]).isEqualTo(cut);
            assertThat(texts[1]).hasSize(EventFields.LONGEST_TEXT);
            assertThat(texts[2]).isEqualTo(whole);
        });
    }

    @Test
    void whatCouldNotBeHadIsNotInTheJsonAndWhatIsZeroIs() throws Exception {
        List<ValueDescriptor> fields = List.of(
                new ValueDescriptor(String.class, "absent"),
                new ValueDescriptor(
                        long.class, "cpuTime", List.of(new AnnotationElement(Timespan.class, Timespan.NANOSECONDS))),
                new ValueDescriptor(long.class, "zero"),
                new ValueDescriptor(double.class, "unknown"),
                new ValueDescriptor(String.class, "last"),
                new ValueDescriptor(Class.class, "type"));
        record(fields, Arrays.asList(null, Long.MIN_VALUE, 0L, Double.NaN, "{", null), (kept, event) -> {
            JsonNode json = json(kept.json(event));
            assertThat(json.fieldNames()).toIterable().containsExactlyInAnyOrder("zero", "last", "duration", "thread");
            assertThat(json.path("zero").longValue()).isZero();
            assertThat(json.path("last").textValue()).isEqualTo("{");
        });
    }

    @Test
    void ofATypeOfManyFieldsTheFirstAreUsed() throws Exception {
        ChunkBuilder chunk = new ChunkBuilder(true);
        ChunkBuilder.Type type = chunk.eventType(100, TYPE);
        for (int i = 1; i <= 300; i++) {
            type.field("field" + i, chunk.primitive("int"));
        }
        chunk.metadata().event(type, 1, out -> IntStream.rangeClosed(1, 300).forEach(out::integer));
        read(TYPE, chunk.finished(), (kept, event) -> {
            assertThat(kept.metricNames()).hasSize(256).endsWith("field256");
            assertThat(kept.sample(event).numbers()).hasSize(256).endsWith(256);
            JsonNode json = json(kept.json(event));
            assertThat(json).hasSize(256);
            assertThat(json.path("field256").intValue()).isEqualTo(256);
        });
    }

    @Test
    void theKeyFieldsOfASampleAreItsKeyAndNoValues() throws Exception {
        List<ValueDescriptor> fields = List.of(
                new ValueDescriptor(String.class, "thread"),
                new ValueDescriptor(long.class, "osThreadId"),
                new ValueDescriptor(double.class, "cycles"));
        record("pitot.TopThread", fields, List.of("main\0\ud800", 4711L, 5.0), (kept, event) -> {
            EventFields.Sample sample = kept.sample(event);
            assertThat(sample.key()).isEqualTo("main\ufffd\ufffd 4711");
            assertThat(sample.fields()).containsExactly("cycles");
            assertThat(sample.numbers()).containsExactly(5);
        });
        // One that another agent commits without the field.
        record("pitot.TopThread", fields.subList(1, 3), List.of(4711L, 5.0), (kept, event) -> assertThat(
                        kept.sample(event).key())
                .isEqualTo(" 4711"));
        record(fields, List.of("main", 4711L, 5.0), (kept, event) -> {
            assertThat(kept.sample(event).key()).isNull();
            assertThat(kept.sample(event).fields()).hasSize(3);
        });
    }

    @Test
    void longKeysAreCutAndStayDifferent() {
        String mount = "/var/lib/kubelet/pods/" + "x".repeat(300);
        String one = StoredTypes.key(mount + "1");
        assertThat(one).hasSize(StoredTypes.LONGEST_KEY).startsWith("/var/lib/kubelet/pods/x");
        assertThat(one).isNotEqualTo(StoredTypes.key(mount + "2")).isEqualTo(StoredTypes.key(mount + "1"));
        assertThat(StoredTypes.key("k".repeat(200))).isEqualTo("k".repeat(200));
    }

    private static JsonNode json(String text) {
        try {
            return new ObjectMapper().readTree(text);
        } catch (JsonProcessingException e) {
            throw new AssertionError(text, e);
        }
    }

    @Test
    void noMoreThanAnEighthOfTheHeapWaitsToBeParsed() {
        assertThat(IngestSettings.standard(256L << 20).heldBytes()).isEqualTo(32L << 20);
        assertThat(IngestSettings.standard(8L << 30).heldBytes()).isEqualTo(128L << 20);
        assertThat(IngestSettings.standard().heldBytes())
                .isLessThanOrEqualTo(Runtime.getRuntime().maxMemory() / 8);
    }
}
