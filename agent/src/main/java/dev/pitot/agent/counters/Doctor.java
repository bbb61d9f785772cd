package dev.pitot.agent.counters;

import dev.pitot.agent.config.CounterChoice;
import dev.pitot.agent.status.StatusBoard;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * What can be counted here, and what is in the way: the report of {@code pitot doctor} and of {@code pitot.Diagnosis}. Says what
 * {@link Counters} opened, and opens each other event once and closes it again.
 */
public final class Doctor {
    private static final Path ROOT = Path.of("/");

    private Doctor() {}

    /** Of this process, in which these are the counters; by the thread that opened them or samples them. */
    public static List<Finding> examine(Counters counters) {
        return together(Situation.ofThisProcess(), Rungs.tried(counters.opened()));
    }

    /**
     * What may change while a process lives; another text means that it is worth to examine anew. Empty when it cannot be seen now,
     * for want of a file descriptor, say: what is found then would be wrong.
     */
    public static String changeable(Counters counters) {
        Situation self = Situation.ofThisProcess();
        Opened opened = counters.opened();
        if (self.seccomp().status() == null) {
            return "";
        }
        Refusal given = opened.ofFiles();
        return (given == null ? "" : given.reason()) + " " + self.paranoid() + " " + self.seccompMode() + " "
                + opened.ofProcess().size() + " " + opened.ofSpan().size();
    }

    private static List<Finding> together(Situation situation, List<Finding> rungs) {
        List<Finding> all = new ArrayList<>(situation.facts());
        all.addAll(rungs);
        return all;
    }

    /**
     * Prints the report as JSON on stdout. Run by the command {@code doctor} in a JVM of its own, by way of {@code
     * dev.pitot.agent.Diagnose}.
     *
     * @param args nothing for this process; a process number for what the kernel's rules say of that one; {@code tried} after it when this
     *     process was given the same privileges, so that it can try in its place
     */
    public static void main(String[] args) {
        Situation situation = new Situation(ROOT, args.length == 0 ? "self" : args[0]);
        List<Finding> rungs;
        if (args.length == 1) {
            rungs = Rungs.concluded(situation);
        } else {
            Counters counters = Counters.open(CounterChoice.DEFAULT, new StatusBoard());
            rungs = Rungs.tried(counters.opened());
            counters.close();
        }
        StringBuilder json = new StringBuilder("{\"findings\":[");
        for (Finding finding : together(situation, rungs)) {
            json.append(json.charAt(json.length() - 1) == '[' ? "\n" : ",\n").append('{');
            field(json, "category", finding.isRung() ? "rung" : "fact", false);
            field(json, "subject", finding.subject(), true);
            field(json, "state", finding.state(), true);
            field(json, "how", finding.how(), true);
            field(json, "detail", finding.detail(), true);
            json.append(",\"events\":[");
            for (int i = 0; i < finding.events().size(); i++) {
                string(json.append(i == 0 ? "" : ","), finding.events().get(i));
            }
            json.append(']');
            field(json, "blocker", finding.blocker(), true);
            field(json, "fixOnHost", finding.fix().host(), true);
            field(json, "fixInDocker", finding.fix().docker(), true);
            field(json, "fixInKubernetes", finding.fix().kubernetes(), true);
            json.append('}');
        }
        new PrintStream(System.out, true, StandardCharsets.UTF_8).println(json.append("\n]}"));
    }

    private static void field(StringBuilder json, String name, String value, boolean comma) {
        json.append(comma ? "," : "").append('"').append(name).append("\":");
        string(json, value);
    }

    private static void string(StringBuilder json, String value) {
        json.append('"');
        for (int i = 0; i < value.length(); i++) {
            char c = value.charAt(i);
            if (c == '"' || c == '\\') {
                json.append('\\').append(c);
            } else if (c < ' ') {
                json.append(String.format("\\u%04x", (int) c));
            } else {
                json.append(c);
            }
        }
        json.append('"');
    }
}
