package dev.pitot.agent.counters;

import dev.pitot.agent.counters.CounterPlan.Group;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A CPU with so many counters: groups run side by side, in turns, or not at all when one is too large. */
final class MadeUpCpu implements Kernel {
    private final int counters;
    private final Map<String, Integer> errnos = new HashMap<>();
    private boolean userOnly;
    private int ofCpus;
    private boolean watchdog;
    final List<String> tried = new ArrayList<>();
    int looks;

    MadeUpCpu(int counters) {
        this.counters = counters;
    }

    /** Opening this event fails. */
    MadeUpCpu without(String event, int errno) {
        errnos.put(event, errno);
        return this;
    }

    MadeUpCpu userOnly() {
        userOnly = true;
        return this;
    }

    /** Opening anything on a whole CPU fails. */
    MadeUpCpu deniedOnCpus() {
        ofCpus = Perf.EACCES;
        return this;
    }

    MadeUpCpu withWatchdog() {
        watchdog = true;
        return this;
    }

    @Override
    public int tryOpen(List<PerfEvent> group, int cpu, long flags) {
        for (PerfEvent event : group) {
            tried.add(event.name());
            if (cpu != THIS_THREAD && ofCpus != 0) {
                return ofCpus;
            }
            if (userOnly && ((flags | event.excluded()) & Perf.EXCLUDE_KERNEL) == 0) {
                return Perf.EACCES;
            }
            // Of one kind of core or of all.
            int errno = errnos.getOrDefault(
                    event.name() + "@" + (event.config() >>> 32), errnos.getOrDefault(event.name(), 0));
            if (errno != 0) {
                return errno;
            }
        }
        return 0;
    }

    @Override
    public double shareOf(List<List<Group>> bundles, long flags, long nanos) {
        looks++;
        int sum = 0;
        for (List<Group> bundle : bundles) {
            int most = 0;
            for (Group group : bundle) {
                most = Math.max(most, needed(group));
            }
            if (most > counters - (watchdog ? 1 : 0)) {
                return 0;
            }
            sum += most;
        }
        return sum <= counters - (watchdog ? 1 : 0) ? 1 : nanos > 10_000_000 ? 0.5 : 0;
    }

    /** Software events need none, and slots and the metrics that it leads have a register of their own. */
    private static int needed(Group group) {
        int needed = 0;
        for (PerfEvent event : group.events()) {
            if (event.type() != PerfEvent.SOFTWARE
                    && !event.name().contains("topdown")
                    && !event.name().equals("slots")) {
                needed++;
            }
        }
        return needed;
    }

    @Override
    public Standing standing() {
        return new Standing(userOnly ? 2 : 1, false, false, true, false, watchdog);
    }
}
