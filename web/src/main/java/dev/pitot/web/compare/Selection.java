package dev.pitot.web.compare;

import java.time.DateTimeException;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What a side is of: {@code service=shop,version=1.4,-2h..-1h}.
 *
 * @param jvm null: by service and labels
 * @param service null: any
 * @param labels all of which a JVM has
 * @param window null: whatever there is
 */
public record Selection(
        String text,
        @Nullable UUID jvm,
        @Nullable String service,
        Map<String, String> labels,
        @Nullable Window window) {
    private static final Pattern TERM = Pattern.compile("(?:[^,\\s\"]|\"[^\"]*\")+");
    private static final Pattern RELATIVE = Pattern.compile("-(\\d{1,9})(s|m|h|d)");
    private static final Pattern UUID_FORM = Pattern.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}");
    private static final long LAST_MILLIS = 253_402_300_799_999L;

    /** {@code [from, to)}, milliseconds since the epoch. */
    public record Window(long from, long to) {
        /**
         * A window such as {@code -2h..-1h}, {@code 2026-11-25T10:00Z..now} or {@code 1764064800000..}.
         *
         * @throws IllegalArgumentException with a sentence
         */
        public static Window parse(String text, long now) {
            int dots = text.indexOf("..");
            if (dots < 0) {
                throw new IllegalArgumentException("A window is from..to, such as -2h..-1h, not '" + text + "'.");
            }
            String end = text.substring(dots + 2);
            Window window = new Window(time(text.substring(0, dots), now), end.isEmpty() ? now : time(end, now));
            if (window.from >= window.to) {
                throw new IllegalArgumentException("The window '" + text + "' ends before it begins.");
            }
            return window;
        }

        private static long time(String text, long now) {
            Matcher relative = RELATIVE.matcher(text);
            long millis;
            if (text.equals("now")) {
                millis = now;
            } else if (relative.matches()) {
                long unit =
                        switch (relative.group(2)) {
                            case "s" -> 1_000;
                            case "m" -> 60_000;
                            case "h" -> 3_600_000;
                            default -> 86_400_000;
                        };
                millis = Math.max(0, now - Long.parseLong(relative.group(1)) * unit);
            } else if (text.matches("\\d{1,15}")) {
                millis = Long.parseLong(text);
            } else {
                millis = iso(text);
            }
            if (millis < 0 || millis > LAST_MILLIS) {
                throw new IllegalArgumentException("The time '" + text + "' is beyond what can be stored.");
            }
            return millis;
        }

        private static long iso(String text) {
            try {
                if (text.matches("\\d{4}-\\d\\d-\\d\\d")) {
                    return LocalDate.parse(text)
                            .atStartOfDay(ZoneOffset.UTC)
                            .toInstant()
                            .toEpochMilli();
                }
                Instant at = text.matches(".*(Z|[+-]\\d\\d:?\\d\\d)")
                        ? OffsetDateTime.parse(text).toInstant()
                        : LocalDateTime.parse(text).toInstant(ZoneOffset.UTC);
                return at.toEpochMilli();
            } catch (DateTimeException | ArithmeticException none) {
                throw new IllegalArgumentException(
                        "A time is -2h, now, 2026-11-25T10:00:00Z or milliseconds, not '" + text + "'.", none);
            }
        }
    }

    /**
     * Reads it.
     *
     * @param side {@code a} or {@code b}, for sentences
     * @param common the window when it has none of its own
     * @throws IllegalArgumentException with a sentence
     */
    public static Selection parse(String side, String text, long now, @Nullable Window common) {
        UUID jvm = null;
        String service = null;
        Map<String, String> labels = new LinkedHashMap<>();
        Window window = common;
        Matcher terms = TERM.matcher(text);
        int end = 0;
        while (terms.find()) {
            end = terms.end();
            String term = terms.group();
            int equals = term.indexOf('=');
            if (equals < 0 && term.contains("..")) {
                window = Window.parse(term, now);
                continue;
            }
            String name = equals < 0 ? "" : term.substring(0, equals);
            String value = term.substring(equals + 1).replace("\"", "");
            if (name.isEmpty() || value.isEmpty()) {
                throw new IllegalArgumentException("'" + term + "' in '" + side
                        + "' is neither jvm=ID, service=NAME, a label NAME=VALUE nor a window FROM..TO.");
            }
            if (name.equals("jvm")) {
                if (!UUID_FORM.matcher(value).matches()) {
                    throw new IllegalArgumentException("'" + value + "' in '" + side + "' is no id of a JVM.");
                }
                jvm = UUID.fromString(value);
            } else if (name.equals("service")) {
                service = value;
            } else {
                labels.put(name.startsWith("label.") ? name.substring(6) : name, value);
            }
        }
        if (!text.substring(end).isBlank() && !text.substring(end).matches("[,\\s]*")) {
            throw new IllegalArgumentException("A quotation mark in '" + side + "' has no other one.");
        }
        if (jvm == null && service == null && labels.isEmpty()) {
            throw new IllegalArgumentException(
                    "'" + side + "' must say what it is of: jvm=ID, service=NAME or a label NAME=VALUE.");
        }
        return new Selection(text.strip(), jvm, service, labels, window);
    }
}
