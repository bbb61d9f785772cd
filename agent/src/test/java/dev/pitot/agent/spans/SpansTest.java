package dev.pitot.agent.spans;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.pitot.events.Spans;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Spans through the bridge, as advice calls it. */
class SpansTest {
    private static final String TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    private static final long MILLI = 1_000_000;
    private static final List<String> PARTS = List.of(
            "OnCpu",
            "RunQueue",
            "Lock",
            "Park",
            "Socket",
            "File",
            "Sql",
            "Call",
            "Pool",
            "Pause",
            "Handoff",
            "Unknown");

    @TempDir
    Path folder;

    private final ThreadMXBean bean = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private Recording recording;
    private SpanRecorder recorder;

    @BeforeEach
    void install() throws Exception {
        recording = new Recording();
        recording.setDestination(folder.resolve("test.jfr"));
        recording.start();
        recorder = SpanRecorderTest.recorder("http.events=1000,sql.events=1000,calls.events=1000");
        Spans.install(recorder);
    }

    @AfterEach
    void takeAway() {
        Spans.install(null);
        recorder.forget();
        recording.close();
    }

    private List<RecordedEvent> recorded() throws Exception {
        recorder.emitSummaries();
        recording.stop();
        return RecordingFile.readAllEvents(folder.resolve("test.jfr"));
    }

    /** Those of a type, in the order in which they ended: in the file they are in that of JFR's buffers. */
    private static List<RecordedEvent> of(List<RecordedEvent> events, String type) {
        return events.stream()
                .filter(event -> event.getEventType().getName().equals("pitot." + type))
                .sorted(Comparator.comparing(RecordedEvent::getEndTime))
                .toList();
    }

    private static RecordedEvent one(List<RecordedEvent> events, String type) {
        assertThat(of(events, type)).as(type).hasSize(1);
        return of(events, type).get(0);
    }

    /** The one with that name. */
    private static RecordedEvent named(List<RecordedEvent> events, String type, String field, String name) {
        List<RecordedEvent> found = of(events, type).stream()
                .filter(event -> name.equals(event.getString(field)))
                .toList();
        assertThat(found).as(type + " of " + name).hasSize(1);
        return found.get(0);
    }

    private void spin(long millis) {
        long until = bean.getCurrentThreadCpuTime() + millis * MILLI;
        while (bean.getCurrentThreadCpuTime() < until) {
            Thread.onSpinWait();
        }
    }

    private static void end(Object request, boolean async) {
        Spans.endRequest(request, "GET", null, "/x", async ? 0 : 200, async, null);
    }

    /** No wait for anything: the thread sleeps as an application's does, and what is recorded of it is compared with this. */
    private static void waitAndBeMeasured(long millis) throws InterruptedException {
        TimeUnit.MILLISECONDS.sleep(millis);
    }

    private static void onAnotherThread(Runnable task) throws InterruptedException {
        Thread thread = new Thread(task);
        thread.start();
        thread.join(10_000);
    }

    private static long part(RecordedEvent event, String part) {
        return event.getLong("time" + part);
    }

    private static void addsUp(RecordedEvent event) {
        // The run-queue wait is not known here.
        assertThat(part(event, "RunQueue")).isEqualTo(Long.MIN_VALUE);
        long sum = PARTS.stream()
                .mapToLong(part -> part(event, part))
                .filter(part -> part != Long.MIN_VALUE)
                .sum();
        assertThat((double) sum)
                .isBetween(
                        event.getDuration().toNanos() * 0.97 - 50_000,
                        event.getDuration().toNanos() * 1.03 + 50_000);
    }

    @Test
    void aRequestHoldsWhatItsStatementsCostAndKnowsItsOwnShare() throws Exception {
        Object request = Spans.beginRequest();
        spin(20);
        for (int i = 0; i < 3; i++) {
            Object statement = Spans.beginStatement(null, "select * from orders where id = " + i);
            assertThat(Spans.beginStatement(null, "the driver's inner call")).isNull();
            spin(10);
            waitAndBeMeasured(20);
            Spans.endStatement(statement, 0, null);
        }
        end(request, false);
        List<RecordedEvent> events = recorded();
        RecordedEvent whole = one(events, "HttpRequest");
        assertThat(whole.getLong("sqlStatements")).isEqualTo(3);
        assertThat(whole.getLong("cpuTime")).isBetween(49 * MILLI, 80 * MILLI);
        assertThat(whole.getLong("ownCpuTime")).isBetween(19 * MILLI, 40 * MILLI);
        // What the statements waited for is the request's SQL, whatever it was to them.
        assertThat(part(whole, "Sql")).isGreaterThan(58 * MILLI);
        assertThat(part(whole, "Park")).isLessThan(4 * MILLI);
        addsUp(whole);
        assertThat(of(events, "SqlStatement")).hasSize(3).allSatisfy(statement -> {
            assertThat(statement.getString("sql")).isEqualTo("select * from orders where id = ?");
            assertThat(statement.getString("parentSpanId")).isEqualTo(whole.getString("spanId"));
            assertThat(statement.getLong("cpuTime")).isBetween(9 * MILLI, 20 * MILLI);
            assertThat(part(statement, "Park")).isGreaterThan(17 * MILLI);
            addsUp(statement);
        });
        RecordedEvent summary = one(events, "StatementSummary");
        assertThat(summary.getLong("count")).isEqualTo(3);
        assertThat(summary.getString("statement"))
                .isEqualTo(of(events, "SqlStatement").get(0).getString("statement"));
        RecordedEvent endpoint = one(events, "EndpointSummary");
        assertThat(endpoint.getLong("sqlStatements")).isEqualTo(3);
        assertThat(endpoint.getLong("totalTimeSql")).isEqualTo(part(whole, "Sql"));
        assertThat(endpoint.getLong("totalOwnCpuTime")).isEqualTo(whole.getLong("ownCpuTime"));
    }

