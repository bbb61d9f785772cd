package dev.pitot.agent.spans;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pitot.events.Spans;
import java.lang.management.ManagementFactory;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What is held of tasks that are handed over and never run. */
class TasksTest {
    private static final int MOST = 100_000;
    private static final int OF_A_REQUEST = 10_000;

    @RegisterExtension
    final InstalledRecorder installed = new InstalledRecorder();

    private static WeakReference<Object> handOver(List<Object> tasks) {
        Object request = Spans.beginRequest();
        for (Object task : tasks) {
            Spans.submitted(task);
        }
        Spans.endRequest(request, "GET", null, "/x", 200, false, null);
        return new WeakReference<>(request);
    }

    private static List<Object> some(int number) {
        List<Object> tasks = new ArrayList<>();
        for (int i = 0; i < number; i++) {
            tasks.add(new Object());
        }
        return tasks;
    }

    private static long heap() {
        System.gc();
        return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
    }

    private static void isFollowed(Object task) {
        Object request = Spans.beginRequest();
        Spans.submitted(task);
        Object[] token = new Object[1];
        Thread thread = new Thread(() -> {
            token[0] = Spans.beginTask(task);
            Spans.endTask(token[0]);
        });
        thread.start();
        await().until(() -> !thread.isAlive());
        Spans.endRequest(request, "GET", null, "/x", 200, false, null);
        assertThat(token[0]).as("the next request's task").isNotNull();
    }

    @Test
    void aMillionRejectedTasksLeaveNothing() {
        handOver(some(OF_A_REQUEST));
        installed.recorder.tidy();
        long before = heap();
        for (int i = 0; i < 1_000_000 / OF_A_REQUEST; i++) {
            handOver(some(OF_A_REQUEST));
        }
        installed.recorder.tidy();
        assertThat(heap() - before).isLessThan(4_000_000);
        isFollowed(new Object());
    }

    @Test
    void aQueueFullOfCancelledTasksHoldsNoRequestAndNoOtherTasksPlace() {
        List<WeakReference<Object>> requests = new ArrayList<>();
        List<List<Object>> queue = new ArrayList<>();
        for (int i = 0; i < MOST / OF_A_REQUEST; i++) {
            queue.add(some(OF_A_REQUEST));
        }
        long before = heap();
        for (List<Object> cancelled : queue) {
            requests.add(handOver(cancelled));
        }
        await().untilAsserted(() -> {
            System.gc();
            assertThat(requests).allSatisfy(request -> assertThat(request.get()).isNull());
        });
        installed.recorder.tidy();
        isFollowed(new Object());
        assertThat(heap() - before).isLessThan(4_000_000);
        assertThat(queue).hasSize(MOST / OF_A_REQUEST);
    }

    @Test
    void whatManyRequestsHandOverAtOnceComesOutInItsOrderAndNoMoreOfItThanIsRemembered() {
        Tasks tasks = new Tasks();
        Object task = new Object();
        List<Span> spans = new ArrayList<>();
        for (int i = 0; i < 66; i++) {
            spans.add(new Span(i));
            assertThat(tasks.put(task, spans.get(i).link())).isEqualTo(i < 64);
        }
        spans.get(0).end(null);
        spans.get(2).end(null);
        tasks.tidy();
        assertThat(tasks.put(task, spans.get(64).link()))
                .as("in the place of those that ended")
                .isTrue();
        assertThat(tasks.peek(task)).isSameAs(spans.get(1));
        assertThat(tasks.take(task)).isSameAs(spans.get(1));
        assertThat(tasks.take(task)).isSameAs(spans.get(3));
        for (int i = 4; i < 65; i++) {
            assertThat(tasks.take(task)).isSameAs(spans.get(i));
        }
        assertThat(tasks.take(task)).isNull();
        assertThat(spans.get(0).link()).as("of one that has ended").isNull();
    }

    @Test
    void beyondItsBoundNothingNewIsRememberedUntilRequestsEnd() {
        Tasks tasks = new Tasks();
        Span span = new Span(1);
        List<Object> waiting = some(MOST);
        for (Object task : waiting) {
            assertThat(tasks.put(task, span.link())).isTrue();
        }
        Span other = new Span(2);
        Object more = new Object();
        assertThat(tasks.put(more, other.link())).isFalse();
        tasks.tidy();
        assertThat(tasks.put(more, other.link())).as("none has ended").isFalse();
        span.end(null);
        tasks.tidy();
        assertThat(tasks.put(more, other.link())).isTrue();
        tasks.tidy();
        assertThat(tasks.take(more)).isSameAs(other);
        assertThat(tasks.take(waiting.get(0))).isNull();
    }
}
