package dev.pitot.agent.spans;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import net.bytebuddy.ByteBuddy;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Which text a statement goes by, and what remembering texts costs. */
class StatementSpansTest {
    @TempDir
    Path folder;

    private Map<String, Long> counts(Consumer<SpanRecorder> work) throws Exception {
        return counts("pitot.StatementSummary", "sql", work);
    }

    private Map<String, Long> counts(String type, String name, Consumer<SpanRecorder> work) throws Exception {
        Map<String, Long> counts = new TreeMap<>();
        for (RecordedEvent event : of(record(work), type)) {
            counts.merge(event.getString(name), event.getLong("count"), Long::sum);
        }
        return counts;
    }

    private List<RecordedEvent> record(Consumer<SpanRecorder> work) throws Exception {
        Path file = folder.resolve("test.jfr");
        try (Recording recording = new Recording()) {
            recording.setDestination(file);
            recording.start();
            SpanRecorder recorder = SpanRecorderTest.recorder("sql.statements=10");
            work.accept(recorder);
            recorder.emitSummaries();
        }
        return RecordingFile.readAllEvents(file);
    }

    private static List<RecordedEvent> of(List<RecordedEvent> events, String type) {
        return events.stream()
                .filter(event -> event.getEventType().getName().equals(type))
                .toList();
    }

    private static void run(SpanRecorder recorder, Object statement, String sql) {
        Object token = recorder.beginStatement(statement, sql);
        assertThat(token).isNotNull();
        recorder.endStatement(token, 0, null);
    }

    @Test
    void aPreparedStatementKeepsItsTextUntilItIsPreparedAnew() throws Exception {
        assertThat(counts(recorder -> {
                    Object statement = new Object();
                    run(recorder, statement, null);
                    recorder.prepared(statement, "select 1 from a");
                    recorder.prepared(statement, "select 1 from a");
                    run(recorder, statement, null);
                    run(recorder, statement, null);
                    recorder.prepared(statement, "select 1 from b");
                    run(recorder, statement, null);
                }))
                .isEqualTo(Map.of("(prepared before Pitot saw it)", 1L, "select ? from a", 2L, "select ? from b", 1L));
    }

    @Test
    void textsAreOneOnlyIfTheyAreTheSameAndOfDatabasesThatReadThemAlike() throws Exception {
        Statements statements = new Statements(10, 0);
        Object h2 = new ByteBuddy()
                .subclass(Object.class)
                .name("org.h2.jdbc.JdbcStatement")
                .make()
                .load(new ClassLoader() {})
                .getLoaded()
                .getDeclaredConstructor()
                .newInstance();
        String sql = "select a from t where b = \"Smith\"";
        assertThat(statements.find(h2, sql).detail).isEqualTo(sql);
        assertThat(statements.find(this, sql).detail).isEqualTo("select a from t where b = ?");
        // Strings with the same hash.
        assertThat(statements.find(this, "select Aa from t").detail).isEqualTo("select Aa from t");
        assertThat(statements.find(this, "select BB from t").detail).isEqualTo("select BB from t");
    }

    @Test
    void aBatchGoesByItsFirstTextAndTheNextOneByItsOwn() throws Exception {
        assertThat(counts(recorder -> {
                    Object statement = new Object();
                    recorder.batched(statement, "delete from a");
                    recorder.batched(statement, "delete from b");
                    run(recorder, statement, null);
                    recorder.batched(statement, "delete from c");
                    recorder.batched(statement, null);
                    recorder.batched(statement, "delete from d");
                    run(recorder, statement, null);
                    recorder.batched(statement, "delete from e");
                    run(recorder, statement, null);
                }))
                .isEqualTo(Map.of("delete from a", 1L, "delete from d", 1L, "delete from e", 1L));
    }

    @Test
    void aWrapperWithoutATextGoesByThatOfTheStatementItCalls() throws Exception {
        assertThat(counts(recorder -> {
                    Object wrapper = new Object();
                    Object statement = new Object();
                    recorder.prepared(statement, "select 1 from a");
                    Object token = recorder.beginStatement(wrapper, null);
                    assertThat(recorder.beginStatement(statement, null)).isNull();
                    assertThat(recorder.beginStatement(statement, "select 1 from b"))
                            .isNull();
                    recorder.endStatement(token, 0, null);
                }))
                .isEqualTo(Map.of("select ? from a", 1L));
    }

