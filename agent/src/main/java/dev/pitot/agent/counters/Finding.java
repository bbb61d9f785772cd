package dev.pitot.agent.counters;

import dev.pitot.agent.counters.Refusal.Fix;
import java.util.List;

/**
 * One line of what the doctor says: a fact about the machine or the process, or a rung of the ladder; as {@code pitot.Diagnosis} in
 * {@code docs/spec/events.md}. Texts are empty where there is nothing to say.
 *
 * @param events those that a rung can count, with the names that {@code perf list} prints; the detail says them too
 * @param how {@code read}, {@code tried}, or {@code concluded} from the kernel's rules
 * @param fix smallest change that removes the blocker
 */
public record Finding(
        String subject,
        boolean isRung,
        String state,
        String detail,
        List<String> events,
        String blocker,
        Fix fix,
        String how) {
    public Finding {
        events = List.copyOf(events);
    }

    static Finding fact(String subject, String detail) {
        return new Finding(subject, false, "", detail, List.of(), "", Fix.NONE, "read");
    }

    static Finding yes(String subject, String detail, String how) {
        return new Finding(subject, true, "yes", detail, List.of(), "", Fix.NONE, how);
    }

    static Finding partial(String subject, String detail, Refusal why, String how) {
        return new Finding(subject, true, "partial", detail, List.of(), why.reason(), why.fix(), how);
    }

    static Finding no(String subject, Refusal why, String how) {
        return new Finding(subject, true, "no", "", List.of(), why.reason(), why.fix(), how);
    }

    /** Yes, partial or no, by what there is and what is refused. */
    static Finding of(String subject, String detail, List<String> events, List<Refusal> refusals, String how) {
        Refusal why = Refusal.all(refusals);
        if (events.isEmpty()) {
            return no(subject, why == null ? new Refusal("Nothing of it is there", "") : why, how);
        }
        Finding plain = why == null ? yes(subject, detail, how) : partial(subject, detail, why, how);
        return new Finding(subject, true, plain.state, detail, events, plain.blocker, plain.fix, how);
    }

    /** Without the list of events, and with a detail and a blocker of so many characters at most. */
    public Finding shortened(int longest) {
        return new Finding(subject, isRung, state, cut(detail, longest), List.of(), cut(blocker, longest), fix, how);
    }

    private static String cut(String text, int longest) {
        if (text.length() <= longest) {
            return text;
        }
        int end = text.lastIndexOf(", ", longest - 3);
        return text.substring(0, end < 0 ? longest - 3 : end) + ", …";
    }
}
