package dev.pitot.agent.counters;

import dev.pitot.agent.counters.Bundle.Lanes;
import dev.pitot.agent.counters.CounterPlan.Group;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Which hardware events are opened together. A group counts as a whole or not at all, so each must fit into the CPU, which is
 * found by trying. The usual set is cut to what fits beside the group of a thread; what was asked for by name is never cut but
 * spread over groups, each led by cycles and instructions, which then take turns. One thread; costs up to half a second of
 * its CPU time when many events are named, a few milliseconds when none are.
 */
final class Grouping {
    /** More than this never fit together with the usual ones; trying would be a waste. */
    private static final int MOST_BESIDE_THE_USUAL = 8;

    private static final int MOST_IN_A_GROUP = 8;
    /** Bounds what the trials cost; later groups then hold one event each. */
    private static final int MOST_TRIALS = 40;

    private final Kernel kernel;
    private final long flags;
    private final Lanes lanes;
    private final boolean withHost;
    private int trials;

    /**
     * What counts for the process, and what for a span.
     *
     * @param process each is one group of hardware events, or one for each kind of core
     * @param thread what a span counts, in one group
     * @param exact whether all of it counts all of the time, and does not take turns
     */
    record Outcome(List<Bundle> process, List<Named> thread, boolean exact) {}

    /**
     * @param flags with which events are opened
     * @param withHost whether the CPUs are counted too, by groups like those of the process
     */
    Grouping(Kernel kernel, long flags, Lanes lanes, boolean withHost) {
        this.kernel = kernel;
        this.flags = flags;
        this.lanes = lanes;
        this.withHost = withHost;
    }

    /**
     * @param usual events of the usual set that can be counted
     * @param named those asked for by name, some of them usual ones too
     * @param leaders cycles and instructions, as far as they can be counted
     */
    Outcome find(List<Named> usual, List<Named> named, List<Named> leaders) {
        List<Named> topDown = new ArrayList<>();
        List<Named> ordinary = new ArrayList<>();
        for (Named one : named) {
            divide(one, ordinary, topDown);
        }
        // Without the usual set the leaders are the set that the named ones are added to.
        List<Named> base = usual.isEmpty() && !ordinary.isEmpty() ? leaders : usual;
        Map<PerfEvent, Named> known = new LinkedHashMap<>();
        List<PerfEvent> process = tokens(base, known);
        List<PerfEvent> thread = new ArrayList<>(PerfEvent.OF_THREAD);
        thread.retainAll(process);
        List<PerfEvent> asked = tokens(ordinary, known);
        List<PerfEvent> further = new ArrayList<>(asked);
        further.removeAll(process);

        Fit.Trial trial = (sets, nanos) -> shareOf(
                List.of(new Bundle(List.of(), named(sets.process(), known))), named(sets.thread(), known), nanos);
        if (!asked.isEmpty() && further.size() <= MOST_BESIDE_THE_USUAL) {
            Fit.Sets together = Fit.together(process, thread, further, asked, trial);
            if (together != null) {
                List<Named> wanted = named(together.process(), known);
                List<Named> merelyLeading = List.of();
                if (usual.isEmpty() && Collections.disjoint(ordinary, leaders)) {
                    wanted.removeAll(leaders);
                    merelyLeading = leaders;
                }
                List<Bundle> one = List.of(new Bundle(merelyLeading, wanted));
                return withTopDown(one, named(together.thread(), known), topDown, leaders, true);
            }
        }
        List<Bundle> bundles = new ArrayList<>();
        List<PerfEvent> ofSpan = thread;
        boolean exact = true;
        if (!usual.isEmpty() || further.isEmpty()) {
            Fit.Outcome fit = process.isEmpty()
                    ? new Fit.Outcome(new Fit.Sets(List.of(), List.of()), true)
                    : Fit.find(process, thread, trial);
            if (!fit.sets().process().isEmpty()) {
                bundles.add(new Bundle(List.of(), named(fit.sets().process(), known)));
            }
            ofSpan = fit.sets().thread();
            exact = fit.exact();
        }
        spread(asked, known, leaders, bundles);
        List<Named> span = span(ofSpan, further, known);
        exact &= bundles.size() < 2;
        return withTopDown(bundles, span, topDown, leaders, exact);
    }

    /** Intel's top-down metrics are one group of their own on the cores that have them, and ordinary events on others. */
    private static void divide(Named named, List<Named> ordinary, List<Named> topDown) {
        List<Named.Source> led = new ArrayList<>();
        List<Named.Source> free = new ArrayList<>();
        for (Named.Source source : named.sources()) {
            (source.leader() == null ? free : led).add(source);
        }
        if (!led.isEmpty()) {
            topDown.add(named.with(led));
        }
        if (!free.isEmpty()) {
            // A span would count it on the one kind of cores only.
            (led.isEmpty() ? ordinary : topDown).add(named.with(free));
        }
    }

