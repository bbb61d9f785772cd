package dev.pitot.agent.samplers.host;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import jdk.jfr.consumer.RecordedEvent;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Disks, network interfaces and TCP. */
class HostDevicesTest {
    private static final long NA = Long.MIN_VALUE;

    @TempDir
    Path folder;

    @Test
    void aDiskHasItsTrafficLatencyAndQueue() throws Exception {
        Kernel kernel = Kernel.saved("linux-6.18-hybrid", folder)
                .folder("sys/block/vda")
                .folder("sys/block/loop0");
        RecordedEvent event = Kernel.only(
                kernel.second(
                        new HostDiskSampler(kernel.roots(), kernel.text),
                        () -> kernel.change(
                                "proc/diskstats",
                                "vda 587877 56548 18557562 342626 1515855 401129 71552080 356884 0 123324 762115",
                                "vda 587887 56549 18557642 342646 1515860 401130 71552090 356914 2 123374 762215")),
                "HostDisk");
        assertThat(event.getString("device")).isEqualTo("vda");
        assertThat(event.getDouble("reads")).isEqualTo(10);
        assertThat(event.getDouble("writes")).isEqualTo(5);
        assertThat(event.getLong("readBytes")).isEqualTo(80 * 512);
        assertThat(event.getLong("writtenBytes")).isEqualTo(10 * 512);
        assertThat(event.getLong("readTime")).isEqualTo(20_000_000);
        assertThat(event.getLong("writeTime")).isEqualTo(30_000_000);
        assertThat(event.getLong("busyTime")).isEqualTo(50_000_000);
        assertThat(event.getLong("queueTime")).isEqualTo(100_000_000);
        assertThat(event.getDouble("inFlight")).isEqualTo(2);
    }

    private static String disk(String name, long reads) {
        return "   8       0 " + name + " " + reads + " 0 8 1 0 0 0 0 0 1 1 0 0 0 0\n";
    }

    @Test
    void onlyWholeDisksThatDoSomethingCountAndADiskIsNotCountedAgainByWhatLiesOnIt() throws Exception {
        Kernel kernel = new Kernel(folder)
                .folder("sys/block/nvme0n1")
                .folder("sys/block/nbd0")
                .folder("sys/block/loop0")
                .folder("sys/block/zram0")
                .folder("sys/block/sr0")
                .folder("sys/block/cciss!c0d0")
                .folder("sys/block/dm-0/slaves/nvme0n1");
        StringBuilder all = new StringBuilder();
        for (String name : List.of("nvme0n1", "nvme0n1p1", "loop0", "zram0", "sr0", "cciss/c0d0", "dm-0")) {
            all.append(disk(name, 5));
        }
        kernel.put("proc/diskstats", all + disk("nbd0", 0));
        assertThat(kernel.second(new HostDiskSampler(kernel.roots(), kernel.text), () -> {}))
                .extracting(e -> e.getString("device"))
                .containsExactly("nvme0n1", "cciss/c0d0");
    }

    @Test
    void aDiskThatComesLaterHasNoEventOfItsPastAndOneThatWentAndCameNeither() throws Exception {
        Kernel kernel = new Kernel(folder).folder("sys/block/sda").folder("sys/block/sdb");
        kernel.put("proc/diskstats", disk("sda", 5));
        HostDiskSampler sampler = new HostDiskSampler(kernel.roots(), kernel.text);
        sampler.sample();
        List<RecordedEvent> events = Kernel.events(folder, () -> {
            for (String lines : List.of(
                    disk("sdb", 1_000_000) + disk("sda", 6),
                    disk("sdb", 1_000_003) + disk("sda", 7),
                    disk("sda", 8),
                    disk("sda", 9) + disk("sdb", 2_000_000),
                    disk("sda", 3) + disk("sdb", 2_000_001))) {
                kernel.put("proc/diskstats", lines);
                sampler.sample();
            }
        });
        assertThat(events.stream().filter(e -> e.getString("device").equals("sdb")))
                .extracting(e -> e.getDouble("reads"))
                .containsExactly(3.0, 1.0);
        // The last one stepped back: nothing is known of that second.
        assertThat(events.stream().filter(e -> e.getString("device").equals("sda")))
                .extracting(e -> e.getDouble("reads"))
                .containsExactly(1.0, 1.0, 1.0, 1.0, Double.NaN);
    }

