package dev.pitot.agent.instrument;

import org.jspecify.annotations.Nullable;

/** Logging frameworks. */
final class LogNames implements Names {
    @Override
    public @Nullable String libraryOf(String name) {
        return switch (name) {
            case "java/util/logging/Logger" -> "JavaLogging";
            case "ch/qos/logback/classic/Logger" -> "Logback";
            case "org/apache/logging/log4j/core/Logger", "org/apache/logging/log4j/core/async/AsyncLogger" -> "Log4j";
            default -> null;
        };
    }
}
