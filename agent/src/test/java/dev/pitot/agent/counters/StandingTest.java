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

class StandingTest {
    private static Standing standing(int paranoid, boolean capable, boolean filtered) {
        return new Standing(paranoid, capable, filtered, true, false, false);
    }

    /** The level that lets the event through, by what was asked for; none is given when the level is not at fault. */
    @ParameterizedTest
    @CsvSource({
        "4, 2, false, 2",
        "3, 1, false, 1",
        "2, 1, false, 1",
        "2, 2, false, ",
        "1, 1, false, ",
        "3, 0,  false, 0",
        "1, 0,  false, 0",
        "0, 0,  false, ",
        "-1, 1, false, ",
        "-2147483648, 1, false, ",
        "3, 1, true, ",
    })
    void theRemedyIsTheLevelThatWouldDo(int paranoid, int enough, boolean capable, String level) {
        Refusal why = standing(paranoid, capable, false).explain(PerfEvent.CYCLES, Perf.EACCES, enough);
        assertThat(why.reason())
                .startsWith("The kernel refuses perf_event for cycles: kernel.perf_event_paranoid is "
                        + (paranoid == Standing.UNKNOWN ? "unknown" : paranoid));
        if (level != null) {
            assertThat(why.remedy()).startsWith("Run sysctl kernel.perf_event_paranoid=" + level);
            assertThat(why.fix().host()).isEqualTo("sudo sysctl kernel.perf_event_paranoid=" + level);
            assertThat(why.fix().docker()).isEqualTo("docker run --cap-add=PERFMON");
            assertThat(why.fix().kubernetes()).isEqualTo("securityContext: {capabilities: {add: [PERFMON]}}");
        } else {
            assertThat(why.fix().host()).doesNotContain("sysctl");
        }
        assertThat(why.reason().contains("holds the capability")).isEqualTo(capable);
    }

    @Test
    void epermUnderAFilterIsTheFiltersDoingAndElseTheKernels() {
        assertThat(standing(2, false, true)
                        .explain(PerfEvent.CYCLES, Perf.EPERM, 1)
                        .reason())
                .contains("seccomp filter");
        assertThat(standing(2, false, true)
                        .explain(PerfEvent.CYCLES, Perf.EACCES, 1)
                        .reason())
                .contains("perf_event_paranoid is 2");
        assertThat(standing(2, false, false)
                        .explain(PerfEvent.CYCLES, Perf.EPERM, 1)
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
            Refusal why = standing(2, false, false).explain(PerfEvent.CYCLES, errno, 1);
            assertThat(why.reason()).isNotEmpty().doesNotContain("\n").doesNotEndWith(".");
            sentences.add(why.reason());
        }
        assertThat(sentences).hasSize(errnos.length);
    }

    @Test
    void aMissingEventIsToldFromAMissingPmuAndFromAnOldKernel() {
        PerfEvent bus = new PerfEvent("bus-cycles", PerfEvent.HARDWARE, 6, 0, 0, 0, 0);
        Standing bare = new Standing(2, false, false, false, false, false);
        assertThat(bare.explain(bus, Perf.ENOENT, 1).reason()).isEqualTo("This machine exposes no PMU");
        Refusal hidden = new Standing(3, false, false, false, true, false).explain(bus, Perf.EACCES, 2);
        assertThat(hidden.reason())
                .isEqualTo("The kernel refuses perf_event for bus-cycles: kernel.perf_event_paranoid is 3, and the"
                        + " process has no CAP_PERFMON; and this machine exposes no PMU: the hypervisor hides the"
                        + " hardware counters");
        assertThat(hidden.fix().host()).startsWith("nothing inside the machine helps");
        PerfEvent msr = new PerfEvent("msr/tsc/", 9, 0, 0, 0, 0, 0);
        assertThat(bare.explain(msr, Perf.ENOENT, 1).reason()).contains("cannot count msr/tsc/");
        assertThat(standing(2, false, false).explain(bus, Perf.ENOENT, 1).reason())
                .startsWith("The CPU of this machine");
        PerfEvent software = new PerfEvent("cgroup-switches", PerfEvent.SOFTWARE, 11, 0, 0, 0, 0);
        assertThat(standing(2, false, false).explain(software, Perf.ENOENT, 1).reason())
                .isEqualTo("This kernel is too old to count cgroup-switches");
    }

    private static Situation write(Path root, String status, String paranoid, String watchdog) throws IOException {
        Files.createDirectories(root.resolve("proc/self"));
        Files.createDirectories(root.resolve("proc/sys/kernel"));
        Files.writeString(root.resolve("proc/self/status"), status);
        Files.writeString(root.resolve("proc/sys/kernel/perf_event_paranoid"), paranoid + "\n");
        Files.writeString(root.resolve("proc/sys/kernel/nmi_watchdog"), watchdog + "\n");
        return new Situation(root, "self");
    }

    @Test
    void itIsReadFromProcfs(@TempDir Path folder) throws IOException {
        Sysfs.write(Sysfs.NEOVERSE, folder.resolve("a/sys/bus/event_source/devices"));
        String perfmon = "CapEff:\t0000004000000000\nCapBnd:\t000001ffffffffff\nSeccomp:\t2\n";
        assertThat(write(folder.resolve("a"), perfmon, "-1", "1").standing())
                .isEqualTo(new Standing(-1, true, true, true, false, true));
        String bounded = "CapEff:\t0000000000000000\nCapBnd:\t000001ffffffffff\nSeccomp:\t0\n";
        Sysfs.write(Sysfs.NO_PMU, folder.resolve("b/sys/bus/event_source/devices"));
        Files.createDirectories(folder.resolve("b/proc"));
        Files.writeString(folder.resolve("b/proc/cpuinfo"), "flags\t\t: fpu hypervisor\n");
        assertThat(write(folder.resolve("b"), bounded, "4", "0").standing())
                .isEqualTo(new Standing(4, false, false, false, true, false));
    }

    @Test
    void whatCannotBeReadIsUnknown(@TempDir Path folder) {
        assertThat(new Situation(folder.resolve("missing"), "self").standing())
                .isEqualTo(new Standing(Standing.UNKNOWN, false, false, false, false, false));
    }

    @Test
    void fixesAreJoinedLikeReasons() {
        Refusal denied = standing(3, false, false).explain(PerfEvent.CYCLES, Perf.EACCES, 1);
        Refusal all = Refusal.all(java.util.List.of(denied, denied, new Refusal("B", "")));
        assertThat(all).isNotNull();
        assertThat(all.reason()).isEqualTo(denied.reason() + "; B");
        assertThat(all.fix()).isEqualTo(denied.fix());
    }
}