    @Test
    void aDiskThatIsUsedForTheFirstTimeHasAllOfThat() throws Exception {
        Kernel kernel = new Kernel(folder).folder("sys/block/sda");
        kernel.put("proc/diskstats", disk("sda", 0));
        RecordedEvent event = Kernel.only(
                kernel.second(
                        new HostDiskSampler(kernel.roots(), kernel.text),
                        () -> kernel.put("proc/diskstats", disk("sda", 4))),
                "HostDisk");
        assertThat(event.getDouble("reads")).isEqualTo(4);
    }

    @Test
    void thereAreEventsOf32DisksAtMost() throws Exception {
        Kernel kernel = new Kernel(folder);
        StringBuilder many = new StringBuilder();
        for (int i = 0; i < 300; i++) {
            kernel.folder("sys/block/d" + i);
            many.append(disk("d" + i, 1));
        }
        kernel.put("proc/diskstats", many.toString());
        assertThat(kernel.second(new HostDiskSampler(kernel.roots(), kernel.text), () -> {}))
                .hasSize(32);
    }

    @Test
    void anInterfaceHasItsTrafficErrorsAndDropsAndUnusedOnesHaveNoEvent() throws Exception {
        Kernel kernel = Kernel.saved("linux-6.18-hybrid", folder);
        List<RecordedEvent> events = kernel.second(
                new HostNetworkSampler(kernel.roots(), kernel.text),
                () -> kernel.change(
                        "proc/net/dev",
                        "eth0: 594305208   22871    0    0    0     0          0         0  1739010   17822    0    0",
                        // As old kernels write it, with no blank.
                        "eth0:594306208   22881    1    2    0     0          0         0  1739110   17827    3    4"));
        assertThat(events).extracting(e -> e.getString("device")).containsExactly("lo", "eth0");
        RecordedEvent eth0 = events.get(1);
        assertThat(eth0.getLong("receivedBytes")).isEqualTo(1000);
        assertThat(eth0.getDouble("receivedPackets")).isEqualTo(10);
        assertThat(eth0.getDouble("receiveErrors")).isEqualTo(1);
        assertThat(eth0.getDouble("receiveDrops")).isEqualTo(2);
        assertThat(eth0.getLong("sentBytes")).isEqualTo(100);
        assertThat(eth0.getDouble("sentPackets")).isEqualTo(5);
        assertThat(eth0.getDouble("sendErrors")).isEqualTo(3);
        assertThat(eth0.getDouble("sendDrops")).isEqualTo(4);
        assertThat(events.get(0).getLong("receivedBytes")).isZero();
    }

    private static String socket(int number, String state) {
        return String.format(
                "%4d: 0100007F:1F90 0100007F:C350 %s 00000000:00000000 00:00000000 00000000  1000  0 1 1 0000000000000000 20 4 30 10 -1\n",
                number, state);
    }

    private static String socket6(int number, String state) {
        String address = "0000000000000000FFFF00000100007F:1F90";
        return String.format(
                "%4d: %s %s %s 00000000:00000000 00:00000000 00000000  1000  0 1 1 0 20 4 30 10 -1\n",
                number, address, address, state);
    }

    private static Kernel withSockets(Kernel kernel, int v4) {
        StringBuilder tcp = new StringBuilder("  sl  local_address rem_address   st tx_queue rx_queue\n");
        for (int i = 0; i < v4; i++) {
            tcp.append(socket(i, "08"));
        }
        return kernel.put("proc/net/tcp", tcp + socket(v4, "0A") + socket(v4 + 1, "04") + socket(v4 + 2, "05"))
                .put(
                        "proc/net/tcp6",
                        "  sl  local_address\n" + socket6(0, "0A") + socket6(1, "02") + socket6(2, "03")
                                + socket6(3, "01"));
    }

