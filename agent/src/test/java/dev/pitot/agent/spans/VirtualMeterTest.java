package dev.pitot.agent.spans;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.pitot.agent.counters.ThreadCounters;
import java.lang.management.ManagementFactory;
import org.junit.jupiter.api.Test;

class VirtualMeterTest {
    private final Mounts mounts = new Mounts();
    private final VirtualMeter meter =
            new VirtualMeter(Thread.currentThread(), mounts, ThreadCounters.PLACES, Pauses.unknown(), false);
    private final Carrier carrier = new Carrier(new ThreadMeter(
            Thread.currentThread().getId(),
            (ThreadMXBean) ManagementFactory.getThreadMXBean(),
            null,
            null,
            ThreadCounters.PLACES,
            Pauses.unknown(),
            new Shedding(),
            true));

    @Test
    void mountsAreNotMeasuredWhileTheBudgetIsExceeded() {
        meter.begin(carrier, true);
        meter.unmounted();
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

    @Test
    void nothingIsMeasuredBeforeTheOutermostSpanHasBegun() {
        meter.mounted(carrier);
        meter.unmounted();
        assertThat(carrier.took).isZero();
    }

    @Test
    void whatWasSpentIsUnknownOnceNobodyToldThatTheThreadWasLetGo() {
        meter.begin(carrier, true);
        meter.unmounted();
        meter.mounted(carrier);
        meter.unmounted();
        assertThat(meter.sofar.cpuTime).isNotNegative();
        meter.mounted(carrier);
        meter.mounted(carrier);
        meter.unmounted();
        assertThat(meter.sofar.cpuTime).isEqualTo(Long.MIN_VALUE);
    }

    @Test
    void aThreadIsListedFromItsOutermostSpanOn() {
        Thread thread = Thread.currentThread();
        assertThat(mounts.openOn(thread)).isNull();
        ThreadMeter.Mark outer = meter.newMark();
        meter.mark(outer, true);
        assertThat(mounts.openOn(thread)).isSameAs(meter);
        meter.rest();
        assertThat(mounts.openOn(thread)).isNull();
    }
}