    @Test
    void whatAnotherThreadDoesForARequestIsTheRequests() throws Exception {
        Object task = new Object();
        Object request = Spans.beginRequest();
        Spans.submitted(task);
        onAnotherThread(() -> {
            Object token = Spans.beginTask(task);
            Object statement = Spans.beginStatement(null, "select 1");
            spin(20);
            Spans.endStatement(statement, 0, null);
            spin(20);
            Spans.endTask(token);
            // Done once: the same object is nobody's now.
            assertThat(Spans.beginTask(task)).isNull();
        });
        end(request, false);
        onAnotherThread(() -> assertThat(Spans.beginTask(task)).isNull());
        RecordedEvent whole = one(recorded(), "HttpRequest");
        assertThat(whole.getLong("otherThreads")).isEqualTo(1);
        assertThat(whole.getLong("cpuTime")).isBetween(39 * MILLI, 59 * MILLI);
        assertThat(whole.getLong("ownCpuTime")).isBetween(19 * MILLI, 38 * MILLI);
        assertThat(whole.getLong("sqlStatements")).isEqualTo(1);
    }

    @Test
    void aTaskThatOutlivesItsRequestAddsNothingToIt() throws Exception {
        Object task = new Object();
        CountDownLatch begun = new CountDownLatch(1);
        CountDownLatch over = new CountDownLatch(1);
        Object request = Spans.beginRequest();
        Spans.submitted(task);
        Thread thread = new Thread(() -> {
            Object token = Spans.beginTask(task);
            begun.countDown();
            await(over);
            spin(5);
            Spans.endTask(token);
        });
        thread.start();
        await(begun);
        end(request, false);
        over.countDown();
        thread.join(10_000);
        List<RecordedEvent> events = recorded();
        assertThat(one(events, "HttpRequest").getLong("otherThreads")).isZero();
        assertThat(one(events, "EndpointSummary").getLong("count")).isEqualTo(1);
    }

    @Test
    void whatMeasuringATaskCostsIsAPartOfWhatTheAgentCosts() throws Exception {
        Object request = Spans.beginRequest();
        end(request, true);
        recorder.emitSummaries();
        for (int i = 0; i < 100; i++) {
            Spans.endTask(Spans.continueRequest(request));
        }
        recorder.emitSummaries();
        assertThat(recorder.spans()).isZero();
        long ofTasks = recorder.inlineNanos();
        Spans.completeRequest(request, null, 200, null);
        recorder.emitSummaries();
        assertThat(recorder.spans()).isEqualTo(1);
        assertThat(recorder.inlineNanos()).isBetween(1L, ofTasks / 5);
    }

    @Test
    void requestsWhoseThreadWaitsCostTheAgentMore() {
        recorder.emitSummaries();
        Spans.endRequest(Spans.beginRequest(), "GET", null, "/first", 200, false, null);
        recorder.emitSummaries();
        for (int i = 0; i < 50; i++) {
            Spans.endRequest(Spans.beginRequest(), "GET", null, "/straight", 200, false, null);
        }
        recorder.emitSummaries();
        long straight = recorder.inlineNanos();
        serveWaiting(50);
        recorder.emitSummaries();
        assertThat(recorder.spans()).isEqualTo(50);
        long waiting = recorder.inlineNanos();
        assertThat(waiting).isGreaterThan(straight + straight / 4);
        recorder.shed(Shedding.WAITS);
        serveWaiting(50);
        recorder.emitSummaries();
        assertThat(recorder.spans()).isEqualTo(50);
        assertThat(recorder.inlineNanos()).isLessThan(waiting - straight / 8);
    }

    private static void serveWaiting(int requests) {
        for (int i = 0; i < requests; i++) {
            Object request = Spans.beginRequest();
            LockSupport.parkNanos(1_000_000); // What is measured.
            Spans.endRequest(request, "GET", null, "/waiting", 200, false, null);
        }
    }

    @Test
    void whatWasNotReadOfAWaitIsUnknown() throws Exception {
        Object before = Spans.beginRequest();
        waitAndBeMeasured(20);
        recorder.shed(Shedding.WAITS);
        Spans.endRequest(before, "GET", null, "/before", 200, false, null);
        Object amid = Spans.beginRequest();
        waitAndBeMeasured(20);
        recorder.shed(Shedding.NOTHING);
        Spans.endRequest(amid, "GET", null, "/amid", 200, false, null);
        Object after = Spans.beginRequest();
        waitAndBeMeasured(20);
        Spans.endRequest(after, "GET", null, "/after", 200, false, null);
        List<RecordedEvent> events = recorded();
        for (String route : List.of("/before", "/amid", "/after")) {
            RecordedEvent summary = named(events, "EndpointSummary", "route", route);
            String part = route.equals("/after") ? "totalTimePark" : "totalTimeUnknown";
            assertThat(summary.getLong(part)).as(route).isGreaterThan(15 * MILLI);
        }
    }

