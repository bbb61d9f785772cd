package dev.pitot.agent.spans;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The header {@code tracestate} of W3C Trace Context, level 1, section 3.3, as it is passed on: what tracers have written for each
 * other, not looked into. Pure functions.
 */
final class TraceState {
    /** Characters that a participant should pass on at least (3.3.1.5), and Pitot does at most. */
    private static final int LONGEST = 512;

    private TraceState() {}

    /**
     * @param headers in the order in which they came, which are one list (RFC 9110, 5.3)
     * @return null when there is nothing to pass on, or nothing that may stand in a header
     */
    static @Nullable String of(@Nullable List<String> headers) {
        if (headers == null || headers.isEmpty()) {
            return null;
        }
        String all = headers.size() == 1 ? headers.get(0) : String.join(",", headers);
        if (all == null) {
            return null;
        }
        if (all.length() > LONGEST) {
            // Whole members, those on the left, which are the latest.
            int end = all.lastIndexOf(',', LONGEST);
            all = end < 0 ? "" : all.substring(0, end);
        }
        for (int i = 0; i < all.length(); i++) {
            char c = all.charAt(i);
            if (c != '\t' && (c < ' ' || c > '~')) {
                return null;
            }
        }
        all = all.strip();
        return all.isEmpty() ? null : all;
    }
}
