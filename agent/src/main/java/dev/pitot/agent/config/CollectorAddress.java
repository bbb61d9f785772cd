package dev.pitot.agent.config;

import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Where the collector is. Taken apart by hand: {@code java.net.URI} knows no host with an underscore, which names of Compose services
 * and of Kubernetes have.
 *
 * @param tls whether it is {@code https}
 * @param host name or literal address, without the brackets of an IPv6 literal
 * @param path what stands before {@code /ingest/v1}: empty, or begins with a slash and does not end with one
 */
public record CollectorAddress(boolean tls, String host, int port, String path) {
    /** An address such as {@code http://host:7070} or {@code https://host/base}; null when it is none. */
    public static @Nullable CollectorAddress parse(String text) {
        String lower = text.toLowerCase(Locale.ROOT);
        boolean tls = lower.startsWith("https://");
        if (!tls && !lower.startsWith("http://")) {
            return null;
        }
        int start = text.indexOf("://") + 3;
        int slash = text.indexOf('/', start);
        String authority = text.substring(start, slash < 0 ? text.length() : slash);
        String path = slash < 0 ? "" : text.substring(slash);
        while (path.endsWith("/")) {
            path = path.substring(0, path.length() - 1);
        }
        for (int i = 0; i < path.length(); i++) {
            char c = path.charAt(i);
            if (c <= ' ' || c > '~' || "?#@\\\"<>^`{|}".indexOf(c) >= 0) {
                return null;
            }
        }
        boolean bracketed = authority.startsWith("[");
        int end = bracketed ? authority.indexOf(']') : authority.indexOf(':');
        if (bracketed && end < 0) {
            return null;
        }
        String host = bracketed ? authority.substring(1, end) : end < 0 ? authority : authority.substring(0, end);
        String rest = bracketed ? authority.substring(end + 1) : end < 0 ? "" : authority.substring(end);
        int port = rest.isEmpty() ? (tls ? 443 : 80) : port(rest);
        return isHost(host, bracketed) && port > 0 ? new CollectorAddress(tls, host, port, path) : null;
    }

    private static boolean isHost(String host, boolean bracketed) {
        for (int i = 0; i < host.length(); i++) {
            char c = host.charAt(i);
            boolean hex = c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F';
            boolean letter = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z';
            boolean fits = bracketed
                    // An interface may follow the address: fe80::1%eth0.
                    ? hex
                            || c == ':'
                            || c == '.'
                            || (host.indexOf('%') > 0 && host.indexOf('%') <= i && (letter || c == '%'))
                    : hex || letter || c == '.' || c == '-' || c == '_';
            if (!fits) {
                return false;
            }
        }
        return bracketed ? host.indexOf(':') >= 0 : !host.isEmpty() && host.length() <= 253;
    }

    /** A colon and 1 to 65535; -1 when it is not that. */
    private static int port(String text) {
        int port = 0;
        for (int i = 1; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c < '0' || c > '9' || i > 5) {
                return -1;
            }
            port = port * 10 + c - '0';
        }
        return text.charAt(0) == ':' && port <= 65_535 ? port : -1;
    }

    /** {@code host:port}, an IPv6 literal in brackets: the {@code Host} of a request. */
    public String authority() {
        return (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":" + port;
    }

    @Override
    public String toString() {
        return (tls ? "https://" : "http://") + authority() + path;
    }
}
