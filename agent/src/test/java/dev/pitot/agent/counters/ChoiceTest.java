package dev.pitot.agent.counters;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pitot.agent.config.CounterChoice;
import dev.pitot.agent.counters.CounterPlan.Counter;
import dev.pitot.agent.counters.CounterPlan.Group;
import dev.pitot.agent.counters.CounterPlan.Place;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ChoiceTest {
    private static final List<String> OF_PROCESS =
            PerfEvent.OF_PROCESS.stream().map(PerfEvent::name).toList();

    @TempDir
    Path devices;

    private Choice choose(String machine, Kernel kernel, boolean host, String... names) throws IOException {
        List<String> wanted = new ArrayList<>(List.of(names));
        boolean usual = wanted.remove("default");
        return Choice.of(
                new CounterChoice(true, false, usual, wanted, 8, host),
                new Catalogue(Sysfs.write(machine, devices)),
                kernel);
    }

    private Choice choose(String machine, Kernel kernel, String... names) throws IOException {
        return choose(machine, kernel, false, names);
    }

    private static List<List<String>> groups(CounterPlan plan) {
        return plan.groups().stream()
                .map(group -> group.events().stream().map(PerfEvent::name).toList())
                .toList();
    }

    private static List<String> counters(CounterPlan plan) {
        return plan.counters().stream().map(Counter::name).toList();
    }

    /** Every place of every counter holds the event of its name. */
    private static void assertConsistent(CounterPlan plan) {
        for (Counter counter : plan.counters()) {
            assertThat(counter.places()).isNotEmpty().doesNotHaveDuplicates();
            for (Place place : counter.places()) {
                String there = plan.groups()
                        .get(place.group())
                        .events()
                        .get(place.index())
                        .name();
                assertThat(counter.name()).isIn(there, "cpu/slots/");
            }
        }
    }

    @Test
    void cyclesThatOthersHaveTakenSayNothingOfTheOtherEvents() throws IOException {
        MadeUpCpu taken = new MadeUpCpu(20).without("cycles", Perf.EBUSY);
        Choice choice = choose(Sysfs.NO_PMU, taken, "default");
        assertThat(choice.refusals()).containsOnlyKeys("cycles");
        assertThat(counters(choice.process())).contains("instructions", "branch-misses");
    }

    @Test
    void withoutAPmuOneAnswerSettlesTheUsualSet() throws IOException {
        MadeUpCpu none = new MadeUpCpu(0).without("cycles", Perf.ENOENT);
        Choice choice = choose(Sysfs.NO_PMU, none, "default");
        assertThat(choice.process()).isEqualTo(CounterPlan.NOTHING);
        assertThat(groups(choice.span())).containsExactly(List.of("page-faults", "context-switches"));
        assertThat(choice.refusals().keySet()).containsExactlyElementsOf(OF_PROCESS);
        assertThat(choice.refusals().values()).containsOnly(choice.refusals().get("cycles"));
        assertThat(none.tried).containsExactly("cycles", "page-faults", "context-switches");
        assertThat(none.looks).isZero();
        assertThat(choice.hasUsual()).isFalse();
        assertThat(choice.hardwareSource()).startsWith("none: ").contains("cycles");
    }

    @Test
    void theUsualSetIsOneGroupWithMigrationsBesideIt() throws IOException {
        Choice choice = choose(Sysfs.ICE_LAKE, new MadeUpCpu(10), "default");
        List<String> all = new ArrayList<>(OF_PROCESS);
        all.add("cpu-migrations");
        assertThat(groups(choice.process())).containsExactly(all);
        assertThat(counters(choice.process())).isEqualTo(all);
        assertThat(groups(choice.span()))
                .containsExactly(List.of(
                        "cycles", "instructions", "cache-misses", "branch-misses", "page-faults", "context-switches"));
        assertThat(choice.refusals()).isEmpty();
        assertThat(choice.spanRefusals()).isEmpty();
        assertThat(choice.limits()).isEmpty();
        assertThat(choice.host()).isEqualTo(CounterPlan.NOTHING);
        assertThat(choice.hardwareSource()).isEqualTo("perf");
    }

    @Test
    void whatHasNoRoomIsNamedAndSoIsTheWatchdog() throws IOException {
        Choice choice = choose(Sysfs.ICE_LAKE, new MadeUpCpu(9).withWatchdog(), "default");
        assertThat(choice.refusals().keySet()).containsExactlyInAnyOrder("cache-references", "branches");
        Refusal why = choice.refusals().get("branches");
        assertThat(why.reason())
                .isEqualTo(
                        "The CPU has no free counters for cache-references, branches (the kernel's NMI watchdog holds"
                                + " one)");
        assertThat(why.fix().host()).isEqualTo("sudo sysctl kernel.nmi_watchdog=0");
        assertThat(groups(choice.process()))
                .containsExactly(List.of("cycles", "instructions", "cache-misses", "branch-misses", "cpu-migrations"));
    }

    @Test
    void aNamedEventJoinsTheUsualOnesWhereAllFit() throws IOException {
        Choice choice = choose(Sysfs.ICE_LAKE, new MadeUpCpu(10), "default", "L1-dcache-load-misses");
        assertThat(groups(choice.process()))
                .containsExactly(List.of(
                        "cycles",
                        "instructions",
                        "cache-misses",
                        "branch-misses",
                        "L1-dcache-load-misses",
                        "cpu-migrations"));
        assertThat(counters(choice.span())).contains("L1-dcache-load-misses");
        assertThat(choice.limits()).isEmpty();
        assertConsistent(choice.process());
        assertConsistent(choice.span());
    }

    @Test
    void aUsualEventThatIsNamedIsNotGivenUp() throws IOException {
        Choice choice = choose(Sysfs.ICE_LAKE, new MadeUpCpu(8), "default", "cache-references", "branches");
        assertThat(counters(choice.process())).containsAll(OF_PROCESS);
        assertThat(choice.refusals()).isEmpty();
        assertThat(choice.limits()).singleElement().satisfies(limit -> assertThat(limit.reason())
                .startsWith("The counters take turns"));
        assertConsistent(choice.process());
    }

    @Test
    void manyNamedEventsAreSpreadOverGroupsThatFitEachLedByCyclesAndInstructions() throws IOException {
        String[] names =
                IntStream.rangeClosed(1, 12).mapToObj(i -> "r0" + i + "c2").toArray(String[]::new);
        Choice choice = choose(Sysfs.ICE_LAKE, new MadeUpCpu(6), names);
        assertThat(counters(choice.process())).containsExactly(names);
        assertThat(groups(choice.process())).hasSize(3).allSatisfy(group -> assertThat(group)
                .hasSizeLessThanOrEqualTo(6)
                .startsWith("cycles", "instructions"));
        assertThat(choice.limits()).hasSize(1);
        // One group of a span holds what fits; the rest is said to be missing.
        // What the kernel itself counts stands apart, so that it is exact while the hardware takes turns.
        assertThat(choice.span().groups()).hasSize(2);
        assertThat(groups(choice.span()).get(1)).containsExactly("page-faults", "context-switches");
        assertThat(choice.spanRefusals()).hasSize(8);
        CounterPlan plan = choice.process();
        Place last = plan.counters().get(11).places().get(0);
        assertThat(plan.beside(last, PerfEvent.CYCLES)).isEqualTo(new Place(last.group(), 0));
        assertConsistent(plan);
    }

    @Test
    void withTheUsualSetTooManyNamedEventsComeInFurtherGroups() throws IOException {
        Choice choice = choose(
                Sysfs.ICE_LAKE, new MadeUpCpu(8), "default", "r01", "r02", "r03", "r04", "r05", "r06", "r07", "cs");
        assertThat(groups(choice.process()).get(0))
                .startsWith("cycles", "instructions")
                .contains("cache-misses");
        assertThat(groups(choice.process()).get(1))
                .containsExactly("cycles", "instructions", "r01", "r02", "r03", "r04", "r05", "r06");
        // Software events need not take turns.
        assertThat(groups(choice.process()).get(3)).containsExactly("cpu-migrations", "context-switches");
        assertThat(choice.process().counter("cycles").places()).containsExactly(new Place(0, 0));
        assertConsistent(choice.process());
    }

    @Test
    void anEventThatFitsBesideNoLeaderIsCountedAllTheSame() throws IOException {
        Choice choice = choose(Sysfs.ICE_LAKE, new MadeUpCpu(1), "r01", "r02", "cycles");
        assertThat(counters(choice.process())).containsExactly("r01", "r02", "cycles");
        assertThat(groups(choice.process())).containsExactly(List.of("r01"), List.of("r02"), List.of("cycles"));
        assertConsistent(choice.process());
    }

    @Test
    void leadersAreThereForRatiosAndNotCountedUnlessNamed() throws IOException {
        Choice choice = choose(Sysfs.ICE_LAKE, new MadeUpCpu(8), "r01c2");
        assertThat(groups(choice.process())).containsExactly(List.of("cycles", "instructions", "r01c2"));
        assertThat(counters(choice.process())).containsExactly("r01c2");
        assertThat(choice.process().counter("cycles")).isNull();
        assertThat(choice.hardwareSource()).isEqualTo("none: Not among the counters that were asked for");
    }

    @Test
    void topDownMetricsAreInOneGroupLedBySlots() throws IOException {
        Choice choice = choose(Sysfs.ICE_LAKE, new MadeUpCpu(8), "topdown-retiring", "topdown-be-bound", "cpu/slots/");
        assertThat(groups(choice.process())).hasSize(1);
        assertThat(groups(choice.process()).get(0))
                .startsWith("slots")
                .contains("topdown-retiring", "topdown-be-bound", "cycles", "instructions");
        assertThat(choice.process().counter("cpu/slots/").places()).containsExactly(new Place(0, 0));
        assertThat(choice.spanRefusals().get("topdown-retiring").reason()).contains("process only");
        assertConsistent(choice.process());
    }

    @Test
    void bothKindsOfCoresAreCountedInGroupsOfTheirOwn() throws IOException {
        Choice choice = choose(Sysfs.HYBRID, new MadeUpCpu(10), "default");
        List<Group> groups = choice.process().groups();
        assertThat(groups).hasSize(3);
        assertThat(groups.get(0).cpus()).startsWith(16);
        assertThat(groups.get(1).cpus()).startsWith(0);
        assertThat(groups.get(0).events()).allMatch(event -> event.config() >>> 32 == 10);
        assertThat(groups.get(1).events()).allMatch(event -> event.config() >>> 32 == 4);
        assertThat(groups(choice.process()).get(2)).containsExactly("cpu-migrations");
        assertThat(choice.process().counter("cycles").places()).containsExactly(new Place(0, 0), new Place(1, 0));
        assertThat(groups(choice.span())).hasSize(3).last().isEqualTo(List.of("page-faults", "context-switches"));
        assertConsistent(choice.process());
    }

    @Test
    void whatOneKindOfCoreCannotCountIsSaid() throws IOException {
        Choice choice =
                choose(Sysfs.HYBRID, new MadeUpCpu(10).without("LLC-loads@10", Perf.ENOENT), "LLC-loads", "slots");
        assertThat(choice.process().counter("LLC-loads").places()).hasSize(1);
        assertThat(choice.limits())
                .anySatisfy(limit -> assertThat(limit.reason()).startsWith("LLC-loads is counted on cpu_core only"));
        assertThat(groups(choice.process()))
                .containsExactly(
                        List.of("cycles", "instructions", "LLC-loads"), List.of("slots", "cycles", "instructions"));
    }

    @Test
    void withTheKernelsSideExcludedWhatHappensThereIsAbsent() throws IOException {
        Choice choice = choose(
                Sysfs.ICE_LAKE, new MadeUpCpu(10).userOnly(), "default", "cs", "cycles:k", "cycles:u", "task-clock");
        assertThat(choice.userOnly()).isTrue();
        assertThat(choice.flags()).isEqualTo(Perf.EXCLUDE_KERNEL | Perf.EXCLUDE_HYPERVISOR);
        assertThat(choice.hardwareSource()).isEqualTo("perf, user only");
        assertThat(counters(choice.process()))
                .contains("cycles:u", "task-clock")
                .doesNotContain("context-switches", "cpu-migrations", "cycles:k");
        assertThat(choice.refusals().get("cs").reason()).contains("happen in the kernel");
        assertThat(choice.refusals().get("cycles:k").reason()).contains("may not watch");
        assertThat(choice.refusals().get("cs").fix().kubernetes()).contains("PERFMON");
        assertThat(choice.spanRefusals()).containsKey("context-switches");
        assertThat(counters(choice.span())).contains("page-faults").doesNotContain("context-switches");
        assertThat(choice.limits())
                .anySatisfy(limit -> assertThat(limit.reason()).contains("Only the user side"));
    }

    @Test
    void aModifierThatExcludesWhereSwitchesHappenIsNoZero() throws IOException {
        Choice choice = choose(Sysfs.ICE_LAKE, new MadeUpCpu(10), "context-switches:u", "context-switches:k");
        assertThat(choice.refusals()).containsOnlyKeys("context-switches:u");
        assertThat(counters(choice.process())).containsExactly("context-switches:k");
    }

    @Test
    void whatCountsWholeCpusIsForTheHostAlone() throws IOException {
        String[] names = {"cycles", "power/energy-pkg/", "uncore_imc/cas_count_read/", "msr/tsc/"};
        Choice without = choose(Sysfs.ICE_LAKE, new MadeUpCpu(10), names);
        assertThat(counters(without.process())).containsExactly("cycles", "msr/tsc/");
        assertThat(without.refusals().get("power/energy-pkg/"))
                .isEqualTo(new Refusal(
                        "power/energy-pkg/ counts whole CPUs, whoever runs on them, and not a process",
                        "Set counters.host=true"));

        Choice with = choose(Sysfs.ICE_LAKE, new MadeUpCpu(10), true, names);
        assertThat(with.refusals()).isEmpty();
        assertThat(with.hostRefusal()).isNull();
        assertThat(counters(with.host()))
                .containsExactly("cycles", "msr/tsc/", "power/energy-pkg/", "uncore_imc/cas_count_read/");
        assertThat(counters(with.process())).containsExactly("cycles", "msr/tsc/");
        Counter energy = with.host().counter("power/energy-pkg/");
        assertThat(energy.unit()).isEqualTo("Joules");
        assertThat(energy.scale()).isEqualTo(0x1p-32);
        assertThat(with.host().groups().get(energy.places().get(0).group()).cpus())
                .containsExactly(0);
        assertThat(with.host().counter("uncore_imc/cas_count_read/").places()).hasSize(2);
        assertThat(with.host().groups().get(0).cpus()).isEmpty();
        assertConsistent(with.host());
    }

    @Test
    void aHostThatMayNotBeCountedSaysWhyForEachName() throws IOException {
        Choice choice = choose(Sysfs.ICE_LAKE, new MadeUpCpu(10).deniedOnCpus(), true, "default", "power/energy-pkg/");
        assertThat(choice.host()).isEqualTo(CounterPlan.NOTHING);
        assertThat(choice.hostRefusal()).isNotNull();
        assertThat(choice.hostRefusal().remedy()).contains("perf_event_paranoid=0");
        assertThat(choice.refusals().get("power/energy-pkg/").reason())
                .contains("whole CPUs")
                .contains("perf_event_paranoid is 1");
        assertThat(counters(choice.process())).containsAll(OF_PROCESS);
    }

    @Test
    void groupsOfTheCpusTakeCountersToo() throws IOException {
        assertThat(choose(Sysfs.ICE_LAKE, new MadeUpCpu(10), true, "default").refusals())
                .containsKeys("cache-references", "branches");
    }

    @Test
    void eachNameThatIsNotCountedIsExplainedAndTheOthersAreCounted() throws IOException {
        Choice choice = choose(
                Sysfs.ZEN,
                new MadeUpCpu(6).without("bus-cycles", Perf.ENOENT).without("r02", Perf.EINVAL),
                "L1-dcache-lods",
                "bus-cycles",
                "r02",
                "cpu-cycles",
                "task-clock");
        assertThat(counters(choice.process())).containsExactly("cycles", "task-clock");
        assertThat(choice.refusals()).containsOnlyKeys("L1-dcache-lods", "bus-cycles", "r02");
        assertThat(choice.refusals().get("L1-dcache-lods").remedy()).contains("L1-dcache-loads");
        assertThat(choice.refusals().get("bus-cycles").reason())
                .isEqualTo("The CPU of this machine, or the kernel's driver for it, cannot count bus-cycles");
        assertThat(choice.process().counter("task-clock").unit()).isEqualTo("ns");
    }

    @Test
    void softwareEventsNeedNoHardware() throws IOException {
        Choice choice = choose(
                Sysfs.NO_PMU, new MadeUpCpu(0).without("cycles", Perf.ENOENT), "default", "task-clock", "migrations");
        assertThat(groups(choice.process())).containsExactly(List.of("task-clock", "cpu-migrations"));
        assertThat(choice.hasUsual()).isFalse();
        assertThat(choice.refusals()).containsOnlyKeys(OF_PROCESS);
        assertThat(counters(choice.span())).contains("task-clock", "page-faults");
    }

    @Test
    void aModifierDoesNotHideThatTheKernelsSideIsExcluded() throws IOException {
        Choice choice = choose(Sysfs.ICE_LAKE, new MadeUpCpu(10).userOnly(), "cycles:u", "instructions");
        assertThat(counters(choice.process())).containsExactly("cycles:u", "instructions");
        assertThat(choice.userOnly()).isTrue();
    }

    @Test
    void oneRefusalForWantOfAFurtherPrivilegeLeavesTheOthersWhole() throws IOException {
        Choice choice = choose(
                Sysfs.SKYLAKE,
                new MadeUpCpu(10).without("topdown-total-slots", Perf.EACCES),
                "cycles",
                "topdown-total-slots",
                "cs");
        assertThat(counters(choice.process())).containsExactly("cycles", "context-switches");
        assertThat(choice.userOnly()).isFalse();
        assertThat(choice.refusals().get("topdown-total-slots").fix().host())
                .isEqualTo("sudo sysctl kernel.perf_event_paranoid=0");
    }

    @Test
    void whatOneKindOfCoreCountsAsAMetricAndTheOtherAsAnEventIsSummed() throws IOException {
        Choice choice = choose(Sysfs.HYBRID, new MadeUpCpu(10), "topdown-retiring");
        assertThat(choice.process().counter("topdown-retiring").places()).hasSize(2);
        assertThat(groups(choice.process()))
                .containsExactlyInAnyOrder(
                        List.of("cycles", "instructions", "topdown-retiring"),
                        List.of("slots", "cycles", "instructions", "topdown-retiring"));
        assertThat(choice.spanRefusals()).containsOnlyKeys("topdown-retiring");
        assertConsistent(choice.process());
    }
}
