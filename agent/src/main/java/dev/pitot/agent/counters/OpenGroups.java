package dev.pitot.agent.counters;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The groups of a plan as they are open on one thread or CPU, with where each stood at the previous sample. The sampler
 * thread's alone, but for {@link #close}.
 */
final class OpenGroups {
    /** Null where a group of the plan is not for this CPU. */
    private final List<@Nullable CounterGroup> groups;

    private final List<long[]> last = new ArrayList<>();

    OpenGroups(List<? extends @Nullable CounterGroup> groups) {
        this.groups = new ArrayList<>(groups);
        for (CounterGroup group : groups) {
            last.add(new long[group == null ? 0 : 3 * group.size()]);
        }
    }

    /**
     * Opens all groups of a plan on one thread, or none.
     *
     * @param tid a thread of this process, or 0 for the calling one
     * @param grouped see {@link CounterGroup#open}
     */
    static OpenGroups open(CounterPlan plan, int tid, long flags, boolean grouped) throws CounterGroup.CannotOpen {
        List<CounterGroup> opened = new ArrayList<>();
        try {
            for (CounterPlan.Group group : plan.groups()) {
                opened.add(CounterGroup.open(group.events(), tid, flags, grouped));
            }
            return new OpenGroups(opened);
        } catch (CounterGroup.CannotOpen no) {
            opened.forEach(CounterGroup::close);
            throw no;
        }
    }

    /**
     * Opens those groups of a plan that are for a CPU.
     *
     * @return null when none is
     */
    static @Nullable OpenGroups onCpu(CounterPlan plan, int cpu) throws CounterGroup.CannotOpen {
        List<@Nullable CounterGroup> opened = new ArrayList<>();
        int some = 0;
        try {
            for (CounterPlan.Group group : plan.groups()) {
                boolean isForIt = group.cpus().isEmpty() || group.cpus().contains(cpu);
                opened.add(isForIt ? CounterGroup.openOnCpu(group.events(), cpu) : null);
                some += isForIt ? 1 : 0;
            }
            return some == 0 ? null : new OpenGroups(opened);
        } catch (CounterGroup.CannotOpen no) {
            close(opened);
            throw no;
        }
    }

    int descriptors() {
        int all = 0;
        for (CounterGroup group : groups) {
            all += group == null ? 0 : group.size();
        }
        return all;
    }

    /**
     * Reads all groups and adds what they counted since the previous call to the sums, one for each group.
     *
     * @return false when one could not be read: its thread or CPU is gone, or it was closed
     */
    boolean sample(GroupSum[] sums) {
        boolean whole = true;
        for (int g = 0; g < sums.length; g++) {
            CounterGroup group = groups.get(g);
            if (group == null) {
                continue;
            }
            if (!group.read()) {
                whole = false;
                continue;
            }
            long[] before = last.get(g);
            for (int i = 0; i < group.size(); i++) {
                sums[g].add(
                        i,
                        Math.max(0, group.values[i] - before[3 * i]),
                        Math.max(0, group.enabled[i] - before[3 * i + 1]),
                        Math.max(0, group.running[i] - before[3 * i + 2]));
                before[3 * i] = group.values[i];
                before[3 * i + 1] = group.enabled[i];
                before[3 * i + 2] = group.running[i];
            }
        }
        return whole;
    }

    void close() {
        close(groups);
    }

    private static void close(List<? extends @Nullable CounterGroup> groups) {
        for (CounterGroup group : groups) {
            if (group != null) {
                group.close();
            }
        }
    }
}
