package dev.pitot.web;

import dev.pitot.web.compare.Comparison;
import dev.pitot.web.compare.Comparison.Change;
import dev.pitot.web.compare.Gate;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** A comparison for people: aligned text for a terminal, or markdown for a comment. */
final class CompareText {
    private static final List<String> HEAD = List.of("verdict", "of", "figure", "A", "B", "change", "95 % interval");
    private static final int MOST_ROWS = 20;
    private static final int WIDEST = 44;

    private final Comparison comparison;
    private final List<Gate.Result> gates;
    private final boolean markdown;
    private final boolean all;
    private final StringBuilder text = new StringBuilder();

    /** @param all whether figures without a clear change are shown too */
    CompareText(Comparison comparison, List<Gate.Result> gates, boolean markdown, boolean all) {
        this.comparison = comparison;
        this.gates = gates;
        this.markdown = markdown;
        this.all = all;
    }

    @Override
    public String toString() {
        gates.forEach(this::gate);
        if (!gates.isEmpty()) {
            text.append('\n');
        }
        side("A", comparison.a());
        side("B", comparison.b());
        text.append('\n');
        List<Change> clear = comparison.changes().stream()
                .filter(change -> all || change.isClear())
                .toList();
        List<Change> shown = all ? clear : clear.subList(0, Math.min(MOST_ROWS, clear.size()));
        if (shown.isEmpty()) {
            text.append("Nothing changed clearly.\n");
        } else {
            table(shown);
        }
        text.append('\n');
        rest(clear.size() - shown.size());
        only("A", comparison.onlyA());
        only("B", comparison.onlyB());
        comparison.notes().forEach(note -> text.append(note).append('\n'));
        return text.toString();
    }

    private void gate(Gate.Result result) {
        String word =
                switch (result.outcome()) {
                    case PASSED -> "passed ";
                    case FAILED -> "FAILED ";
                    case UNKNOWN -> "UNKNOWN";
                };
        text.append(
                markdown
                        ? "- **" + word.strip() + "** `" + result.gate().text() + "`"
                        : word + "  " + result.gate().text());
        if (!result.failing().isEmpty()) {
            Change first = result.failing().get(0);
            text.append(markdown ? ": " : "\n         ")
                    .append(name(first))
                    .append(' ')
                    .append(value(first, first.a()))
                    .append(" -> ")
                    .append(value(first, first.b()))
                    .append(" (")
                    .append(change(first, first.change()))
                    .append(", ")
                    .append(first.verdict())
                    .append(')');
            if (result.failing().size() > 1) {
                text.append(" and ").append(result.failing().size() - 1).append(" more");
            }
        } else if (result.outcome() == Gate.Outcome.UNKNOWN) {
            text.append(markdown ? ": " : "\n         ")
                    .append(
                            result.unmeasured().isEmpty()
                                    ? "nothing of that name is on both sides"
                                    : result.unmeasured().get(0).reason());
        }
        text.append('\n');
    }

    private void side(String name, Comparison.Side side) {
        text.append(markdown ? "- " : "")
                .append(name)
                .append(": ")
                .append(side.selection())
                .append(", ")
                .append(side.jvms())
                .append(side.jvms() == 1 ? " JVM, " : " JVMs, ")
                .append(Instant.ofEpochMilli(side.from()).truncatedTo(ChronoUnit.SECONDS))
                .append(" to ")
                .append(Instant.ofEpochMilli(side.to()).truncatedTo(ChronoUnit.SECONDS))
                .append(", ")
                .append(side.bins())
                .append(" bins of ")
                .append(side.bin() / 1000)
                .append(" s\n");
    }

