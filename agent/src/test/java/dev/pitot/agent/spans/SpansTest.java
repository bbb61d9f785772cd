package dev.pitot.agent.spans;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pitot.events.Spans;
import java.time.Duration;
import java.util.List;
import jdk.jfr.consumer.RecordedEvent;
import org.junit.jupiter.api.Test;

/** What is recorded of requests, statements and calls. */
class SpansTest extends RecordedSpans {
    private static final String TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

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
