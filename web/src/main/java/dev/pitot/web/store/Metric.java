package dev.pitot.web.store;

import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Something that can be charted: a field of an event type, or what is computed of several.
 *
 * @param name as it is asked for
 * @param type event type whose rows of the tiers it is made of
 * @param unit empty when it is not known
 * @param definition one sentence or formula for people
 */
public record Metric(String name, String type, Formula formula, String unit, String definition) {
    /** How a value comes from rows. */
    public sealed interface Formula {}

    /**
     * The values of a field.
     *
     * @param scale units of the metric in one unit of the field
     */
    public record Values(String field, double scale) implements Formula {}

    /**
     * A quotient of sums, so that a busy second weighs more than an idle one. An operand {@code field#n} is the number of values of
     * the field, {@code field?} its sum or zero; a row that lacks another operand is left out.
     */
    public record Quotient(double scale, List<String> over, List<String> under) implements Formula {}

    /** Cycles by the CPU time in which they were counted: the user time alone with {@code perf, user only}. */
    public record Frequency() implements Formula {}

    /**
     * A sum by the time that went by, of all who have it together.
     *
     * @param scale units of the metric in one unit of the field
     */
    public record PerSecond(String field, double scale) implements Formula {}

    private static final List<String> FREQUENCY = List.of("cycles", "userTime", "systemTime", "hardwareSource");

    /** The fields of the row that it needs. */
    Set<String> fields() {
        Set<String> fields = new LinkedHashSet<>();
        if (formula instanceof Values values) {
            fields.add(values.field());
        } else if (formula instanceof PerSecond rate) {
            fields.add(rate.field());
        } else if (formula instanceof Quotient quotient) {
            quotient.over().forEach(operand -> fields.add(field(operand)));
            quotient.under().forEach(operand -> fields.add(field(operand)));
        } else {
            fields.addAll(FREQUENCY);
        }
        return fields;
    }

    private static String field(String operand) {
        return operand.endsWith("#n")
                ? operand.substring(0, operand.length() - 2)
                : operand.endsWith("?") ? operand.substring(0, operand.length() - 1) : operand;
    }

    /** Dividend and divisor of a row; null when it lacks one of them. */
    double @Nullable [] quotient(Rollup row) {
        if (formula instanceof Quotient quotient) {
            double over = sum(row, quotient.over());
            double under = sum(row, quotient.under());
            return Double.isNaN(over) || Double.isNaN(under) ? null : new double[] {quotient.scale() * over, under};
        }
        double cycles = operand(row, "cycles");
        double user = operand(row, "userTime");
        double system = operand(row, "systemTime?");
        String source = row.text("hardwareSource");
        if (Double.isNaN(cycles) || Double.isNaN(user) || source == null || source.equals(Rollup.VARIES)) {
            return null;
        }
        return new double[] {cycles, source.equals("perf, user only") ? user : user + system};
    }

    private static double sum(Rollup row, List<String> operands) {
        double sum = 0;
        for (String operand : operands) {
            sum += operand(row, operand);
        }
        return sum;
    }

    private static double operand(Rollup row, String operand) {
        String field = field(operand);
        Rollup.Spread spread = row.spread(field);
        if (operand.endsWith("#n")) {
            return spread == null ? Double.NaN : spread.n();
        }
        double value = spread == null ? row.total(field) : spread.sum();
        return Double.isNaN(value) && operand.endsWith("?") ? 0 : value;
    }
}
