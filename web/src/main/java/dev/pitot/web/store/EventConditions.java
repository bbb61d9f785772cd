package dev.pitot.web.store;

import java.math.BigDecimal;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What the fields of an event must be: {@code duration>100ms,status>=500,route^/checkout}, all of it. Immutable.
 *
 * <p>A value is compared as what it is in the event: numbers with numbers, texts with texts. Nothing of what a person writes becomes
 * part of a statement; it is all parameters.
 */
public final class EventConditions {
    private static final int MOST = 10;
    private static final int LONGEST = 1000;

    /** A field or, with dots, a field within one. */
    private static final Pattern FIELD = Pattern.compile("[\\p{L}_$][\\p{L}\\d_$]*(\\.[\\p{L}_$][\\p{L}\\d_$]*)*");

    private static final Pattern NUMBER = Pattern.compile("(-?\\d{1,18}(?:\\.\\d{1,18})?)\\s*([A-Za-zµ]*)");

    /** What a number with a unit is in an event: nanoseconds or bytes. */
    private static final Map<String, Long> UNITS = Map.ofEntries(
            Map.entry("", 1L),
            Map.entry("ns", 1L),
            Map.entry("us", 1_000L),
            Map.entry("µs", 1_000L),
            Map.entry("ms", 1_000_000L),
            Map.entry("s", 1_000_000_000L),
            Map.entry("min", 60_000_000_000L),
            Map.entry("h", 3_600_000_000_000L),
            Map.entry("B", 1L),
            Map.entry("kB", 1L << 10),
            Map.entry("KB", 1L << 10),
            Map.entry("MB", 1L << 20),
            Map.entry("GB", 1L << 30));

    private enum Operator {
        // Those of two characters first, as a text is tried against them in this order.
        NOT_EQUAL("!="),
        AT_LEAST(">="),
        AT_MOST("<="),
        EQUAL("="),
        MORE(">"),
        LESS("<"),
        CONTAINS("~"),
        BEGINS("^");

        final String sign;

        Operator(String sign) {
            this.sign = sign;
        }
    }

    /**
     * @param values as JSON: what the field may be to be equal, or the one number that it is compared with
     * @param text as it was written, for contains and begins
     */
    private record Condition(String field, Operator operator, List<String> values, String text) {}

    private final List<Condition> conditions;

    private EventConditions(List<Condition> conditions) {
        this.conditions = List.copyOf(conditions);
    }

    /** Conditions that cannot be understood; the message is a sentence for who wrote them. */
    public static final class Misunderstood extends Exception {
        private static final long serialVersionUID = 1L;

        Misunderstood(String sentence) {
            super(sentence, null, false, false);
        }
    }

    /** @param where separated by commas; a value in double quotes may hold some; empty: none */
    public static EventConditions parse(String where) throws Misunderstood {
        if (where.length() > LONGEST) {
            throw new Misunderstood("'where' has at most " + LONGEST + " characters, not " + where.length() + ".");
        }
        List<Condition> conditions = new ArrayList<>();
        int at = 0;
        while (at < where.length()) {
            int end = end(where, at);
            conditions.add(condition(where.substring(at, end).strip()));
            at = end + 1;
        }
        if (where.endsWith(",")) {
            throw new Misunderstood("'where' ends with a comma; there is a condition missing behind it.");
        }
        if (conditions.size() > MOST) {
            throw new Misunderstood("'where' has at most " + MOST + " conditions, not " + conditions.size() + ".");
        }
        return new EventConditions(conditions);
    }

    /** The comma behind a condition, or the end. */
    private static int end(String where, int from) throws Misunderstood {
        boolean quoted = false;
        for (int i = from; i < where.length(); i++) {
            char c = where.charAt(i);
            quoted ^= c == '"';
            if (c == ',' && !quoted) {
                return i;
            }
        }
        if (quoted) {
            throw new Misunderstood("A double quote in 'where' has no second one behind its value.");
        }
        return where.length();
    }

    private static Condition condition(String text) throws Misunderstood {
        Matcher field = FIELD.matcher(text);
        if (!field.lookingAt()) {
            throw new Misunderstood(
                    "A condition begins with the name of a field, as in duration>100ms; not so " + quoted(text) + ".");
        }
        String rest = text.substring(field.end()).strip();
        for (Operator operator : Operator.values()) {
            if (rest.startsWith(operator.sign)) {
                return condition(
                        field.group(),
                        operator,
                        rest.substring(operator.sign.length()).strip());
            }
        }
        throw new Misunderstood("Behind the field " + quoted(field.group())
                + " one of =, !=, <, <=, >, >=, ~ (contains) and ^ (begins with) is missing in " + quoted(text) + ".");
    }

