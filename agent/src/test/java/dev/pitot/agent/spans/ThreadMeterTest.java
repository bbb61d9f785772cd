package dev.pitot.agent.spans;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.lang.reflect.Proxy;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;

class ThreadMeterTest {
    @Test
    void aSecurityManagerThatForbidsThreadInfosCostsNothingButThem() {
        AtomicInteger asked = new AtomicInteger();
        Object real = ManagementFactory.getThreadMXBean();
        ThreadMXBean guarded = (ThreadMXBean) Proxy.newProxyInstance(
                getClass().getClassLoader(), new Class<?>[] {ThreadMXBean.class}, (proxy, method, arguments) -> {
                    if (method.getName().equals("getThreadInfo")) {
                        asked.incrementAndGet();
                        throw new SecurityException("access denied");
                    }
                    return method.invoke(real, arguments);
                });
        ThreadMeter meter = new ThreadMeter(
                Thread.currentThread().getId(), guarded, null, null, 0, Pauses.unknown(), new Shedding(), false);
        ThreadMeter.Mark mark = meter.newMark();
        Cost cost = new Cost(0);
        meter.mark(mark, true);
        long until = System.nanoTime() + 3_000_000;
        while (System.nanoTime() < until) {
            Thread.onSpinWait();
        }
        assertThat(meter.since(mark, cost, new Split())).isGreaterThan(2_999_999);
        assertThat(cost.cpuTime).isPositive();
        meter.mark(mark, true);
        assertThat(asked).as("each refusal is an exception").hasValue(1);
    }

    @Test
    void whatIsReadAfterAWaitIsToldToTheSpanAround() throws Exception {
        ThreadMXBean bean = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        ThreadMeter meter = new ThreadMeter(
                Thread.currentThread().getId(), bean, null, null, 0, Pauses.unknown(), new Shedding(), false);
        ThreadMeter.Mark outer = meter.newMark();
        ThreadMeter.Mark inner = meter.newMark();
        Cost cost = new Cost(0);
        Split split = new Split();
        meter.mark(outer, false);
        LockSupport.parkNanos(2_000_000); // What is measured.
        meter.mark(inner, false);
        LockSupport.parkNanos(2_000_000);
        meter.since(inner, cost, split);
        assertThat(split.readings).as("made within the inner one").isZero();
        meter.since(outer, cost, split);
        assertThat(split.readings).as("one at each end of the inner one").isGreaterThanOrEqualTo(2);
        assertThat(meter.takeReadings()).isGreaterThanOrEqualTo(3);
        assertThat(meter.takeReadings()).isZero();
    }
}
