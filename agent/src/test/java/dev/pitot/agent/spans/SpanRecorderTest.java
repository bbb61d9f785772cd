package dev.pitot.agent.spans;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.pitot.agent.config.AgentConfig;
import dev.pitot.agent.config.ConfigException;
import dev.pitot.agent.config.ConfigSources;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.function.Consumer;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SpanRecorderTest {
    private static final int ROUNDS = 20;

    @TempDir
    Path folder;

    private List<RecordedEvent> record(int eventsPerSecond, Consumer<SpanRecorder> work) throws Exception {
        Path file = folder.resolve("test.jfr");
        try (Recording recording = new Recording()) {
            recording.setDestination(file);
            recording.start();
            SpanRecorder recorder = recorder("http.slow=1h,http.events=" + eventsPerSecond);
            work.accept(recorder);
            recorder.emitSummaries();
        }
        return RecordingFile.readAllEvents(file);
    }

    @Test
    void whatWasWrittenIsInSingleEventsIfItIsAskedForAndInNoSummary() throws Exception {
        Path file = folder.resolve("shown.jfr");
        String sql = "select * from users where name = 'alice'";
        Object prepared = new Object();
        try (Recording recording = new Recording()) {
            recording.setDestination(file);
            recording.start();
            for (String keys : List.of("log=true", "sql.literals=true,http.query=true,http.headers=x-tenant")) {
                SpanRecorder recorder = recorder(keys);
                assertThat(recorder.shown() == null).isEqualTo(keys.equals("log=true"));
                Object request = recorder.beginRequest();
                recorder.show(request, null, "name=alice&token=x");
                recorder.show(request, "x-tenant", "alice");
                recorder.endStatement(recorder.beginStatement(null, sql), 0, null);
                recorder.prepared(prepared, sql + " -- " + "x".repeat(5000));
                recorder.endStatement(recorder.beginStatement(prepared, null), 0, null);
                recorder.endRequest(request, "GET", "/" + keys.length(), "/x", 200, false, null);
                recorder.emitSummaries();
            }
        }
        List<RecordedEvent> events = RecordingFile.readAllEvents(file).stream()
                .sorted(Comparator.comparing(RecordedEvent::getStartTime))
                .toList();
        assertThat(of(events, "pitot.HttpRequest"))
                .extracting(e -> e.getString("query") + " " + e.getString("headers"))
                .containsExactly("null null", "name=alice&token=*** x-tenant: alice");
        List<RecordedEvent> statements = of(events, "pitot.SqlStatement");
        assertThat(statements.subList(0, 2))
                .allSatisfy(e -> assertThat(e.getString("sqlWithLiterals")).isNull());
        assertThat(statements.get(2).getString("sqlWithLiterals")).isEqualTo(sql);
        assertThat(statements.get(3).getString("sqlWithLiterals"))
                .startsWith(sql)
                .hasSize(4096);
        assertThat(statements)
                .allSatisfy(e -> assertThat(e.getString("sql")).isEqualTo("select * from users where name = ?"));
        assertThat(events.stream().filter(e -> e.getEventType().getName().endsWith("Summary")))
                .isNotEmpty()
                .allSatisfy(e -> assertThat(e.toString()).doesNotContain("alice"));
    }

    static SpanRecorder recorder(String arguments) throws ConfigException {
        AgentConfig config = ConfigSources.read("service=test," + arguments, new Properties(), Map.of());
        SpanRecorder recorder = new SpanRecorder(config, null, null, Pauses.unknown());
        recorder.prepare();
        return recorder;
    }

    private static List<RecordedEvent> of(List<RecordedEvent> events, String type) {
        return events.stream()
                .filter(event -> event.getEventType().getName().equals(type))
                .sorted(Comparator.comparing(RecordedEvent::getEndTime))
                .toList();
    }

    private static void serve(SpanRecorder recorder, int status, Runnable handler) {
        Object token = recorder.beginRequest();
        handler.run();
        recorder.endRequest(token, "GET", null, "/x", status, false, null);
    }

    @Test
    void anEmptyRequestCostsNextToNothingAndABusyOneWhatItSpent() throws Exception {
        List<RecordedEvent> events = record(100_000, recorder -> {
            for (int round = 0; round < ROUNDS; round++) {
                for (int i = 0; i < 100; i++) {
                    serve(recorder, 200, () -> {});
                }
                recorder.emitSummaries();
            }
            ThreadMXBean bean = (ThreadMXBean) ManagementFactory.getThreadMXBean();
            serve(recorder, 200, () -> {
                long until = bean.getCurrentThreadCpuTime() + 5_000_000;
                while (bean.getCurrentThreadCpuTime() < until) {
                    Thread.onSpinWait();
                }
            });
        });
        List<RecordedEvent> summaries = of(events, "pitot.EndpointSummary");
        assertThat(summaries)
                .filteredOn(event -> event.getLong("measured") == 1)
                .singleElement()
                .satisfies(busy -> assertThat(busy.getLong("totalCpuTime")).isGreaterThan(4_900_000L));
        // What the readings themselves take, some 2 us, is taken off. A busy machine adds to it, though not in every
        // round.
        assertThat(summaries)
                .filteredOn(event -> event.getLong("measured") == 100)
                .hasSize(ROUNDS)
                .allSatisfy(event -> assertThat(event.getLong("totalCpuTime")).isNotNegative())
                .anySatisfy(
                        event -> assertThat(event.getLong("totalCpuTime") / 100).isLessThanOrEqualTo(1000));
    }

    @Test
    void anApplicationThatSwitchesTheMeasurementOffMakesItUnknownAndNotNegative() throws Exception {
        ThreadMXBean bean = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        try {
            List<RecordedEvent> events = record(100, recorder -> {
                serve(recorder, 200, () -> {
                    bean.setThreadCpuTimeEnabled(false);
                    bean.setThreadAllocatedMemoryEnabled(false);
                });
                serve(recorder, 200, () -> {
                    bean.setThreadCpuTimeEnabled(true);
                    bean.setThreadAllocatedMemoryEnabled(true);
                });
            });
            assertThat(of(events, "pitot.HttpRequest")).hasSize(2).allSatisfy(event -> {
                assertThat(event.getLong("cpuTime")).isEqualTo(Long.MIN_VALUE);
                assertThat(event.getLong("allocated")).isEqualTo(Long.MIN_VALUE);
                assertThat(event.getString("counterSource")).isEqualTo("none");
                assertThat(event.getDouble("counterRunning")).isNaN();
                assertThat(event.getLong("timeOnCpu")).isEqualTo(Long.MIN_VALUE);
            });
            assertThat(of(events, "pitot.EndpointSummary")).singleElement().satisfies(event -> {
                assertThat(event.getLong("measured")).isZero();
                for (String sum : List.of("CpuTime", "RunQueueWait", "Allocated")) {
                    assertThat(event.getLong("total" + sum)).isEqualTo(Long.MIN_VALUE);
                    assertThat(event.getLong("totalOwn" + sum)).isEqualTo(Long.MIN_VALUE);
                }
                assertThat(event.getLong("totalTimeOnCpu")).isEqualTo(Long.MIN_VALUE);
            });
        } finally {
            bean.setThreadCpuTimeEnabled(true);
            bean.setThreadAllocatedMemoryEnabled(true);
        }
    }

    @Test
    void anOutageDoesNotFillTheRecordingAndIsCountedWhole() throws Exception {
        List<RecordedEvent> events = record(20, recorder -> {
            for (int i = 0; i < 3000; i++) {
                serve(recorder, 503, () -> {});
                serve(recorder, 200, () -> {});
            }
        });
        assertThat(of(events, "pitot.HttpRequest"))
                .filteredOn(e -> e.getBoolean("failed"))
                .hasSize(1000);
        assertThat(of(events, "pitot.HttpRequest"))
                .filteredOn(e -> !e.getBoolean("failed"))
                .hasSize(20);
        assertThat(of(events, "pitot.EndpointSummary")).singleElement().satisfies(event -> {
            assertThat(event.getLong("count")).isEqualTo(6000);
            assertThat(event.getLong("errors")).isEqualTo(3000);
        });
    }

    @Test
    void itCostsLittleMemoryForAPathSeenBefore() throws Exception {
        SpanRecorder recorder = recorder("http.slow=1h,http.events=0,http.routes=2");
        serve(recorder, 200, () -> {});
        ThreadMXBean bean = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        for (int i = 0; i < 5000; i++) {
            one(recorder, "GET", "/x");
            one(recorder, "PUT", "/x");
            one(recorder, "POST", "/x");
        }
        long before = bean.getCurrentThreadAllocatedBytes();
        for (int i = 0; i < 1000; i++) {
            one(recorder, "GET", "/x");
            // Beyond the limit of two.
            one(recorder, "POST", "/x");
        }
        assertThat(bean.getCurrentThreadAllocatedBytes() - before).isLessThan(2000 * 1024);
    }

    private static void one(SpanRecorder recorder, String method, String path) {
        Object token = recorder.beginRequest();
        recorder.endRequest(token, method, null, path, 200, false, null);
    }

    @Test
    void aCallInSeveralMethodsIsOneWithAllThatTheyTook() throws Exception {
        byte[][] waste = new byte[2][];
        List<RecordedEvent> events = record(
                100_000,
                recorder -> serve(recorder, 200, () -> {
                    Object call = recorder.beginCall("POST", "shop", -1, "/orders/4711");
                    waste[0] = new byte[100_000];
                    recorder.endCall(call, 0, true, null);
                    // The application's own work in between, another call among it.
                    recorder.endCall(recorder.beginCall("GET", "stock", 8080, "/"), 404, false, null);
                    assertThat(recorder.continueCall(call)).isSameAs(call);
                    assertThat(recorder.continueCall(call)).as("nested").isNull();
                    waste[1] = new byte[100_000];
                    recorder.endCall(call, 200, false, null);
                    assertThat(recorder.continueCall(call)).as("after its end").isNull();
                    recorder.endCall(call, 500, false, null);
                }));
        List<RecordedEvent> calls = of(events, "pitot.HttpCall");
        assertThat(calls).extracting(e -> e.getString("target")).containsExactly("stock:8080", "shop");
        RecordedEvent call = calls.get(1);
        assertThat(call.getInt("status")).isEqualTo(200);
        assertThat(call.getBoolean("async")).isFalse();
        assertThat(call.getLong("allocated")).isBetween(200_000L, 210_000L);
        assertThat(call.getDuration()).isGreaterThan(calls.get(0).getDuration());
        assertThat(of(events, "pitot.HttpRequest").get(0).getLong("httpCalls")).isEqualTo(2);
    }

    @Test
    void aCallThatNobodyGoesOnWithIsNoneAndHidesNoOther() throws Exception {
        List<RecordedEvent> events = record(100_000, recorder -> {
            recorder.endCall(recorder.beginCall("GET", "unread", -1, "/"), 0, true, null);
            recorder.endCall(recorder.beginCall("GET", "read", -1, "/"), 200, false, null);
        });
        assertThat(of(events, "pitot.HttpCall")).singleElement().satisfies(call -> assertThat(call.getString("target"))
                .isEqualTo("read"));
    }

    @Test
    void theTraceOfACallIsThatOfTheRequestAroundIt() throws Exception {
        String trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        SpanRecorder recorder = recorder("");
        assertThat(recorder.traceparent(null)).isNull();
        Object request = recorder.beginRequest();
        assertThat(recorder.traceparent(null)).isNull();
        recorder.trace(request, trace, null);
        Object call = recorder.beginCall("GET", "shop", -1, "/");
        assertThat(recorder.traceparent(null)).isEqualTo(trace);
        recorder.endCall(call, 0, true, null);
        recorder.endRequest(request, "GET", null, "/x", 200, false, null);
        assertThat(recorder.traceparent(null))
                .as("the next request's is another")
                .isNull();
        assertThat(recorder.traceparent(call)).as("sent on another thread").isEqualTo(trace);
    }
}
