package dev.pitot.agent.counters;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What is to be counted on each thread (or CPU), and which events are opened and read together for it.
 *
 * @param groups each is one perf_event group: its members count at the same time or not at all
 * @param counters what a person sees, in the order wanted
 */
record CounterPlan(List<Group> groups, List<Counter> counters) {
    static final CounterPlan NOTHING = new CounterPlan(List.of(), List.of());

    CounterPlan {
        groups = List.copyOf(groups);
        counters = List.copyOf(counters);
    }

    /**
     * Events scheduled together, the leader first.
     *
     * @param cpus where to open it when whole CPUs are counted; empty for every CPU. Of no meaning when threads are
     */
    record Group(List<PerfEvent> events, List<Integer> cpus) {
        Group {
            events = List.copyOf(events);
            cpus = List.copyOf(cpus);
        }

        Group(List<PerfEvent> events) {
            this(events, List.of());
        }
    }

    /** One event of one group. */
    record Place(int group, int index) {}

    /**
     * A counter under the name that the configuration and the events use. Where it has several places, one for each kind of core,
     * a thread is enabled in all of them at once and runs in one: so add up values and running times first, and scale the sum by
     * the enabled time of one place. Scaled one by one they would add up to more than was done.
     *
     * @param name as {@code perf list} prints it
     * @param unit of {@code value * scale}, empty for a plain count
     * @param scale what its PMU wants a value to be multiplied by
     * @param places where it is counted, to be summed: one, or one for each kind of core
     */
    record Counter(String name, String unit, double scale, List<Place> places) {
        Counter {
            places = List.copyOf(places);
        }
    }

    /** Where an event is counted together with a place, or null: cycles beside cache misses, say. */
    @Nullable
    Place beside(Place place, PerfEvent event) {
        List<PerfEvent> events = groups.get(place.group()).events();
        for (int i = 0; i < events.size(); i++) {
            if (events.get(i).name().equals(event.name())) {
                return new Place(place.group(), i);
            }
        }
        return null;
    }

    /** The counter of a name, or null when it is not counted. */
    @Nullable
    Counter counter(String name) {
        for (Counter counter : counters) {
            if (counter.name().equals(name)) {
                return counter;
            }
        }
        return null;
    }

    List<String> names() {
        return counters.stream().map(Counter::name).toList();
    }

    /** Names of those counters that are no software events. */
    List<String> hardwareNames() {
        List<String> names = new ArrayList<>();
        for (Counter counter : counters) {
            Place place = counter.places().get(0);
            if (groups.get(place.group()).events().get(place.index()).type() != PerfEvent.SOFTWARE) {
                names.add(counter.name());
            }
        }
        return names;
    }

    /** A plan of one group in which each event is a counter. */
    static CounterPlan ofOneGroup(List<PerfEvent> events) {
        List<Counter> counters = new ArrayList<>();
        for (int i = 0; i < events.size(); i++) {
            counters.add(new Counter(events.get(i).name(), "", 1, List.of(new Place(0, i))));
        }
        return events.isEmpty() ? NOTHING : new CounterPlan(List.of(new Group(events)), counters);
    }

    /**
     * With less detail, for when descriptors are short: the first group alone, then its first two events, then nothing. The first
     * group holds what matters most.
     */
    CounterPlan smaller() {
        if (groups.size() > 1) {
            return keeping(groups.get(0).events().size());
        }
        return groups.isEmpty() || groups.get(0).events().size() <= 2 ? NOTHING : keeping(2);
    }

    private CounterPlan keeping(int events) {
        Group first = new Group(
                groups.get(0).events().subList(0, events), groups.get(0).cpus());
        List<Counter> kept = counters.stream()
                .filter(counter ->
                        counter.places().stream().allMatch(place -> place.group() == 0 && place.index() < events))
                .toList();
        return new CounterPlan(List.of(first), kept);
    }

    int descriptorsPerThread() {
        return groups.stream().mapToInt(group -> group.events().size()).sum();
    }
}