    /** One event for each name, by which {@link Fit} knows it. */
    private static List<PerfEvent> tokens(List<Named> all, Map<PerfEvent, Named> known) {
        List<PerfEvent> tokens = new ArrayList<>();
        for (Named named : all) {
            PerfEvent token = named.sources().get(0).event();
            for (PerfEvent usual : PerfEvent.OF_PROCESS) {
                if (usual.name().equals(named.name())) {
                    token = usual;
                }
            }
            known.put(token, named);
            tokens.add(token);
        }
        return tokens;
    }

    private static List<Named> named(List<PerfEvent> tokens, Map<PerfEvent, Named> known) {
        List<Named> all = new ArrayList<>();
        for (PerfEvent token : tokens) {
            Named named = known.get(token);
            if (named != null) {
                all.add(named);
            }
        }
        return all;
    }

    private double shareOf(List<Bundle> process, List<Named> thread, long nanos) {
        List<List<Group>> groups = new ArrayList<>();
        for (Bundle bundle : process) {
            groups.add(groups(bundle));
            if (withHost) {
                // The groups of the CPUs take as many counters as those of the process.
                groups.add(groups(bundle));
            }
        }
        if (!thread.isEmpty()) {
            groups.add(groups(new Bundle(List.of(), thread)));
        }
        return kernel.shareOf(groups, flags, nanos);
    }

    private List<Group> groups(Bundle bundle) {
        return List.copyOf(bundle.groups(lanes).values());
    }

    /** Puts what is asked for and in no bundle yet into further ones, as many at once as fit. */
    private void spread(List<PerfEvent> asked, Map<PerfEvent, Named> known, List<Named> leaders, List<Bundle> bundles) {
        List<Named> rest = named(asked, known);
        for (Bundle bundle : bundles) {
            rest.removeAll(bundle.members());
        }
        // Last, if no group that they lead has them.
        List<Named> leading = new ArrayList<>(leaders);
        leading.retainAll(rest);
        rest.removeAll(leaders);
        while (!rest.isEmpty()) {
            Bundle bundle = largest(leaders, rest);
            bundles.add(bundle);
            rest.removeAll(bundle.members());
            leading.removeAll(bundle.leaders());
        }
        if (!leading.isEmpty()) {
            bundles.add(new Bundle(List.of(), leading));
        }
    }

    private Bundle largest(List<Named> leaders, List<Named> rest) {
        for (int size = Math.min(MOST_IN_A_GROUP, rest.size()); size > 0; size--) {
            Bundle bundle = new Bundle(leaders, rest.subList(0, size));
            if (fits(bundle)) {
                return bundle;
            }
        }
        List<Named> one = rest.subList(0, 1);
        for (int n = leaders.size() - 1; n > 0; n--) {
            Bundle bundle = new Bundle(leaders.subList(0, n), one);
            if (fits(bundle)) {
                return bundle;
            }
        }
        // Even if it never ran while it was tried: others may hold its counter for now.
        return new Bundle(List.of(), one);
    }

    /** Whether a bundle runs when it is its turn. */
    private boolean fits(Bundle bundle) {
        if (trials >= MOST_TRIALS) {
            return false;
        }
        trials++;
        List<List<Group>> alone = List.of(groups(bundle));
        return kernel.shareOf(alone, flags, Fit.LOOK) > 0 || kernel.shareOf(alone, flags, Fit.LOOK_FOR_TURNS) > 0;
    }

    /** What a span counts when not all fits at once: as many of the named ones beside the usual as fit into one group. */
    private List<Named> span(List<PerfEvent> usual, List<PerfEvent> further, Map<PerfEvent, Named> known) {
        List<Named> base = named(usual, known);
        for (int n = Math.min(MOST_IN_A_GROUP, further.size()); n > 0; n--) {
            List<Named> all = new ArrayList<>(base);
            all.addAll(named(further.subList(0, n), known));
            if (fits(new Bundle(List.of(), all))) {
                return all;
            }
        }
        return base;
    }

    private Outcome withTopDown(
            List<Bundle> process, List<Named> span, List<Named> topDown, List<Named> leaders, boolean exact) {
        List<Bundle> all = new ArrayList<>(process);
        Map<PerfEvent, List<Named>> byLeader = new LinkedHashMap<>();
        for (Named metric : topDown) {
            PerfEvent leader = metric.sources().get(0).leader();
            if (leader != null) {
                byLeader.computeIfAbsent(leader, key -> new ArrayList<>()).add(metric);
            } else {
                all.add(largest(leaders, List.of(metric)));
            }
        }
        for (List<Named> metrics : byLeader.values()) {
            Bundle led = new Bundle(leaders, metrics);
            all.add(fits(led) ? led : new Bundle(List.of(), metrics));
        }
        if (all.size() == process.size()) {
            return new Outcome(all, span, exact);
        }
        boolean still = exact && shareOf(all, span, Fit.LOOK) >= Fit.ALL_THE_TIME;
        return new Outcome(all, span, still);
    }
}
