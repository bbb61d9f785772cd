package dev.pitot.agent.spans;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class OwnCostTest {
    private static final OwnCost NONE = OwnCost.of(new ThreadMeter(0, null, null, null, 0, Pauses.unknown(), false));

    private static Cost left(long cpuTime, long runQueueWait) {
        Cost cost = new Cost(0);
        cost.cpuTime = cpuTime;
        cost.runQueueWait = runQueueWait;
        NONE.takeOff(cost, 0, 100);
        return cost;
    }

    @Test
    void noThreadRunsOrWaitsForACpuForLongerThanItsSpanTook() {
        assertThat(left(60, 30)).extracting("cpuTime", "runQueueWait").containsExactly(60L, 30L);
        assertThat(left(60, 300)).extracting("cpuTime", "runQueueWait").containsExactly(60L, 40L);
        assertThat(left(600, 30)).extracting("cpuTime", "runQueueWait").containsExactly(100L, 0L);
    }

    @Test
    void whatIsNotKnownStaysSo() {
        assertThat(left(Long.MIN_VALUE, 300))
                .extracting("cpuTime", "runQueueWait")
                .containsExactly(Long.MIN_VALUE, 100L);
        assertThat(left(60, Long.MIN_VALUE))
                .extracting("cpuTime", "runQueueWait")
                .containsExactly(60L, Long.MIN_VALUE);
    }
}
