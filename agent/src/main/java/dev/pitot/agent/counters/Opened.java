package dev.pitot.agent.counters;

import dev.pitot.agent.config.CounterChoice;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What counters there are and what limits them: those that {@link Counters} holds, or those that it would open by the kernel's rules.
 *
 * @param noNativeCode why none can be called, or null
 * @param noPerf why perf_event_open must not be called, or null
 * @param choice what was to be opened, or null where nothing could be
 * @param ofProcess what limits the plan for the process, or why it is empty
 * @param ofSpan the same for requests
 * @param host empty unless it was asked for and is open
 * @param ofFiles that detail was given up as the process came near its limit of open files, or null
 * @param descriptors how many counters may hold
 */
record Opened(
        CounterChoice wanted,
        @Nullable Refusal noNativeCode,
        @Nullable Refusal noPerf,
        @Nullable Choice choice,
        CounterPlan process,
        List<Refusal> ofProcess,
        CounterPlan span,
        List<Refusal> ofSpan,
        CounterPlan host,
        List<Refusal> ofHost,
        @Nullable Refusal ofFiles,
        int descriptors) {
    Opened {
        ofProcess = List.copyOf(ofProcess);
        ofSpan = List.copyOf(ofSpan);
        ofHost = List.copyOf(ofHost);
    }

    /** For a process in whose place nothing can be tried. */
    static Opened concluded(Situation situation, Catalogue catalogue) {
        CounterChoice wanted = CounterChoice.DEFAULT;
        Refusal noNativeCode = situation.temporaryFolderRefused();
        Refusal noPerf = situation.seccomp().objection();
        int descriptors = new FileBudget(situation.fileLimit()).all();
        if (noNativeCode != null || noPerf != null) {
            CounterPlan none = CounterPlan.NOTHING;
            return new Opened(
                    wanted,
                    noNativeCode,
                    noPerf,
                    null,
                    none,
                    List.of(),
                    none,
                    List.of(),
                    none,
                    List.of(),
                    null,
                    descriptors);
        }
        Choice choice = Choice.of(wanted, catalogue, situation.rules());
        List<Refusal> ofProcess = new ArrayList<>(choice.refusals().values());
        ofProcess.addAll(choice.limits());
        return new Opened(
                wanted,
                null,
                null,
                choice,
                choice.process(),
                ofProcess,
                choice.span(),
                new ArrayList<>(choice.spanRefusals().values()),
                choice.host(),
                List.of(),
                null,
                descriptors);
    }
}
