package dev.pitot.agent.counters;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pitot.agent.config.CounterChoice;
import dev.pitot.agent.status.StatusBoard;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class DoctorTest {
    private static final String NOTHING = "0000000000000000";
    private static final String PERFMON = "0000004000000000";

    /** A machine with a PMU, on which process 77 lives. */
    @TempDir
    Path root;

    @BeforeEach
    void aMachineWithAPmu() throws IOException {
        file("sys/bus/event_source/devices/cpu/type", "4");
        file("sys/bus/event_source/devices/software/type", "1");
        file("proc/sys/kernel/osrelease", "6.1.0");
        file("proc/version", "Linux version 6.1.0-28-amd64 (debian-kernel@lists.debian.org) (Debian 6.1.119-1)");
        file("proc/cpuinfo", "model name\t: A CPU\nflags\t\t: fpu sse2\n");
        file("proc/77/stat", "77 (java) S");
        file("proc/77/schedstat", "1 2 3");
        file("proc/77/cgroup", "0::/system.slice/shop.service\n");
        file("proc/77/mounts", "/dev/sda / ext4 rw 0 0\ntmpfs /tmp tmpfs rw,nosuid 0 0\n");
        file(
                "proc/77/limits",
                "Limit  Soft Limit  Hard Limit  Units\nMax open files            1048576   1048576  files\n");
        file("proc/77/uid_map", "         0          0 4294967295\n");
        paranoid(2);
        process(NOTHING, NOTHING, 0);
    }

    private void file(String name, String text) throws IOException {
        Files.createDirectories(root.resolve(name).getParent());
        Files.writeString(root.resolve(name), text);
    }

    private void paranoid(int level) throws IOException {
        file("proc/sys/kernel/perf_event_paranoid", level + "\n");
    }

    private void process(String effective, String bounding, int seccomp) throws IOException {
        file(
                "proc/77/status",
                "Name:\tjava\nUid:\t1000\t1000\t1000\t1000\nCapEff:\t" + effective + "\nCapBnd:\t" + bounding
                        + "\nNoNewPrivs:\t0\nSeccomp:\t" + seccomp + "\nSeccomp_filters:\t" + (seccomp == 0 ? 0 : 1)
                        + "\n");
    }

    private Finding rung(String subject) {
        return of(Rungs.concluded(new Situation(root, "77")), subject);
    }

    private static Finding of(List<Finding> findings, String subject) {
        return findings.stream()
                .filter(finding -> finding.subject().equals(subject))
                .findFirst()
                .orElseThrow();
    }

    private String states() {
        StringBuilder states = new StringBuilder();
        for (String subject : List.of(
                "hardware counters",
                "hardware counters, user side only",
                "hardware counters of the process",
                "counters of each request",
                "hardware counters of the whole host",
                "software events of perf")) {
            states.append(rung(subject).state()).append(' ');
        }
        return states.toString().strip();
    }

    @Test
    void eachLevelOfParanoiaShutsOneDoorMore() throws IOException {
        paranoid(-1);
        assertThat(states()).isEqualTo("yes yes yes yes yes yes");
        paranoid(1);
        assertThat(states()).isEqualTo("yes yes yes yes no yes");
        assertThat(rung("hardware counters of the whole host").fix().host())
                .isEqualTo("sudo sysctl kernel.perf_event_paranoid=0");
        paranoid(2);
        assertThat(states()).isEqualTo("no yes partial partial no partial");
        assertThat(rung("hardware counters").blocker())
                .isEqualTo("The kernel refuses perf_event for hardware events with the kernel's side: "
                        + "kernel.perf_event_paranoid is 2, and the process has no CAP_PERFMON");
        assertThat(rung("hardware counters").fix().host()).isEqualTo("sudo sysctl kernel.perf_event_paranoid=1");
        assertThat(rung("hardware counters").fix().docker()).contains("--cap-add=PERFMON");
        assertThat(rung("hardware counters").fix().kubernetes()).startsWith("securityContext:");
        assertThat(rung("software events of perf").detail())
                .contains("task-clock", "(user side)")
                .doesNotContain("context-switches", "cpu-migrations");
        paranoid(4);
        assertThat(states()).isEqualTo("no no no no no no");
        assertThat(rung("hardware counters, user side only").fix().host())
                .isEqualTo("sudo sysctl kernel.perf_event_paranoid=2");
        file("proc/version", "Linux version 6.18.44 (builder@host)");
        assertThat(states()).as("mainline takes 4 for 2").isEqualTo("no yes partial partial no partial");
    }

    @Test
    void theCapabilityOpensAllOfThemButNotFromWithinAUserNamespace() throws IOException {
        paranoid(4);
        process(PERFMON, PERFMON, 0);
        assertThat(states()).isEqualTo("yes yes yes yes yes yes");
        file("proc/77/uid_map", "         0       1000          1\n");
        assertThat(states()).isEqualTo("no no no no no no");
    }

    @Test
    void withoutAPmuNothingInsideTheMachineHelps() throws IOException {
        Files.delete(root.resolve("sys/bus/event_source/devices/cpu/type"));
        Files.delete(root.resolve("sys/bus/event_source/devices/cpu"));
        file("proc/cpuinfo", "flags\t\t: fpu hypervisor\n");
        Finding finding = rung("hardware counters, user side only");
        assertThat(finding.blocker()).contains("the hypervisor hides");
        assertThat(finding.fix().kubernetes()).startsWith("nothing inside the machine helps");
        assertThat(rung("counters of each request").detail()).isEqualTo("page-faults (user side)");
    }

    @Test
    void aFilterThatMayKillIsNamedWithWhatItsUnitNeeds() throws IOException {
        paranoid(-1);
        process(NOTHING, NOTHING, 2);
        assertThat(states()).isEqualTo("no no no no no no");
        assertThat(rung("software events of perf").blocker()).contains("seccomp filter is in force");
        assertThat(rung("software events of perf").fix().host()).contains("SystemCallFilter=perf_event_open");
        assertThat(rung("getrusage").state()).isEqualTo("yes");
        file("proc/77/cgroup", "0::/kubepods/pod1\n");
        process(NOTHING, PERFMON, 2);
        assertThat(states()).isEqualTo("yes yes yes yes yes yes");
        Files.writeString(root.resolve("proc/77/status"), "NSpid:\t77\n", StandardOpenOption.APPEND);
        file("proc/1/status", "Name:\tinit\nSeccomp:\t0\n");
        assertThat(rung("software events of perf").blocker())
                .as("process 1 has none")
                .contains("beside the container's");
    }

    @Test
    void ofItselfAContainerIsKnownByItsOwnRoot() throws IOException {
        file("proc/self/status", "CapBnd:\t" + PERFMON + "\nSeccomp:\t2\nSeccomp_filters:\t1\n");
        file(".dockerenv", "");
        Situation self = new Situation(root, "self");
        assertThat(self.seccomp().objection()).isNull();
        assertThat(of(self.facts(), "container").detail()).isEqualTo("docker (/.dockerenv)");
    }

    @Test
    void aFewFilesAndATemporaryFolderWithoutExecutionAreSeen() throws IOException {
        assertThat(rung("file descriptors for counters").state()).isEqualTo("yes");
        file("proc/77/limits", "Max open files            64   64  files\n");
        assertThat(rung("file descriptors for counters").blocker()).startsWith("Only 64 files may be open");
        assertThat(rung("file descriptors for counters").fix().docker()).contains("--ulimit nofile=");
        file("proc/77/mounts", "/dev/sda / ext4 rw 0 0\ntmpfs /tmp tmpfs rw,noexec 0 0\n");
        assertThat(rung("getrusage").state()).isEqualTo("no");
        assertThat(rung("native code (JNA)").blocker())
                .isEqualTo("The native part of JNA could not be loaded from /tmp, which is noexec");
        assertThat(rung("/proc and schedstat").state()).isEqualTo("yes");
        file("proc/77/cmdline", "java\0-Djava.io.tmpdir=/work\0Shop\0");
        assertThat(rung("native code (JNA)").state()).isEqualTo("yes");
    }

    @Test
    void whatCannotBeReadIsUnknownAndNeverAGuess() {
        List<Finding> facts = new Situation(root.resolve("nothing"), "77").facts();
        for (String subject : List.of("kernel", "perf_event_paranoid", "PMUs", "user", "seccomp", "C library")) {
            assertThat(of(facts, subject).detail()).as(subject).isEqualTo("unknown");
        }
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void whatWasTriedHereIsWhatTheRulesSayAndWhatTheCountersAre() {
        StatusBoard status = new StatusBoard();
        Counters counters = Counters.open(CounterChoice.DEFAULT, status);
        try {
            List<Finding> tried = Doctor.examine(counters);
            List<Finding> concluded = Rungs.concluded(Situation.ofThisProcess());
            for (String subject : List.of("software events of perf", "getrusage", "/proc and schedstat")) {
                assertThat(of(tried, subject).state())
                        .as(subject)
                        .isEqualTo(of(concluded, subject).state());
            }
            Finding process = of(tried, "hardware counters of the process");
            assertThat(process.state().equals("no")).isEqualTo(counters.process() == null);
            if (counters.process() == null) {
                assertThat("none: " + process.blocker()).isEqualTo(counters.hardwareSource());
            }
            assertThat(of(tried, "counters of each request").state().equals("no"))
                    .isEqualTo(counters.threads() == null);
        } finally {
            counters.close();
        }
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void eachNameThatWasAskedForIsCountedOrRefusedForItsReason() {
        CounterChoice wanted = new CounterChoice(true, false, false, List.of("cs", "no-such-event"), 0, false);
        Counters counters = Counters.open(wanted, new StatusBoard());
        try {
            Finding asked = of(Doctor.examine(counters), "counters asked for by name");
            assertThat(asked.blocker()).contains("no-such-event");
            boolean counted = counters.process() != null && counters.process().indexOf("context-switches") >= 0;
            assertThat(asked.events()).isEqualTo(counted ? List.of("cs") : List.of());
            assertThat(asked.state()).isEqualTo(counted ? "partial" : "no");
        } finally {
            counters.close();
        }
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void withCountersSwitchedOffNothingIsTried() {
        Counters counters = Counters.open(CounterChoice.NONE, new StatusBoard());
        List<Finding> findings = Doctor.examine(counters);
        counters.close();
        assertThat(findings).filteredOn(Finding::isRung).isNotEmpty().noneMatch(finding -> finding.how()
                .equals("tried"));
        assertThat(of(findings, "software events of perf").blocker()).isEqualTo("Switched off by counters=none");
    }
}
