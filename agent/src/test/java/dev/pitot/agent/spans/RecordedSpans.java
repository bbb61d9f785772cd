package dev.pitot.agent.spans;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.pitot.events.Spans;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** Tests of spans through the bridge, as advice calls it, and what is recorded of them. */
abstract class RecordedSpans {
    static final long MILLI = 1_000_000;
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
    Recording recording;
    SpanRecorder recorder;

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

    List<RecordedEvent> recorded() throws Exception {
        recorder.emitSummaries();
        recording.stop();
        return RecordingFile.readAllEvents(folder.resolve("test.jfr"));
    }

    /** Those of a type, in the order in which they ended: in the file they are in that of JFR's buffers. */
    static List<RecordedEvent> of(List<RecordedEvent> events, String type) {
        return events.stream()
                .filter(event -> event.getEventType().getName().equals("pitot." + type))
                .sorted(Comparator.comparing(RecordedEvent::getEndTime))
                .toList();
    }

    static RecordedEvent one(List<RecordedEvent> events, String type) {
        assertThat(of(events, type)).as(type).hasSize(1);
        return of(events, type).get(0);
    }

    /** The one with that name. */
    static RecordedEvent named(List<RecordedEvent> events, String type, String field, String name) {
        List<RecordedEvent> found = of(events, type).stream()
                .filter(event -> name.equals(event.getString(field)))
                .toList();
        assertThat(found).as(type + " of " + name).hasSize(1);
        return found.get(0);
    }

    void spin(long millis) {
        long until = bean.getCurrentThreadCpuTime() + millis * MILLI;
        while (bean.getCurrentThreadCpuTime() < until) {
            Thread.onSpinWait();
        }
    }

    static void end(Object request, boolean async) {
        Spans.endRequest(request, "GET", null, "/x", async ? 0 : 200, async, null);
    }

    /** No wait for anything: the thread sleeps as an application's does, and what is recorded of it is compared with this. */
    static void waitAndBeMeasured(long millis) throws InterruptedException {
        TimeUnit.MILLISECONDS.sleep(millis);
    }

    static void onAnotherThread(Runnable task) throws InterruptedException {
        Thread thread = new Thread(task);
        thread.start();
        thread.join(10_000);
    }

    static long part(RecordedEvent event, String part) {
        return event.getLong("time" + part);
    }

    static void addsUp(RecordedEvent event) {
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

    /** A request of another thread, which waits for its answer and has left this task to whoever has time. */
    static Object left(Object task) throws InterruptedException {
        Object[] request = new Object[1];
        onAnotherThread(() -> {
            request[0] = Spans.beginRequest();
            Spans.submitted(task);
            end(request[0], true);
        });
        return request[0];
    }
}
