package dev.pitot.agent.counters;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Which of some events can be counted, found by opening each once and closing it again, and why the others cannot, a sentence for
 * each reason and not for each event.
 */
record Survey(List<String> open, List<Refusal> refusals) {
    Survey {
        open = List.copyOf(open);
        refusals = List.copyOf(refusals);
    }

    private static final int ALLOWED = 0;
    /** Enough to know what kind of events it is about. */
    private static final int MOST_NAMES = 12;

    /**
     * @param what the events as a whole, for a sentence that is about all of them
     * @param ofHost whether to count a whole CPU, and not the calling thread
     * @param flags of {@link Perf#open}, for threads
     */
    static Survey of(String what, List<Named> events, boolean ofHost, long flags, Kernel kernel) {
        List<String> open = new ArrayList<>();
        // By what is one number for all that are refused alike: a record's first hash costs a JVM 20 ms.
        Map<Integer, List<Named>> refused = new LinkedHashMap<>();
        for (Named event : events) {
            int reason = ALLOWED;
            for (Named.Source source : event.sources()) {
                reason = refusal(source, ofHost, flags, kernel);
                if (reason == ALLOWED) {
                    open.add(event.name());
                    break; // One kind of core is enough to count it.
                }
            }
            if (reason != ALLOWED) {
                refused.computeIfAbsent(reason, r -> new ArrayList<>()).add(event);
            }
        }
        List<Refusal> refusals = new ArrayList<>();
        refused.forEach((reason, alike) -> {
            String names = alike.size() == events.size() && alike.size() > 1 ? what : names(alike);
            PerfEvent example = alike.get(0).sources().get(0).event();
            int errno = reason >> 2;
            refusals.add(
                    errno == 0
                            ? Ladder.happensInKernel(names)
                            : kernel.standing().explain(example.as(names, example.excluded()), errno, reason & 3));
        });
        return new Survey(open, refusals);
    }

    private static String names(List<Named> events) {
        StringBuilder names = new StringBuilder(events.get(0).name());
        for (int i = 1; i < Math.min(MOST_NAMES, events.size()); i++) {
            names.append(", ").append(events.get(i).name());
        }
        int more = events.size() - MOST_NAMES;
        return more <= 0 ? names.toString() : names + " and " + more + " more";
    }

    /** The errno, 0 for what opens and counts nothing, and below it the level that would be enough; or {@link #ALLOWED}. */
    private static int refusal(Named.Source source, boolean ofHost, long flags, Kernel kernel) {
        boolean wholeCpu = ofHost || source.wholeCpus();
        int cpu = !wholeCpu
                ? Kernel.THIS_THREAD
                : source.cpus().isEmpty() ? 0 : source.cpus().get(0);
        long with = wholeCpu ? 0 : flags;
        int enough = wholeCpu
                ? Standing.WHOLE_CPUS
                : (with & Perf.EXCLUDE_KERNEL) != 0 ? Standing.USER_SIDE : Standing.BOTH_SIDES;
        int errno = kernel.tryOpen(Ladder.alone(source), cpu, with);
        if (errno == 0) {
            return Ladder.readsZero(source.event(), with) ? Standing.BOTH_SIDES : ALLOWED;
        }
        return errno << 2 | enough;
    }
}
