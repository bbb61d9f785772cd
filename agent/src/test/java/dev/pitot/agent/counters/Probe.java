package dev.pitot.agent.counters;

import java.util.ArrayList;
import java.util.List;

/** Which of some software events this machine and these privileges allow, found by opening each once on the calling thread. */
record Probe(List<PerfEvent> events, boolean userOnly) {
    static Probe of(List<PerfEvent> wanted) {
        Kernel kernel = new Kernel.OfThisMachine();
        for (long flags : new long[] {0, Ladder.USER_ONLY}) {
            List<PerfEvent> present = new ArrayList<>(wanted);
            present.removeIf(event -> kernel.tryOpen(List.of(event), Kernel.THIS_THREAD, flags) != 0
                    || (flags != 0 && event.equals(PerfEvent.CONTEXT_SWITCHES)));
            if (!present.isEmpty()) {
                return new Probe(present, flags != 0);
            }
        }
        return new Probe(List.of(), true);
    }
}
