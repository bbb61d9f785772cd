package dev.pitot.agent.spans;

import org.jspecify.annotations.Nullable;

/** The header {@code traceparent} of W3C Trace Context, level 1, section 3.2. Pure functions. */
final class TraceParent {
    /** Version, trace id, parent id and flags: {@code 00-<32>-<16>-<2>}. */
    private static final int LENGTH = 55;

    private static final int LONGEST = 512;

    private TraceParent() {}

    /** Whether this is a header that the specification allows; a later version may say more behind what is known. */
    static boolean isValid(String header) {
        if (header.length() < LENGTH || header.length() > LONGEST || header.startsWith("ff")) {
            return false;
        }
        if (header.length() > LENGTH && (header.startsWith("00") || header.charAt(LENGTH) != '-')) {
            return false;
        }
        for (int i = 0; i < LENGTH; i++) {
            char c = header.charAt(i);
            if (i == 2 || i == 35 || i == 52) {
                if (c != '-') {
                    return false;
                }
            } else if (!(c >= '0' && c <= '9' || c >= 'a' && c <= 'f')) {
                return false;
            }
        }
        for (int i = LENGTH; i < header.length(); i++) {
            if (header.charAt(i) < '!' || header.charAt(i) > '~') {
                return false; // It is sent on as it is: nothing that a header may not hold (RFC 9110, 5.5).
            }
        }
        return !isZero(header, 3, 35) && !isZero(header, 36, 52);
    }

    private static boolean isZero(String header, int from, int to) {
        for (int i = from; i < to; i++) {
            if (header.charAt(i) != '0') {
                return false;
            }
        }
        return true;
    }

    /** @param header a valid one, or null */
    static @Nullable String traceId(@Nullable String header) {
        return header == null ? null : header.substring(3, 35);
    }

    static @Nullable String parentId(@Nullable String header) {
        return header == null ? null : header.substring(36, 52);
    }
}