    @Test
    void whatADriverOrAPoolRunsOfItsOwnIsNotCounted() throws Exception {
        assertThat(counts(recorder -> {
                    Object token = recorder.beginUncounted();
                    assertThat(token).isNotNull();
                    assertThat(recorder.beginUncounted()).isNull();
                    assertThat(recorder.beginStatement(null, "select 1 from a")).isNull();
                    recorder.endStatement(token, 0, null);
                    Object wait = recorder.beginWait("pool");
                    assertThat(recorder.beginStatement(null, "select 1 from b")).isNull();
                    recorder.endWait(wait, null);
                    Object statement = recorder.beginStatement(null, "select 1 from c");
                    assertThat(recorder.beginUncounted()).isNull();
                    recorder.endStatement(statement, 0, null);
                }))
                .isEqualTo(Map.of("select ? from c", 1L));
    }

    @Test
    void whatHappensWithinACommitBelongsToTheSpanAroundIt() throws Exception {
        List<RecordedEvent> events = record(recorder -> {
            Object request = recorder.beginRequest();
            Object commit = recorder.beginUncounted();
            recorder.endWait(recorder.beginWait("pool"), null);
            recorder.endStatement(commit, 0, null);
            recorder.endRequest(request, "GET", null, "/", 200, false, null);
        });
        assertThat(of(events, "pitot.ConnectionWait"))
                .extracting(event -> event.getString("parentSpanId"))
                .containsExactly(of(events, "pitot.HttpRequest").get(0).getString("spanId"));
    }

    @Test
    void aDataSourceThatAsksAPoolGoesByThePoolsName() throws Exception {
        assertThat(counts("pitot.PoolSummary", "pool", recorder -> {
                    Object around = recorder.beginSource("around");
                    assertThat(recorder.beginSource("connects")).isNull();
                    recorder.endWait(around, null);
                    around = recorder.beginSource("around");
                    assertThat(recorder.beginSource("within")).isNull();
                    assertThat(recorder.beginWait("pool")).isNull();
                    assertThat(recorder.beginWait("pool of that pool")).isNull();
                    assertThat(recorder.beginSource("connects")).isNull();
                    recorder.endWait(around, null);
                    Object pool = recorder.beginWait("pool");
                    assertThat(recorder.beginWait("pool of that pool")).isNull();
                    recorder.endWait(pool, null);
                }))
                .isEqualTo(Map.of("around", 1L, "pool", 2L));
    }

    @Test
    void beyondTheLimitStatementsAreOtherAndTextsWithoutWordsHaveAName() throws Exception {
        Map<String, Long> counts = counts(recorder -> {
            run(recorder, null, "");
            for (int i = 0; i < 15; i++) {
                run(recorder, null, "select a from t" + i);
            }
        });
        assertThat(counts).hasSize(11).containsEntry("(empty)", 1L).containsEntry("", 6L);
    }

    @Test
    void aTextSeenBeforeCostsNoMemoryAndManyLongOnesCostLittle() {
        Statements statements = new Statements(100, 0);
        ThreadMXBean bean = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        List<String> texts = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            texts.add("select a from t where b = 'x' and c = " + i);
        }
        for (int i = 0; i < 2000; i++) {
            texts.forEach(text -> statements.find(this, text));
        }
        long before = bean.getCurrentThreadAllocatedBytes();
        for (int i = 0; i < 1000; i++) {
            for (int text = 0; text < 10; text++) {
                statements.find(this, texts.get(text));
            }
        }
        assertThat(bean.getCurrentThreadAllocatedBytes() - before).isLessThan(10_000);

        String tail = "x".repeat(4000);
        for (int i = 0; i < 5000; i++) {
            statements.find(this, "select " + i + tail);
        }
        long remembered = statements.remembered();
        assertThat(remembered).isBetween(1_000_000L, 2_000_000L);
        Statements others = new Statements(100, 0);
        others.find(this, "select 1" + tail + tail + tail);
        assertThat(others.remembered()).isZero();
    }
}