    @Test
    void everyRequestOfABusySecondWaitsForTheTaskThatIsAboutToEnd() throws Exception {
        int requests = 2500;
        recorder = SpanRecorderTest.recorder("http.slow=1h,http.events=" + requests);
        Spans.install(recorder);
        ExecutorService worker = Executors.newSingleThreadExecutor();
        try {
            for (int i = 0; i < requests; i++) {
                Object task = new Object();
                Object request = Spans.beginRequest();
                Spans.submitted(task);
                Object token = worker.submit(() -> Spans.beginTask(task)).get(10, TimeUnit.SECONDS);
                end(request, false);
                worker.submit(() -> Spans.endTask(token)).get(10, TimeUnit.SECONDS);
            }
        } finally {
            worker.shutdown();
        }
        List<RecordedEvent> served = of(recorded(), "HttpRequest");
        assertThat(served).hasSize(requests);
        // One or another may lose its CPU for so long that its task is given up.
        assertThat(served.stream().filter(event -> event.getLong("otherThreads") == 1))
                .hasSizeGreaterThan(requests - 50);
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(10, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void aThreadThatHelpsAnotherRequestCountsThatOnlyThere() throws Exception {
        Object task = new Object();
        Object[] theirs = new Object[1];
        onAnotherThread(() -> {
            theirs[0] = Spans.beginRequest();
            Spans.submitted(task);
            Spans.endRequest(theirs[0], "GET", null, "/theirs", 0, true, null);
        });
        Object ours = Spans.beginRequest();
        spin(10);
        Object token = Spans.beginTask(task);
        spin(30);
        Spans.endTask(token);
        Spans.endRequest(ours, "GET", null, "/ours", 200, false, null);
        Spans.completeRequest(theirs[0], null, 200, null);
        List<RecordedEvent> events = recorded();
        assertThat(named(events, "HttpRequest", "route", "/ours").getLong("cpuTime"))
                .isBetween(9 * MILLI, 20 * MILLI);
        assertThat(named(events, "HttpRequest", "route", "/theirs").getLong("cpuTime"))
                .isBetween(29 * MILLI, 45 * MILLI);
    }

    /** A request of another thread, which waits for its answer and has left this task to whoever has time. */
    private static Object left(Object task) throws InterruptedException {
        Object[] request = new Object[1];
        onAnotherThread(() -> {
            request[0] = Spans.beginRequest();
            Spans.submitted(task);
            end(request[0], true);
        });
        return request[0];
    }

    @Test
    void aThreadThatHelpsInTheMidstOfHelpingCountsAllOfItOnceAndWhereItBelongs() throws Exception {
        List<byte[]> waste = new ArrayList<>();
        Object near = new Object();
        Object far = new Object();
        Object second = left(near);
        Object third = left(far);
        Object ours = Spans.beginRequest();
        Object call = Spans.beginCall("GET", "shop", -1, "/");
        Object helping = Spans.beginTask(near);
        waste.add(new byte[1_000_000]);
        Object statement = Spans.beginStatement(null, "select 1");
        Object more = Spans.beginTask(far);
        waste.add(new byte[2_000_000]);
        Spans.endTask(more);
        Spans.endStatement(statement, 0, null);
        Spans.endTask(helping);
        waste.add(new byte[4_000_000]);
        Spans.endCall(call, 200, false, null);
        Object uncounted = Spans.beginUncounted();
        Object other = Spans.beginCall("GET", "database", -1, "/");
        waste.add(new byte[500_000]);
        Spans.endCall(other, 200, false, null);
        Spans.endStatement(uncounted, 0, null);
        waste.add(new byte[8_000_000]);
        Spans.endRequest(ours, "GET", null, "/ours", 200, false, null);
        Spans.completeRequest(second, "/second", 200, null);
        Spans.completeRequest(third, "/third", 200, null);
        List<RecordedEvent> events = recorded();
        allocated(named(events, "HttpRequest", "route", "/ours"), 12_500_000, 8_000_000);
        allocated(named(events, "HttpCall", "target", "shop"), 4_000_000, 4_000_000);
        allocated(named(events, "HttpRequest", "route", "/second"), 1_000_000, 1_000_000);
        allocated(one(events, "SqlStatement"), 0, 0);
        allocated(named(events, "HttpRequest", "route", "/third"), 2_000_000, 2_000_000);
    }

    private static void allocated(RecordedEvent event, long all, long own) {
        assertThat(event.getLong("allocated")).isBetween(all, all + 450_000);
        assertThat(event.getLong("ownAllocated")).isBetween(own, own + 450_000);
    }

    @Test
    void aRequestWithinItsHandlerIsAPartOfItAndOneOnATasksThreadIsAnother() throws Exception {
        Object task = new Object();
        Object request = Spans.beginRequest();
        assertThat(Spans.beginRequest()).as("a forward, say").isNull();
        Spans.submitted(task);
        end(request, true);
        Object token = Spans.beginTask(task);
        Object inner = Spans.beginRequest();
        Spans.route("/inner");
        Spans.endRequest(inner, "GET", "/server/*", "/x", 200, false, null);
        Spans.route("/outer");
        Object statement = Spans.beginStatement(null, "select 1");
        Spans.endStatement(statement, 0, null);
        Spans.endTask(token);
        Spans.completeRequest(request, null, 200, null);
        List<RecordedEvent> events = recorded();
        assertThat(named(events, "HttpRequest", "route", "/inner").getLong("sqlStatements"))
                .isZero();
        assertThat(named(events, "HttpRequest", "route", "/outer").getLong("sqlStatements"))
                .isEqualTo(1);
    }

    @Test
    void anAsynchronousRequestLastsUntilItsAnswer() throws Exception {
        Object request = Spans.beginRequest();
        spin(5);
        end(request, true);
        assertThat(Spans.beginRequest())
                .as("the thread is free again")
                .isNotNull()
                .satisfies(other -> end(other, false));
        onAnotherThread(() -> {
            Object token = Spans.continueRequest(request);
            spin(10);
            Spans.endTask(token);
        });
        waitAndBeMeasured(30);
        onAnotherThread(() -> Spans.completeRequest(request, "/late/{id}", 503, null));
        Spans.completeRequest(request, null, 200, null);
        List<RecordedEvent> events = recorded();
        RecordedEvent late = named(events, "HttpRequest", "route", "/late/{id}");
        assertThat(late.getInt("status")).isEqualTo(503);
        assertThat(late.getBoolean("failed") && late.getBoolean("async")).isTrue();
        assertThat(late.getDuration()).isGreaterThan(Duration.ofMillis(44));
        assertThat(part(late, "Handoff")).isGreaterThan(29 * MILLI);
        assertThat(part(late, "OnCpu")).isBetween(14 * MILLI, 25 * MILLI);
        addsUp(late);
        assertThat(of(events, "EndpointSummary").stream().mapToLong(e -> e.getLong("count")))
                .containsExactlyInAnyOrder(1L, 1L);
    }

    @Test
    void anAnswerBeforeTheHandlersReturnIsCountedOnce() throws Exception {
        Object request = Spans.beginRequest();
        onAnotherThread(() -> {
            Spans.completeRequest(request, null, 202, null);
            Spans.completeRequest(request, null, 500, new IllegalStateException());
        });
        end(request, true);
        Object second = Spans.beginRequest();
        end(second, true);
        onAnotherThread(() -> {
            Object token = Spans.continueRequest(second);
            // By the thread that works for it: what it still does belongs to it.
            Spans.completeRequest(second, null, 202, null);
            spin(10);
            Spans.endTask(token);
        });
        List<RecordedEvent> events = recorded();
        assertThat(of(events, "HttpRequest")).hasSize(2).allSatisfy(event -> assertThat(event.getInt("status"))
                .isEqualTo(202));
        assertThat(of(events, "HttpRequest").stream().mapToLong(event -> event.getLong("cpuTime")))
                .anyMatch(cpuTime -> cpuTime > 9 * MILLI);
        assertThat(one(events, "EndpointSummary").getLong("count")).isEqualTo(2);
    }

    @Test
    void anAnswerFromElsewhereWaitsForTheThreadThatGoesOnWithTheRequest() throws Exception {
        Object request = Spans.beginRequest();
        end(request, true);
        CountDownLatch begun = new CountDownLatch(1);
        CountDownLatch answered = new CountDownLatch(1);
        Thread second = new Thread(() -> {
            Object token = Spans.continueRequest(request);
            begun.countDown();
            await(answered);
            spin(10);
            Spans.endTask(token);
        });
        second.start();
        await(begun);
        Spans.completeRequest(request, null, 201, null);
        answered.countDown();
        second.join(10_000);
        RecordedEvent event = one(recorded(), "HttpRequest");
        assertThat(event.getInt("status")).isEqualTo(201);
        assertThat(event.getLong("otherThreads")).isEqualTo(1);
        assertThat(event.getLong("cpuTime")).isGreaterThan(9 * MILLI);
    }

    @Test
    void whatWasNeverEndedIsDroppedWithTheSpanAroundIt() throws Exception {
        for (int i = 0; i < 50; i++) {
            Object request = Spans.beginRequest();
            assertThat(request).isNotNull();
            assertThat(Spans.beginStatement(null, "select 1")).isNotNull();
            assertThat(Spans.beginWait("pool")).isNotNull();
            assertThat(Spans.beginWaiting()).isNotZero();
            end(request, false);
        }
        List<RecordedEvent> events = recorded();
        assertThat(one(events, "EndpointSummary").getLong("count")).isEqualTo(50);
        assertThat(of(events, "SqlStatement")).isEmpty();
    }

    @Test
    void aPortIsNamedUnlessItIsThatOfTheScheme() {
        assertThat(Spans.port("http", 80)).isEqualTo(-1);
        assertThat(Spans.port("HTTPS", 443)).isEqualTo(-1);
        assertThat(Spans.port("https", 80)).isEqualTo(80);
        assertThat(Spans.port("http", 443)).isEqualTo(443);
        assertThat(Spans.port(null, -1)).isEqualTo(-1);
    }

    @Test
    void aTraceIsTakenFromTheHeaderAndPassedOnUnchanged() throws Exception {
        Object request = Spans.beginRequest();
        Spans.trace(request, TRACE, List.of("congo=1"));
        Object call = Spans.beginCall("GET", "localhost", 8080, "/orders/1");
        assertThat(Spans.traceparent(call)).isEqualTo(TRACE);
        assertThat(Spans.tracestate(call)).isEqualTo("congo=1");
        assertThat(Spans.beginCall("GET", "the same", 1, "/")).isNull();
        Spans.endCall(call, 200, false, null);
        end(request, false);
        Object alone = Spans.beginRequest();
        for (String bad : List.of(
                "",
                "00-0-0-0",
                TRACE.replace('a', 'A'),
                "ff" + TRACE.substring(2),
                TRACE + "x",
                "00-00000000000000000000000000000000-b7ad6b7169203331-01")) {
            Spans.trace(alone, bad, List.of("congo=1"));
        }
        Object other = Spans.beginCall("GET", "localhost", -1, "/");
        assertThat(Spans.traceparent(other)).isNull();
        assertThat(Spans.tracestate(other)).as("without the one it belongs to").isNull();
        Spans.endCall(other, 500, false, null);
        end(alone, false);
        List<RecordedEvent> events = recorded();
        RecordedEvent traced = of(events, "HttpRequest").get(0);
        assertThat(traced.getString("traceId")).isEqualTo("0af7651916cd43dd8448eb211c80319c");
        assertThat(traced.getString("parentSpanId")).isEqualTo("b7ad6b7169203331");
        assertThat(of(events, "HttpRequest").get(1).getString("traceId")).isNull();
        RecordedEvent made = named(events, "HttpCall", "target", "localhost:8080");
        assertThat(made.getString("traceId")).isEqualTo("0af7651916cd43dd8448eb211c80319c");
        assertThat(made.getString("parentSpanId")).isEqualTo(traced.getString("spanId"));
        assertThat(made.getString("target")).isEqualTo("localhost:8080");
        assertThat(made.getString("route")).isEqualTo("/orders/{id}");
        assertThat(named(events, "HttpCall", "target", "localhost").getBoolean("failed"))
                .isTrue();
        assertThat(of(events, "CallSummary").stream().map(e -> e.getString("target")))
                .containsExactlyInAnyOrder("localhost:8080", "localhost");
    }

    @Test
    void anAsynchronousCallLastsUntilItsAnswerWhicheverComesFirst() throws Exception {
        Object late = Spans.beginCall("GET", "late", -1, "/");
        Spans.endCall(late, 0, true, null);
        waitAndBeMeasured(20);
        onAnotherThread(() -> Spans.completeCall(late, 200, null));
        Object early = Spans.beginCall("GET", "early", -1, "/");
        onAnotherThread(() -> Spans.completeCall(early, 200, null));
        Spans.endCall(early, 0, true, null);
        Spans.completeCall(early, 500, null);
        List<RecordedEvent> events = recorded();
        RecordedEvent waited = named(events, "HttpCall", "target", "late");
        assertThat(waited.getDuration()).isGreaterThan(Duration.ofMillis(19));
        assertThat(part(waited, "Handoff")).isGreaterThan(18 * MILLI);
        addsUp(waited);
        assertThat(of(events, "HttpCall")).hasSize(2).allSatisfy(call -> {
            assertThat(call.getInt("status")).isEqualTo(200);
            assertThat(call.getBoolean("async")).isTrue();
        });
        assertThat(of(events, "CallSummary")).hasSize(2);
    }

    @Test
    void whatIsGivenUpForTheBudgetIsGivenUpInItsOrder() throws Exception {
        for (int level : new int[] {Shedding.EVENTS, Shedding.STACK_TRACES}) {
            recorder.shed(level);
            Object request = Spans.beginRequest();
            Spans.endWait(Spans.beginWait("pool"), null);
            Spans.endCall(Spans.beginCall("GET", "shop", -1, "/"), 200, false, null);
            Spans.endStatement(Spans.beginStatement(null, "select 1"), 0, null);
            end(request, false);
        }
        List<RecordedEvent> events = recorded();
        for (String type : List.of("HttpRequest", "ConnectionWait", "HttpCall", "SqlStatement")) {
            assertThat(of(events, type)).as(type).hasSize(1);
        }
        for (String type : List.of("Endpoint", "Pool", "Call", "Statement")) {
            RecordedEvent summary = one(events, type + "Summary");
            assertThat(summary.getLong("count")).as(type).isEqualTo(2);
            assertThat(summary.getDuration("interval")).isBetween(Duration.ofNanos(1), Duration.ofHours(1));
        }
    }

    @Test
    void aStageKeepsItsRequestUntilItHasRunAndAPoolsTaskThatThrewEndsWithTheNextOne() throws Exception {
        Object stage = new Object();
        Object threw = new Object();
        Object next = new Object();
        Object request = Spans.beginRequest();
        for (Object task : List.of(stage, threw, next)) {
            Spans.submitted(task);
        }
        onAnotherThread(() -> {
            for (boolean fired : new boolean[] {false, true}) {
                Object token = Spans.beginStage(stage);
                assertThat(token).isNotNull();
                Spans.endStage(stage, token, fired);
            }
            assertThat(Spans.beginStage(stage)).as("it has run").isNull();
        });
        onAnotherThread(() -> {
            Spans.beginRun(threw);
            Spans.beginStatement(null, "select 1");
            Spans.beginRun(next);
            Spans.endStatement(Spans.beginStatement(null, "select 1"), 0, null);
            Spans.endRun();
            assertThat(Spans.beginWaiting()).as("nothing is open").isZero();
        });
        end(request, false);
        List<RecordedEvent> events = recorded();
        RecordedEvent event = one(events, "HttpRequest");
        assertThat(event.getLong("otherThreads")).as("twice tried, and run").isEqualTo(3);
        assertThat(event.getLong("sqlStatements")).isEqualTo(1);
    }

    @Test
    void aCallThatEndsWithAnExceptionWaitsForNoAnswerAndWhatIsDoneInOneIsItsChild() throws Exception {
        Object failed = Spans.beginCall("GET", "failed", -1, "/");
        Spans.endCall(failed, 0, true, new IllegalStateException());
        Spans.completeCall(failed, 200, null);
        Object call = Spans.beginCall("GET", "refused", -1, "/");
        Spans.endCall(call, 0, true, null);
        Spans.continueCall(call);
        Spans.endStatement(Spans.beginStatement(null, "select 1"), 0, null);
        Spans.endCall(call, 499, false, null);
        List<RecordedEvent> events = recorded();
        assertThat(named(events, "HttpCall", "target", "failed").getString("error"))
                .isEqualTo("java.lang.IllegalStateException");
        RecordedEvent refused = named(events, "HttpCall", "target", "refused");
        assertThat(refused.getBoolean("failed")).isFalse();
        assertThat(one(events, "SqlStatement").getString("parentSpanId")).isEqualTo(refused.getString("spanId"));
        assertThat(of(events, "CallSummary").stream().mapToLong(e -> e.getLong("errors")))
                .containsExactlyInAnyOrder(1L, 0L);
    }

    @Test
    void theWaitsOfTheJdkAreCountedOnceAndOnlyWithinASpan() throws Exception {
        assertThat(Spans.beginWaiting()).isZero();
        Object request = Spans.beginRequest();
        for (int kind : new int[] {Spans.LOCK, Spans.PARK, Spans.SOCKET, Spans.FILE}) {
            long begun = Spans.beginWaiting();
            assertThat(Spans.beginWaiting()).as("a wait in a wait").isZero();
            waitAndBeMeasured(10 + 5L * kind);
            Spans.waited(kind, begun);
        }
        end(request, false);
        assertThat(Spans.beginWaiting()).isZero();
        RecordedEvent event = one(recorded(), "HttpRequest");
        List<String> kinds = List.of("Lock", "Park", "Socket", "File");
        for (int kind = 0; kind < kinds.size(); kind++) {
            assertThat(part(event, kinds.get(kind))).as(kinds.get(kind)).isGreaterThan((10 + 5L * kind - 1) * MILLI);
        }
        addsUp(event);
    }

    @Test
    void aRequestWhoseLastHandlerWasDroppedIsCountedAllTheSame() throws Exception {
        for (boolean byAnotherTask : new boolean[] {false, true}) {
            Object request = Spans.beginRequest();
            end(request, true);
            CountDownLatch begun = new CountDownLatch(1);
            CountDownLatch answered = new CountDownLatch(1);
            Object outer = new Object();
            Object theirs = Spans.beginRequest();
            Spans.submitted(outer);
            Thread thread = new Thread(() -> {
                Object around = Spans.beginTask(outer);
                assertThat(around).isNotNull();
                assertThat(Spans.continueRequest(request)).isNotNull();
                begun.countDown();
                await(answered);
                // Nobody tells the end of the handler: it threw, say.
                if (byAnotherTask) {
                    Spans.endTask(around);
                } else {
                    Spans.pooled();
                }
            });
            thread.start();
            await(begun);
            Spans.completeRequest(request, null, 207, null);
            answered.countDown();
            thread.join(10_000);
            end(theirs, false);
        }
        List<RecordedEvent> events = recorded();
        assertThat(of(events, "HttpRequest").stream().filter(event -> event.getInt("status") == 207))
                .hasSize(2);
        assertThat(one(events, "EndpointSummary").getLong("count")).isEqualTo(4);
    }

    @Test
    void aRequestWaitsNoLongerForATaskThatWasDropped() throws Exception {
        Object task = new Object();
        CountDownLatch begun = new CountDownLatch(1);
        CountDownLatch ended = new CountDownLatch(1);
        Object request = Spans.beginRequest();
        Spans.submitted(task);
        Thread thread = new Thread(() -> {
            assertThat(Spans.beginTask(task)).isNotNull();
            begun.countDown();
            await(ended);
            Spans.pooled();
        });
        thread.start();
        await(begun);
        end(request, false);
        ended.countDown();
        thread.join(10_000);
        assertThat(one(recorded(), "HttpRequest").getLong("otherThreads")).isZero();
    }

    @Test
    void aRequestSaysWhenNotAllItsTasksWereFollowed() throws Exception {
        List<Object> tasks = new ArrayList<>();
        Object request = Spans.beginRequest();
        for (int i = 0; i < 20_003; i++) {
            tasks.add(new Object());
            Spans.submitted(tasks.get(i));
        }
        onAnotherThread(() -> {
            Object first = Spans.beginTask(tasks.get(19_999));
            assertThat(first).isNotNull();
            Spans.endTask(first);
            assertThat(Spans.beginTask(tasks.get(20_000))).isNull();
        });
        end(request, false);
        recorder.shed(Shedding.WORK_ON_OTHER_THREADS);
        Object unfollowed = new Object();
        request = Spans.beginRequest();
        Spans.submitted(unfollowed);
        onAnotherThread(() -> assertThat(Spans.beginTask(unfollowed)).isNull());
        end(request, false);
        recorder.shed(Shedding.NOTHING);
        List<RecordedEvent> events = recorded();
        assertThat(one(events, "HttpRequest").getLong("unfollowedTasks")).isEqualTo(3);
        assertThat(one(events, "EndpointSummary").getLong("unfollowedTasks")).isEqualTo(4);
    }

    @Test
    void aRequestSaysWhenMoreOfOneObjectIsHandedOverThanIsRemembered() throws Exception {
        Object shared = new Object();
        Object request = Spans.beginRequest();
        for (int i = 0; i < 66; i++) {
            Spans.submitted(shared);
        }
        end(request, false);
        assertThat(one(recorded(), "HttpRequest").getLong("unfollowedTasks")).isEqualTo(2);
    }

    @Test
    void whatFollowingCostsIsAPartOfWhatTheAgentCostsUntilItIsGivenUp() {
        List<Object> tasks = new ArrayList<>();
        Object request = Spans.beginRequest();
        end(request, true);
        Object work = Spans.continueRequest(request);
        recorder.emitSummaries();
        for (int i = 0; i < 1000; i++) {
            tasks.add(new Object());
            Spans.submitted(tasks.get(i));
        }
        recorder.emitSummaries();
        assertThat(recorder.inlineNanos()).isGreaterThan(1000 * 10);
        recorder.shed(Shedding.WORK_ON_OTHER_THREADS);
        Spans.submitted(new Object());
        recorder.emitSummaries();
        assertThat(recorder.inlineNanos()).isZero();
        Spans.endTask(work);
    }

    @Test
    void aRequestHasFailedFromStatus500On() throws Exception {
        for (int status : new int[] {0, 499, 500}) {
            Spans.endRequest(Spans.beginRequest(), "GET", null, "/x", status, false, null);
        }
        List<RecordedEvent> events = recorded();
        assertThat(of(events, "HttpRequest"))
                .extracting(event -> event.getBoolean("failed"))
                .containsExactly(false, false, true);
        assertThat(one(events, "EndpointSummary").getLong("errors")).isEqualTo(1);
    }

    @Test
    void aRequestWithoutAnErrorStatusThatEndsWithAnExceptionHasFailed() throws Exception {
        Throwable thrown = new IllegalStateException();
        Spans.endRequest(Spans.beginRequest(), "GET", null, "/thrown", 200, false, thrown);
        Spans.endRequest(Spans.beginRequest(), "GET", null, "/said", 400, false, thrown);
        Spans.endRequest(Spans.beginRequest(), "GET", null, "/async", 0, true, thrown);
        List<RecordedEvent> events = of(recorded(), "HttpRequest");
        assertThat(events).extracting(event -> event.getInt("status")).containsExactly(500, 400, 500);
        assertThat(events).allSatisfy(event -> {
            assertThat(event.getBoolean("failed")).isTrue();
            assertThat(event.getString("error")).isEqualTo("java.lang.IllegalStateException");
        });
    }

    @Test
    void anAsynchronousRequestHoldsWhatItsOwnThreadDidBeforeAndAfterIt() throws Exception {
        List<byte[]> waste = new ArrayList<>();
        Object request = Spans.beginRequest();
        waste.add(new byte[1_000_000]);
        end(request, true);
        Object token = Spans.continueRequest(request);
        Object again = Spans.continueRequest(request);
        waste.add(new byte[2_000_000]);
        Spans.endTask(token);
        assertThat(again).as("at work on it already").isNull();
        Spans.completeRequest(request, null, 200, null);
        assertThat(Spans.continueRequest(request)).as("after its end").isNull();
        RecordedEvent event = one(recorded(), "HttpRequest");
        allocated(event, 3_000_000, 3_000_000);
        assertThat(event.getLong("otherThreads")).isZero();
    }

    @Test
    void aRequestIsCountedThatAThreadOfItsOwnHasAnsweredWhichNeverEnds() throws Exception {
        Object task = new Object();
        CountDownLatch answered = new CountDownLatch(1);
        CountDownLatch over = new CountDownLatch(1);
        Object request = Spans.beginRequest();
        Spans.submitted(task);
        end(request, true);
        Thread server = new Thread(() -> {
            Object token = Spans.beginTask(task);
            Spans.completeRequest(request, null, 200, null);
            answered.countDown();
            await(over);
            Spans.endStatement(Spans.beginStatement(null, "select 1"), 0, null);
            Spans.endTask(token);
        });
        server.start();
        await(answered);
        Awaitility.await().until(() -> {
            recorder.emitSummaries();
            return recorder.spans() == 1;
        });
        over.countDown();
        server.join(10_000);
        List<RecordedEvent> events = recorded();
        assertThat(one(events, "HttpRequest").getLong("sqlStatements")).isZero();
        assertThat(one(events, "EndpointSummary").getLong("count")).isEqualTo(1);
        addsUp(one(events, "HttpRequest"));
    }

    @Test
    void anAnswerAfterTheEndIsNoSecondRequest() throws Exception {
        Object request = Spans.beginRequest();
        end(request, false);
        Spans.completeRequest(request, null, 500, null);
        assertThat(one(recorded(), "EndpointSummary").getLong("count")).isEqualTo(1);
    }

    @Test
    void anAnswerBeforeTheHandlersReturnWaitsForWhoeverGoesOnAndLastsUntilThatReturn() throws Exception {
        Object request = Spans.beginRequest();
        CountDownLatch answered = new CountDownLatch(1);
        CountDownLatch returned = new CountDownLatch(1);
        Thread second = new Thread(() -> {
            Object token = Spans.continueRequest(request);
            Spans.completeRequest(request, null, 201, null);
            answered.countDown();
            await(returned);
            spin(10);
            Spans.endTask(token);
        });
        second.start();
        await(answered);
        waitAndBeMeasured(20);
        end(request, true);
        returned.countDown();
        second.join(10_000);
        RecordedEvent event = one(recorded(), "HttpRequest");
        assertThat(event.getInt("status")).isEqualTo(201);
        assertThat(event.getLong("otherThreads")).isEqualTo(1);
        assertThat(event.getLong("cpuTime")).isGreaterThan(9 * MILLI);
        addsUp(event);
    }

    @Test
    void theThreadsOfAnAsynchronousRequestMayOverlapAndItsPartsAddUpAllTheSame() throws Exception {
        Object request = Spans.beginRequest();
        end(request, true);
        CountDownLatch begun = new CountDownLatch(3);
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            threads.add(new Thread(() -> {
                Object token = Spans.continueRequest(request);
                begun.countDown();
                await(begun);
                spin(10);
                Spans.endTask(token);
            }));
            threads.get(i).start();
        }
        for (Thread thread : threads) {
            thread.join(10_000);
        }
        Spans.completeRequest(request, null, 200, null);
        RecordedEvent event = one(recorded(), "HttpRequest");
        assertThat(event.getLong("cpuTime")).isGreaterThan(29 * MILLI);
        assertThat(part(event, "Handoff")).isNotNegative();
        addsUp(event);
    }

    @Test
    void anEventBelowTheThresholdOfTheRecordingTakesNoOthersPlace() throws Exception {
        recording.enable("pitot.HttpRequest").withThreshold(Duration.ofMillis(20));
        recorder = SpanRecorderTest.recorder("http.slow=1h,http.events=1");
        Spans.install(recorder);
        end(Spans.beginRequest(), false);
        Object longer = Spans.beginRequest();
        waitAndBeMeasured(30);
        Spans.endRequest(longer, "GET", null, "/longer", 200, false, null);
        assertThat(one(recorded(), "HttpRequest").getString("route")).isEqualTo("/longer");
    }

    @Test
    void whatATaskStillDoesAfterItHasAnsweredBelongsToTheRequest() throws Exception {
        Object task = new Object();
        Object request = Spans.beginRequest();
        Spans.submitted(task);
        end(request, true);
        onAnotherThread(() -> {
            Object token = Spans.beginTask(task);
            Spans.completeRequest(request, null, 200, null);
            spin(20);
            Spans.endTask(token);
        });
        RecordedEvent event = one(recorded(), "HttpRequest");
        assertThat(event.getLong("cpuTime")).isGreaterThan(19 * MILLI);
        assertThat(event.getLong("otherThreads")).isEqualTo(1);
    }

    @Test
    void whatTheAgentCostsGrowsWithEachSpan() {
        end(Spans.beginRequest(), false);
        recorder.emitSummaries();
        long ofTen = inlineNanosOf(10);
        assertThat(ofTen).isPositive();
        // Not exactly ten times: a thread that lost its CPU has more to read.
        assertThat(inlineNanosOf(100)).isBetween(4 * ofTen, 25 * ofTen);
    }

    private long inlineNanosOf(int requests) {
        for (int i = 0; i < requests; i++) {
            end(Spans.beginRequest(), false);
        }
        recorder.emitSummaries();
        return recorder.inlineNanos();
    }

    @Test
    void whatHappensInARequestIsToldByItsKind() throws Exception {
        Object far = new Object();
        Object other = left(far);
        Object request = Spans.beginRequest();
        Object wait = Spans.beginWait("outer");
        assertThat(Spans.beginWait("inner"))
                .as("by a pool that asks another one")
                .isNull();
        waitAndBeMeasured(10);
        Spans.endWait(wait, null);
        Object batch = Spans.beginStatement(null, "delete from item");
        assertThat(Spans.beginTask(far)).isNotNull();
        // Nobody tells the end of that task.
        Spans.endStatement(batch, 3, null);
        Object uncounted = Spans.beginUncounted();
        Spans.endCall(Spans.beginCall("GET", "database", -1, "/"), 200, false, null);
        Spans.endStatement(uncounted, 0, null);
        Spans.logged("logger", null);
        end(request, false);
        Spans.completeRequest(other, "/other", 200, null);
        List<RecordedEvent> events = recorded();
        RecordedEvent event = named(events, "HttpRequest", "route", "/x");
        assertThat(part(event, "Pool")).isGreaterThan(9 * MILLI);
        assertThat(event.getLong("sqlStatements")).isEqualTo(1);
        assertThat(event.getLong("loggedErrors")).isEqualTo(1);
        assertThat(one(events, "StatementSummary").getLong("batched")).isEqualTo(3);
        assertThat(one(events, "HttpCall").getString("parentSpanId")).isEqualTo(event.getString("spanId"));
        assertThat(named(events, "HttpRequest", "route", "/other").getLong("sqlStatements"))
                .isZero();
    }

    @Test
    void aRequestThatWaitsForItsTaskKeepsItsFiguresWhileItsThreadServesTheNext() throws Exception {
        List<byte[]> waste = new ArrayList<>();
        Object task = new Object();
        CountDownLatch begun = new CountDownLatch(1);
        CountDownLatch over = new CountDownLatch(1);
        Object first = Spans.beginRequest();
        Spans.submitted(task);
        Thread thread = new Thread(() -> {
            Object token = Spans.beginTask(task);
            begun.countDown();
            await(over);
            Spans.endTask(token);
        });
        thread.start();
        await(begun);
        Spans.endRequest(first, "GET", null, "/first", 200, false, null);
        Object second = Spans.beginRequest();
        waste.add(new byte[5_000_000]);
        Spans.endRequest(second, "GET", null, "/second", 200, false, null);
        over.countDown();
        thread.join(10_000);
        List<RecordedEvent> events = recorded();
        assertThat(named(events, "HttpRequest", "route", "/first").getLong("ownAllocated"))
                .isLessThan(4_000_000);
        allocated(named(events, "HttpRequest", "route", "/second"), 5_000_000, 5_000_000);
    }

    @Test
    void aHandlerThatEndsBeforeTheFirstOneReturnsEndsNothing() throws Exception {
        Object request = Spans.beginRequest();
        onAnotherThread(() -> {
            Object token = Spans.continueRequest(request);
            Spans.completeRequest(request, null, 201, null);
            Spans.endTask(token);
        });
        end(request, true);
        RecordedEvent event = one(recorded(), "HttpRequest");
        assertThat(event.getString("method")).isEqualTo("GET");
        assertThat(event.getBoolean("async")).isTrue();
    }

    @Test
    void eachSecondHasItsOwnEventsOfEveryKind() throws Exception {
        recorder = SpanRecorderTest.recorder("http.events=1,sql.events=1,calls.events=1");
        Spans.install(recorder);
        for (int second = 0; second < 2; second++) {
            for (int i = 0; i < 2; i++) {
                Object request = Spans.beginRequest();
                Spans.endWait(Spans.beginWait("pool"), null);
                Spans.endCall(Spans.beginCall("GET", "shop", -1, "/"), 200, false, null);
                Spans.endStatement(Spans.beginStatement(null, "select 1"), 0, null);
                end(request, false);
            }
            recorder.emitSummaries();
        }
        List<RecordedEvent> events = recorded();
        for (String type : List.of("HttpRequest", "ConnectionWait", "HttpCall", "SqlStatement")) {
            assertThat(of(events, type)).as(type).hasSize(2);
        }
    }
}
