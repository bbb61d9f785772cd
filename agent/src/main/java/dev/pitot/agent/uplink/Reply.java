package dev.pitot.agent.uplink;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What the collector answered; keys it does not know are ignored, bad values count as absent.
 *
 * @param status HTTP status
 * @param retryAfterMillis from {@code Retry-After} in seconds, 0 when absent
 * @param collector whether it speaks this wire format: anything else that answers 200 is not a collector
 * @param durable offsets by chunk name
 * @param cadenceMillis 0 when absent
 */
record Reply(
        int status,
        long retryAfterMillis,
        boolean collector,
        Map<String, Long> durable,
        long cadenceMillis,
        long waitMillis,
        boolean helloWanted,
        boolean off,
        String message) {
    private static final long MAX_PAUSE = 600_000;
    /** A collector gone wrong must not make the agent post without a pause. */
    private static final long LEAST_CADENCE = 100;

    static Reply parse(int status, String retryAfter, String body) {
        Map<String, String> values = new LinkedHashMap<>();
        int at = 0;
        while (at < body.length()) {
            int end = body.indexOf('\n', at);
            end = end < 0 ? body.length() : end;
            int equals = body.indexOf('=', at);
            if (equals > at && equals < end) {
                values.put(
                        body.substring(at, equals),
                        body.substring(equals + 1, end)
                                .strip()
                                .replace("%0A", " ")
                                .replace("%0D", " ")
                                .replace("%25", "%"));
            }
            at = end + 1;
        }
        Map<String, Long> durable = new LinkedHashMap<>();
        for (String each : values.getOrDefault("durable", "").split(",")) {
            int colon = each.lastIndexOf(':');
            long offset = colon < 0 ? -1 : number(each.substring(colon + 1));
            if (offset >= 0) {
                durable.put(each.substring(0, colon), offset);
            }
        }
        return new Reply(
                status,
                Math.min(MAX_PAUSE, Math.max(0, number(retryAfter)) * 1000),
                "1".equals(values.get("wire")),
                durable,
                cadence(number(values.getOrDefault("cadence", ""))),
                Math.min(MAX_PAUSE, Math.max(0, number(values.getOrDefault("wait", "")))),
                "wanted".equals(values.get("hello")),
                "true".equals(values.get("off")),
                printable(values.getOrDefault("message", "")));
    }

    private static long cadence(long millis) {
        return millis <= 0 ? 0 : Math.min(MAX_PAUSE, Math.max(LEAST_CADENCE, millis));
    }

    private static long number(String text) {
        if (text.isEmpty() || text.length() > 18) {
            return -1;
        }
        try {
            return Long.parseLong(text);
        } catch (NumberFormatException malformed) {
            return -1;
        }
    }

    /** The message is printed on a terminal: no control characters, and not endless. */
    private static String printable(String text) {
        StringBuilder line = new StringBuilder();
        for (int i = 0; i < text.length() && i < 300; i++) {
            line.append(Character.isISOControl(text.charAt(i)) ? ' ' : text.charAt(i));
        }
        return line.toString();
    }
}
