package dev.pitot.agent.spans;

import org.jspecify.annotations.Nullable;

/**
 * Makes an endpoint's name of a raw request path when the server knows no pattern: segments that look like identifiers become
 * {@code {id}}, so that a million orders are one endpoint. Pure functions.
 */
final class RouteTemplate {
    static final int MAX_LENGTH = 200;
    private static final int MAX_SEGMENTS = 8;
    private static final int MAX_SEGMENT = 40;
    /** From this length on, letters mixed with digits are taken for a hash or a token. */
    private static final int LONG_SEGMENT = 16;
    /** From this length on, letters and digits in one piece are taken for a token, whatever they spell. */
    private static final int LONG_WORD = 20;
    /** A shorter word with this many digits is a number with decoration (order-4711, 2026-11-23). */
    private static final int MANY_DIGITS = 4;

    private static final String ID = "{id}";

    private RouteTemplate() {}

    /** @param path as it came on the wire, possibly hostile; null or empty is the root */
    static String of(@Nullable String path) {
        if (path == null || path.isEmpty()) {
            return "/";
        }
        if (path.equals("*")) {
            return path; // OPTIONS *
        }
        StringBuilder route = new StringBuilder(Math.min(path.length(), MAX_LENGTH) + 4);
        int segments = 0;
        int at = 0;
        int end = endOfPath(path);
        while (at < end) {
            int slash = path.indexOf('/', at);
            int next = slash < 0 || slash > end ? end : slash;
            int semicolon = path.indexOf(';', at);
            int stop = semicolon >= 0 && semicolon < next ? semicolon : next;
            if (stop > at) {
                if (++segments > MAX_SEGMENTS || route.length() + MAX_SEGMENT >= MAX_LENGTH) {
                    return route.append("/*").toString();
                }
                route.append('/');
                if (isIdentifier(path, at, stop)) {
                    route.append(ID);
                } else {
                    route.append(path, at, stop);
                }
            }
            at = next + 1;
        }
        return route.length() == 0 ? "/" : route.toString();
    }

    /** A pattern that the server gave, cut to a length that an event may carry. */
    static String bounded(String pattern) {
        return pattern.length() <= MAX_LENGTH ? pattern : pattern.substring(0, MAX_LENGTH);
    }

    private static int endOfPath(String path) {
        for (int i = 0; i < path.length(); i++) {
            if (path.charAt(i) == '?' || path.charAt(i) == '#') {
                return i;
            }
        }
        return path.length();
    }

    private static boolean isIdentifier(String path, int from, int to) {
        int length = to - from;
        if (length > MAX_SEGMENT) {
            return true;
        }
        int digits = 0;
        int letters = 0;
        int hex = 0;
        boolean upper = false;
        boolean lower = false;
        boolean pieces = false;
        for (int i = from; i < to; i++) {
            char c = path.charAt(i);
            if (c >= '0' && c <= '9') {
                digits++;
                hex++;
            } else if (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z') {
                letters++;
                upper |= c <= 'Z';
                lower |= c >= 'a';
                hex += c <= 'F' || c >= 'a' && c <= 'f' ? 1 : 0;
            } else if ("-._~$,+!*'()&".indexOf(c) < 0) {
                // An address, a pair of name and value, percent-encoded, or outside of what a path may hold: what
                // somebody typed, not what was coded.
                return true;
            } else {
                pieces = true;
            }
        }
        if (digits >= MANY_DIGITS || digits > 0 && letters == 0) {
            return true;
        }
        boolean mixed = digits > 0 && letters > 0;
        return length >= 8 && hex == length && mixed
                || length >= LONG_SEGMENT && hex == length
                || length >= LONG_SEGMENT && mixed && upper && lower
                || length >= LONG_WORD && !pieces;
    }
}
