package dev.pitot.agent.instrument;

import org.jspecify.annotations.Nullable;

/** HTTP clients. */
final class CallNames implements Names {
    @Override
    public @Nullable String libraryOf(String name) {
        return null;
    }
}
