package dev.pitot.agent.counters;

/**
 * One line of what the doctor says: a fact about the machine or the process, or a rung of the ladder; as {@code pitot.Diagnosis} in
 * {@code docs/spec/events.md}. Texts are empty where there is nothing to say.
 *
 * @param how {@code read}, {@code tried}, or {@code concluded} from the kernel's rules
 * @param fix smallest change that removes the blocker
 */
public record Finding(
        String subject, boolean isRung, String state, String detail, String blocker, Fix fix, String how) {
    /** The same for three kinds of places, each a command or a line of configuration. */
    public record Fix(String host, String docker, String kubernetes) {
        static final Fix NONE = new Fix("", "", "");

        static Fix everywhere(String text) {
            return new Fix(text, text, text);
        }
    }

    static Finding fact(String subject, String detail) {
        return new Finding(subject, false, "", detail, "", Fix.NONE, "read");
    }

    static Finding yes(String subject, String detail, String how) {
        return new Finding(subject, true, "yes", detail, "", Fix.NONE, how);
    }

    static Finding partial(String subject, String detail, Obstacle obstacle, String how) {
        return new Finding(subject, true, "partial", detail, obstacle.sentence(), obstacle.fix(), how);
    }

    static Finding no(String subject, Obstacle obstacle, String how) {
        return new Finding(subject, true, "no", "", obstacle.sentence(), obstacle.fix(), how);
    }
}
