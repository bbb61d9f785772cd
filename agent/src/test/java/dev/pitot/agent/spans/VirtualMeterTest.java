package dev.pitot.agent.spans;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pitot.agent.counters.ThreadCounters;
import org.junit.jupiter.api.Test;

class VirtualMeterTest {
    private final Mounts mounts = new Mounts();
    private final VirtualMeter meter =
            new VirtualMeter(Thread.currentThread(), mounts, ThreadCounters.PLACES, Pauses.unknown(), false);
    private final Carrier carrier =
            new Carrier(new ThreadMeter(0, null, null, null, ThreadCounters.PLACES, Pauses.unknown(), true));

    @Test
    void mountsAreNotMeasuredWhileTheBudgetIsExceeded() {
        meter.mounted(carrier);
        meter.unmounted();
        mounts.shed(true);
        meter.mounted(carrier);
        meter.unmounted();
        assertThat(carrier.took).isEqualTo(1);
        mounts.shed(false);
        meter.mounted(carrier);
        assertThat(carrier.took).isEqualTo(2);
    }
}
