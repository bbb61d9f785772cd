package dev.pitot.agent.spans;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class SplitTest {
    @Test
    void thePartsAlwaysAddUpToTheWholeAndNoneIsNegative() {
        Random random = new Random(4);
        Split split = new Split();
        for (int i = 0; i < 100_000; i++) {
            long wall = random.nextInt(1_000_000_000);
            long most = wall + wall / 2 + 2;
            for (int part = Part.LOCK; part <= Part.POOL; part++) {
                split.waits[part] = random.nextInt(4) == 0 ? random.nextLong(most) / 3 : 0;
            }
            split.blocked = random.nextLong(most) - 1_000_000;
            split.waited = random.nextLong(most);
            split.pauses = random.nextLong(most) - 1000;
            long cpuTime = random.nextInt(5) == 0 ? Long.MIN_VALUE : random.nextLong(most);
            long queued = random.nextInt(5) == 0 ? Long.MIN_VALUE : random.nextLong(most) / 4;
            split.of(wall, cpuTime, queued);
            assertThat(split.parts[Part.ON_CPU] == Long.MIN_VALUE).isEqualTo(cpuTime == Long.MIN_VALUE);
            assertThat(split.parts[Part.RUN_QUEUE] == Long.MIN_VALUE).isEqualTo(queued == Long.MIN_VALUE);
            long[] known = Arrays.stream(split.parts)
                    .filter(part -> part != Long.MIN_VALUE)
                    .toArray();
            assertThat(Arrays.stream(known).sum()).isEqualTo(wall);
            assertThat(Arrays.stream(known).min().orElseThrow()).isNotNegative();
            assertThat(split.offCpu(wall))
                    .isEqualTo(Arrays.stream(known).sum()
                            - Math.max(0, split.parts[Part.ON_CPU])
                            - Math.max(0, split.parts[Part.RUN_QUEUE])
                            - split.parts[Part.PAUSE]);
        }
    }

    @Test
    void whatIsMeasuredInNanosecondsGoesBeforeWhatTheJvmTellsInMilliseconds() {
        Split split = new Split();
        split.waits[Part.SOCKET] = 60;
        split.waits[Part.PARK] = 10;
        split.waited = 10 + 15;
        split.blocked = 5;
        split.of(110, 8, 2);
        assertThat(split.parts).containsExactly(8, 2, 5, 25, 60, 0, 0, 0, 0, 0, 0, 10);
    }

    @Test
    void theQueueForACpuAtTheEndOfAWaitIsNotCountedTwice() {
        Split split = new Split();
        split.waits[Part.SOCKET] = 90;
        split.of(100, 10, 30);
        assertThat(split.parts[Part.RUN_QUEUE]).isEqualTo(30);
        assertThat(split.parts[Part.SOCKET]).isEqualTo(60);
        assertThat(split.parts[Part.UNKNOWN]).isZero();
    }

    @Test
    void whatOneThreadOfARequestDoesNotKnowIsNotKnownOfTheRequest() {
        Span request = new Span(1);
        Split known = new Split();
        known.waits[Part.SOCKET] = 60;
        known.of(100, 40, 0);
        Split virtual = new Split();
        virtual.waits[Part.SOCKET] = 60;
        virtual.of(100, Long.MIN_VALUE, Long.MIN_VALUE);
        request.cover(known, 100);
        request.cover(virtual, 100);
        assertThat(request.parts[Part.ON_CPU]).isEqualTo(Long.MIN_VALUE);
        request.cover(virtual, 100);
        assertThat(request.parts[Part.ON_CPU]).isEqualTo(Long.MIN_VALUE);
        assertThat(request.parts[Part.SOCKET]).isEqualTo(180);
    }
}
