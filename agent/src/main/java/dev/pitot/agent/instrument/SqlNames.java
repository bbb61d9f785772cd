package dev.pitot.agent.instrument;

import org.jspecify.annotations.Nullable;

/** JDBC drivers and connection pools. */
final class SqlNames implements Names {
    @Override
    public @Nullable String libraryOf(String name) {
        return null;
    }
}
