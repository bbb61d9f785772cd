package dev.pitot.web.jfr;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Chunks of real JVMs, cut at every flush, against the JDK's own reader. */
class LiveChunkIT {
    @TempDir
    static Path folder;

    private static final Map<Path, GrowingChunk> CHUNKS = new HashMap<>();

    static Stream<Path> jdks() throws Exception {
        return GrowingChunk.jdks().stream();
    }

    /** Side by side: each waits for its five flushes. */
    @BeforeAll
    static void record() throws Exception {
        ExecutorService each = Executors.newCachedThreadPool();
        try {
            Map<Path, Future<GrowingChunk>> recorded = new HashMap<>();
            for (Path jdk : GrowingChunk.jdks()) {
                Path own = Files.createTempDirectory(folder, "jvm");
                recorded.put(jdk, each.submit(() -> GrowingChunk.record(jdk, own, 5)));
            }
            for (Map.Entry<Path, Future<GrowingChunk>> one : recorded.entrySet()) {
                CHUNKS.put(one.getKey(), one.getValue().get());
            }
        } finally {
            each.shutdownNow();
        }
    }

    @AfterAll
    static void forget() {
        CHUNKS.clear();
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void everyFlushGivesTheEventsOfItsCutExactlyOnce(Path jdk) throws Exception {
        GrowingChunk chunk = CHUNKS.get(jdk);
        ChunkReader reader = new ChunkReader(Limits.standard(), name -> true);
        Set<Long> seen = new HashSet<>();
        Set<Long> before = new HashSet<>();
        Set<String> types = new HashSet<>();
        for (int flush = 0; flush < chunk.headers().size(); flush++) {
            Oracle oracle = Oracle.read(chunk.cut(flush), folder);
            List<Oracle.Taken> taken = new ArrayList<>();
            reader.read(
                    ChunkHeader.parse(chunk.headers().get(flush)),
                    chunk.segment(flush),
                    (type, offset, event) -> taken.add(Oracle.Taken.of(type, offset, event)));

            for (Oracle.Taken event : taken) {
                oracle.assertEqual(event);
                assertThat(seen.add(event.offset()))
                        .as("%s at %s comes once", event.type(), event.offset())
                        .isTrue();
                types.add(event.type().name());
            }
            assertThat(seen).as("what was there one flush ago").containsAll(before);
            before.addAll(oracle.events.keySet());
            assertThat(reader.parsedTo()).isEqualTo(chunk.cut(flush).length);
        }
        assertThat(seen).isEqualTo(before);
        assertThat(types)
                .contains("test.Everything", "test.Late", "jdk.ObjectAllocationSample", "jdk.ThreadStart")
                .contains("jdk.GCHeapSummary", "jdk.JavaMonitorWait", "jdk.CPULoad", "jdk.ClassLoaderStatistics");
    }

    @ParameterizedTest
    @MethodSource("jdks")
    void everyCutReadAtOnceEqualsTheOracle(Path jdk) throws Exception {
        GrowingChunk chunk = CHUNKS.get(jdk);
        for (int flush = 0; flush < chunk.headers().size(); flush++) {
            byte[] cut = chunk.cut(flush);
            Oracle oracle = Oracle.read(cut, folder);
            List<Oracle.Taken> taken = new ArrayList<>();
            new ChunkReader(Limits.standard(), name -> true)
                    .read(
                            ChunkHeader.parse(cut),
                            cut,
                            (type, offset, event) -> taken.add(Oracle.Taken.of(type, offset, event)));

            assertThat(taken.stream().map(Oracle.Taken::offset)).containsExactlyElementsOf(oracle.events.keySet());
            taken.forEach(oracle::assertEqual);
        }
    }
}
