package dev.pitot.agent.samplers.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.pitot.agent.config.AgentConfig.Cores;
import dev.pitot.agent.status.StatusBoard;
import java.nio.file.Path;
import java.util.List;
import jdk.jfr.consumer.RecordedEvent;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CgroupSamplersTest {
    private static final long NA = Long.MIN_VALUE;
    private static final long MB = 1 << 20;

    @TempDir
    Path folder;

    private static Cgroups groups(Kernel kernel) {
        Cgroups cgroups = new Cgroups(kernel.roots(), kernel.text);
        assertThat(cgroups.moved()).isTrue();
        return cgroups;
    }

    private static HostMetric cpu(Kernel kernel) {
        return CgroupCpuSampler.open(groups(kernel), kernel.text);
    }

    private static HostMetric memory(Kernel kernel) {
        return CgroupMemorySampler.open(groups(kernel), kernel.text);
    }

    private static String cpuStat2(long usage, long periods, long throttled, long time) {
        return "usage_usec " + usage + "\nuser_usec " + usage / 2 + "\nsystem_usec " + usage / 4
                + "\nnice_usec 0\ncore_sched.force_idle_usec 0\nnr_periods " + periods + "\nnr_throttled " + throttled
                + "\nthrottled_usec " + time + "\nnr_bursts 0\nburst_usec 0\n";
    }

    /** What a container of version 2 shows of itself in its own cgroup namespace. */
    private Kernel container2() {
        return new Kernel(folder)
                .put("proc/self/cgroup", "0::/\n")
                .put("cgroup/cgroup.controllers", "cpuset cpu io memory pids\n")
                .put("cgroup/cgroup.type", "domain\n")
                .put("cgroup/cpu.max", "150000 100000\n")
                .put("cgroup/cpu.stat", cpuStat2(1_000_000, 10, 2, 500))
                .put("cgroup/memory.max", 512 * MB + "\n")
                .put("cgroup/memory.current", 300 * MB + "\n")
                .put("cgroup/memory.swap.max", "max\n")
                .put("cgroup/memory.swap.current", "4096\n")
                .put(
                        "cgroup/memory.stat",
                        "anon 100000\nfile 50000\nkernel 7000\nkernel_stack 1\npagetables 2\nslab 3\ninactive_anon 1\ninactive_file 40000\npgfault 9\npgmajfault 5\n")
                .put("cgroup/memory.events", "low 0\nhigh 0\nmax 3\noom 1\noom_kill 1\noom_group_kill 0\n")
                .put("cgroup/pids.current", "42\n")
                .put("cgroup/pids.max", "100\n")
                .put("cgroup/cpu.pressure", pressure(7))
                .put("cgroup/memory.pressure", pressure(0))
                .put("cgroup/io.pressure", pressure(0));
    }

    private static String pressure(long total) {
        return "some avg10=1.50 avg60=0.00 avg300=0.00 total=" + total
                + "\nfull avg10=0.50 avg60=0.00 avg300=0.00 total=" + total + "\n";
    }

    @Test
    void aContainerOfVersion2SeesItsOwnCpu() throws Exception {
        Kernel kernel = container2();
        RecordedEvent event = Kernel.only(
                kernel.second(cpu(kernel), () -> kernel.put("cgroup/cpu.stat", cpuStat2(1_400_000, 20, 5, 900))),
                "CgroupCpu");
        assertThat(event.getLong("version")).isEqualTo(2);
        assertThat(event.getDouble("limit")).isEqualTo(1.5, within(1e-9));
        assertThat(event.getLong("usageTime")).isEqualTo(400_000_000);
        assertThat(event.getLong("userTime")).isEqualTo(200_000_000);
        assertThat(event.getLong("systemTime")).isEqualTo(100_000_000);
        assertThat(event.getDouble("periods")).isEqualTo(10);
        assertThat(event.getDouble("throttledPeriods")).isEqualTo(3);
        assertThat(event.getLong("throttledTime")).isEqualTo(400_000);
    }

    @Test
    void aContainerOfVersion2SeesItsOwnMemory() throws Exception {
        Kernel kernel = container2();
        RecordedEvent event = Kernel.only(
                kernel.second(memory(kernel), () -> kernel.change("cgroup/memory.stat", "pgmajfault 5", "pgmajfault 8")
                        .change("cgroup/memory.events", "max 3", "max 7")
                        .change("cgroup/memory.events", "oom_kill 1", "oom_kill 2")),
                "CgroupMemory");
        assertThat(event.getLong("interval")).isPositive();
        assertThat(event.getLong("limit")).isEqualTo(512 * MB);
        assertThat(event.getLong("used")).isEqualTo(300 * MB);
        assertThat(event.getLong("workingSet")).isEqualTo(300 * MB - 40_000);
        assertThat(event.getLong("anonymous")).isEqualTo(100_000);
        assertThat(event.getLong("file")).isEqualTo(50_000);
        assertThat(event.getLong("kernel")).isEqualTo(7_000);
        assertThat(event.getLong("swapLimit")).isEqualTo(NA);
        assertThat(event.getLong("swapUsed")).isEqualTo(4096);
        assertThat(event.getDouble("majorFaults")).isEqualTo(3);
        assertThat(event.getDouble("limitHits")).isEqualTo(4);
        assertThat(event.getDouble("outOfMemoryKills")).isEqualTo(1);
        assertThat(event.getDouble("tasks")).isEqualTo(42);
        assertThat(event.getDouble("taskLimit")).isEqualTo(100);
    }

    @Test
    void aLimitThatIsSetForTheFirstTimeCountsTenSecondsLater() throws Exception {
        Kernel kernel = container2().remove("cgroup/memory.max").remove("cgroup/cpu.max");
        HostMetric memory = memory(kernel);
        HostMetric cpu = cpu(kernel);
        Kernel.events(folder, () -> {
            memory.sample();
            cpu.sample();
        });
        kernel.put("cgroup/memory.max", 512 * MB + "\n").put("cgroup/cpu.max", "50000 100000\n");
        List<RecordedEvent> events = Kernel.events(folder, () -> {
            for (int second = 0; second < 10; second++) {
                memory.sample();
                cpu.sample();
            }
        });
        assertThat(Kernel.of(events, "CgroupMemory").get(8).getLong("limit")).isEqualTo(NA);
        assertThat(Kernel.of(events, "CgroupMemory").get(9).getLong("limit")).isEqualTo(512 * MB);
        assertThat(Kernel.of(events, "CgroupCpu").get(9).getDouble("limit")).isEqualTo(0.5);
    }

    @Test
    void aKernelBefore518HasTheKernelsMemoryInParts() throws Exception {
        Kernel kernel = container2().change("cgroup/memory.stat", "kernel 7000\n", "");
        assertThat(Kernel.only(kernel.second(memory(kernel), () -> {}), "CgroupMemory")
                        .getLong("kernel"))
                .isEqualTo(6);
    }

    @Test
    void pressureOfAContainerHasFullForCpuToo() throws Exception {
        Kernel kernel = container2();
        List<RecordedEvent> events = kernel.second(
                PressureSampler.ofCgroup(groups(kernel), kernel.text),
                () -> kernel.put("cgroup/cpu.pressure", pressure(9)));
        assertThat(events).hasSize(3).allSatisfy(e -> assertThat(e.getString("scope"))
                .isEqualTo("cgroup"));
        assertThat(events.get(0).getString("resource")).isEqualTo("cpu");
        assertThat(events.get(0).getLong("someTime")).isEqualTo(2_000);
        assertThat(events.get(0).getLong("fullTime")).isEqualTo(2_000);
        assertThat(events.get(0).getDouble("fullAverage10")).isEqualTo(0.005, within(1e-9));
    }

    @Test
    void theLeastLimitOfThePathCountsAndItsGroupsThrottling() throws Exception {
        Kernel kernel = new Kernel(folder)
                .put("proc/self/cgroup", "0::/kube.slice/pod.slice/box\n")
                .put("cgroup/cgroup.controllers", "cpu memory pids\n")
                .put("cgroup/cpu.stat", cpuStat2(9_000_000, 0, 0, 0))
                .put("cgroup/kube.slice/cpu.max", "max 100000\n")
                .put("cgroup/kube.slice/cpu.stat", cpuStat2(5_000_000, 0, 0, 0))
                .put("cgroup/kube.slice/memory.max", 800 * MB + "\n")
                .put("cgroup/kube.slice/memory.current", "1\n")
                .put("cgroup/kube.slice/pids.max", "max\n")
                .put("cgroup/kube.slice/pids.current", "9\n")
                .put("cgroup/kube.slice/pod.slice/cpu.max", "50000 100000\n")
                .put("cgroup/kube.slice/pod.slice/cpu.stat", cpuStat2(3_000_000, 100, 50, 700))
                .put("cgroup/kube.slice/pod.slice/memory.max", 700 * MB + "\n")
                .put("cgroup/kube.slice/pod.slice/memory.current", "1\n")
                .put("cgroup/kube.slice/pod.slice/pids.max", "77\n")
                .put("cgroup/kube.slice/pod.slice/pids.current", "9\n")
                .put("cgroup/kube.slice/pod.slice/box/cpu.max", "200000 100000\n")
                .put("cgroup/kube.slice/pod.slice/box/cpu.stat", cpuStat2(1_000_000, 1, 0, 0))
                .put("cgroup/kube.slice/pod.slice/box/memory.max", "max\n")
                .put("cgroup/kube.slice/pod.slice/box/memory.current", "5000\n")
                .put("cgroup/kube.slice/pod.slice/box/pids.max", "max\n")
                .put("cgroup/kube.slice/pod.slice/box/pids.current", "3\n");
        RecordedEvent cpu = Kernel.only(
                kernel.second(cpu(kernel), () -> kernel.put(
                                "cgroup/kube.slice/pod.slice/cpu.stat", cpuStat2(4_000_000, 110, 56, 900))
                        .put("cgroup/kube.slice/pod.slice/box/cpu.stat", cpuStat2(1_000_008, 2, 0, 0))),
                "CgroupCpu");
        assertThat(cpu.getDouble("limit")).isEqualTo(0.5);
        assertThat(cpu.getLong("usageTime")).isEqualTo(8_000);
        assertThat(cpu.getDouble("periods")).isEqualTo(10);
        assertThat(cpu.getDouble("throttledPeriods")).isEqualTo(6);
        assertThat(cpu.getLong("throttledTime")).isEqualTo(200_000);

        RecordedEvent memory = Kernel.only(kernel.second(memory(kernel), () -> {}), "CgroupMemory");
        assertThat(memory.getLong("limit")).isEqualTo(700 * MB);
        assertThat(memory.getLong("used")).isEqualTo(5000);
        assertThat(memory.getDouble("taskLimit")).isEqualTo(77);
        assertThat(memory.getDouble("tasks")).isEqualTo(3);
        assertThat(memory.getLong("workingSet")).isEqualTo(NA);
        assertThat(memory.getDouble("majorFaults")).isNaN();
    }

    @Test
    void aHostOfVersion2WithoutMemoryControlBelowTakesTheGroupAboveThatHasIt() throws Exception {
        Kernel kernel = new Kernel(folder)
                .put("proc/self/cgroup", "0::/user.slice/session.scope\n")
                .put("cgroup/cgroup.controllers", "cpu memory\n")
                .put("cgroup/user.slice/memory.current", "123\n")
                .put("cgroup/user.slice/session.scope/cpu.stat", cpuStat2(1, 0, 0, 0));
        assertThat(Kernel.only(kernel.second(memory(kernel), () -> {}), "CgroupMemory")
                        .getLong("used"))
                .isEqualTo(123);
        assertThat(Kernel.only(kernel.second(cpu(kernel), () -> {}), "CgroupCpu")
                        .getDouble("limit"))
                .isNaN();
    }

    private static Kernel mount1(Kernel kernel, String path) {
        String cpu = "cgroup/cpu,cpuacct" + path + "/";
        String memory = "cgroup/memory" + path + "/";
        return kernel.put(cpu + "cpu.cfs_quota_us", "25000\n")
                .put(cpu + "cpu.cfs_period_us", "50000\n")
                .put(cpu + "cpu.stat", "nr_periods 5\nnr_throttled 1\nthrottled_time 1000\n")
                .put(cpu + "cpuacct.usage", "5000000000\n")
                .put(cpu + "cpuacct.stat", "user 300\nsystem 200\n")
                .put(memory + "memory.limit_in_bytes", 256 * MB + "\n")
                .put(memory + "memory.memsw.limit_in_bytes", 320 * MB + "\n")
                .put(memory + "memory.usage_in_bytes", "9000\n")
                .put(memory + "memory.memsw.usage_in_bytes", "9500\n")
                .put(memory + "memory.kmem.usage_in_bytes", "100\n")
                .put(memory + "memory.failcnt", "4\n")
                .put(memory + "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n")
                .put(
                        memory + "memory.stat",
                        "cache 1\nrss 2\ninactive_file 3\nhierarchical_memory_limit " + 200 * MB
                                + "\nhierarchical_memsw_limit " + 320 * MB
                                + "\ntotal_cache 4000\ntotal_rss 5000\ntotal_pgmajfault 6\ntotal_inactive_file 1000\n");
    }

    private static final String MEMBER_1 =
            "12:pids:/docker/0123\n5:cpu,cpuacct:/docker/0123\n4:memory:/docker/0123\n1:name=systemd:/docker/0123\n";

    private static void isContainer1(Kernel kernel, String path) throws Exception {
        RecordedEvent cpu = Kernel.only(
                kernel.second(cpu(kernel), () -> kernel.put(
                                "cgroup/cpu,cpuacct" + path + "/cpu.stat",
                                "nr_periods 8\nnr_throttled 3\nthrottled_time 1500\n")
                        .put("cgroup/cpu,cpuacct" + path + "/cpuacct.usage", "5000000700\n")
                        .put("cgroup/cpu,cpuacct" + path + "/cpuacct.stat", "user 302\nsystem 199\n")),
                "CgroupCpu");
        assertThat(cpu.getLong("version")).isEqualTo(1);
        assertThat(cpu.getDouble("limit")).isEqualTo(0.5);
        assertThat(cpu.getLong("usageTime")).isEqualTo(700);
        assertThat(cpu.getLong("userTime")).isEqualTo(20_000_000);
        assertThat(cpu.getLong("systemTime")).isZero();
        assertThat(cpu.getDouble("periods")).isEqualTo(3);
        assertThat(cpu.getDouble("throttledPeriods")).isEqualTo(2);
        assertThat(cpu.getLong("throttledTime")).isEqualTo(500);

        RecordedEvent memory = Kernel.only(
                kernel.second(memory(kernel), () -> kernel.put("cgroup/memory" + path + "/memory.failcnt", "6\n")),
                "CgroupMemory");
        assertThat(memory.getLong("limit")).isEqualTo(200 * MB);
        assertThat(memory.getLong("swapLimit")).isEqualTo(120 * MB);
        assertThat(memory.getLong("used")).isEqualTo(9000);
        assertThat(memory.getLong("workingSet")).isEqualTo(8000);
        assertThat(memory.getLong("anonymous")).isEqualTo(5000);
        assertThat(memory.getLong("file")).isEqualTo(4000);
        assertThat(memory.getLong("kernel")).isEqualTo(100);
        assertThat(memory.getLong("swapUsed")).isEqualTo(500);
        assertThat(memory.getDouble("majorFaults")).isZero();
        assertThat(memory.getDouble("limitHits")).isEqualTo(2);
        assertThat(memory.getDouble("outOfMemoryKills")).isZero();
        assertThat(memory.getDouble("tasks")).isNaN();
        assertThat(PressureSampler.ofCgroup(groups(kernel), kernel.text)).isNull();
    }

    @Test
    void version1OnTheHost() throws Exception {
        Kernel kernel = new Kernel(folder).put("proc/self/cgroup", MEMBER_1);
        isContainer1(mount1(kernel, "/docker/0123"), "/docker/0123");
    }

    @Test
    void version1InAContainerThatIsToldThePathOfTheHost() throws Exception {
        Kernel kernel = new Kernel(folder).put("proc/self/cgroup", MEMBER_1);
        isContainer1(mount1(kernel, ""), "");
    }

    @Test
    void aRealKernelWithBothVersionsAndNoLimits() throws Exception {
        Kernel kernel = Kernel.saved("linux-6.18-hybrid", folder);
        RecordedEvent cpu = Kernel.only(
                kernel.second(cpu(kernel), () -> kernel.put("cgroup/cpuacct/cpuacct.usage", "11008363225800\n")),
                "CgroupCpu");
        assertThat(cpu.getLong("version")).isEqualTo(1);
        assertThat(cpu.getDouble("limit")).isNaN();
        assertThat(cpu.getLong("usageTime")).isEqualTo(100);
        assertThat(cpu.getDouble("periods")).isZero();

        RecordedEvent memory = Kernel.only(kernel.second(memory(kernel), () -> {}), "CgroupMemory");
        assertThat(memory.getLong("limit")).isEqualTo(NA);
        assertThat(memory.getLong("swapLimit")).isEqualTo(NA);
        assertThat(memory.getLong("used")).isEqualTo(14086144);
        assertThat(memory.getLong("workingSet")).isEqualTo(14086144 - 1687552);
        // Memory and swap were read a moment earlier than memory, and so were less.
        assertThat(memory.getLong("swapUsed")).isZero();
        assertThat(memory.getLong("anonymous")).isEqualTo(2457600);
        assertThat(memory.getLong("file")).isEqualTo(7602176);
        assertThat(memory.getLong("kernel")).isEqualTo(3383296);
        assertThat(memory.getDouble("tasks")).isNaN();
        // The process is in the root of version 2, whose pressure is that of the machine.
        assertThat(PressureSampler.ofCgroup(groups(kernel), kernel.text)).isNull();
    }

    @Test
    void noCgroupAndOneThatCannotBeSeenAreNoError() {
        Kernel none = new Kernel(folder.resolve("none"));
        Cgroups unseen = new Cgroups(none.roots(), none.text);
        assertThat(unseen.moved()).isFalse();
        assertThat(CgroupCpuSampler.open(unseen, none.text)).isNull();
        assertThat(CgroupMemorySampler.open(unseen, none.text)).isNull();
        assertThat(PressureSampler.ofCgroup(unseen, none.text)).isNull();

        Kernel elsewhere = container2().put("proc/self/cgroup", "0::/../other\n");
        assertThat(cpu(elsewhere)).isNull();
        assertThat(memory(elsewhere)).isNull();
    }

    @Test
    void aProcessThatIsMovedToAnotherGroupStartsAnewThere() throws Exception {
        Kernel kernel = container2()
                .put("cgroup/app/cpu.max", "max 100000\n")
                .put("cgroup/app/cpu.stat", cpuStat2(70_000_000, 0, 0, 0));
        HostSampler sampler = new HostSampler(kernel.roots(), Cores.AUTO, new StatusBoard());
        List<RecordedEvent> events = Kernel.events(folder, () -> {
            for (int second = 0; second < 12; second++) {
                if (second == 3) {
                    kernel.put("proc/self/cgroup", "0::/app\n");
                }
                sampler.sample(1);
            }
        });
        List<RecordedEvent> cpu = Kernel.of(events, "CgroupCpu");
        // Noticed at the tenth second, whose reading only begins.
        assertThat(cpu).hasSize(11).allSatisfy(e -> assertThat(e.getLong("usageTime"))
                .isZero());
        assertThat(cpu.get(10).getDouble("limit")).isEqualTo(1.5);
    }

    @Test
    void aLimitThatIsChangedIsSeenWithinTenSeconds() throws Exception {
        Kernel kernel = container2();
        HostMetric cpu = cpu(kernel);
        List<RecordedEvent> events = Kernel.events(folder, () -> {
            cpu.sample();
            kernel.put("cgroup/cpu.max", "400000 100000\n");
            for (int second = 0; second < 10; second++) {
                cpu.sample();
            }
        });
        assertThat(events).hasSize(10);
        assertThat(events.get(0).getDouble("limit")).isEqualTo(1.5);
        assertThat(events.get(9).getDouble("limit")).isEqualTo(4);
    }
}