    private void table(List<Change> shown) {
        List<List<String>> rows = new ArrayList<>();
        rows.add(HEAD);
        for (Change change : shown) {
            rows.add(List.of(
                    change.verdict(),
                    markdown ? name(change) : cut(name(change)),
                    change.metric(),
                    value(change, change.a()),
                    value(change, change.b()),
                    change(change, change.change()),
                    change.low() == null
                            ? change.reason()
                            : change(change, change.low()) + " to " + change(change, change.high())));
        }
        if (markdown) {
            for (int i = 0; i < rows.size(); i++) {
                text.append("| ")
                        .append(String.join(
                                " | ",
                                rows.get(i).stream()
                                        .map(cell -> cell.replace("|", "\\|"))
                                        .toList()))
                        .append(" |\n");
                text.append(i == 0 ? "| --- | --- | --- | ---: | ---: | ---: | --- |\n" : "");
            }
            return;
        }
        int[] widths = new int[HEAD.size()];
        rows.forEach(row -> {
            for (int i = 0; i < widths.length; i++) {
                widths[i] = Math.max(widths[i], row.get(i).length());
            }
        });
        for (List<String> row : rows) {
            StringBuilder line = new StringBuilder();
            for (int i = 0; i < widths.length; i++) {
                String blanks = " ".repeat(widths[i] - row.get(i).length());
                boolean right = i >= 3 && i <= 5;
                line.append(right ? blanks + row.get(i) : row.get(i) + blanks).append("  ");
            }
            text.append(line.toString().stripTrailing()).append('\n');
        }
    }

    private void rest(int more) {
        long unclear = count(Comparison.NO_CLEAR_CHANGE);
        long little = count(Comparison.TOO_LITTLE);
        if (more > 0) {
            text.append(more).append(" more changed clearly; see them with --all. ");
        }
        text.append(unclear)
                .append(" figures without a clear change, ")
                .append(little)
                .append(" with too little data; ")
                .append(comparison.tested())
                .append(" were tested together.\n");
        if (!all && little > 0 && unclear == 0 && comparison.tested() == 0) {
            comparison.changes().stream().findFirst().ifPresent(change -> text.append("Why: ")
                    .append(change.reason())
                    .append(".\n"));
        }
    }

    private long count(String verdict) {
        return comparison.changes().stream()
                .filter(change -> change.verdict().equals(verdict))
                .count();
    }

    private void only(String side, List<Comparison.Only> names) {
        if (!names.isEmpty()) {
            text.append("Only in ")
                    .append(side)
                    .append(": ")
                    .append(String.join(
                            ", ",
                            names.stream()
                                    .limit(5)
                                    .map(one -> one.kind() + " " + cut(one.key()))
                                    .toList()))
                    .append(names.size() > 5 ? " and " + (names.size() - 5) + " more" : "")
                    .append(".\n");
        }
    }

    private static String name(Change change) {
        return change.key().isEmpty()
                ? change.kind()
                : change.kind().equals("endpoint") ? change.key() : change.kind() + " " + change.key();
    }

    private static String cut(String name) {
        return name.length() <= WIDEST ? name : name.substring(0, WIDEST - 1) + "…";
    }

    private static String value(Change change, @Nullable Double value) {
        if (value == null) {
            return "-";
        }
        return switch (change.unit()) {
            case "share" -> digits(value * 100) + " %";
            case "B", "B/s" -> scaled(value) + change.unit();
            case "ms", "1/s", "CPUs" -> digits(value) + " " + change.unit();
            default -> scaled(value).strip();
        };
    }

    private static String scaled(double value) {
        String[] prefixes = {"", "k", "M", "G", "T"};
        int step = 0;
        double left = value;
        while (Math.abs(left) >= 10_000 && step < prefixes.length - 1) {
            left /= 1000;
            step++;
        }
        return digits(left) + " " + prefixes[step];
    }

    private static String digits(double value) {
        double size = Math.abs(value);
        int behind = size >= 1000 || value == 0 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : 3;
        return String.format(Locale.ROOT, "%." + behind + "f", value);
    }

    private static String change(Change change, @Nullable Double value) {
        if (value == null) {
            return "-";
        }
        return change.absolute() && !change.unit().equals("share")
                ? (value > 0 ? "+" : "") + value(change, value)
                : String.format(Locale.ROOT, change.absolute() ? "%+.2f pp" : "%+.1f %%", value * 100);
    }
}
