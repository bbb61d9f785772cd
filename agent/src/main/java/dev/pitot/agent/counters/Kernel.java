package dev.pitot.agent.counters;

import dev.pitot.agent.counters.CounterPlan.Group;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What the choice of counters asks of the kernel; a made-up one in tests. Used by one thread. */
interface Kernel {
    /** In place of a CPU: the calling thread, wherever it runs. */
    int THIS_THREAD = -1;

    /**
     * Opens a group and closes it again.
     *
     * @param cpu to count all that runs on it, or {@link #THIS_THREAD}
     * @return 0, or the errno of the first event that is refused
     */
    int tryOpen(List<PerfEvent> group, int cpu, long flags);

    /**
     * Opens groups on the calling thread, keeps its CPU busy and looks at how long they ran.
     *
     * @param bundles each is one group, or one for each kind of core, of which one runs at a time
     * @return the smallest share of the time in which one of the bundles really counted, 0 to 1; 0 when one does not open
     */
    double shareOf(List<List<Group>> bundles, long flags, long nanos);

    /** Read when first asked for. */
    Standing standing();

    /** The real one; after {@link Libc#link} only. */
    final class OfThisMachine implements Kernel {
        private static final long FORMAT = Perf.FORMAT_TIMES | Perf.FORMAT_ID | Perf.FORMAT_GROUP;

        private @Nullable Standing standing;

        @Override
        public int tryOpen(List<PerfEvent> group, int cpu, long flags) {
            List<Integer> opened = new ArrayList<>(group.size());
            try {
                for (PerfEvent event : group) {
                    int leader = opened.isEmpty() ? -1 : opened.get(0);
                    int fd = cpu == THIS_THREAD
                            ? Perf.open(event, 0, leader, flags, FORMAT)
                            : Perf.openOnCpu(event, cpu, leader, flags, FORMAT);
                    if (fd < 0) {
                        return -fd;
                    }
                    opened.add(fd);
                }
                return 0;
            } finally {
                for (int i = opened.size() - 1; i >= 0; i--) {
                    Libc.close(opened.get(i));
                }
            }
        }

        @Override
        public double shareOf(List<List<Group>> bundles, long flags, long nanos) {
            List<List<CounterGroup>> opened = new ArrayList<>();
            try {
                for (List<Group> bundle : bundles) {
                    List<CounterGroup> groups = new ArrayList<>();
                    opened.add(groups);
                    for (Group group : bundle) {
                        groups.add(CounterGroup.open(group.events(), 0, flags, true));
                    }
                }
                long until = System.nanoTime() + nanos;
                while (System.nanoTime() - until < 0) {
                    Thread.onSpinWait();
                }
                double least = 1;
                for (List<CounterGroup> groups : opened) {
                    double share = 0;
                    for (CounterGroup group : groups) {
                        share +=
                                group.read() && group.enabled[0] > 0 ? (double) group.running[0] / group.enabled[0] : 0;
                    }
                    least = Math.min(least, share);
                }
                return least;
            } catch (CounterGroup.CannotOpen no) {
                return 0;
            } finally {
                opened.forEach(groups -> groups.forEach(CounterGroup::close));
            }
        }

        @Override
        public Standing standing() {
            Standing known = standing;
            if (known == null) {
                known = Situation.ofThisProcess().standing();
                standing = known;
            }
            return known;
        }
    }
}
