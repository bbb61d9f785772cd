package dev.pitot.agent.spans;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class SpanTest {
    private final Span span = new Span(1);
    private final List<Integer> flags = new ArrayList<>();

    /** A thread whose CPU time is as given. */
    private final class Elsewhere extends ThreadMeter {
        private long cpuTime;

        Elsewhere(long cpuTime) {
            super(0, null, null, null, 0, Pauses.unknown(), new Shedding(), false);
            this.cpuTime = cpuTime;
        }

        @Override
        long cpuTime() {
            flags.add(span.flag);
            return cpuTime;
        }
    }

    @Test
    void theCpuTimeOfThoseAtWorkIsReadWithoutTheFlag() {
        for (int i = 0; i < 1000; i++) {
            assertThat(span.enter(new Frame(new Elsewhere(i)))).isTrue();
        }
        span.take();
        assertThat(span.end(null)).isFalse();
        span.flag = 0;
        assertThat(flags).isEmpty();
        span.readTasks();
        assertThat(flags).hasSize(1000).containsOnly(0);
    }

    @Test
    void aTaskCountsThatUsedUpToAMillisecondSinceTheEndWhateverTheOthersDid() {
        Elsewhere first = new Elsewhere(500);
        Elsewhere second = new Elsewhere(900_000_000);
        Frame one = new Frame(first);
        Frame two = new Frame(second);
        span.enter(one);
        span.enter(two);
        span.end(null);
        span.readTasks();
        first.cpuTime = 500 + 999_999;
        second.cpuTime = 900_000_000 + 1_000_000;
        assertThat(span.counts(one)).isTrue();
        assertThat(span.counts(two)).isFalse();
        span.leave(one);
        assertThat(span.isSettled()).isFalse();
        span.leave(two);
        assertThat(span.isSettled()).isTrue();
        assertThat(span.enter(one)).as("after the end").isFalse();
        assertThat(span.takePostponed()).isTrue();
        assertThat(span.takePostponed()).as("once").isFalse();
        assertThat(span.counts(one)).as("it is over").isFalse();
    }
}
