package dev.pitot.agent.counters;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FitTest {
    private static final List<PerfEvent> OF_THREAD =
            List.of(PerfEvent.CYCLES, PerfEvent.INSTRUCTIONS, PerfEvent.CACHE_MISSES, PerfEvent.BRANCH_MISSES);

    /** A CPU with so many counters: two groups run side by side, in turns, or not at all when one alone is too large. */
    private static Fit.Trial cpu(int counters, List<Fit.Sets> tried) {
        return (sets, nanos) -> {
            tried.add(sets);
            int process = sets.process().size();
            int thread = sets.thread().size();
            if (process > counters || thread > counters) {
                return 0;
            }
            return process + thread <= counters ? 1 : nanos > 10_000_000 ? 0.5 : 0;
        };
    }

    @ParameterizedTest
    @CsvSource({"10, 6, 4", "8, 4, 4", "7, 4, 3", "6, 3, 3", "5, 3, 2", "4, 2, 2", "3, 2, 1", "2, 1, 1", "1, 1, 0"})
    void theRichestSetsThatRunSideBySideAreTaken(int counters, int process, int thread) {
        Fit.Outcome outcome = Fit.find(PerfEvent.OF_PROCESS, OF_THREAD, cpu(counters, new ArrayList<>()));
        assertThat(outcome.exact()).isTrue();
        assertThat(outcome.sets().process()).hasSize(process).startsWith(PerfEvent.CYCLES);
        assertThat(outcome.sets().thread()).hasSize(thread);
        if (counters < 10) {
            assertThat(outcome.sets().process())
                    .doesNotContain(PerfEvent.CACHE_REFERENCES)
                    .doesNotContain(PerfEvent.BRANCHES);
        }
    }

    @Test
    void withSomebodyElseCountingTheyTakeTurnsAndAreCalledSo() {
        Fit.Outcome outcome = Fit.find(
                PerfEvent.OF_PROCESS,
                OF_THREAD,
                (sets, nanos) -> nanos > 10_000_000 && sets.process().size() <= 4 ? 0.4 : 0);
        assertThat(outcome.exact()).isFalse();
        assertThat(outcome.sets().process()).hasSize(4);
        assertThat(outcome.sets().thread()).hasSize(4);
    }

    @Test
    void whatNeverRunsIsNotOpened() {
        Fit.Outcome outcome = Fit.find(PerfEvent.OF_PROCESS, OF_THREAD, (sets, nanos) -> 0);
        assertThat(outcome.sets().process()).isEmpty();
        assertThat(outcome.sets().thread()).isEmpty();
    }

    @Test
    void aCpuThatCountsTwoEventsOnlyIsAskedForNoOthers() {
        List<Fit.Sets> tried = new ArrayList<>();
        List<PerfEvent> two = List.of(PerfEvent.CYCLES, PerfEvent.INSTRUCTIONS);
        assertThat(Fit.find(two, two, cpu(6, tried)).sets().process()).isEqualTo(two);
        assertThat(tried).hasSize(1);
    }
}
