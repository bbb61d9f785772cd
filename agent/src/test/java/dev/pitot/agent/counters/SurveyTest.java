package dev.pitot.agent.counters;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pitot.agent.config.CounterChoice;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SurveyTest {
    @TempDir
    Path folder;

    private Survey survey(MadeUpCpu cpu, boolean host, long flags, String... names) throws Exception {
        Catalogue catalogue = new Catalogue(Sysfs.write(Sysfs.ICE_LAKE, folder));
        List<Named> events = new ArrayList<>();
        for (String name : names) {
            events.add(catalogue.find(name));
        }
        return Survey.of("all of these", events, host, flags, cpu);
    }

    @Test
    void eventsThatAreRefusedAlikeAreExplainedTogether() throws Exception {
        MadeUpCpu cpu = new MadeUpCpu(8)
                .without("bus-cycles", Perf.ENOENT)
                .without("ref-cycles", Perf.ENOENT)
                .without("branches", Perf.EBUSY);
        Survey survey =
                survey(cpu, false, 0, "cycles", "bus-cycles", "branches", "ref-cycles", "cpu/topdown-retiring/");
        assertThat(survey.open()).containsExactly("cycles", "cpu/topdown-retiring/");
        assertThat(survey.refusals())
                .extracting(Refusal::reason)
                .satisfiesExactly(
                        none -> assertThat(none).endsWith("cannot count bus-cycles, ref-cycles"),
                        busy -> assertThat(busy).contains("so that branches cannot be counted"));
    }

    @Test
    void whereAllAreRefusedTheyAreNamedAsAWholeAndPmusOfWholeCpusNeedMore() throws Exception {
        MadeUpCpu cpu = new MadeUpCpu(8).userOnly().deniedOnCpus();
        Survey both = survey(cpu, false, 0, "cycles", "instructions");
        assertThat(both.open()).isEmpty();
        assertThat(both.refusals()).singleElement().satisfies(why -> {
            assertThat(why.reason()).contains("perf_event for all of these: ");
            assertThat(why.fix().host()).endsWith("perf_event_paranoid=1");
        });
        Survey user = survey(cpu, false, Ladder.USER_ONLY, "cycles", "context-switches", "power/energy-pkg/");
        assertThat(user.open()).containsExactly("cycles");
        assertThat(user.refusals())
                .extracting(why -> why.fix().host())
                .as("switches happen in the kernel, the power meter is of a whole CPU")
                .containsExactly(
                        "sudo sysctl kernel.perf_event_paranoid=1", "sudo sysctl kernel.perf_event_paranoid=0");
    }

    private Rungs rungs(MadeUpCpu cpu) throws IOException {
        Catalogue catalogue = new Catalogue(Sysfs.write(Sysfs.ICE_LAKE, folder));
        CounterChoice wanted = CounterChoice.DEFAULT;
        Choice choice = Choice.of(wanted, catalogue, cpu);
        List<Refusal> refusals = new ArrayList<>(choice.refusals().values());
        refusals.addAll(choice.limits());
        CounterPlan none = CounterPlan.NOTHING;
        Opened opened = new Opened(
                wanted,
                null,
                null,
                choice,
                choice.process(),
                refusals,
                choice.span(),
                List.of(),
                none,
                List.of(),
                null,
                4096);
        return new Rungs(Situation.ofThisProcess(), cpu, catalogue, opened, true, null);
    }

    @Test
    void howManyRunSideBySideIsSaidAndWhoHoldsOne() throws IOException {
        Finding all = rungs(new MadeUpCpu(10)).sideBySide();
        assertThat(all.state()).isEqualTo("yes");
        assertThat(all.detail()).isEqualTo("6 for the process, and 4 more while a request is served, all of the time");
        Finding tight = rungs(new MadeUpCpu(9).withWatchdog()).sideBySide();
        assertThat(tight.state()).isEqualTo("partial");
        assertThat(tight.detail()).startsWith("4 for the process").endsWith("NMI watchdog holds one more");
        assertThat(tight.blocker()).contains("no free counters for cache-references, branches");
        assertThat(tight.fix().docker()).isEqualTo("on the host: sudo sysctl kernel.nmi_watchdog=0");
    }

    @Test
    void eventsOfPmusAreThoseThatPerfListPrints() throws IOException {
        Finding finding = rungs(new MadeUpCpu(10).without("cpu/mem-loads/", Perf.EOPNOTSUPP))
                .ofPmus(0);
        assertThat(finding.events()).contains("cpu/slots/", "msr/tsc/", "uncore_imc_0/cas_count_read/");
        assertThat(finding.state()).isEqualTo("partial");
        assertThat(finding.detail()).startsWith("cpu 11 of 12, msr 1 of 1, power 1 of 1, ");
        assertThat(finding.blocker()).contains("cannot count cpu/mem-loads/ for want");
    }

    @Test
    void whatAnEventCarriesIsCutBetweenNames() throws IOException {
        Finding whole = rungs(new MadeUpCpu(10)).ofPmus(0);
        Finding cut = whole.shortened(60);
        assertThat(cut.detail()).hasSizeLessThanOrEqualTo(60).endsWith(", …");
        assertThat(whole.detail()).startsWith(cut.detail().replace(", …", ","));
        assertThat(cut.events()).isEmpty();
        assertThat(whole.shortened(5000).detail()).isEqualTo(whole.detail());
    }
}
