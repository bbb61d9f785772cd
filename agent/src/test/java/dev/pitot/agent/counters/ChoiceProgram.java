package dev.pitot.agent.counters;

import dev.pitot.agent.config.CounterChoice;
import java.util.ArrayList;
import java.util.List;

/**
 * Prints what can be counted in the surroundings that it is started in, a line for each thing found. Arguments: {@code files} to
 * use up all file descriptors first, {@code host}, {@code default}, and names of events.
 */
public final class ChoiceProgram {
    private ChoiceProgram() {}

    public static void main(String[] args) {
        Refusal noLibrary = Libc.link();
        if (noLibrary != null) {
            print("library", noLibrary);
            return;
        }
        List<String> names = new ArrayList<>(List.of(args));
        boolean files = names.remove("files");
        boolean host = names.remove("host");
        boolean usual = names.remove("default");
        CounterChoice wanted = new CounterChoice(true, false, usual, names, 8, host);
        Choice choice = choose(wanted); // Loads all classes, which takes descriptors too.
        if (files) {
            while (Perf.open(PerfEvent.PAGE_FAULTS, 0, -1, Ladder.USER_ONLY, 0) >= 0) {
                // They end with the process.
            }
            choice = choose(wanted);
        }
        for (CounterPlan.Group group : choice.process().groups()) {
            List<String> events = group.events().stream().map(PerfEvent::name).toList();
            System.out.println("group " + String.join(" ", events));
        }
        choice.process().counters().forEach(counter -> System.out.println("counted " + counter.name()));
        choice.span().counters().forEach(counter -> System.out.println("span counted " + counter.name()));
        choice.refusals().forEach(ChoiceProgram::print);
        choice.spanRefusals().forEach((name, why) -> print("span " + name, why));
        choice.limits().forEach(limit -> print("limit", limit));
        if (choice.hostRefusal() != null) {
            print("host", choice.hostRefusal());
        }
        System.out.println("user only " + choice.userOnly());
    }

    private static Choice choose(CounterChoice wanted) {
        return Choice.of(wanted, Catalogue.ofThisMachine(), new Kernel.OfThisMachine());
    }

    private static void print(String name, Refusal why) {
        System.out.println(name + ": " + why.reason() + " | " + why.remedy() + " | "
                + why.fix().host() + " | " + why.fix().docker() + " | "
                + why.fix().kubernetes());
    }
}
