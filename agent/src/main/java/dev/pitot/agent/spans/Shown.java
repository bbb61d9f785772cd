package dev.pitot.agent.spans;

import dev.pitot.agent.config.ShownChoice;
import dev.pitot.events.HttpRequest;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * What the client of one request wrote, for its event, where the configuration asks for it. Filled by the thread that begins the request,
 * and masked only if an event is made of it.
 */
final class Shown {
    private static final int LONGEST_QUERY = 2000;
    private static final int LONGEST_HEADER = 500;
    private static final String MASK = "***";

    private @Nullable String query;
    private final StringBuilder headers = new StringBuilder();

    /** @param header in lower case, or null for the query string */
    void add(ShownChoice choice, @Nullable String header, String value) {
        if (header == null) {
            query = choice.query() && !value.isEmpty() ? bounded(value, LONGEST_QUERY) : null;
        } else {
            headers.append(headers.length() == 0 ? "" : "\n")
                    .append(header)
                    .append(": ")
                    .append(isSecret(header, choice.masked()) ? MASK : bounded(value, LONGEST_HEADER));
        }
    }

    void write(HttpRequest event, ShownChoice choice) {
        String asked = query;
        event.query = asked == null ? null : masked(asked, choice.masked());
        event.headers = headers.length() == 0 ? null : headers.toString();
    }

    private static String bounded(String text, int longest) {
        return text.length() <= longest ? text : text.substring(0, longest);
    }

    /** Those that are made to carry secrets (RFC 9110, 11; RFC 6265) whatever the masked names are. */
    private static boolean isSecret(String header, List<String> masked) {
        return header.equals("authorization")
                || header.equals("proxy-authorization")
                || header.equals("cookie")
                || contains(header, masked, "");
    }

    /** A query string, in which pairs are separated by {@code &} or {@code ;}, without the values of those that look like secrets. */
    static String masked(String query, List<String> words) {
        StringBuilder text = new StringBuilder(query.length());
        int from = 0;
        for (int at = 0; at <= query.length(); at++) {
            if (at < query.length() && query.charAt(at) != '&' && query.charAt(at) != ';') {
                continue;
            }
            int equals = query.indexOf('=', from);
            if (equals >= 0 && equals < at) {
                text.append(query, from, equals + 1);
                // A value may be a URL, with a query string of its own.
                boolean secret = contains(decoded(query.substring(from, equals)), words, "")
                        || contains(decoded(query.substring(equals + 1, at)), words, "=");
                text.append(secret ? MASK : query.substring(equals + 1, at));
            } else {
                text.append(query, from, at);
            }
            if (at < query.length()) {
                text.append(query.charAt(at));
            }
            from = at + 1;
        }
        return text.toString();
    }

    private static boolean contains(String text, List<String> words, String behind) {
        for (String word : words) {
            int at = text.indexOf(word);
            if (at >= 0 && text.indexOf(behind, at) >= 0) {
                return true;
            }
        }
        return false;
    }

    /** In lower case, each {@code %XX} as the character of that number, twice, as that is how a nested one is written. */
    private static String decoded(String text) {
        String once = text.indexOf('%') < 0 ? text : percent(text);
        return (once.indexOf('%') < 0 ? once : percent(once)).toLowerCase(Locale.ROOT);
    }

    private static String percent(String text) {
        StringBuilder decoded = new StringBuilder(text.length());
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            int high = c == '%' && i + 2 < text.length() ? Character.digit(text.charAt(i + 1), 16) : -1;
            int low = high < 0 ? -1 : Character.digit(text.charAt(i + 2), 16);
            if (low < 0) {
                decoded.append(c);
            } else {
                decoded.append((char) (high << 4 | low));
                i += 2;
            }
        }
        return decoded.toString();
    }
}
