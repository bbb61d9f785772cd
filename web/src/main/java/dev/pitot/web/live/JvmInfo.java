package dev.pitot.web.live;

import java.util.Map;
import java.util.UUID;

/**
 * Who a JVM is, from the {@code hello.*} lines of the wire format.
 *
 * @param startedMillis start of the JVM, milliseconds since the epoch
 */
public record JvmInfo(
        UUID id,
        String service,
        String host,
        long pid,
        long startedMillis,
        String agentVersion,
        String javaVersion,
        String jvmName,
        Map<String, String> labels) {}