    @Test
    void tcpHasItsCountersAndTheStatesOfItsSocketsOfBothFamilies() throws Exception {
        Kernel kernel = withSockets(Kernel.saved("linux-6.18-hybrid", folder), 150)
                .put("proc/net/sockstat", "sockets: used 25\nTCP: inuse 153 orphan 2 tw 7 alloc 9 mem 124\n")
                .put("proc/net/sockstat6", "TCP6: inuse 4\n");
        RecordedEvent event = Kernel.only(
                kernel.second(new HostTcpSampler(kernel.roots(), kernel.text), () -> kernel.change(
                                "proc/net/snmp",
                                "Tcp: 1 200 120000 -1 36698 24911 11747 2379 0 3837569 3833214 1070 0 13337 0",
                                "Tcp: 1 200 120000 -1 36699 24913 11750 2383 5 3837575 3833221 1078 0 13346 0")
                        .change("proc/net/netstat", " 1078 0 0 2047979 ", " 1078 3 4 2047979 ")),
                "HostTcp");
        assertThat(event.getDouble("activeOpens")).isEqualTo(1);
        assertThat(event.getDouble("passiveOpens")).isEqualTo(2);
        assertThat(event.getDouble("failedAttempts")).isEqualTo(3);
        assertThat(event.getDouble("resetsReceived")).isEqualTo(4);
        assertThat(event.getDouble("established")).isEqualTo(5);
        assertThat(event.getDouble("segmentsReceived")).isEqualTo(6);
        assertThat(event.getDouble("segmentsSent")).isEqualTo(7);
        assertThat(event.getDouble("retransmits")).isEqualTo(8);
        assertThat(event.getDouble("resetsSent")).isEqualTo(9);
        assertThat(event.getDouble("listenOverflows")).isEqualTo(3);
        assertThat(event.getDouble("listenDrops")).isEqualTo(4);
        assertThat(event.getDouble("timeWait")).isEqualTo(7);
        assertThat(event.getDouble("orphaned")).isEqualTo(2);
        assertThat(event.getDouble("closeWait")).isEqualTo(150);
        assertThat(event.getDouble("listening")).isEqualTo(2);
        assertThat(event.getDouble("finWait")).isEqualTo(2);
        assertThat(event.getDouble("synSent")).isEqualTo(1);
        assertThat(event.getDouble("synReceived")).isEqualTo(1);
        // No auxiliary vector, so the page size is not known.
        assertThat(event.getLong("memory")).isEqualTo(NA);
    }

    @Test
    void overflowsOfListenersAreFoundByTheirNamesInALongTable() throws Exception {
        Kernel kernel = new Kernel(folder)
                .put(
                        "proc/net/netstat",
                        "TcpExt: TW ListenOverflows ListenDrops Last\nTcpExt: 1 10 20 3\nIpExt: ListenDrops\nIpExt: 9\n");
        RecordedEvent event = Kernel.only(
                kernel.second(
                        new HostTcpSampler(kernel.roots(), kernel.text),
                        () -> kernel.change("proc/net/netstat", "1 10 20 3", "2 13 25 4")),
                "HostTcp");
        assertThat(event.getDouble("listenOverflows")).isEqualTo(3);
        assertThat(event.getDouble("listenDrops")).isEqualTo(5);
        assertThat(event.getDouble("activeOpens")).isNaN();
        assertThat(event.getDouble("listening")).isNaN();
    }

    @Test
    void tooManySocketsAreNotListed() throws Exception {
        Kernel kernel = withSockets(Kernel.saved("linux-6.18-hybrid", folder), 1)
                .put("proc/net/sockstat", "TCP: inuse 15000 orphan 0 tw 5001 alloc 9 mem 124\n");
        HostTcpSampler sampler = new HostTcpSampler(kernel.roots(), kernel.text);
        RecordedEvent event = Kernel.only(kernel.second(sampler, () -> {}), "HostTcp");
        assertThat(event.getDouble("listening")).isNaN();
        assertThat(event.getDouble("closeWait")).isNaN();
        assertThat(event.getDouble("timeWait")).isEqualTo(5001);
        assertThat(event.getDouble("established")).isZero();
        kernel.put("proc/net/sockstat", "TCP: inuse 4 orphan 0 tw 0 alloc 9 mem 124\n");
        event = Kernel.only(kernel.second(sampler, () -> {}), "HostTcp");
        assertThat(event.getDouble("listening")).isEqualTo(1);
    }
}
