package dev.pitot.agent.spans;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pitot.events.Spans;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import jdk.jfr.consumer.RecordedEvent;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/** Requests that several threads work on, one after the other or at once, and that end on any of them. */
class SpansOfThreadsTest extends RecordedSpans {
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
}
