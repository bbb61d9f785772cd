package dev.pitot.agent.instrument;

import org.jspecify.annotations.Nullable;

/** Logging frameworks. */
final class LogNames implements Names {
    @Override
    public @Nullable String libraryOf(String name) {
        return null;
    }
}
