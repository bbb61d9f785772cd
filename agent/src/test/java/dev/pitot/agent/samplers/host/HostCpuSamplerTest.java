package dev.pitot.agent.samplers.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.pitot.agent.config.AgentConfig.Cores;
import java.nio.file.Path;
import java.util.List;
import jdk.jfr.consumer.RecordedEvent;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HostCpuSamplerTest {
    private static final long NA = Long.MIN_VALUE;
    private static final long TICK = 10_000_000;

    @TempDir
    Path folder;

    @Test
    void theTicksOfASecondBecomeTimesOfTheMachineAndOfEachCpu() throws Exception {
        Kernel kernel = Kernel.saved("linux-6.18-hybrid", folder);
        kernel.change("proc/stat", " 555 0 0", " 555 7 2");
        List<RecordedEvent> events =
                kernel.second(new HostCpuSampler(kernel.roots(), Cores.AUTO, kernel.text), () -> kernel.change(
                                "proc/stat",
                                "cpu  898052 48660 136128 1485911 4067 0 4738 555 7 2",
                                "cpu  898152 48665 136148 1485971 4068 3 4742 557 17 3")
                        .change(
                                "proc/stat",
                                "cpu1 454296 25044 72127 730985 3328 0 3075 277",
                                "cpu1 454336 25045 72128 731010 3329 2 3079 279")
                        .change("proc/stat", "ctxt 47862499", "ctxt 47863499")
                        .change("proc/stat", "intr 14248603", "intr 14248703")
                        .change("proc/stat", "softirq 10645371", "softirq 10645421")
                        .change("proc/stat", "processes 404659", "processes 404662"));

        RecordedEvent all = Kernel.only(events, "HostCpu");
        assertThat(all.getLong("interval")).isPositive();
        assertThat(all.getDouble("cpus")).isEqualTo(2);
        assertThat(all.getLong("userTime")).isEqualTo(105 * TICK);
        assertThat(all.getLong("niceTime")).isEqualTo(5 * TICK);
        assertThat(all.getLong("systemTime")).isEqualTo(20 * TICK);
        assertThat(all.getLong("idleTime")).isEqualTo(60 * TICK);
        assertThat(all.getLong("ioWaitTime")).isEqualTo(TICK);
        assertThat(all.getLong("irqTime")).isEqualTo(3 * TICK);
        assertThat(all.getLong("softIrqTime")).isEqualTo(4 * TICK);
        assertThat(all.getLong("stealTime")).isEqualTo(2 * TICK);
        assertThat(all.getLong("guestTime")).isEqualTo(11 * TICK);
        assertThat(all.getDouble("contextSwitches")).isEqualTo(1000);
        assertThat(all.getDouble("interrupts")).isEqualTo(100);
        assertThat(all.getDouble("softInterrupts")).isEqualTo(50);
        assertThat(all.getDouble("forks")).isEqualTo(3);
        assertThat(all.getDouble("running")).isEqualTo(3);
        assertThat(all.getDouble("blocked")).isZero();
        assertThat(all.getDouble("load1")).isEqualTo(4.50, within(1e-9));
        assertThat(all.getDouble("load5")).isEqualTo(3.91, within(1e-9));
        assertThat(all.getDouble("load15")).isEqualTo(2.22, within(1e-9));
        assertThat(all.getDouble("frequency")).isNaN();
        assertThat(all.getDouble("maxFrequency")).isNaN();
        assertThat(all.getDouble("temperature")).isNaN();

        List<RecordedEvent> cores = Kernel.of(events, "HostCore");
        assertThat(cores).extracting(e -> e.getString("core")).containsExactly("0", "1");
        assertThat(cores.get(0).getLong("idleTime")).isZero();
        RecordedEvent one = cores.get(1);
        assertThat(one.getLong("userTime")).isEqualTo(41 * TICK);
        assertThat(one.getLong("systemTime")).isEqualTo(TICK);
        assertThat(one.getLong("idleTime")).isEqualTo(25 * TICK);
        assertThat(one.getLong("ioWaitTime")).isEqualTo(TICK);
        assertThat(one.getLong("irqTime")).isEqualTo(6 * TICK);
        assertThat(one.getLong("stealTime")).isEqualTo(2 * TICK);
    }

    @Test
    void whatAnOldKernelDoesNotCountIsNotAZero() throws Exception {
        Kernel kernel = new Kernel(folder).put("proc/stat", "cpu  10 0 5 100\ncpu0 10 0 5 100\nctxt 7\n");
        List<RecordedEvent> events = kernel.second(
                new HostCpuSampler(kernel.roots(), Cores.AUTO, kernel.text),
                () -> kernel.put("proc/stat", "cpu  11 0 7 103\ncpu0 11 0 7 103\nctxt 9\n"));
        RecordedEvent all = Kernel.only(events, "HostCpu");
        assertThat(all.getLong("userTime")).isEqualTo(TICK);
        assertThat(all.getLong("idleTime")).isEqualTo(3 * TICK);
        for (String field : List.of("ioWaitTime", "irqTime", "softIrqTime", "stealTime", "guestTime")) {
            assertThat(all.getLong(field)).as(field).isEqualTo(NA);
        }
        assertThat(all.getDouble("contextSwitches")).isEqualTo(2);
        assertThat(all.getDouble("interrupts")).isNaN();
        assertThat(all.getDouble("load1")).isNaN();
        assertThat(Kernel.only(events, "HostCore").getLong("irqTime")).isEqualTo(NA);
    }

    @Test
    void idleTimeThatStepsBackIsZeroAndACounterThatDoesIsNotKnown() throws Exception {
        Kernel kernel = new Kernel(folder).put("proc/stat", "cpu  10 0 5 100 50\nctxt 4294967290\n");
        RecordedEvent all = Kernel.only(
                kernel.second(
                        new HostCpuSampler(kernel.roots(), Cores.AUTO, kernel.text),
                        () -> kernel.put("proc/stat", "cpu  10 0 5 99 49\nctxt 12\n")),
                "HostCpu");
        assertThat(all.getLong("idleTime")).isZero();
        assertThat(all.getLong("ioWaitTime")).isZero();
        assertThat(all.getDouble("contextSwitches")).isNaN();
    }

    @Test
    void aCpuThatIsSwitchedOnAgainHasNoEventForTheTimeBetween() throws Exception {
        String both = "cpu  30 0 0 0\ncpu0 10 0 0 0\ncpu1 20 0 0 0\n";
        Kernel kernel = new Kernel(folder).put("proc/stat", both);
        HostCpuSampler sampler = new HostCpuSampler(kernel.roots(), Cores.AUTO, kernel.text);
        sampler.sample();
        List<RecordedEvent> events = Kernel.events(folder, () -> {
            kernel.put("proc/stat", "cpu  30 0 0 0\ncpu0 10 0 0 0\n");
            sampler.sample();
            kernel.put("proc/stat", "cpu  900 0 0 0\ncpu0 10 0 0 0\ncpu1 890 0 0 0\n");
            sampler.sample();
            kernel.put("proc/stat", "cpu  901 0 0 0\ncpu0 10 0 0 0\ncpu1 891 0 0 0\n");
            sampler.sample();
        });
        assertThat(Kernel.of(events, "HostCpu"))
                .extracting(e -> e.getDouble("cpus"))
                .containsExactly(1.0, 2.0, 2.0);
        List<RecordedEvent> one = Kernel.of(events, "HostCore").stream()
                .filter(e -> e.getString("core").equals("1"))
                .toList();
        assertThat(one).hasSize(1);
        assertThat(one.get(0).getLong("userTime")).isEqualTo(TICK);
    }

    @Test
    void aMachineOfManyCpusIsReadWholeAndHasEventsOfCpusOnlyOnDemand() throws Exception {
        StringBuilder stat = new StringBuilder("cpu  1 2 3 4 5 6 7 8 9 10\n");
        for (int cpu = 0; cpu < 512; cpu++) {
            stat.append("cpu")
                    .append(cpu)
                    .append(" 1234567890 2345678901 3456789012 4567890123 5678901234 0 0 0 0 0\n");
        }
        stat.append("intr 5").append(" 0".repeat(9_000)).append("\nctxt 5\n");
        assertThat(stat.length()).isGreaterThan(40_000);
        for (Cores wanted : Cores.values()) {
            Kernel kernel = new Kernel(folder).put("proc/stat", stat.toString());
            List<RecordedEvent> events = kernel.second(
                    new HostCpuSampler(kernel.roots(), wanted, kernel.text),
                    () -> kernel.change("proc/stat", "ctxt 5", "ctxt 8"));
            assertThat(Kernel.only(events, "HostCpu").getDouble("cpus")).isEqualTo(512);
            assertThat(Kernel.only(events, "HostCpu").getDouble("contextSwitches"))
                    .isEqualTo(3);
            assertThat(Kernel.of(events, "HostCore")).hasSize(wanted == Cores.TRUE ? 512 : 0);
        }
    }

    @Test
    void frequenciesAndTemperaturesComeFromTheCpusOwnDrivers() throws Exception {
        Kernel kernel = new Kernel(folder)
                .put("proc/stat", "cpu  2 0 0 0\ncpu0 1 0 0 0\ncpu1 1 0 0 0\n")
                .put("sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "1200000\n")
                .put("sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq", "3500000\n")
                .put("sys/devices/system/cpu/cpu0/topology/core_id", "8\n")
                .put("sys/devices/system/cpu/cpu0/topology/physical_package_id", "0\n")
                .put("sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq", "2200000\n")
                .put("sys/devices/system/cpu/cpu1/cpufreq/cpuinfo_max_freq", "4100000\n")
                .put("sys/devices/system/cpu/cpu1/topology/core_id", "8\n")
                .put("sys/devices/system/cpu/cpu1/topology/physical_package_id", "1\n")
                .put("sys/class/hwmon/hwmon0/name", "nvme\n")
                .put("sys/class/hwmon/hwmon0/temp1_input", "99000\n")
                .put("sys/class/thermal/thermal_zone0/type", "x86_pkg_temp\n")
                .put("sys/class/thermal/thermal_zone0/temp", "98000\n");
        for (int chip = 0; chip < 2; chip++) {
            String hwmon = "sys/class/hwmon/hwmon" + (chip + 1) + "/";
            kernel.put(hwmon + "name", "coretemp\n")
                    .put(hwmon + "temp1_label", "Package id " + chip + "\n")
                    .put(hwmon + "temp1_input", (50 + chip) + "000\n")
                    .put(hwmon + "temp10_label", "Core 8\n")
                    .put(hwmon + "temp10_input", (40 + chip) + "500\n");
        }
        List<RecordedEvent> events = kernel.second(
                new HostCpuSampler(kernel.roots(), Cores.AUTO, kernel.text),
                () -> kernel.put("sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "1400000\n"));
        RecordedEvent all = Kernel.only(events, "HostCpu");
        assertThat(all.getDouble("frequency")).isEqualTo(1.8e9);
        assertThat(all.getDouble("maxFrequency")).isEqualTo(4.1e9);
        assertThat(all.getDouble("temperature")).isEqualTo(51, within(1e-9));
        List<RecordedEvent> cores = Kernel.of(events, "HostCore");
        assertThat(cores).extracting(e -> e.getDouble("frequency")).containsExactly(1.4e9, 2.2e9);
        assertThat(cores.get(0).getDouble("temperature")).isEqualTo(40.5, within(1e-9));
        assertThat(cores.get(1).getDouble("temperature")).isEqualTo(41.5, within(1e-9));
    }

    @Test
    void theTrueSensorOfAnAmdChipCountsAndAThermalZoneWhereThereIsNone() throws Exception {
        Kernel amd = new Kernel(folder.resolve("amd"))
                .put("proc/stat", "cpu  1 0 0 0\n")
                .put("sys/class/hwmon/hwmon0/name", "k10temp\n")
                .put("sys/class/hwmon/hwmon0/temp1_label", "Tctl\n")
                .put("sys/class/hwmon/hwmon0/temp1_input", "77000\n")
                .put("sys/class/hwmon/hwmon0/temp2_label", "Tdie\n")
                .put("sys/class/hwmon/hwmon0/temp2_input", "50000\n");
        assertThat(temperature(amd)).isEqualTo(50, within(1e-9));

        Kernel arm = new Kernel(folder.resolve("arm"))
                .put("proc/stat", "cpu  1 0 0 0\n")
                .put("sys/class/thermal/thermal_zone0/type", "battery\n")
                .put("sys/class/thermal/thermal_zone0/temp", "30000\n")
                .put("sys/class/thermal/thermal_zone1/type", "cpu-thermal\n")
                .put("sys/class/thermal/thermal_zone1/temp", "61250\n")
                .put("sys/class/thermal/cooling_device0/type", "cpufreq-cpu0\n");
        assertThat(temperature(arm)).isEqualTo(61.25, within(1e-9));
    }

    private static double temperature(Kernel kernel) throws Exception {
        HostCpuSampler sampler = new HostCpuSampler(kernel.roots(), Cores.AUTO, kernel.text);
        return Kernel.only(kernel.second(sampler, () -> {}), "HostCpu").getDouble("temperature");
    }

    @Test
    void aVirtualMachineWithFewCpusHasTheFrequencyThatItsKernelWasTold() throws Exception {
        Kernel kernel = new Kernel(folder)
                .put("proc/stat", "cpu  1 0 0 0\ncpu0 1 0 0 0\ncpu1 0 0 0 0\n")
                .folder("sys/devices/system/cpu/cpu0")
                .folder("sys/devices/system/cpu/cpu1")
                .put(
                        "proc/cpuinfo",
                        "processor\t: 0\nmodel name\t: a\ncpu MHz\t\t: 2596.096\n\nprocessor\t: 1\ncpu MHz\t\t: 2600.000\n\n");
        List<RecordedEvent> events =
                kernel.second(new HostCpuSampler(kernel.roots(), Cores.AUTO, kernel.text), () -> {});
        assertThat(Kernel.only(events, "HostCpu").getDouble("frequency")).isEqualTo(2598.048e6, within(1.0));
        assertThat(Kernel.of(events, "HostCore").get(0).getDouble("frequency")).isEqualTo(2596.096e6, within(1.0));
    }

    @Test
    void ofManySlowFilesAFewAreReadEachSecondAndAllInTurn() {
        Kernel kernel = new Kernel(folder);
        List<String> paths = new java.util.ArrayList<>();
        for (int i = 0; i < 20; i++) {
            kernel.put("sys/" + i, i + "\n");
            paths.add(kernel.roots().sys() + "/" + i);
        }
        Rotation rotation = new Rotation(paths, 10, kernel.text);
        int rounds = 0;
        while (Double.isNaN(rotation.get(19))) {
            rotation.sample();
            rounds++;
        }
        assertThat(rounds).isGreaterThanOrEqualTo(3);
        for (int i = 0; i < 20; i++) {
            assertThat(rotation.get(i)).isEqualTo(10.0 * i);
        }
        kernel.remove("sys/0");
        for (int i = 0; i < 20 && !Double.isNaN(rotation.get(0)); i++) {
            rotation.sample();
        }
        assertThat(rotation.get(0)).isNaN();
    }
}
