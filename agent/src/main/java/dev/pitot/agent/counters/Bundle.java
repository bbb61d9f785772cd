package dev.pitot.agent.counters;

import dev.pitot.agent.counters.CounterPlan.Counter;
import dev.pitot.agent.counters.CounterPlan.Group;
import dev.pitot.agent.counters.CounterPlan.Place;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Events that are to be counted side by side: one group, or one for each kind of core.
 *
 * @param leaders cycles and instructions, there for the sake of ratios; kinds of cores that count nothing else are left out
 * @param members what is wanted
 */
record Bundle(List<Named> leaders, List<Named> members) {
    Bundle {
        leaders = List.copyOf(leaders);
        members = List.copyOf(members);
    }

    private List<Named> all() {
        List<Named> all = new ArrayList<>(leaders);
        all.addAll(members);
        return all;
    }

    /** The groups, each under the kind of core that it belongs to; the same name for all where there is only one kind. */
    Map<String, Group> groups(Lanes lanes) {
        Map<String, List<PerfEvent>> events = new LinkedHashMap<>();
        Map<String, List<Integer>> cpus = new LinkedHashMap<>();
        for (Named member : members) {
            for (Named.Source source : member.sources()) {
                events.putIfAbsent(lanes.of(source), new ArrayList<>());
            }
        }
        for (Named named : all()) {
            for (Named.Source source : named.sources()) {
                String lane = lanes.of(source);
                List<PerfEvent> group = events.get(lane);
                if (group == null) {
                    continue;
                }
                if (!source.cpus().isEmpty()) {
                    cpus.put(lane, source.cpus());
                }
                PerfEvent leader = source.leader();
                if (leader != null && !group.contains(leader)) {
                    group.add(0, leader);
                }
                if (!source.isLeader()) {
                    group.add(source.event());
                }
            }
        }
        Map<String, Group> groups = new LinkedHashMap<>();
        for (Map.Entry<String, List<PerfEvent>> one : events.entrySet()) {
            groups.put(one.getKey(), new Group(one.getValue(), cpus.getOrDefault(one.getKey(), List.of())));
        }
        return groups;
    }

    /** Which kind of core, or which PMU, an event is of: only events of one lane can be in one group. */
    record Lanes(boolean hybrid, List<String> corePmus) {
        String of(Named.Source source) {
            return !hybrid && corePmus.contains(source.pmu()) ? "" : source.pmu();
        }

        boolean isCore(Named.Source source) {
            return corePmus.contains(source.pmu())
                    || (source.pmu().isEmpty() && source.event().type() != PerfEvent.SOFTWARE);
        }
    }

    /**
     * The plan of some bundles.
     *
     * @param wanted names in the order wanted; those that no bundle holds are left out
     */
    static CounterPlan plan(List<Bundle> bundles, List<Named> wanted, Lanes lanes) {
        List<Group> groups = new ArrayList<>();
        List<List<Place>> places = new ArrayList<>();
        List<List<PerfEvent>> placed = new ArrayList<>();
        for (int i = 0; i < wanted.size(); i++) {
            places.add(new ArrayList<>());
            placed.add(new ArrayList<>());
        }
        for (Bundle bundle : bundles) {
            Map<String, Integer> numbers = new LinkedHashMap<>();
            for (Map.Entry<String, Group> group : bundle.groups(lanes).entrySet()) {
                numbers.put(group.getKey(), groups.size());
                groups.add(group.getValue());
            }
            for (Named named : bundle.all()) {
                int at = indexOf(wanted, named.name());
                for (Named.Source source : named.sources()) {
                    Integer number = numbers.get(lanes.of(source));
                    PerfEvent event = source.event();
                    // A leader is in several groups, and counted once.
                    if (at < 0 || number == null || placed.get(at).contains(event)) {
                        continue;
                    }
                    placed.get(at).add(event);
                    PerfEvent inGroup = source.isLeader() && source.leader() != null ? source.leader() : event;
                    int index = indexOf(groups.get(number), inGroup);
                    places.get(at).add(new Place(number, index));
                }
            }
        }
        List<Counter> counters = new ArrayList<>();
        for (int i = 0; i < wanted.size(); i++) {
            Named named = wanted.get(i);
            if (!places.get(i).isEmpty()) {
                counters.add(new Counter(named.name(), named.unit(), named.scale(), places.get(i)));
            }
        }
        return new CounterPlan(groups, counters);
    }

    private static int indexOf(Group group, PerfEvent event) {
        for (int i = 0; i < group.events().size(); i++) {
            // The first equals of a record costs a JVM milliseconds, and on a machine without a PMU this is enough.
            if (group.events().get(i) == event) {
                return i;
            }
        }
        return group.events().indexOf(event);
    }

    private static int indexOf(List<Named> wanted, String name) {
        for (int i = 0; i < wanted.size(); i++) {
            if (wanted.get(i).name().equals(name)) {
                return i;
            }
        }
        return -1;
    }
}
