package dev.pitot.agent.counters;

import java.util.ArrayList;
import java.util.List;

/**
 * What the counters of a plan say about one scope (the process, a kind of thread, a thread, a CPU) for the time between two
 * samples. Made once and filled anew each second by the sampler thread, which alone may read it.
 */
public final class Reading {
    private final CounterPlan plan;
    /** What it means that nothing was enabled: 0 for threads, none of which ran then; NaN for a CPU, which was not read. */
    private final double idle;

    final GroupSum[] groups;

    Reading(CounterPlan plan) {
        this(plan, 0);
    }

    /** A reading of CPUs, which are enabled all of the time. */
    static Reading ofCpus(CounterPlan plan) {
        return new Reading(plan, Double.NaN);
    }

    private Reading(CounterPlan plan, double idle) {
        this.plan = plan;
        this.idle = idle;
        groups = new GroupSum[plan.groups().size()];
        for (int g = 0; g < groups.length; g++) {
            groups[g] = new GroupSum(plan.groups().get(g).events().size());
        }
    }

    void clear() {
        for (GroupSum group : groups) {
            group.clear();
        }
    }

    void add(Reading other) {
        for (int g = 0; g < groups.length; g++) {
            groups[g].add(other.groups[g]);
        }
    }

    void subtract(Reading other) {
        for (int g = 0; g < groups.length; g++) {
            groups[g].subtract(other.groups[g]);
        }
    }

    /** Counters of the plan. */
    public int size() {
        return plan.counters().size();
    }

    public String name(int counter) {
        return plan.counters().get(counter).name();
    }

    public String unit(int counter) {
        return plan.counters().get(counter).unit();
    }

    /** Place of a counter by its name, or -1. */
    public int indexOf(String name) {
        for (int i = 0; i < size(); i++) {
            if (plan.counters().get(i).name().equals(name)) {
                return i;
            }
        }
        return -1;
    }

    /**
     * What was counted, scaled when multiplexed and by its PMU's own scale, summed over the kinds of cores. NaN when it should
     * have been counted and never was.
     */
    public double value(int counter) {
        CounterPlan.Counter wanted = plan.counters().get(counter);
        return valueOf(wanted.places()) * wanted.scale();
    }

    private double valueOf(List<CounterPlan.Place> places) {
        if (places.size() == 1) {
            GroupSum group = groups[places.get(0).group()];
            int event = places.get(0).index();
            return group.due(event) == 0 ? idle : group.value(event);
        }
        // An event of one kind of core is enabled and cannot count while its thread runs on the other kind: that is no
        // multiplexing. So what all of them counted stands for the time in which any of them did.
        double counted = 0;
        double ran = 0;
        double due = 0;
        for (int p = 0; p < places.size(); p++) {
            GroupSum group = groups[places.get(p).group()];
            int event = places.get(p).index();
            counted += group.counted(event);
            ran += group.ran(event);
            due = Math.max(due, group.due(event));
        }
        return due == 0 ? idle : ran == 0 ? Double.NaN : counted * Math.max(1, due / ran);
    }

    /** Part of the time in which it really counted, 0 to 1, on whichever kind of core; NaN when no thread ran. */
    public double running(int counter) {
        List<CounterPlan.Place> places = plan.counters().get(counter).places();
        double ran = 0;
        double due = 0;
        for (int p = 0; p < places.size(); p++) {
            ran += groups[places.get(p).group()].ran(places.get(p).index());
            due = Math.max(due, groups[places.get(p).group()].due(places.get(p).index()));
        }
        return due == 0 ? Double.NaN : Math.min(1, ran / due);
    }

    /** The least running share of all counters; NaN when there are none or no thread ran. */
    public double leastRunning() {
        double least = Double.NaN;
        for (int i = 0; i < size(); i++) {
            double share = running(i);
            least = Double.isNaN(least) || share < least ? share : least;
        }
        return least;
    }

    /** Cycles counted in the same group as a counter, over the same time; NaN when it has none. */
    public double cyclesBeside(int counter) {
        return besides(counter, PerfEvent.CYCLES);
    }

    /** Instructions counted in the same group as a counter, over the same time; NaN when it has none. */
    public double instructionsBeside(int counter) {
        return besides(counter, PerfEvent.INSTRUCTIONS);
    }

    private double besides(int counter, PerfEvent event) {
        List<CounterPlan.Place> beside = new ArrayList<>();
        for (CounterPlan.Place place : plan.counters().get(counter).places()) {
            CounterPlan.Place found = plan.beside(place, event);
            if (found != null) {
                beside.add(found);
            }
        }
        return beside.isEmpty() ? Double.NaN : valueOf(beside);
    }
}