    private static Condition condition(String field, Operator operator, String written) throws Misunderstood {
        boolean inQuotes = written.length() >= 2 && written.startsWith("\"") && written.endsWith("\"");
        String text = inQuotes ? written.substring(1, written.length() - 1) : written;
        boolean compared = operator == Operator.EQUAL || operator == Operator.NOT_EQUAL;
        if (text.isEmpty() && !(compared && inQuotes)) {
            throw new Misunderstood(
                    "A value is missing behind " + field + operator.sign + "; an empty text is written \"\".");
        }
        List<String> values = new ArrayList<>();
        Matcher number = NUMBER.matcher(text);
        if (!inQuotes && number.matches()) {
            Long unit = UNITS.get(number.group(2));
            if (unit != null) {
                values.add(new BigDecimal(number.group(1))
                        .multiply(BigDecimal.valueOf(unit))
                        .toPlainString());
            } else if (!compared) {
                throw new Misunderstood("'" + number.group(2)
                        + "' is no unit; there are ns, us, ms, s, min and h, and B, kB, MB and GB.");
            }
        }
        switch (operator) {
            case MORE, LESS, AT_LEAST, AT_MOST -> {
                if (values.isEmpty()) {
                    throw new Misunderstood("'" + operator.sign + "' compares numbers; " + quoted(text) + " for "
                            + quoted(field) + " is none.");
                }
            }
            default -> {
                StringBuilder json = new StringBuilder();
                Json.text(json, text);
                values.add(json.toString());
                if (!inQuotes && (text.equals("true") || text.equals("false"))) {
                    values.add(text);
                }
            }
        }
        return new Condition(field, operator, values, text);
    }

    private static String quoted(String text) {
        return "'" + (text.length() <= 80 ? text : text.substring(0, 80) + "…").replaceAll("\\p{Cntrl}", "?") + "'";
    }

    /** Fields that are asked for, of those within others the outer one, in the order in which they are named. */
    public List<String> fields() {
        return conditions.stream()
                .map(c -> c.field().split("\\.", 2)[0])
                .distinct()
                .toList();
    }

    /** True, false or null of a row {@code e} of {@code event}; the parameters are set by {@link #set}. */
    String sql() {
        StringBuilder sql = new StringBuilder("true");
        for (Condition condition : conditions) {
            sql.append(
                    switch (condition.operator()) {
                        // What could not be had is neither equal nor not equal to anything.
                        case EQUAL -> " and e.data #> ?::text[] = any(?::jsonb[])";
                        case NOT_EQUAL ->
                            " and e.data #> ?::text[] not in ('null') and e.data #> ?::text[] <> all(?::jsonb[])";
                        case CONTAINS -> " and strpos(e.data #>> ?::text[], ?) > 0";
                        case BEGINS -> " and starts_with(e.data #>> ?::text[], ?)";
                        case MORE -> number(">");
                        case LESS -> number("<");
                        case AT_LEAST -> number(">=");
                        case AT_MOST -> number("<=");
                    });
        }
        return sql.toString();
    }

    private static String number(String sign) {
        return " and jsonb_typeof(e.data #> ?::text[]) = 'number' and e.data #> ?::text[] " + sign + " ?::jsonb";
    }

    /** @return the number of the parameter behind the last one that was set */
    int set(PreparedStatement s, int first) throws SQLException {
        int at = first;
        for (Condition condition : conditions) {
            Object[] path = condition.field().split("\\.");
            Operator operator = condition.operator();
            s.setArray(at++, s.getConnection().createArrayOf("text", path));
            if (operator == Operator.CONTAINS || operator == Operator.BEGINS) {
                s.setString(at++, Json.storable(condition.text()));
                continue;
            }
            if (operator != Operator.EQUAL) {
                s.setArray(at++, s.getConnection().createArrayOf("text", path));
            }
            if (operator == Operator.EQUAL || operator == Operator.NOT_EQUAL) {
                s.setArray(
                        at++,
                        s.getConnection()
                                .createArrayOf("text", condition.values().toArray()));
            } else {
                s.setString(at++, condition.values().get(0));
            }
        }
        return at;
    }

    /** All of it, so that two that ask for the same are equal. */
    @Override
    public String toString() {
        return conditions.toString();
    }
}
