package dev.pitot.examples.fleet;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What the collector answered to a post.
 *
 * @param status HTTP status
 * @param retryAfterMillis 0 when absent
 * @param durable offsets by chunk name
 * @param cadenceMillis 0 when absent
 * @param waitMillis 0 when absent
 * @param off the collector wants nothing more of this JVM
 * @param message for a person; empty when there is none
 */
record Answer(
        int status,
        long retryAfterMillis,
        Map<String, Long> durable,
        long cadenceMillis,
        long waitMillis,
        boolean helloWanted,
        boolean off,
        String message) {

    /** @throws NumberFormatException when it is none of a collector */
    static Answer parse(int status, String retryAfter, String body) {
        Map<String, String> values = new LinkedHashMap<>();
        for (String line : body.split("\n")) {
            int equals = line.indexOf('=');
            if (equals > 0) {
                values.put(line.substring(0, equals), line.substring(equals + 1));
            }
        }
        Map<String, Long> durable = new LinkedHashMap<>();
        for (String each : values.getOrDefault("durable", "").split(",")) {
            int colon = each.lastIndexOf(':');
            if (colon > 0) {
                durable.put(each.substring(0, colon), Long.parseLong(each.substring(colon + 1)));
            }
        }
        return new Answer(
                status,
                retryAfter.isEmpty() ? 0 : Long.parseLong(retryAfter) * 1000,
                durable,
                Long.parseLong(values.getOrDefault("cadence", "0")),
                Long.parseLong(values.getOrDefault("wait", "0")),
                "wanted".equals(values.get("hello")),
                "true".equals(values.get("off")),
                values.getOrDefault("message", ""));
    }
}
