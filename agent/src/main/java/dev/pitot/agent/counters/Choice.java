package dev.pitot.agent.counters;

import dev.pitot.agent.config.CounterChoice;
import dev.pitot.agent.counters.Bundle.Lanes;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What is to be counted here: what the configuration asks for, as far as this machine and these privileges allow.
 *
 * @param process to be opened on each thread of the process, with the flags of {@link #flags}
 * @param span to be opened by a thread on itself for the requests that it serves, with the same flags: one group, or one for each
 *     kind of core and one of software events. Holds {@code page-faults} and {@code context-switches} whenever they can be
 *     counted
 * @param host to be opened on CPUs, without flags: on those of each group, or on all where it names none. Empty unless
 *     {@code counters.host} is on and permitted
 * @param userOnly whether the kernel's side is excluded, except on the host
 * @param refusals for each name that is wanted and not counted: why. Names are those of the configuration, and the usual ones
 * @param spanRefusals the same for what the process counts and a span does not, by Pitot's names
 * @param hostRefusal why no CPU can be counted although it was asked for, or null
 * @param limits what is to be known of the counters that there are: the user's side only, taking turns
 * @param crowded what the CPU's counters are too few for, which the others say too
 */
record Choice(
        CounterPlan process,
        CounterPlan span,
        CounterPlan host,
        boolean userOnly,
        Map<String, Refusal> refusals,
        Map<String, Refusal> spanRefusals,
        @Nullable Refusal hostRefusal,
        List<Refusal> limits,
        List<Refusal> crowded) {

    /** Of {@link Perf#open}, for the process and for spans. */
    long flags() {
        return userOnly ? Ladder.USER_ONLY : 0;
    }

    /** Whether the process counts any of the usual hardware events: those that {@code pitot.ProcessCounters} has fields for. */
    boolean hasUsual() {
        for (PerfEvent event : PerfEvent.OF_PROCESS) {
            if (process.counter(event.name()) != null) {
                return true;
            }
        }
        return false;
    }

    /** Where counters come from that there are: {@code perf} or {@code perf, user only}. */
    String source() {
        return userOnly ? "perf, user only" : "perf";
    }

    /** {@link #source} when there are usual hardware events, else {@code none: } and why. */
    String hardwareSource() {
        if (hasUsual()) {
            return source();
        }
        return hardwareRefusal().asSource();
    }

    /** Why usual hardware events are not counted. */
    Refusal hardwareRefusal() {
        List<Refusal> ofUsual = new ArrayList<>();
        for (PerfEvent event : PerfEvent.OF_PROCESS) {
            Refusal no = refusals.get(event.name());
            if (no != null) {
                ofUsual.add(no);
            }
        }
        Refusal why = Refusal.all(ofUsual);
        return why == null ? new Refusal("Not among the counters that were asked for", "") : why;
    }

    /** Finds out by opening what can be opened and trying what fits; see {@link Grouping} for what that costs. */
    static Choice of(CounterChoice wanted, Catalogue catalogue, Kernel kernel) {
        return new Search(wanted, catalogue, kernel).run();
    }

    /** One search; its fields are what has been found so far. */
    private static final class Search {
        private final CounterChoice config;
        private final Catalogue catalogue;
        private final Kernel kernel;
        private final Ladder ladder;
        private final Map<String, Refusal> refusals = new LinkedHashMap<>();
        private final Map<String, Refusal> spanRefusals = new LinkedHashMap<>();
        private final List<Refusal> limits = new ArrayList<>();
        private final List<Refusal> crowded = new ArrayList<>();

        /** What can be counted, by Pitot's name, in the order wanted. */
        private final Map<String, Named> countable = new LinkedHashMap<>();

        private final Set<String> usual = new LinkedHashSet<>();
        private final Set<String> named = new LinkedHashSet<>();
        private final List<Named> wholeCpus = new ArrayList<>();
        private @Nullable Refusal hostRefusal;

        Search(CounterChoice config, Catalogue catalogue, Kernel kernel) {
            this.config = config;
            this.catalogue = catalogue;
            this.kernel = kernel;
            this.ladder = new Ladder(kernel);
        }

        Choice run() {
            if (config.usual()) {
                climbUsual();
            }
            for (String asked : config.names()) {
                String name = climb(asked);
                if (name != null) {
                    named.add(name);
                }
            }
            boolean host = config.host() && isHostAllowed();
            return build(host);
        }

        /** When there is no PMU at all, the answer to cycles settles the other five, and nothing of sysfs is read. */
        private void climbUsual() {
            Named cycles = Named.of(PerfEvent.CYCLES);
            List<Refusal> no = new ArrayList<>();
            if (ladder.countable(cycles, no).isEmpty() && ladder.isSettled()) {
                for (PerfEvent event : PerfEvent.OF_PROCESS) {
                    refusals.put(event.name(), no.get(0));
                }
                return;
            }
            for (PerfEvent event : PerfEvent.OF_PROCESS) {
                if (climb(event.name()) != null) {
                    usual.add(event.name());
                }
            }
            // Alone it would cost each context switch a microsecond; beside hardware counters next to nothing.
            if (!usual.isEmpty() && !ladder.isUserOnly()) {
                climb(PerfEvent.CPU_MIGRATIONS.name());
            }
        }

        /** @return Pitot's name of an event that a thread can count, else null */
        private @Nullable String climb(String asked) {
            Named found;
            try {
                found = catalogue.find(asked);
            } catch (UnknownEvent unknown) {
                refusals.put(asked, unknown.refusal);
                return null;
            }
            if (countable.containsKey(found.name())) {
                return found.name();
            }
            if (found.isOfWholeCpus()) {
                wholeCpus.add(found);
                return null;
            }
            List<Refusal> no = new ArrayList<>();
            List<Named.Source> sources = ladder.countable(found, no);
            if (sources.isEmpty()) {
                refusals.put(asked, no.get(0));
                return null;
            }
            if (!no.isEmpty()) {
                limits.add(new Refusal(
                        found.name() + " is counted on " + sources.get(0).pmu()
                                + " only, and what ran elsewhere is estimated from there: "
                                + no.get(0).reason(),
                        no.get(0).remedy(),
                        no.get(0).fix()));
            }
            refusals.remove(found.name());
            countable.put(found.name(), found.with(sources));
            return found.name();
        }

        private boolean isHostAllowed() {
            PerfEvent clock = new PerfEvent("the whole machine", PerfEvent.SOFTWARE, 0, 0, 0, 0, 0);
            hostRefusal = ladder.refusalOn(0, Named.of(clock).sources().get(0));
            return hostRefusal == null;
        }

        private Choice build(boolean withHost) {
            Lanes lanes = lanes();
            List<Named> ofUsual = new ArrayList<>();
            List<Named> byName = new ArrayList<>();
            List<Named> software = new ArrayList<>();
            Map<String, List<Named>> others = new LinkedHashMap<>();
            for (Named one : countable.values()) {
                Named.Source source = one.sources().get(0);
                if (one.isSoftware()) {
                    software.add(one);
                } else if (!lanes.isCore(source)) {
                    others.computeIfAbsent(source.pmu(), pmu -> new ArrayList<>())
                            .add(one);
                } else {
                    if (usual.contains(one.name())) {
                        ofUsual.add(one);
                    }
                    if (!usual.contains(one.name()) || named.contains(one.name())) {
                        byName.add(one);
                    }
                }
            }
            Grouping.Outcome outcome = ofUsual.isEmpty() && byName.isEmpty()
                    ? new Grouping.Outcome(List.of(), List.of(), true)
                    : new Grouping(kernel, ladder.flags(), lanes, withHost).find(ofUsual, byName, leaders());

            List<Bundle> bundles = new ArrayList<>(outcome.process());
            // Beside hardware events that take turns, or of one kind of core, they would be estimates too.
            boolean join = outcome.exact() && !lanes.hybrid() && !bundles.isEmpty();
            if (join) {
                bundles.set(0, with(bundles.get(0), software));
            } else if (!software.isEmpty()) {
                bundles.add(new Bundle(List.of(), software));
            }
            for (List<Named> ofPmu : others.values()) {
                bundles.add(new Bundle(List.of(), ofPmu));
            }
            List<Named> wanted = new ArrayList<>(countable.values());
            CounterPlan process = Bundle.plan(bundles, wanted, lanes);
            describe(process, outcome);
            CounterPlan span = span(outcome, software, lanes);
            CounterPlan host =
                    withHost ? host(outcome.process(), software, others.values(), lanes) : CounterPlan.NOTHING;
            refuseWholeCpus(host);
            return new Choice(
                    process,
                    span,
                    host,
                    ladder.isUserOnly(),
                    Collections.unmodifiableMap(refusals),
                    Collections.unmodifiableMap(spanRefusals),
                    hostRefusal,
                    List.copyOf(limits),
                    List.copyOf(crowded));
        }

        /** Which PMUs are those of cores is not asked where nothing of the hardware is counted. */
        private Lanes lanes() {
            List<String> names = new ArrayList<>();
            for (Named one : countable.values()) {
                if (!one.isSoftware()) {
                    for (Pmu pmu : catalogue.corePmus()) {
                        names.add(pmu.name());
                    }
                    break;
                }
            }
            return new Lanes(names.size() > 1, names);
        }

        private List<Named> leaders() {
            List<Named> leaders = new ArrayList<>();
            for (PerfEvent event : List.of(PerfEvent.CYCLES, PerfEvent.INSTRUCTIONS)) {
                Named known = countable.get(event.name());
                if (known != null) {
                    leaders.add(known);
                } else if (!refusals.containsKey(event.name())) {
                    try {
                        Named named = catalogue.find(event.name());
                        List<Named.Source> sources = ladder.countable(named, new ArrayList<>());
                        if (!sources.isEmpty()) {
                            leaders.add(named.with(sources));
                        }
                    } catch (UnknownEvent impossible) {
                        throw new IllegalStateException(impossible);
                    }
                }
            }
            return leaders;
        }

        private static Bundle with(Bundle bundle, List<Named> software) {
            List<Named> members = new ArrayList<>(bundle.members());
            members.addAll(software);
            return new Bundle(bundle.leaders(), members);
        }

        /** Says what the CPU has no room for, and whether the rest takes turns. */
        private void describe(CounterPlan process, Grouping.Outcome outcome) {
            missing(process, usual, refusals);
            if (ladder.isUserOnly() && !process.counters().isEmpty()) {
                limits.add(
                        Ladder.ofKernel("Only the user side is counted, as perf_event may not watch the kernel here"));
            }
            if (!outcome.exact() && !outcome.process().isEmpty()) {
                Refusal turns = ladder.standing()
                        .tooFew("The counters take turns on this CPU, so that values are scaled: it has too few");
                limits.add(turns);
                crowded.add(turns);
            }
        }

        private void missing(CounterPlan plan, Collection<String> names, Map<String, Refusal> to) {
            List<String> missing = new ArrayList<>();
            for (String name : names) {
                if (plan.counter(name) == null) {
                    missing.add(name);
                }
            }
            if (!missing.isEmpty()) {
                Refusal why =
                        ladder.standing().tooFew("The CPU has no free counters for " + String.join(", ", missing));
                crowded.add(why);
                for (String name : missing) {
                    to.put(name, why);
                }
            }
        }

        private CounterPlan span(Grouping.Outcome outcome, List<Named> software, Lanes lanes) {
            List<Named> hardware = outcome.thread();
            List<Named> always = new ArrayList<>();
            for (Named one : software) {
                if (named.contains(one.name())) {
                    always.add(one);
                }
            }
            for (PerfEvent event : List.of(PerfEvent.PAGE_FAULTS, PerfEvent.CONTEXT_SWITCHES)) {
                if (countable.containsKey(event.name())) {
                    continue;
                }
                Refusal known = refusals.get(event.name());
                List<Refusal> no = new ArrayList<>();
                Named one = Named.of(event);
                if (known == null && !ladder.countable(one, no).isEmpty()) {
                    always.add(one);
                } else {
                    spanRefusals.put(event.name(), known == null ? no.get(0) : known);
                }
            }
            List<Named> wanted = new ArrayList<>(hardware);
            wanted.addAll(always);
            List<Bundle> bundles = new ArrayList<>();
            // As in the process: what the kernel counts is not to become an estimate because the hardware takes turns.
            if ((lanes.hybrid() || !outcome.exact()) && !hardware.isEmpty()) {
                bundles.add(new Bundle(List.of(), hardware));
                if (!always.isEmpty()) {
                    bundles.add(new Bundle(List.of(), always));
                }
            } else if (!wanted.isEmpty()) {
                bundles.add(new Bundle(List.of(), wanted));
            }
            CounterPlan plan = Bundle.plan(bundles, wanted, lanes);
            List<String> expected = new ArrayList<>();
            for (Named one : countable.values()) {
                Named.Source source = one.sources().get(0);
                if (one.isSoftware() || plan.counter(one.name()) != null) {
                    continue;
                }
                if (!lanes.isCore(source) || one.isTopDown()) {
                    spanRefusals.put(
                            one.name(),
                            new Refusal(one.name() + " is counted for the process only, not for single requests", ""));
                } else if (named.contains(one.name()) || isOfSpan(one)) {
                    expected.add(one.name());
                }
            }
            missing(plan, expected, spanRefusals);
            return plan;
        }

        private static boolean isOfSpan(Named one) {
            for (PerfEvent event : PerfEvent.OF_THREAD) {
                if (event.name().equals(one.name())) {
                    return true;
                }
            }
            return false;
        }

        private CounterPlan host(
                List<Bundle> process, List<Named> software, Collection<List<Named>> others, Lanes lanes) {
            List<Bundle> bundles = new ArrayList<>(process);
            List<Named> wanted = new ArrayList<>(countable.values());
            if (!software.isEmpty()) {
                bundles.add(new Bundle(List.of(), software));
            }
            for (List<Named> ofPmu : others) {
                bundles.add(new Bundle(List.of(), ofPmu));
            }
            for (Named one : wholeCpus) {
                Named.Source first = one.sources().get(0);
                Refusal no = ladder.refusalOn(first.cpus().get(0), first);
                if (no == null) {
                    bundles.add(new Bundle(List.of(), List.of(one)));
                    wanted.add(one);
                } else {
                    refusals.put(one.name(), no);
                }
            }
            return Bundle.plan(bundles, wanted, lanes);
        }

        private void refuseWholeCpus(CounterPlan host) {
            Refusal denied = hostRefusal;
            for (Named one : wholeCpus) {
                if (host.counter(one.name()) != null || refusals.containsKey(one.name())) {
                    continue;
                }
                String reason = one.name() + " counts whole CPUs, whoever runs on them, and not a process";
                refusals.put(
                        one.name(),
                        denied == null
                                ? new Refusal(reason, "Set counters.host=true")
                                : new Refusal(reason + ": " + denied.reason(), denied.remedy(), denied.fix()));
            }
        }
    }
}
