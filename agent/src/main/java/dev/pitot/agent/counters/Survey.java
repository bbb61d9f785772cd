package dev.pitot.agent.counters;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Which of some events can be counted, found by opening each once and closing it again, and why the others cannot, a sentence for
 * each reason and not for each event.
 */
record Survey(List<String> open, List<Refusal> refusals) {
    Survey {
        open = List.copyOf(open);
        refusals = List.copyOf(refusals);
    }

    /** All that are refused alike. */
    private record Reason(int errno, int enough, boolean readsZero) {}

    /**
     * @param what the events as a whole, for a sentence that is about all of them
     * @param ofHost whether to count a whole CPU, and not the calling thread
     * @param flags of {@link Perf#open}, for threads
     */
    static Survey of(String what, List<Named> events, boolean ofHost, long flags, Kernel kernel) {
        List<String> open = new ArrayList<>();
        Map<Reason, List<String>> refused = new LinkedHashMap<>();
        Map<Reason, PerfEvent> examples = new LinkedHashMap<>();
        for (Named event : events) {
            Reason reason = null;
            for (Named.Source source : event.sources()) {
                reason = refusal(source, ofHost, flags, kernel);
                if (reason == null) {
                    open.add(event.name());
                    break; // One kind of core is enough to count it.
                }
            }
            if (reason != null) {
                refused.computeIfAbsent(reason, r -> new ArrayList<>()).add(event.name());
                examples.putIfAbsent(reason, event.sources().get(0).event());
            }
        }
        List<Refusal> refusals = new ArrayList<>();
        refused.forEach((reason, names) -> {
            String all = names.size() == events.size() && names.size() > 1 ? what : String.join(", ", names);
            PerfEvent example = examples.getOrDefault(reason, PerfEvent.CYCLES);
            refusals.add(
                    reason.readsZero
                            ? Ladder.happensInKernel(all)
                            : kernel.standing()
                                    .explain(example.as(all, example.excluded()), reason.errno, reason.enough));
        });
        return new Survey(open, refusals);
    }

    private static @Nullable Reason refusal(Named.Source source, boolean ofHost, long flags, Kernel kernel) {
        boolean wholeCpu = ofHost || source.wholeCpus();
        int cpu = !wholeCpu
                ? Kernel.THIS_THREAD
                : source.cpus().isEmpty() ? 0 : source.cpus().get(0);
        long with = wholeCpu ? 0 : flags;
        int enough = wholeCpu
                ? Standing.WHOLE_CPUS
                : (with & Perf.EXCLUDE_KERNEL) != 0 ? Standing.USER_SIDE : Standing.BOTH_SIDES;
        int errno = kernel.tryOpen(Ladder.alone(source), cpu, with);
        boolean readsZero = errno == 0 && Ladder.readsZero(source.event(), with);
        return errno == 0 && !readsZero ? null : new Reason(errno, enough, readsZero);
    }
}
