package dev.pitot.agent.counters;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a name of an event stands for on this machine.
 *
 * @param name as Pitot writes it: {@code cycles} for {@code cpu-cycles}, else as it was asked for
 * @param unit of {@code value * scale}, empty for a plain count
 * @param scale what the PMU wants a value to be multiplied by
 * @param sources what must be opened, to be summed: one event, or one for each kind of core or each PMU of a kind
 */
record Named(String name, String unit, double scale, List<Source> sources) {
    /**
     * @param pmu folder below {@code /sys/bus/event_source/devices}; empty for what the kernel itself defines
     * @param cpus those on which it counts, empty for every CPU
     * @param wholeCpus whether it can only count CPUs, whoever runs on them, and never a thread
     * @param leader what must lead its group, or null when anything may: {@code slots} for Intel's top-down metrics, and for
     *     itself
     */
    record Source(
            PerfEvent event,
            String pmu,
            List<Integer> cpus,
            boolean wholeCpus,
            @Nullable PerfEvent leader) {
        Source {
            cpus = List.copyOf(cpus);
        }

        /** The same on the same CPUs under another name, or with a part excluded. */
        Source as(String name, long excluded) {
            PerfEvent leading = leader == null ? null : leader.as(leader.name(), excluded);
            return new Source(event.as(name, excluded), pmu, cpus, wholeCpus, leading);
        }

        /** Whether it is what must lead the group, and need not be opened beside it. */
        boolean isLeader() {
            return leader != null && event.as(leader.name(), leader.excluded()).equals(leader);
        }
    }

    Named {
        sources = List.copyOf(sources);
    }

    /** What the kernel defines by itself, on a machine with one kind of cores. */
    static Named of(PerfEvent event) {
        return new Named(event.name(), "", 1, List.of(new Source(event, "", List.of(), false, null)));
    }

    Named with(List<Source> others) {
        return new Named(name, unit, scale, others);
    }

    /** Whether it can only count whole CPUs: memory controllers, power meters. */
    boolean isOfWholeCpus() {
        return sources.get(0).wholeCpus();
    }

    /** Whether some kind of core counts it only in a group led by {@code slots}. */
    boolean isTopDown() {
        for (Source source : sources) {
            if (source.leader() != null) {
                return true;
            }
        }
        return false;
    }

    boolean isSoftware() {
        return sources.get(0).event().type() == PerfEvent.SOFTWARE;
    }
}
