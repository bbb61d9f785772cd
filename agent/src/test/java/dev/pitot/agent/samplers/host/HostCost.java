package dev.pitot.agent.samplers.host;

import com.sun.management.ThreadMXBean;
import dev.pitot.agent.config.AgentConfig.Cores;
import dev.pitot.agent.status.StatusBoard;
import dev.pitot.events.CgroupCpu;
import dev.pitot.events.CgroupMemory;
import dev.pitot.events.HostCore;
import dev.pitot.events.HostCpu;
import dev.pitot.events.HostDisk;
import dev.pitot.events.HostFileSystem;
import dev.pitot.events.HostMemory;
import dev.pitot.events.HostNetwork;
import dev.pitot.events.HostPaging;
import dev.pitot.events.HostTcp;
import dev.pitot.events.Pressure;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import jdk.jfr.Event;
import jdk.jfr.FlightRecorder;
import jdk.jfr.Recording;

/**
 * What one second of sampling the machine costs the sampler thread, with a recording that takes the events: CPU time and bytes
 * allocated by each kind of measurement. Rounds follow each other at once, so caches are warmer than in a second's rhythm.
 *
 * <p>{@code java -cp agent/target/classes:agent/target/test-classes:jfr-events/target/classes dev.pitot.agent.samplers.host.HostCost [rounds]}
 */
public final class HostCost {
    private HostCost() {}

    public static void main(String[] args) throws Exception {
        int rounds = args.length > 0 ? Integer.parseInt(args[0]) : 5_000;
        try (Recording recording = new Recording()) {
            for (Class<? extends Event> type : List.of(
                    HostCpu.class,
                    HostCore.class,
                    HostMemory.class,
                    HostPaging.class,
                    HostDisk.class,
                    HostFileSystem.class,
                    HostNetwork.class,
                    HostTcp.class,
                    Pressure.class,
                    CgroupCpu.class,
                    CgroupMemory.class)) {
                FlightRecorder.register(type);
            }
            recording.start();
            ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
            long before = threads.getCurrentThreadCpuTime();
            HostSampler.open(Cores.AUTO, new StatusBoard());
            System.out.printf("opened at the start: %d us%n", (threads.getCurrentThreadCpuTime() - before) / 1_000);
            List<HostMetric> metrics = metrics(new Text());
            long cpu = 0;
            long bytes = 0;
            for (HostMetric metric : metrics) {
                if (metric != null) {
                    measure(metric, rounds);
                    long[] cost = measure(metric, rounds);
                    System.out.printf(
                            "%-24s %7.1f us %7d bytes%n", metric.name(), cost[0] / 1e3 / rounds, cost[1] / rounds);
                    cpu += cost[0];
                    bytes += cost[1];
                }
            }
            System.out.printf("%-24s %7.1f us %7d bytes%n", "all, each second", cpu / 1e3 / rounds, bytes / rounds);
        }
        for (int i = 0; i < 3; i++) {
            TcpStates states = new TcpStates(HostRoots.OF_THE_KERNEL, new Text());
            long before = System.nanoTime();
            states.sample(true, true);
            System.out.printf(
                    "states of sockets, when they are counted: %d us%n", (System.nanoTime() - before) / 1_000);
        }
    }

    private static List<HostMetric> metrics(Text text) {
        HostRoots roots = HostRoots.OF_THE_KERNEL;
        Cgroups cgroups = new Cgroups(roots, text);
        cgroups.moved();
        List<HostMetric> metrics = new ArrayList<>(List.of(
                new HostCpuSampler(roots, Cores.AUTO, text),
                new HostMemorySampler(roots, text),
                new HostPagingSampler(roots, text),
                new HostDiskSampler(roots, text),
                new HostFileSystemSampler(roots, text),
                new HostNetworkSampler(roots, text),
                new HostTcpSampler(roots, text),
                PressureSampler.ofMachine(roots, text)));
        metrics.add(CgroupCpuSampler.open(cgroups, text));
        metrics.add(CgroupMemorySampler.open(cgroups, text));
        metrics.add(PressureSampler.ofCgroup(cgroups, text));
        return metrics;
    }

    private static long[] measure(HostMetric metric, int rounds) {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long bytes = threads.getCurrentThreadAllocatedBytes();
        long cpu = threads.getCurrentThreadCpuTime();
        for (int i = 0; i < rounds; i++) {
            metric.sample();
        }
        return new long[] {threads.getCurrentThreadCpuTime() - cpu, threads.getCurrentThreadAllocatedBytes() - bytes};
    }
}
