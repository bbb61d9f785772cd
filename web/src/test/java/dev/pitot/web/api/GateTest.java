package dev.pitot.web.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import org.junit.jupiter.api.Test;

class GateTest {
    @Test
    void whoWasInsideEndsAndNobodyEntersAnyMore() throws Exception {
        Gate gate = new Gate();
        assertThat(gate.enter()).isTrue();
        Thread closing = new Thread(() -> gate.close(60_000));
        closing.start();
        await().until(gate::closed);
        assertThat(gate.enter()).isFalse();
        await().until(() -> closing.getState() == Thread.State.TIMED_WAITING);
        gate.leave();
        closing.join();
    }

    @Test
    void whoNeverEndsDoesNotKeepItOpen() {
        Gate gate = new Gate();
        gate.enter();
        gate.close(1);
        assertThat(gate.closed()).isTrue();
    }
}
