package dev.pitot.agent.spans;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pitot.events.EndpointSummary;
import dev.pitot.events.Spans;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** An application may run out of stack anywhere, also within the recorder, and go on: nothing may stay held by that. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class StackOverflowTest {
    private static final int STACKS = 100;
    private static final int HANDLED = 12;

    @RegisterExtension
    final InstalledRecorder installed = new InstalledRecorder();

    /** Calls it at every depth that there is; on a stack of its own, as large as the number says. */
    private static void atEveryDepth(int number, Runnable call, Runnable afterwards) throws InterruptedException {
        Thread thread = new Thread(
                null,
                () -> {
                    try {
                        begin(number % 25, call);
                    } catch (StackOverflowError expected) {
                        // As an application would.
                    }
                    afterwards.run();
                },
                "small stack",
                256 * 1024 + number * 4096L);
        thread.setDaemon(true);
        thread.start();
        thread.join(TimeUnit.SECONDS.toMillis(10));
        assertThat(thread.isAlive()).as("hangs").isFalse();
    }

    /** Shifts where the end of the stack falls by some frames of another size. */
    private static long begin(int left, Runnable call) {
        return left == 0 ? deeper(call) : begin(left - 1, call) + left;
    }

    private static long deeper(Runnable call) {
        try {
            call.run();
        } catch (StackOverflowError caught) {
            // As the bridge does.
        }
        return deeper(call) + 1;
    }

    @Test
    void nobodyWaitsForAThreadThatRanOutOfStackWithARequestsFlag() throws Exception {
        for (int i = 0; i < STACKS; i++) {
            Span span = new Span(i);
            atEveryDepth(i, () -> span.count(Done.LOGGED_ERRORS), () -> {
                span.take();
                span.flag = 0;
            });
        }
    }

    @Test
    void noSummaryIsHeldByAThreadThatRanOutOfStack() throws Exception {
        for (int i = 0; i < STACKS; i++) {
            Summary summary = new Summary("name", "", 8);
            Done done = new Done(8);
            done.clear();
            atEveryDepth(
                    i,
                    () -> summary.add(done, 0),
                    () -> summary.drainTo(
                            new EndpointSummary(), new int[Buckets.COUNT], List.of(), new long[Done.EXTRAS]));
        }
    }

    @Test
    void theWaitsOfTheNextRequestAreSeenAfterAnOverflowInOne() throws Exception {
        for (int i = 0; i < STACKS; i++) {
            boolean[] seen = new boolean[1];
            Object[] first = new Object[1];
            atEveryDepth(
                    i,
                    () -> {
                        if (first[0] == null) {
                            first[0] = Spans.beginRequest();
                        }
                        long begun = Spans.beginWaiting();
                        if (begun != 0) {
                            Spans.waited(Spans.FILE, begun);
                        }
                    },
                    () -> {
                        Spans.endRequest(first[0], "GET", null, "/deep", 200, false, null);
                        Object next = Spans.beginRequest();
                        seen[0] = Spans.beginWaiting() != 0;
                        Spans.endRequest(next, "GET", null, "/next", 200, false, null);
                    });
            assertThat(seen[0]).isTrue();
        }
    }

    @Test
    void aRequestIsCountedWhoseHandlersRanOutOfStack() throws Exception {
        Object request = Spans.beginRequest();
        Spans.endRequest(request, "GET", null, "/deep", 0, true, null);
        for (int i = 0; i < HANDLED; i++) {
            boolean[] free = new boolean[1];
            atEveryDepth(
                    i,
                    () -> {
                        Object token = Spans.continueRequest(request);
                        if (token != null) {
                            Spans.endTask(token);
                        }
                    },
                    () -> {
                        Spans.pooled();
                        Object next = Spans.beginRequest();
                        free[0] = next != null;
                        Spans.endRequest(next, "GET", null, "/next", 200, false, null);
                    });
            assertThat(free[0]).as("the next request of the thread").isTrue();
        }
        installed.recorder.emitSummaries();
        assertThat(installed.recorder.spans()).isEqualTo(HANDLED);
        Spans.completeRequest(request, null, 200, null);
        installed.recorder.emitSummaries();
        assertThat(installed.recorder.spans()).isEqualTo(1);
    }
}
