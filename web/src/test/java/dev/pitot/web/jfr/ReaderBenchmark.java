package dev.pitot.web.jfr;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.Predicate;
import jdk.jfr.ValueDescriptor;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;

/**
 * Events per second of {@link ChunkReader} and of the JDK's {@code RecordingFile} on one file, warm, the contestants
 * taking turns. Arguments: a recording (else one is made by a child JVM), and how many rounds.
 *
 * <pre>{@code
 * mvn -q -pl web -am test-compile
 * java -cp web/target/classes:web/target/test-classes:$(find ~/.m2 -name 'awaitility-4*.jar' -o -name 'hamcrest-[23]*.jar' \
 *     | tr '\n' ':') dev.pitot.web.jfr.ReaderBenchmark [recording.jfr] [rounds]
 * }</pre>
 */
public final class ReaderBenchmark {
    private static Object sink;
    private static long count;
    private static long total;

    private ReaderBenchmark() {}

    private interface Contestant {
        /** Reads the whole file and returns how many events it handed on. */
        long run() throws Exception;
    }

    private record Entry(String name, Contestant contestant, List<Long> nanos) {}

    /** Prints one line per contestant. */
    public static void main(String[] args) throws Exception {
        Path file = args.length > 0 ? Path.of(args[0]) : record();
        int rounds = args.length > 1 ? Integer.parseInt(args[1]) : 15;
        byte[] bytes = Files.readAllBytes(file);
        List<byte[]> chunks = new ArrayList<>();
        for (int at = 0; at < bytes.length; ) {
            int size = (int) ChunkHeader.parse(Arrays.copyOfRange(bytes, at, at + ChunkHeader.SIZE))
                    .chunkSize();
            chunks.add(Arrays.copyOfRange(bytes, at, at + size));
            at += size;
        }
        Predicate<String> few =
                name -> name.startsWith("test.") || name.equals("jdk.CPULoad") || name.equals("jdk.GCHeapSummary");
        String only = System.getProperty("only", "");
        List<Entry> all = List.of(
                new Entry("RecordingFile, every field taken", () -> recordingFile(file, true), new ArrayList<>()),
                new Entry("RecordingFile, events only", () -> recordingFile(file, false), new ArrayList<>()),
                new Entry("ChunkReader, every field taken", () -> reader(chunks, n -> true, true), new ArrayList<>()),
                new Entry("ChunkReader, every field unboxed", () -> unboxed(chunks), new ArrayList<>()),
                new Entry("ChunkReader, wanted types only", () -> reader(chunks, few, true), new ArrayList<>()),
                new Entry("ChunkReader, wanted, no stacks", () -> reader(chunks, few, false), new ArrayList<>()));
        List<Entry> entries = all.stream().filter(e -> e.name.contains(only)).toList();
        for (int round = 0; round < rounds; round++) {
            for (Entry entry : entries) {
                long from = System.nanoTime();
                count = entry.contestant.run();
                entry.nanos.add(System.nanoTime() - from);
            }
        }
        long events = reader(chunks, n -> true, true);
        System.out.printf(
                Locale.ROOT, "%s: %d bytes, %d chunks, %d events%n", file, bytes.length, chunks.size(), events);
        double base = 0;
        for (Entry entry : entries) {
            // the first third warms up
            long[] warm = entry.nanos.stream()
                    .skip(rounds / 3)
                    .mapToLong(Long::longValue)
                    .sorted()
                    .toArray();
            double nanos = warm[warm.length / 2];
            base = base == 0 ? nanos : base;
            System.out.printf(
                    Locale.ROOT,
                    "%-34s %7.1f ms  %9.0f events of the file/s  %6.0f ns/event  x%.1f%n",
                    entry.name,
                    nanos / 1e6,
                    events / nanos * 1e9,
                    nanos / events,
                    base / nanos);
        }
    }

    private static Path record() throws Exception {
        Path folder = Files.createTempDirectory("reader-benchmark");
        Path jdk = Path.of(System.getProperty("java.home"));
        Path file = folder.resolve("workload.jfr");
        Files.write(file, GrowingChunk.record(jdk, folder, 20).bytes());
        return file;
    }

    private static long recordingFile(Path file, boolean fields) throws Exception {
        long events = 0;
        try (RecordingFile recording = new RecordingFile(file)) {
            while (recording.hasMoreEvents()) {
                RecordedEvent event = recording.readEvent();
                events++;
                if (fields) {
                    for (ValueDescriptor field : event.getFields()) {
                        sink = event.getValue(field.getName());
                    }
                }
            }
        }
        return events;
    }

    private static long reader(List<byte[]> chunks, Predicate<String> wanted, boolean stackTraces) throws Exception {
        total = 0;
        for (byte[] chunk : chunks) {
            new ChunkReader(Limits.standard(), wanted, stackTraces)
                    .read(ChunkHeader.parse(chunk), chunk, (type, offset, event) -> {
                        for (int i = 0; i < type.fields().size(); i++) {
                            sink = event.get(i);
                        }
                        total++;
                    });
        }
        return total;
    }

    /** As a collector does: numbers stay primitive. */
    private static long unboxed(List<byte[]> chunks) throws Exception {
        total = 0;
        for (byte[] chunk : chunks) {
            new ChunkReader(Limits.standard(), name -> true)
                    .read(ChunkHeader.parse(chunk), chunk, (type, offset, event) -> {
                        List<EventType.Field> fields = type.fields();
                        for (int i = 0; i < fields.size(); i++) {
                            EventType.Field field = fields.get(i);
                            switch (field.array() || field.constantPool() ? "" : field.typeName()) {
                                case "byte", "short", "char", "int", "long" -> total += event.getLong(i) & 1;
                                case "float", "double" -> total += event.getDouble(i) > 0 ? 1 : 0;
                                case "boolean" -> total += event.getBoolean(i) ? 1 : 0;
                                default -> sink = event.get(i);
                            }
                        }
                    });
        }
        return total;
    }
}
