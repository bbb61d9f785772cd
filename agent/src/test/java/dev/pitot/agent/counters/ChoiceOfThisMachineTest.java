package dev.pitot.agent.counters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.pitot.agent.config.CounterChoice;
import dev.pitot.agent.counters.CounterPlan.Counter;
import dev.pitot.agent.counters.CounterPlan.Group;
import dev.pitot.agent.counters.CounterPlan.Place;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** The choice with the real kernel and sysfs, used as the scopes use it. */
@EnabledOnOs(OS.LINUX)
class ChoiceOfThisMachineTest {
    @BeforeAll
    static void link() {
        assertThat(Libc.link()).isNull();
    }

    private static Choice choose(boolean usual, boolean host, String... names) {
        return Choice.of(
                new CounterChoice(true, false, usual, List.of(names), 8, host),
                Catalogue.ofThisMachine(),
                new Kernel.OfThisMachine());
    }

    @Test
    void aPlanIsOpenedGroupByGroupAndReadByPlaces() throws Exception {
        Choice choice = choose(true, false, "task-clock", "faults", "nonsense");
        assertThat(choice.refusals()).containsKey("nonsense");
        CounterPlan plan = choice.process();
        assumeThat(plan.counter("task-clock"))
                .as("software events are allowed here")
                .isNotNull();

        long earlier = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
        List<CounterGroup> opened = new ArrayList<>();
        for (Group group : plan.groups()) {
            opened.add(CounterGroup.open(group.events(), 0, choice.flags(), true));
        }
        long before = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
        while (ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() - before < 20_000_000) {
            Thread.onSpinWait();
        }
        for (Counter counter : plan.counters()) {
            long value = 0;
            for (Place place : counter.places()) {
                CounterGroup group = opened.get(place.group());
                assertThat(group.read()).isTrue();
                value += group.values[place.index()];
            }
            if (counter.name().equals("task-clock")) {
                long after = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
                assertThat(value * counter.scale()).isBetween(19_000_000.0, (double) (after - earlier) + 1_000_000);
                assertThat(counter.unit()).isEqualTo("ns");
            }
        }
        opened.forEach(CounterGroup::close);
    }

    @Test
    void whatIsCountedAndWhatIsRefusedIsAllThatWasAskedFor() {
        String[] names = {"L1-dcache-load-misses", "LLC-loads", "ref-cycles", "major-faults", "r01c2", "msr/tsc/"};
        Choice choice = choose(true, true, names);
        for (String name : names) {
            assertThat(choice.process().counter(name) != null)
                    .as(name)
                    .isNotEqualTo(choice.refusals().containsKey(name));
        }
        for (PerfEvent event : PerfEvent.OF_PROCESS) {
            assertThat(choice.process().counter(event.name()) != null)
                    .as(event.name())
                    .isNotEqualTo(choice.refusals().containsKey(event.name()));
        }
        assertThat(choice.span().counter("page-faults") != null)
                .isNotEqualTo(choice.spanRefusals().containsKey("page-faults"));
    }

    @Test
    void theHostIsCountedOnACpuOrItIsSaidWhyNot() {
        Choice choice = choose(false, true, "context-switches");
        assertThat(choice.hostRefusal() == null).isEqualTo(choice.host().counter("context-switches") != null);
    }

    @Test
    void missingAndNonsensicalEventsHaveTheirOwnErrno() {
        Kernel kernel = new Kernel.OfThisMachine();
        PerfEvent unknown = new PerfEvent("no-such-event", PerfEvent.SOFTWARE, 4711, 0, 0, 0, 0);
        int errno = kernel.tryOpen(List.of(unknown), Kernel.THIS_THREAD, Ladder.USER_ONLY);
        assumeThat(errno).isNotIn(Perf.EACCES, Perf.EPERM);
        assertThat(errno).isEqualTo(Perf.ENOENT);
        // A bit of read_format that no kernel knows, and a thread that there is not.
        assertThat(-Perf.open(PerfEvent.PAGE_FAULTS, 0, -1, Ladder.USER_ONLY, 1L << 40))
                .isEqualTo(Perf.EINVAL);
        assertThat(-Perf.open(PerfEvent.PAGE_FAULTS, Integer.MAX_VALUE, -1, Ladder.USER_ONLY, Perf.FORMAT_TIMES))
                .isEqualTo(Perf.ESRCH);
    }
}
