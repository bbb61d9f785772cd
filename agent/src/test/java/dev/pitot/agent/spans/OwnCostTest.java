package dev.pitot.agent.spans;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.IdentityHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

class OwnCostTest {
    private static final OwnCost NONE =
            OwnCost.of(new ThreadMeter(0, null, null, null, 0, Pauses.unknown(), new Shedding(), false));

    private static Cost left(long cpuTime, long runQueueWait) {
        Frame frame = new Frame(new ThreadMeter(0, null, null, null, 0, Pauses.unknown(), new Shedding(), false));
        frame.cost.cpuTime = cpuTime;
        frame.cost.runQueueWait = runQueueWait;
        NONE.takeOff(frame, 100);
        return frame.cost;
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

    /**
     * A clock instead of a thread: to read it takes 10 ns before the reading and after it, with counters 1000 before the reading of the begin
     * and after that of the end, and 300 between the two.
     */
    private static final class Clock extends ThreadMeter {
        private final Map<Mark, Boolean> counters = new IdentityHashMap<>();
        private long now;

        Clock() {
            super(0, null, null, null, 1, Pauses.unknown(), new Shedding(), false);
        }

        @Override
        long cpuTime() {
            return now;
        }

        @Override
        void readAnew() {
            now += 70;
        }

        @Override
        void mark(Mark mark, boolean counted) {
            counters.put(mark, counted);
            now += 10 + (counted ? 1000 : 0);
            mark.cpuTime = now;
            now += 10 + (counted ? 300 : 0);
        }

        @Override
        long since(Mark mark, Cost cost, Split parts) {
            cost.clear();
            now += 10;
            cost.cpuTime = now - mark.cpuTime;
            cost.counts[0] = cost.cpuTime * 2;
            now += 10 + (counters.getOrDefault(mark, false) ? 1000 : 0);
            return cost.cpuTime;
        }
    }

    @Test
    void spansWithinAreTakenOffAtWhatTheyTookWithCountersOrWithout() {
        Clock clock = new Clock();
        OwnCost own = OwnCost.of(clock);
        assertThat(own.ofSpan(true)).isEqualTo(1000 + 10 + 310 + 10 + 10 + 1000);
        assertThat(own.ofSpan(false)).isEqualTo(4 * 10);
        for (int counted = 0; counted <= 3; counted++) {
            for (boolean outer : new boolean[] {true, false}) {
                Frame frame = new Frame(clock);
                frame.counted = outer;
                frame.inner = 3;
                frame.innerCounted = counted;
                clock.mark(frame.mark, outer);
                clock.now += 777;
                for (int i = 0; i < 3; i++) {
                    ThreadMeter.Mark mark = clock.newMark();
                    clock.mark(mark, i < counted);
                    clock.since(mark, new Cost(1), new Split());
                }
                long wall = clock.since(frame.mark, frame.cost, frame.split);
                own.takeOff(frame, wall);
                assertThat(frame.cost.cpuTime).isEqualTo(777);
                if (outer) {
                    assertThat(frame.cost.counts[0]).isEqualTo(2 * 777);
                }
            }
        }
    }

    @Test
    void whatIsReadForTheSpansWithinAfterTheyWaitedIsTakenOff() {
        Clock clock = new Clock();
        OwnCost own = OwnCost.of(clock);
        Frame frame = new Frame(clock);
        frame.counted = true;
        clock.mark(frame.mark, true);
        clock.now += 777;
        clock.readAnew();
        clock.readAnew();
        long wall = clock.since(frame.mark, frame.cost, frame.split);
        assertThat(own.ofReading()).as("with cold caches").isEqualTo(2 * 70);
        frame.split.readings = 2;
        own.takeOff(frame, wall);
        assertThat(frame.cost.cpuTime).isEqualTo(777);
        assertThat(frame.cost.counts[0]).isEqualTo(2 * 777);
    }

    @Test
    void toFollowATaskTakesSomeTime() {
        long id = Thread.currentThread().getId();
        ThreadMXBean bean = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        assertThat(OwnCost.of(new ThreadMeter(id, bean, null, null, 0, Pauses.unknown(), new Shedding(), false))
                        .ofFollowing())
                .isBetween(10L, 20_000L);
        assertThat(NONE.ofFollowing()).as("without a clock").isZero();
    }
}
