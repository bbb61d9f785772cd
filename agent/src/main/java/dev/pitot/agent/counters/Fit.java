package dev.pitot.agent.counters;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How many hardware events this CPU can count side by side, found by trying. A group is counted as a whole or not at all: one
 * that does not fit opens without a complaint and never runs. How many fit depends on the CPU, on hyper-threading, on the
 * kernel's NMI watchdog, which pins one counter, and on who else is counting; and a thread that serves requests carries the
 * group of the process beside its own.
 */
final class Fit {
    /** What is counted for the process, on every thread, and of a thread that serves requests, beside it. */
    record Sets(List<PerfEvent> process, List<PerfEvent> thread) {
        Sets {
            process = List.copyOf(process);
            thread = List.copyOf(thread);
        }
    }

    /** Opens both groups, keeps the CPU busy and looks at how long they ran. */
    interface Trial {
        /** @return the smaller share of the time in which one of the two really counted, 0 to 1; 0 when it does not open */
        double shareOf(Sets sets, long nanos);
    }

    /**
     * @param sets what is to be opened; empty when nothing ever counts
     * @param exact whether all of it counts all of the time; else it takes turns
     */
    record Outcome(Sets sets, boolean exact) {}

    /** The kernel lets groups take turns every 1 to 10 ms, so that one which must wait is seen to wait within the first. */
    static final long LOOK = 5_000_000;

    static final long LOOK_FOR_TURNS = 25_000_000;
    /** A little below 1: the kernel stops the two clocks one after the other. */
    static final double ALL_THE_TIME = 0.99;

    private Fit() {}

    /** The richest sets that count all of the time, else the richest that count in turns, else empty ones. */
    static Outcome find(List<PerfEvent> process, List<PerfEvent> thread, Trial trial) {
        List<Sets> candidates = candidates(process, thread);
        for (Sets sets : candidates) {
            if (trial.shareOf(sets, LOOK) >= ALL_THE_TIME) {
                return new Outcome(sets, true);
            }
        }
        for (Sets sets : candidates) {
            if (trial.shareOf(sets, LOOK_FOR_TURNS) > 0) {
                return new Outcome(sets, false);
            }
        }
        return new Outcome(new Sets(List.of(), List.of()), true);
    }

    /**
     * Both sets with further events that nothing is dropped for but cache references and branches, so that all of it counts
     * all of the time; when that is not to be had, the same with the further events in the process's set only.
     *
     * @param asked events of the two sets that may not be dropped
     * @return null when they must take turns
     */
    static @Nullable Sets together(
            List<PerfEvent> process,
            List<PerfEvent> thread,
            List<PerfEvent> further,
            List<PerfEvent> asked,
            Trial trial) {
        List<Sets> candidates = new ArrayList<>();
        for (List<PerfEvent> ofThread : List.of(with(thread, further), thread)) {
            List<PerfEvent> ofProcess = with(process, further);
            candidates.add(new Sets(ofProcess, ofThread));
            for (PerfEvent event : List.of(PerfEvent.CACHE_REFERENCES, PerfEvent.BRANCHES)) {
                if (!asked.contains(event) && ofProcess.remove(event)) {
                    candidates.add(new Sets(ofProcess, ofThread));
                }
            }
        }
        for (Sets sets : candidates) {
            if (trial.shareOf(sets, LOOK) >= ALL_THE_TIME) {
                return sets;
            }
        }
        return null;
    }

    private static List<PerfEvent> with(List<PerfEvent> events, List<PerfEvent> further) {
        List<PerfEvent> all = new ArrayList<>(events);
        all.addAll(further);
        return all;
    }

    /** From all down to the cycles of the process, dropping what is missed least first. */
    private static List<Sets> candidates(List<PerfEvent> allOfProcess, List<PerfEvent> allOfThread) {
        List<PerfEvent> process = new ArrayList<>(allOfProcess);
        List<PerfEvent> thread = new ArrayList<>(allOfThread);
        List<Sets> candidates = new ArrayList<>();
        candidates.add(new Sets(process, thread));
        drop(PerfEvent.CACHE_REFERENCES, process, process, thread, candidates);
        drop(PerfEvent.BRANCHES, process, process, thread, candidates);
        for (PerfEvent event : List.of(PerfEvent.BRANCH_MISSES, PerfEvent.CACHE_MISSES, PerfEvent.INSTRUCTIONS)) {
            drop(event, thread, process, thread, candidates);
            drop(event, process, process, thread, candidates);
        }
        drop(PerfEvent.CYCLES, thread, process, thread, candidates);
        return candidates;
    }

    private static void drop(
            PerfEvent event,
            List<PerfEvent> from,
            List<PerfEvent> process,
            List<PerfEvent> thread,
            List<Sets> candidates) {
        if (from.remove(event) && !process.isEmpty()) {
            candidates.add(new Sets(process, thread));
        }
    }
}
