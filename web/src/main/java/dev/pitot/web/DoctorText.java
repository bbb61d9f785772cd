package dev.pitot.web;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The doctor's report for a person: facts, then rungs, in columns. */
final class DoctorText {
    private static final int WIDTH = 110;

    private final StringBuilder text = new StringBuilder();
    /** What is in the way with its fix, and fixes alone, to the rung at which it was told first. */
    private final Map<String, String> told = new HashMap<>();

    DoctorText(JsonNode findings, @Nullable JavaProcess target) {
        text.append("What can be counted here by ")
                .append(
                        target == null
                                ? "this user"
                                : "process " + target.pid() + " (" + target.main() + ") of the user " + target.user())
                .append(", and what is in the way\n\n");
        int widest = 0;
        for (JsonNode finding : findings) {
            widest = Math.max(widest, finding.path("subject").asText().length());
        }
        String facts = "  %-" + widest + "s  ";
        String rungs = "  %-7s  %-" + widest + "s  ";
        for (JsonNode finding : findings) {
            if (finding.path("category").asText().equals("fact")) {
                line(String.format(facts, of(finding, "subject")), of(finding, "detail"));
            }
        }
        text.append('\n');
        for (JsonNode finding : findings) {
            if (finding.path("category").asText().equals("rung")) {
                rung(finding, rungs, target != null);
            }
        }
    }

    private static String of(JsonNode finding, String field) {
        return finding.path(field).asText();
    }

    private void rung(JsonNode finding, String format, boolean showHow) {
        String head = String.format(format, of(finding, "state"), of(finding, "subject"));
        String indent = " ".repeat(head.length());
        String how = showHow ? " [" + of(finding, "how") + "]" : "";
        String detail = of(finding, "detail");
        String blocker = of(finding, "blocker");
        if (!detail.isEmpty()) {
            line(head, detail + how);
            head = indent;
            how = "";
        }
        if (blocker.isEmpty()) {
            return;
        }
        String host = of(finding, "fixOnHost");
        String docker = of(finding, "fixInDocker");
        String kubernetes = of(finding, "fixInKubernetes");
        String first = told.putIfAbsent(blocker + host + docker + kubernetes, of(finding, "subject"));
        if (first != null) {
            line(head, "As for " + first + "." + how);
            return;
        }
        line(head, blocker + "." + how);
        if (host.isEmpty() && docker.isEmpty() && kubernetes.isEmpty()) {
            return;
        }
        String above = told.putIfAbsent(host + docker + kubernetes, of(finding, "subject"));
        if (above != null) {
            line(indent, "fix: as for " + above);
        } else if (host.equals(docker) && host.equals(kubernetes)) {
            line(indent, "fix: " + host);
        } else {
            fix(indent, "host", host);
            fix(indent, "Docker", docker);
            fix(indent, "Kubernetes", kubernetes);
        }
    }

    private void fix(String indent, String place, String fix) {
        if (!fix.isEmpty()) {
            // In one piece, to be copied.
            text.append(indent)
                    .append(String.format("%-12s", place + ":"))
                    .append(fix)
                    .append('\n');
        }
    }

    /** Broken between words; what follows stands below the first word. */
    private void line(String head, String words) {
        String indent = " ".repeat(head.length());
        StringBuilder line = new StringBuilder(head);
        for (String word : words.split(" ")) {
            if (line.length() + word.length() > WIDTH && line.length() > indent.length()) {
                text.append(line.toString().stripTrailing()).append('\n');
                line = new StringBuilder(indent);
            }
            line.append(word).append(' ');
        }
        text.append(line.toString().stripTrailing()).append('\n');
    }

    @Override
    public String toString() {
        return text.toString();
    }
}
