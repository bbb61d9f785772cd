package dev.pitot.agent.samplers.host;

import com.sun.management.ThreadMXBean;
import dev.pitot.agent.config.AgentConfig.Cores;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
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
        HostRoots roots = HostRoots.OF_THE_KERNEL;
        Text text = new Text();
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
        try (Recording recording = new Recording()) {
            recording.start();
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
            TcpStates states = new TcpStates(roots, text);
            long before = System.nanoTime();
            states.sample(true, true);
            System.out.printf(
                    "states of sockets, when they are counted: %d us%n", (System.nanoTime() - before) / 1_000);
        }
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
