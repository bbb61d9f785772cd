package dev.pitot.agent.counters;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class StandingTest {
    private static Standing standing(int paranoid, boolean capable, boolean filtered) {
        return new Standing(paranoid, capable, filtered, true, false);
    }

    /** The smallest level that lets the event through, by what was refused; none is asked for when the level is not at fault. */
    @ParameterizedTest
    @CsvSource({
        "4, false, false, 2",
        "3, false, false, 2",
        "2, false, false, 1",
        "1, false, false, 0",
        "3, true,  false, 0",
        "2, true,  false, 0",
        "1, true,  false, 0",
        "0, true,  false, ",
        "-1, false, false, ",
        "-2147483648, false, false, ",
        "3, false, true, ",
    })
    void theRemedyIsTheSmallestLevelThatWouldDo(int paranoid, boolean wholeCpus, boolean capable, String level) {
        Refusal why = standing(paranoid, capable, false).explain(PerfEvent.CYCLES, Perf.EACCES, wholeCpus);
        assertThat(why.reason())
                .contains("perf_event_paranoid is " + (paranoid == Standing.UNKNOWN ? "unknown" : paranoid));
        if (level != null) {
            assertThat(why.fix().host()).isEqualTo("sysctl kernel.perf_event_paranoid=" + level);
            assertThat(why.fix().docker()).isEqualTo("docker run --cap-add=PERFMON");
        } else {
            assertThat(why.fix().host()).doesNotContain("sysctl");
        }
        assertThat(why.reason().contains("holds the capability")).isEqualTo(capable);
    }

    @Test
    void epermUnderAFilterIsTheFiltersDoingAndElseTheKernels() {
        assertThat(standing(2, false, true)
                        .explain(PerfEvent.CYCLES, Perf.EPERM, false)
                        .reason())
                .contains("seccomp filter");
        assertThat(standing(2, false, true)
                        .explain(PerfEvent.CYCLES, Perf.EACCES, false)
                        .reason())
                .contains("perf_event_paranoid is 2");
        assertThat(standing(2, false, false)
                        .explain(PerfEvent.CYCLES, Perf.EPERM, false)
                        .reason())
                .contains("perf_event_paranoid is 2");
    }

    @Test
    void eachErrnoHasASentenceOfItsOwn() {
        Set<String> sentences = new HashSet<>();
        int[] errnos = {
            Perf.ENOENT,
            Perf.ENODEV,
            Perf.EACCES,
            Perf.EINVAL,
            Perf.EOPNOTSUPP,
            Perf.EMFILE,
            Perf.ENFILE,
            Perf.ENOSYS,
            Perf.ENOSPC,
            Perf.EBUSY,
            Perf.ESRCH,
            Perf.E2BIG,
            4711
        };
        for (int errno : errnos) {
            Refusal why = standing(2, false, false).explain(PerfEvent.CYCLES, errno, false);
            assertThat(why.reason()).isNotEmpty().doesNotContain("\n").doesNotEndWith(".");
            sentences.add(why.reason());
        }
        assertThat(sentences).hasSize(errnos.length);
    }

    @Test
    void aMissingEventIsToldFromAMissingPmuAndFromAnOldKernel() {
        PerfEvent bus = new PerfEvent("bus-cycles", PerfEvent.HARDWARE, 6, 0, 0, 0, 0);
        assertThat(new Standing(2, false, false, false, false)
                        .explain(bus, Perf.ENOENT, false)
                        .reason())
                .isEqualTo("This machine exposes no PMU for bus-cycles (usual in virtual machines)");
        assertThat(standing(2, false, false).explain(bus, Perf.ENOENT, false).reason())
                .startsWith("The CPU of this machine");
        PerfEvent software = new PerfEvent("cgroup-switches", PerfEvent.SOFTWARE, 11, 0, 0, 0, 0);
        assertThat(standing(2, false, false)
                        .explain(software, Perf.ENOENT, false)
                        .reason())
                .isEqualTo("This kernel is too old to count cgroup-switches");
    }

    private static Path write(Path root, String status, String paranoid, String watchdog) throws IOException {
        Files.createDirectories(root.resolve("self"));
        Files.createDirectories(root.resolve("sys/kernel"));
        Files.writeString(root.resolve("self/status"), status);
        Files.writeString(root.resolve("sys/kernel/perf_event_paranoid"), paranoid + "\n");
        Files.writeString(root.resolve("sys/kernel/nmi_watchdog"), watchdog + "\n");
        return root;
    }

    @Test
    void itIsReadFromProcfs(@TempDir Path folder) throws IOException {
        Path devices = Sysfs.write(Sysfs.NEOVERSE, folder.resolve("devices"));
        String perfmon = "CapEff:\t0000004000000000\nCapBnd:\t000001ffffffffff\nSeccomp:\t2\n";
        assertThat(Standing.read(write(folder.resolve("a"), perfmon, "-1", "1"), devices))
                .isEqualTo(new Standing(-1, true, true, true, true));
        String bounded = "CapEff:\t0000000000000000\nCapBnd:\t000001ffffffffff\nSeccomp:\t0\n";
        Path none = Sysfs.write(Sysfs.NO_PMU, folder.resolve("none"));
        assertThat(Standing.read(write(folder.resolve("b"), bounded, "4", "0"), none))
                .isEqualTo(new Standing(4, false, false, false, false));
    }

    @ParameterizedTest
    @ValueSource(strings = {"missing", ""})
    void whatCannotBeReadIsUnknown(String name, @TempDir Path folder) {
        assertThat(Standing.read(folder.resolve(name), folder.resolve("devices")))
                .isEqualTo(new Standing(Standing.UNKNOWN, false, false, false, false));
    }

    @Test
    void fixesAreJoinedLikeReasons() {
        Refusal denied = standing(3, false, false).explain(PerfEvent.CYCLES, Perf.EACCES, false);
        Refusal all = Refusal.all(java.util.List.of(denied, denied, new Refusal("B", "")));
        assertThat(all).isNotNull();
        assertThat(all.reason()).isEqualTo(denied.reason() + "; B");
        assertThat(all.fix()).isEqualTo(denied.fix());
    }
}
