package dev.pitot.agent.samplers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pitot.agent.status.StatusBoard;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class SamplerThreadTest {
    private record Counting(String name, AtomicInteger calls, boolean fails) implements Sampler {
        @Override
        public void sample(long interval) {
            calls.incrementAndGet();
            if (fails) {
                throw new IllegalStateException("on purpose");
            }
        }
    }

    @Test
    void secondsThatWereSleptThroughAreLeftOut() {
        long second = SamplerThread.SECOND;
        assertThat(SamplerThread.next(10, 11)).isEqualTo(10 + second);
        assertThat(SamplerThread.next(10, 10 + second - 1)).isEqualTo(10 + second);
        assertThat(SamplerThread.next(10, 10 + 5 * second + 7)).isEqualTo(10 + 6 * second);
        // System.nanoTime may be anywhere, and pass from positive to negative.
        assertThat(SamplerThread.next(Long.MAX_VALUE - 1, Long.MIN_VALUE + 5)).isEqualTo(Long.MAX_VALUE - 1 + second);
    }

    @Test
    void aSamplerThatThrowsIsSwitchedOffAndTheOthersGoOn() {
        AtomicInteger good = new AtomicInteger();
        AtomicInteger bad = new AtomicInteger();
        AtomicInteger ended = new AtomicInteger();
        List<Long> seconds = new CopyOnWriteArrayList<>();
        SamplerThread thread = new SamplerThread(
                List.of(new Counting("bad", bad, true), new Counting("good", good, false)),
                () -> {
                    seconds.add(System.nanoTime());
                    throw new IllegalStateException("on purpose");
                },
                () -> ended.set(good.get()),
                new StatusBoard());
        thread.start();
        await().until(() -> seconds.size() >= 3);
        thread.interrupt();
        await().until(() -> seconds.size() >= 4);
        thread.finish();
        await().until(() -> !thread.isAlive());
        assertThat(bad).hasValue(1);
        assertThat(ended).as("samples taken before the end was told").hasValue(good.get());
        assertThat(good.get()).isEqualTo(seconds.size() + 1);
        assertThat((seconds.get(3) - seconds.get(0)) / 1e9).isBetween(2.9, 3.3);
    }
}
