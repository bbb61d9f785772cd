package dev.pitot.agent.config;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What single events carry of what clients and programs wrote, which is nothing unless it is asked for. Summaries and names never do.
 *
 * @param query query strings of requests
 * @param headers of requests, names in lower case
 * @param masked parts of names in lower case whose values are not shown all the same
 * @param literals statements with their literals
 */
public record ShownChoice(boolean query, List<String> headers, List<String> masked, boolean literals) {
    static final int MOST_HEADERS = 16;
    static final int MOST_MASKED = 64;

    static final List<String> MASKED = List.of(
            "passw",
            "passphrase",
            "pwd",
            "secret",
            "credential",
            "token",
            "key",
            "auth",
            "cookie",
            "session",
            "signature",
            "code",
            "otp");

    public static final ShownChoice NOTHING = new ShownChoice(false, List.of(), MASKED, false);

    public ShownChoice {
        headers = List.copyOf(headers);
        masked = List.copyOf(masked);
    }

    /** What leaves the JVM for it, as a sentence; null when that is nothing. */
    public @Nullable String said() {
        StringBuilder what = new StringBuilder();
        if (query) {
            what.append("query strings (http.query=true)");
        }
        if (!headers.isEmpty()) {
            what.append(what.length() == 0 ? "" : ", ")
                    .append("the headers ")
                    .append(String.join(", ", headers))
                    .append(" (http.headers)");
        }
        if (literals) {
            what.append(what.length() == 0 ? "" : ", ").append("literals of SQL statements (sql.literals=true)");
        }
        return what.length() == 0 ? null : "single events carry " + what;
    }
}
