package dev.pitot.agent.counters;

import java.util.ArrayList;
import java.util.List;

/**
 * What of a list of events this machine and these privileges allow, found by opening each once on the calling thread.
 *
 * @param events those that can be opened, in the order asked for
 * @param userOnly only with the kernel's side excluded
 * @param refusals why those that are missing are missing
 */
record Probe(List<PerfEvent> events, boolean userOnly, List<Refusal> refusals) {
    long flags() {
        return userOnly ? Perf.EXCLUDE_KERNEL | Perf.EXCLUDE_HYPERVISOR : 0;
    }

    /** Tries the events one by one; when there is no PMU at all, the first answer settles the rest of the hardware. */
    static Probe of(List<PerfEvent> wanted) {
        List<PerfEvent> present = new ArrayList<>();
        boolean userOnly = false;
        boolean noPmu = false;
        List<Refusal> refusals = new ArrayList<>();
        for (PerfEvent event : wanted) {
            if (noPmu && event.type() == PerfEvent.HARDWARE) {
                continue;
            }
            int errno = tryOpen(event, userOnly);
            // The kernel looks at privileges before it looks for a PMU, so this comes before "there is none".
            if (!userOnly && (errno == Perf.EACCES || errno == Perf.EPERM)) {
                userOnly = true;
                errno = tryOpen(event, true);
            }
            if (errno == 0 && userOnly && event.equals(PerfEvent.CONTEXT_SWITCHES)) {
                // It opens, and then reads 0 for ever: a switch happens inside the kernel.
                refusals.add(new Refusal(
                        "Context switches of a thread happen in the kernel, which perf_event may not watch here",
                        "Run sysctl kernel.perf_event_paranoid=1, or give the process CAP_PERFMON"));
            } else if (errno == 0) {
                present.add(event);
            } else {
                refusals.add(Perf.explain(event, errno));
                noPmu |= present.isEmpty() && event.equals(PerfEvent.CYCLES);
            }
        }
        return new Probe(List.copyOf(present), userOnly, List.copyOf(refusals));
    }

    private static int tryOpen(PerfEvent event, boolean userOnly) {
        long flags = userOnly ? Perf.EXCLUDE_KERNEL | Perf.EXCLUDE_HYPERVISOR : 0;
        int fd = Perf.open(event, 0, -1, flags, Perf.FORMAT_TIMES | Perf.FORMAT_ID);
        if (fd < 0) {
            return -fd;
        }
        Libc.close(fd);
        return 0;
    }
}
