package dev.pitot.agent.spans;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pitot.agent.config.ConfigSources;
import dev.pitot.events.EndpointSummary;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Requests that have ended while threads are at work for them. */
class EndingsTest {
    private static final long SECOND = 1_000_000_000;
    private static final int PLACES = 8;

    private final ThreadMeter meter =
            new ThreadMeter(0, null, null, null, PLACES, Pauses.unknown(), new Shedding(), false);
    private Endings endings;

    @BeforeEach
    void open() throws Exception {
        endings = new Endings(
                ConfigSources.read("service=test,http.events=0", new Properties(), Map.of()),
                PLACES,
                List.of(),
                new Shedding());
    }

    /** @param ago nanoseconds since it ended */
    private Frame postponed(long ago) {
        return postponed(ago, meter);
    }

    private Frame postponed(long ago, ThreadMeter meter) {
        Span span = new Span(1);
        Frame task = new Frame(meter);
        task.span = span;
        span.enter(task);
        assertThat(span.end(null)).isFalse();
        span.endedAt = System.nanoTime() - ago;
        endings.postpone(span);
        return task;
    }

    private long counted() {
        long count = 0;
        for (Summary summary : endings.all()) {
            EndpointSummary event = new EndpointSummary();
            if (summary.drainTo(event, new int[Buckets.COUNT], List.of(), new long[Done.EXTRAS])) {
                count += event.count;
            }
        }
        return count;
    }

    @Test
    void aRequestWaitsForItsTasksForHalfASecond() {
        postponed(SECOND);
        postponed(-60 * SECOND);
        endings.finishPostponed(false);
        assertThat(counted()).isEqualTo(1);
        endings.finishPostponed(false);
        assertThat(counted()).isZero();
        endings.finishPostponed(true);
        assertThat(counted()).as("at the agent's end").isEqualTo(1);
    }

    @Test
    void theLastTaskCountsItAndNobodyElseDoes() {
        Frame task = postponed(-60 * SECOND);
        Span span = task.span;
        assertThat(span).isNotNull();
        endings.taskDropped(span, task);
        assertThat(counted()).isEqualTo(1);
        endings.finishPostponed(true);
        assertThat(counted()).isZero();
    }

    @Test
    void aTaskOfARequestThatEndedCountsByTheCpuTimeItsThreadUsedSince() {
        ThreadMeter idle = new ThreadMeter(0, null, null, null, PLACES, Pauses.unknown(), new Shedding(), false) {
            @Override
            long cpuTime() {
                return 42;
            }
        };
        Frame task = postponed(60 * SECOND, idle);
        Span span = task.span;
        assertThat(span).isNotNull();
        endings.taskEnded(span, task, 0, true);
        assertThat(span.otherThreads).isEqualTo(1);
        assertThat(counted()).isEqualTo(1);
    }

    @Test
    void anAnsweredRequestGoesOnWithItsTaskForHalfASecondAndWithItsHandlerForAsLongAsThatTakes() {
        for (boolean handles : new boolean[] {false, true}) {
            Span span = new Span(1);
            Frame task = new Frame(meter);
            task.handles = handles;
            span.enter(task);
            span.returned = true;
            span.completed = true;
            span.completedAt = System.nanoTime() + 60 * SECOND;
            endings.endAnswered(span);
            assertThat(span.ended).isFalse();
            span.completedAt = System.nanoTime() - SECOND;
            endings.endAnswered(span);
            assertThat(span.ended).isEqualTo(!handles);
        }
    }

    @Test
    void aTaskThatBeginsJustWhenItsRequestEndsLeavesItsThreadAsItWas() {
        SpanThreads threads = new SpanThreads(null, null, Pauses.unknown(), new Shedding(), false);
        Requests requests = new Requests(threads, new Frames(PLACES), endings, new Shedding());
        Object ours = requests.begin();
        SpanThread thread = threads.peek();
        assertThat(thread).isNotNull();
        Span ended = new Span(2);
        ended.end(null);
        assertThat(requests.workFor(ended)).isNull();
        assertThat(thread.live()).isSameAs(ours);
        assertThat(thread.depth).isEqualTo(1);
        assertThat(ended.active).isZero();
    }

    @Test
    void noMoreThanAThousandWaitAndWhatHasBeenCountedMakesRoom() {
        Frame first = postponed(-60 * SECOND);
        for (int i = 1; i < 1000; i++) {
            postponed(-60 * SECOND);
        }
        assertThat(counted()).isZero();
        postponed(-60 * SECOND);
        assertThat(counted()).as("at once").isEqualTo(1);
        Span span = first.span;
        assertThat(span).isNotNull();
        endings.taskDropped(span, first);
        assertThat(counted()).isEqualTo(1);
        postponed(-60 * SECOND);
        assertThat(counted()).as("in its place").isZero();
        endings.finishPostponed(true);
        assertThat(counted()).isEqualTo(1000);
    }
}
