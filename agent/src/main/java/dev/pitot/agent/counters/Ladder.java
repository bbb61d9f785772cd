package dev.pitot.agent.counters;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Which rung each event stands on, found by opening it once on the calling thread: counted, counted on the user's side only, or
 * not at all and why. One thread.
 */
final class Ladder {
    static final long USER_ONLY = Perf.EXCLUDE_KERNEL | Perf.EXCLUDE_HYPERVISOR;

    /** Numbers of software events that happen inside the kernel: without it they open, and read 0 for ever. */
    private static final List<Long> SWITCHES = List.of(3L, 4L, 11L);

    private final Kernel kernel;
    private boolean userOnly;
    private boolean wholly;
    private int errno;

    Ladder(Kernel kernel) {
        this.kernel = kernel;
    }

    /** Whether the kernel's side had to be excluded so far. */
    boolean isUserOnly() {
        return userOnly;
    }

    long flags() {
        return userOnly ? USER_ONLY : 0;
    }

    /** Whether the answer to the event asked for last holds for the others too: no PMU, no right to it, or no descriptor left. */
    boolean isSettled() {
        return isDenied(errno)
                || errno == Perf.ENOENT
                || errno == Perf.ENODEV
                || errno == Perf.EOPNOTSUPP
                || errno == Perf.ENOSYS
                || errno == Perf.EMFILE
                || errno == Perf.ENFILE;
    }

    Standing standing() {
        return kernel.standing();
    }

    /** Those sources of a name that can be counted on a thread; those that cannot leave a refusal. */
    List<Named.Source> countable(Named named, List<Refusal> refusals) {
        List<Named.Source> countable = new ArrayList<>();
        for (Named.Source source : named.sources()) {
            Refusal no = refusal(source);
            if (no == null) {
                countable.add(source);
            } else {
                refusals.add(no);
            }
        }
        return countable;
    }

    private @Nullable Refusal refusal(Named.Source source) {
        PerfEvent event = source.event();
        List<PerfEvent> group = alone(source);
        int enough = userOnly ? Standing.USER_SIDE : wholly ? Standing.WHOLE_CPUS : Standing.BOTH_SIDES;
        int errno = kernel.tryOpen(group, Kernel.THIS_THREAD, flags());
        wholly |= errno == 0 && !userOnly && (event.excluded() & Perf.EXCLUDE_KERNEL) == 0;
        // The kernel looks at privileges before it looks for a PMU, so this comes before "there is none". Once one
        // event was
        // allowed with the kernel's side, another that is refused needs some other privilege.
        if (!userOnly && !wholly && isDenied(errno) && (event.excluded() & Perf.EXCLUDE_USER) == 0) {
            enough = Standing.USER_SIDE;
            int again = kernel.tryOpen(group, Kernel.THIS_THREAD, USER_ONLY);
            if (!isDenied(again)) {
                userOnly = true;
                errno = again;
            }
        }
        if (userOnly && (event.excluded() & Perf.EXCLUDE_USER) != 0) {
            return ofKernel(event.name() + " excludes the user's side, and perf_event may not watch the kernel's here");
        }
        this.errno = errno;
        if (errno != 0) {
            return standing().explain(event, errno, enough);
        }
        if (readsZero(event, flags())) {
            return userOnly
                    ? happensInKernel(event.name())
                    : new Refusal(event.name() + " happen in the kernel, which the modifier excludes", "Leave it out");
        }
        return null;
    }

    /** Whether an event opens with these flags and then counts nothing for ever. */
    static boolean readsZero(PerfEvent event, long flags) {
        return ((flags | event.excluded()) & Perf.EXCLUDE_KERNEL) != 0
                && event.type() == PerfEvent.SOFTWARE
                && SWITCHES.contains(event.config());
    }

    static Refusal happensInKernel(String names) {
        return ofKernel(names + " happen in the kernel, which perf_event may not watch here");
    }

    /** Why an event cannot be counted on a CPU, whoever runs on it, or null when it can. */
    @Nullable
    Refusal refusalOn(int cpu, Named.Source source) {
        int errno = kernel.tryOpen(alone(source), cpu, 0);
        return errno == 0 ? null : standing().explain(source.event(), errno, Standing.WHOLE_CPUS);
    }

    /** The smallest group that an event can be in. */
    static List<PerfEvent> alone(Named.Source source) {
        PerfEvent leader = source.leader();
        return leader == null || source.isLeader() ? List.of(source.event()) : List.of(leader, source.event());
    }

    private static boolean isDenied(int errno) {
        return errno == Perf.EACCES || errno == Perf.EPERM;
    }

    static Refusal ofKernel(String reason) {
        return Standing.ofLevel(reason, Standing.BOTH_SIDES);
    }
}
