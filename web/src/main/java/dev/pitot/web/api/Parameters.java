package dev.pitot.web.api;

import io.javalin.http.Context;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** What a request asks for, checked: each method refuses with a sentence that names the parameter. */
final class Parameters {
    private static final Pattern UUID_FORM =
            Pattern.compile("[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}");
    /** End of the year 9999: later times do not fit into what prints them. */
    static final long LAST_MILLIS = 253_402_300_799_999L;

    private Parameters() {}

    /** Refuses a query parameter that is none of these, naming the nearest one. */
    static void only(Context ctx, List<String> names) {
        for (String given : ctx.queryParamMap().keySet()) {
            if (!names.contains(given)) {
                throw Problem.badRequest("There is no parameter " + quoted(given) + " here; "
                        + (names.isEmpty()
                                ? "this address takes none."
                                : "did you mean '" + nearest(given, names) + "'? There are '"
                                        + String.join("', '", names) + "'."));
            }
        }
    }

    /** The one of these names that is most like what was given. */
    static String nearest(String given, List<String> names) {
        String start = given.length() <= 80 ? given : given.substring(0, 80);
        return names.stream()
                .min(Comparator.comparingInt(name -> distance(start.toLowerCase(Locale.ROOT), name)))
                .orElseThrow();
    }

    /** Whether a name is one of these with a letter or two mistyped, or in other case. */
    static boolean isNearAny(String given, List<String> names) {
        int most = given.length() < 5 ? 1 : 2;
        return given.length() <= 80
                && names.stream()
                        .anyMatch(name ->
                                distance(given.toLowerCase(Locale.ROOT), name.toLowerCase(Locale.ROOT)) <= most);
    }

    /** Letters to insert, remove or replace to make one of the other (Levenshtein). */
    private static int distance(String a, String b) {
        int[] row = IntStream.rangeClosed(0, b.length()).toArray();
        for (int i = 1; i <= a.length(); i++) {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.length(); j++) {
                int same = a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1;
                int least = Math.min(diagonal + same, 1 + Math.min(row[j], row[j - 1]));
                diagonal = row[j];
                row[j] = least;
            }
        }
        return row[b.length()];
    }

    /** {@code [from, to)}, milliseconds since the epoch. */
    record Window(long from, long to) {}

    static UUID jvm(Context ctx) {
        return uuid(ctx.pathParam("id"));
    }

    static UUID uuid(String text) {
        // UUID.fromString takes "1-1-1-1-1" as well.
        if (!UUID_FORM.matcher(text).matches()) {
            throw Problem.badRequest(
                    "The JVM's id is a UUID such as 123e4567-e89b-42d3-a456-426614174000, not " + quoted(text) + ".");
        }
        return UUID.fromString(text);
    }

    /**
     * @param defaultLength milliseconds before {@code to} (default: now) at which the window begins if there is no {@code from}
     * @param longest the longest window that is answered
     */
    static Window window(Context ctx, long now, long defaultLength, long longest) {
        long to = millis(ctx, "to", now);
        long from = millis(ctx, "from", Math.max(0, to - defaultLength));
        if (from >= to) {
            throw Problem.badRequest("'from' (" + from + ") must be before 'to' (" + to + ").");
        }
        if (to - from > longest) {
            throw Problem.badRequest("The window is " + (to - from) + " ms long; ask for at most " + longest + " ms ("
                    + longest / 3_600_000 + " h) at a time.");
        }
        return new Window(from, to);
    }

    static long millis(Context ctx, String name, long absent) {
        String text = one(ctx, name);
        return text == null ? absent : number(name, text, LAST_MILLIS, "milliseconds since the epoch");
    }

    static int whole(Context ctx, String name, int least, int most, int absent) {
        String text = one(ctx, name);
        if (text == null) {
            return absent;
        }
        long value = number(name, text, most, "a number from " + least + " to " + most);
        if (value < least) {
            throw Problem.badRequest(
                    "'" + name + "' must be a number from " + least + " to " + most + ", not " + quoted(text) + ".");
        }
        return (int) value;
    }

    private static long number(String name, String text, long most, String what) {
        if (text.isEmpty()
                || text.length() > 15
                || !text.chars().allMatch(c -> c >= '0' && c <= '9')
                || Long.parseLong(text) > most) {
            throw Problem.badRequest("'" + name + "' must be " + what + ", not " + quoted(text) + ".");
        }
        return Long.parseLong(text);
    }

    static String required(Context ctx, String name) {
        String text = one(ctx, name);
        if (text == null || text.isEmpty()) {
            throw Problem.badRequest("The parameter '" + name + "' is missing.");
        }
        return text;
    }

    /** The one value of a parameter, null when it is not given. */
    static @Nullable String one(Context ctx, String name) {
        var values = ctx.queryParams(name);
        if (values.size() > 1) {
            throw Problem.badRequest("The parameter '" + name + "' is given " + values.size() + " times.");
        }
        return values.isEmpty() ? null : values.get(0);
    }

    /** What was given, short and harmless enough for a sentence. */
    static String quoted(String text) {
        String cut = text.length() <= 80 ? text : text.substring(0, 80) + "…";
        return "'" + cut.replaceAll("\\p{Cntrl}", "?") + "'";
    }
}
