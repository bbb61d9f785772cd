package dev.pitot.agent.counters;

import java.util.List;

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

    /** Events scheduled together, the leader first. */
    record Group(List<PerfEvent> events) {
        Group {
            events = List.copyOf(events);
        }
    }

    /** One event of one group. */
    record Place(int group, int index) {}

    /**
     * A counter under the name that the configuration and the events use.
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

    int descriptorsPerThread() {
        return groups.stream().mapToInt(group -> group.events().size()).sum();
    }
}
