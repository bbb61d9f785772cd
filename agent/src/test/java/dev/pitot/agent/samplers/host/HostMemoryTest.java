package dev.pitot.agent.samplers.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.List;
import jdk.jfr.consumer.RecordedEvent;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Memory, paging and pressure of the machine. */
class HostMemoryTest {
    private static final long NA = Long.MIN_VALUE;

    @TempDir
    Path folder;

    @Test
    void memoryIsInBytesAndUsedIsWhatIsNotAvailable() throws Exception {
        Kernel kernel = Kernel.saved("linux-6.18-hybrid", folder)
                .change("proc/meminfo", "SwapTotal:             0 kB", "SwapTotal:          2048 kB")
                .change("proc/meminfo", "SwapFree:              0 kB", "SwapFree:           2000 kB");
        HostMemorySampler sampler = new HostMemorySampler(kernel.roots(), kernel.text);
        RecordedEvent event = Kernel.only(Kernel.events(folder, sampler::sample), "HostMemory");
        assertThat(event.getLong("total")).isEqualTo(24684100L * 1024);
        assertThat(event.getLong("free")).isEqualTo(21163024L * 1024);
        assertThat(event.getLong("available")).isEqualTo(22744932L * 1024);
        assertThat(event.getLong("used")).isEqualTo(1939168L * 1024);
        assertThat(event.getLong("buffers")).isEqualTo(32728L * 1024);
        assertThat(event.getLong("cached")).isEqualTo(1633580L * 1024);
        assertThat(event.getLong("shared")).isEqualTo(8724L * 1024);
        assertThat(event.getLong("slab")).isEqualTo(279772L * 1024);
        assertThat(event.getLong("dirty")).isEqualTo(8692L * 1024);
        assertThat(event.getLong("writeback")).isZero();
        assertThat(event.getLong("committed")).isEqualTo(6375848L * 1024);
        assertThat(event.getLong("swapTotal")).isEqualTo(2048L * 1024);
        assertThat(event.getLong("swapUsed")).isEqualTo(48L * 1024);
        assertThat(event.getLong("swapCached")).isZero();
        assertThat(event.getLong("anonHugePages")).isEqualTo(307200L * 1024);
        assertThat(event.getDouble("hugePagesTotal")).isZero();
        assertThat(event.getLong("hugePageSize")).isEqualTo(2048L * 1024);
    }

    @Test
    void whatAnOldKernelDoesNotShowOfMemoryIsNotKnown() throws Exception {
        Kernel kernel = new Kernel(folder).put("proc/meminfo", "MemTotal:  1000 kB\nMemFree:  10 kB\n");
        HostMemorySampler sampler = new HostMemorySampler(kernel.roots(), kernel.text);
        RecordedEvent event = Kernel.only(Kernel.events(folder, sampler::sample), "HostMemory");
        assertThat(event.getLong("free")).isEqualTo(10240);
        assertThat(event.getLong("available")).isEqualTo(NA);
        assertThat(event.getLong("used")).isEqualTo(NA);
        assertThat(event.getLong("swapUsed")).isEqualTo(NA);
        assertThat(event.getDouble("hugePagesTotal")).isNaN();
    }

    @Test
    void pagingIsTheDifferenceAndNamesThatOnlyBeginAlikeDoNotCount() throws Exception {
        Kernel kernel = Kernel.saved("linux-6.18-hybrid", folder);
        RecordedEvent event = Kernel.only(
                kernel.second(new HostPagingSampler(kernel.roots(), kernel.text), () -> kernel.change(
                                "proc/vmstat", "pgpgin 9278781", "pgpgin 9278785")
                        .change("proc/vmstat", "pgpgout 35776040", "pgpgout 35776041")
                        .change("proc/vmstat", "pswpin 0", "pswpin 5")
                        .change("proc/vmstat", "pgfault 190007349", "pgfault 190007449")
                        .change("proc/vmstat", "pgmajfault 12809", "pgmajfault 12812")
                        .change("proc/vmstat", "pgscan_direct 0", "pgscan_direct 64")
                        .change("proc/vmstat", "pgscan_direct_throttle 0", "pgscan_direct_throttle 9")
                        .change("proc/vmstat", "pgsteal_kswapd 0", "pgsteal_kswapd 30")
                        .change("proc/vmstat", "pgsteal_direct 0", "pgsteal_direct 12")),
                "HostPaging");
        assertThat(event.getLong("interval")).isPositive();
        assertThat(event.getLong("pagedIn")).isEqualTo(4096);
        assertThat(event.getLong("pagedOut")).isEqualTo(1024);
        assertThat(event.getDouble("swappedIn")).isEqualTo(5);
        assertThat(event.getDouble("swappedOut")).isZero();
        assertThat(event.getDouble("faults")).isEqualTo(100);
        assertThat(event.getDouble("majorFaults")).isEqualTo(3);
        assertThat(event.getDouble("scannedDirectly")).isEqualTo(64);
        assertThat(event.getDouble("stolen")).isEqualTo(42);
        assertThat(event.getDouble("outOfMemoryKills")).isZero();
    }

    @Test
    void pressureOfTheMachineIsInTimeAndSharesAndFullHasNoMeaningForCpu() throws Exception {
        Kernel kernel = Kernel.saved("linux-6.18-hybrid", folder);
        List<RecordedEvent> events =
                kernel.second(PressureSampler.ofMachine(kernel.roots(), kernel.text), () -> kernel.change(
                                "proc/pressure/cpu", "3392040996", "3392041096")
                        .change("proc/pressure/io", "61778386", "61778389")
                        .change("proc/pressure/io", "30554595", "30554597"));
        assertThat(events).extracting(e -> e.getString("resource")).containsExactly("cpu", "memory", "io");
        assertThat(events).allSatisfy(e -> assertThat(e.getString("scope")).isEqualTo("host"));
        assertThat(events.get(0).getLong("someTime")).isEqualTo(100_000);
        assertThat(events.get(0).getDouble("someAverage10")).isEqualTo(0.7338, within(1e-9));
        assertThat(events.get(0).getDouble("someAverage60")).isEqualTo(0.6498, within(1e-9));
        assertThat(events.get(0).getLong("fullTime")).isEqualTo(NA);
        assertThat(events.get(0).getDouble("fullAverage10")).isNaN();
        assertThat(events.get(2).getLong("someTime")).isEqualTo(3_000);
        assertThat(events.get(2).getDouble("someAverage60")).isEqualTo(0.0017, within(1e-9));
        assertThat(events.get(2).getLong("fullTime")).isEqualTo(2_000);
        assertThat(events.get(1).getLong("fullTime")).isZero();
    }

    @Test
    void aKernelWithoutPressureHasNoEventsAndOneWithoutFullNoSuchTime() throws Exception {
        Kernel kernel = new Kernel(folder);
        PressureSampler none = PressureSampler.ofMachine(kernel.roots(), kernel.text);
        assertThat(kernel.second(none, () -> {})).isEmpty();
        assertThat(none.sample()).isFalse();

        kernel.put("proc/pressure/memory", "some avg10=0.00 avg60=0.00 avg300=0.00 total=7\n");
        RecordedEvent event = Kernel.only(
                kernel.second(PressureSampler.ofMachine(kernel.roots(), kernel.text), () -> {}), "Pressure");
        assertThat(event.getLong("someTime")).isZero();
        assertThat(event.getLong("fullTime")).isEqualTo(NA);
    }
}
