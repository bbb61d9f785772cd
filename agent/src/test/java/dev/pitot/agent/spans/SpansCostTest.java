package dev.pitot.agent.spans;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pitot.events.Spans;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import jdk.jfr.consumer.RecordedEvent;
import org.junit.jupiter.api.Test;

/** What measuring costs, and what is given up for the budget. */
class SpansCostTest extends RecordedSpans {
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
}
