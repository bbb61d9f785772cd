package dev.pitot.agent.counters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CatalogueTest {
    @TempDir
    Path devices;

    private Catalogue on(String machine) throws IOException {
        return new Catalogue(Sysfs.write(machine, devices));
    }

    private static PerfEvent only(Named named) {
        assertThat(named.sources()).hasSize(1);
        return named.sources().get(0).event();
    }

    private static void refused(Catalogue catalogue, String name, String sentence) {
        assertThatThrownBy(() -> catalogue.find(name)).isInstanceOfSatisfying(UnknownEvent.class, no -> assertThat(
                        no.refusal.reason() + ". " + no.refusal.remedy())
                .contains(sentence)
                .doesNotContain("\n"));
    }

    /** Types and configs of linux/perf_event.h; names of perf-list(1). */
    @ParameterizedTest
    @CsvSource({
        "cycles, cycles, 0, 0",
        "cpu-cycles, cycles, 0, 0",
        "instructions, instructions, 0, 1",
        "branch-instructions, branches, 0, 4",
        "bus-cycles, bus-cycles, 0, 6",
        "idle-cycles-frontend, stalled-cycles-frontend, 0, 7",
        "stalled-cycles-backend, stalled-cycles-backend, 0, 8",
        "ref-cycles, ref-cycles, 0, 9",
        "L1-dcache-loads, L1-dcache-loads, 3, 0x0",
        "L1-dcache-load-misses, L1-dcache-load-misses, 3, 0x10000",
        "L1-dcache-stores, L1-dcache-stores, 3, 0x100",
        "L1-icache-load-misses, L1-icache-load-misses, 3, 0x10001",
        "LLC-loads, LLC-loads, 3, 0x2",
        "LLC-store-misses, LLC-store-misses, 3, 0x10102",
        "dTLB-load-misses, dTLB-load-misses, 3, 0x10003",
        "iTLB-load-misses, iTLB-load-misses, 3, 0x10004",
        "branch-loads, branch-loads, 3, 0x5",
        "node-prefetches, node-prefetches, 3, 0x206",
        "task-clock, task-clock, 1, 1",
        "faults, page-faults, 1, 2",
        "cs, context-switches, 1, 3",
        "migrations, cpu-migrations, 1, 4",
        "major-faults, major-faults, 1, 6",
        "cgroup-switches, cgroup-switches, 1, 11",
        "r01c2, r01c2, 4, 0x1c2",
        "r0x01c2, r0x01c2, 4, 0x1c2",
        "r20000038f, r20000038f, 4, 0x20000038f"
    })
    void genericNamesAreThoseOfPerf(String asked, String name, int type, String config) throws Exception {
        Named named = on(Sysfs.ICE_LAKE).find(asked);
        assertThat(named.name()).isEqualTo(name);
        assertThat(only(named)).isEqualTo(new PerfEvent(name, type, Long.decode(config), 0, 0, 0, 0));
    }

    @Test
    void theUsualEventsAreTheConstants() throws Exception {
        Catalogue catalogue = on(Sysfs.ICE_LAKE);
        for (PerfEvent event : PerfEvent.OF_PROCESS) {
            assertThat(only(catalogue.find(event.name()))).isEqualTo(event);
        }
        assertThat(only(catalogue.find("page-faults"))).isEqualTo(PerfEvent.PAGE_FAULTS);
        assertThat(only(catalogue.find("cpu-migrations"))).isEqualTo(PerfEvent.CPU_MIGRATIONS);
    }

    @Test
    void clocksAreInNanoseconds() throws Exception {
        assertThat(on(Sysfs.NO_PMU).find("task-clock").unit()).isEqualTo("ns");
    }

    @Test
    void termsFillTheBitsOfTheirFormats() throws Exception {
        Catalogue catalogue = on(Sysfs.ICE_LAKE);
        assertThat(only(catalogue.find("cpu/event=0x3c,umask=0x1,cmask=2,inv/")))
                .isEqualTo(new PerfEvent(
                        "cpu/event=0x3c,umask=0x1,cmask=2,inv/", 4, 0x3c | 1 << 8 | 1 << 23 | 2 << 24, 0, 0, 0, 0));
        assertThat(only(catalogue.find("cpu/mem-loads/")).config1()).isEqualTo(3);
        PerfEvent slower = only(catalogue.find("cpu/mem-loads,ldlat=30/"));
        assertThat(slower.config()).isEqualTo(0x1cd);
        assertThat(slower.config1()).isEqualTo(30);
        assertThat(only(catalogue.find("cpu/config=0xff,config1=1,config2=0x8000000000000000/"))
                        .config2())
                .isEqualTo(Long.MIN_VALUE);
        assertThat(only(catalogue.find("cpu/r1a8/")).config()).isEqualTo(0x1a8);
    }

    @Test
    void aFieldInTwoPiecesIsFilledFromItsLowEnd() throws Exception {
        Catalogue catalogue = on(Sysfs.ZEN);
        assertThat(only(catalogue.find("cpu/event=0x28f,umask=0x3/")).config()).isEqualTo(0x20000038fL);
        refused(catalogue, "cpu/event=0x1000/", "more than 12 bits");
    }

    @Test
    void eventsOfTheCpusOwnPmuNeedNoSlashes() throws Exception {
        assertThat(only(on(Sysfs.ICE_LAKE).find("mem-stores")))
                .isEqualTo(new PerfEvent("mem-stores", 4, 0x82d0, 0, 0, 0, 0));
    }

    @Test
    void armNamesAreThoseOfItsPmu() throws Exception {
        Catalogue catalogue = on(Sysfs.NEOVERSE);
        assertThat(catalogue.isHybrid()).isFalse();
        assertThat(only(catalogue.find("l1d_cache_refill")))
                .isEqualTo(new PerfEvent("l1d_cache_refill", 8, 3, 0, 0, 0, 0));
        assertThat(only(catalogue.find("armv8_pmuv3_0/event=0x11,long=1/")).config1())
                .isEqualTo(1);
        assertThat(only(catalogue.find("cycles"))).isEqualTo(PerfEvent.CYCLES);
        refused(catalogue, "armv8_pmuv3_0/event=0x11,threshold=2/", "one that Pitot cannot set");
    }

    @Test
    void topDownMetricsAreLedBySlots() throws Exception {
        Catalogue catalogue = on(Sysfs.ICE_LAKE);
        PerfEvent slots = new PerfEvent("slots", 4, 0x400, 0, 0, 0, 0);
        for (String name : List.of("topdown-retiring", "topdown-be-bound", "cpu/topdown-retiring/", "cpu/slots/")) {
            assertThat(catalogue.find(name).sources().get(0).leader()).as(name).isEqualTo(slots);
        }
        assertThat(catalogue.find("slots").sources().get(0).isLeader()).isTrue();
        assertThat(catalogue.find("topdown-retiring").sources().get(0).isLeader())
                .isFalse();
        assertThat(catalogue.find("mem-stores").sources().get(0).leader()).isNull();
        assertThat(catalogue.find("topdown-retiring:u").sources().get(0).leader())
                .isEqualTo(slots.as("slots", Perf.EXCLUDE_KERNEL | Perf.EXCLUDE_HYPERVISOR));
    }

    @Test
    void theSameCodeIsNoTopDownMetricOnAnotherCpu() throws Exception {
        assertThat(on(Sysfs.ZEN)
                        .find("cpu/event=0,umask=0x80/")
                        .sources()
                        .get(0)
                        .leader())
                .isNull();
    }

    @Test
    void olderTopDownEventsHaveAScale() throws Exception {
        Named slots = on(Sysfs.SKYLAKE).find("topdown-total-slots");
        assertThat(slots.scale()).isEqualTo(2);
        assertThat(only(slots).config()).isEqualTo(0x3c | 1 << 21);
        assertThat(slots.sources().get(0).leader()).isNull();
    }

    @Test
    void aGenericEventIsOneForEachKindOfCore() throws Exception {
        Catalogue catalogue = on(Sysfs.HYBRID);
        Named cycles = catalogue.find("cpu-cycles");
        assertThat(cycles.name()).isEqualTo("cycles");
        assertThat(cycles.sources())
                .hasSize(2)
                .satisfiesExactly(
                        atom -> {
                            assertThat(atom.event()).isEqualTo(new PerfEvent("cycles", 0, 10L << 32, 0, 0, 0, 0));
                            assertThat(atom.cpus()).containsExactly(16, 17, 18, 19, 20, 21, 22, 23);
                            assertThat(atom.wholeCpus()).isFalse();
                        },
                        core -> {
                            assertThat(core.event()).isEqualTo(new PerfEvent("cycles", 0, 4L << 32, 0, 0, 0, 0));
                            assertThat(core.cpus()).hasSize(16);
                        });
        assertThat(catalogue.find("LLC-load-misses").sources().get(0).event().config())
                .isEqualTo(10L << 32 | 0x10002);
        assertThat(catalogue.find("r01c2").sources().stream()
                        .map(source -> source.event().type()))
                .containsExactly(10, 4);
        assertThat(catalogue.find("mem-stores").sources().stream()
                        .map(source -> source.event().config()))
                .containsExactly(0x6d0L, 0x2cdL);
    }

    @Test
    void oneKindOfCoreCanBeAskedFor() throws Exception {
        Catalogue catalogue = on(Sysfs.HYBRID);
        assertThat(only(catalogue.find("cpu_atom/cycles/")))
                .isEqualTo(new PerfEvent("cpu_atom/cycles/", 0, 10L << 32, 0, 0, 0, 0));
        assertThat(only(catalogue.find("slots")).type()).isEqualTo(4);
        assertThat(catalogue.find("topdown-retiring").sources())
                .extracting(Named.Source::leader)
                .containsExactly(null, new PerfEvent("slots", 4, 0x400, 0, 0, 0, 0));
    }

    @Test
    void whatCountsWholeCpusSaysWhereWithScaleAndUnit() throws Exception {
        Catalogue catalogue = on(Sysfs.ICE_LAKE);
        Named energy = catalogue.find("power/energy-pkg/");
        assertThat(energy.isOfWholeCpus()).isTrue();
        assertThat(energy.unit()).isEqualTo("Joules");
        assertThat(energy.scale()).isEqualTo(0x1p-32);
        assertThat(energy.sources().get(0).cpus()).containsExactly(0);
        assertThat(catalogue.find("msr/tsc/").isOfWholeCpus()).isFalse();
    }

    @Test
    void allPmusOfAKindAreSummed() throws Exception {
        Catalogue catalogue = on(Sysfs.ICE_LAKE);
        for (String name : List.of("uncore_imc/cas_count_read/", "imc/cas_count_read/")) {
            Named read = catalogue.find(name);
            assertThat(read.sources()).hasSize(2).allSatisfy(source -> assertThat(source.cpus())
                    .containsExactly(0, 28));
            assertThat(read.unit()).isEqualTo("MiB");
        }
        assertThat(catalogue.find("uncore_imc_1/cas_count_read/").sources()).hasSize(1);
    }

    @Test
    void modifiersExcludeTheOtherSides() throws Exception {
        Catalogue catalogue = on(Sysfs.ICE_LAKE);
        long hypervisor = Perf.EXCLUDE_HYPERVISOR;
        assertThat(only(catalogue.find("cycles:u")).excluded()).isEqualTo(Perf.EXCLUDE_KERNEL | hypervisor);
        assertThat(only(catalogue.find("cycles:k")).excluded()).isEqualTo(Perf.EXCLUDE_USER | hypervisor);
        assertThat(only(catalogue.find("cycles:uk")).excluded()).isEqualTo(hypervisor);
        assertThat(only(catalogue.find("cpu/event=0x3c/k")).excluded()).isEqualTo(Perf.EXCLUDE_USER | hypervisor);
        assertThat(catalogue.find("cpu-cycles:u").name()).isEqualTo("cycles:u");
        assertThat(catalogue.find("cpu/event=0x3c/:u").name()).isEqualTo("cpu/event=0x3c/u");
        refused(catalogue, "cycles:pp", "The modifier pp of cycles is not one of those that Pitot knows: u, k and h");
        refused(catalogue, "cycles:", "no modifier");
    }

    @Test
    void anUnknownNameIsAnsweredWithTheNearest() throws Exception {
        Catalogue catalogue = on(Sysfs.ICE_LAKE);
        refused(catalogue, "L1-dcache-misses", "No event of this machine is named L1-dcache-misses");
        refused(catalogue, "cycle", "The nearest known name is cycles");
        refused(catalogue, "topdown-retired", "The nearest known name is topdown-retiring");
        refused(catalogue, "power/energy_pkg/", "The PMU power has no term energy_pkg");
        refused(catalogue, "powr/event=1/", "no PMU powr for powr/event=1/. The nearest name is power;");
        refused(catalogue, "cpu/event=x/", "is no number");
        refused(catalogue, "cpu/event=?/", "needs a value for event");
        refused(catalogue, "cpu//", "");
        refused(catalogue, "sched:sched_switch", "tracepoint");
        refused(catalogue, "uprobe/config1=4096/", "would set a probe");
        refused(catalogue, "dummy", "No event");
        refused(catalogue, "../cpu/event=1/", "");
        refused(catalogue, "cpu/../x", "");
    }

    @Test
    void everyNameThatIsListedIsFound() throws Exception {
        for (String machine :
                List.of(Sysfs.ICE_LAKE, Sysfs.SKYLAKE, Sysfs.ZEN, Sysfs.NEOVERSE, Sysfs.HYBRID, Sysfs.NO_PMU)) {
            Path folder = Files.createTempDirectory(devices, "machine");
            Catalogue catalogue = new Catalogue(Sysfs.write(machine, folder));
            for (String name : catalogue.names()) {
                assertThat(catalogue.find(name).sources()).as(name).isNotEmpty();
            }
        }
    }

    @Test
    void genericNamesNeedNoFileOfSysfsButTheKindsOfCores() throws Exception {
        Catalogue nowhere = new Catalogue(devices.resolve("missing"));
        assertThat(only(nowhere.find("cycles"))).isEqualTo(PerfEvent.CYCLES);
        assertThat(nowhere.names()).contains("cycles", "cpu-cycles", "L1-dcache-load-misses", "page-faults");
    }
}
