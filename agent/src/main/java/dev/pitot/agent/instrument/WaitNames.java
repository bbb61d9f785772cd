package dev.pitot.agent.instrument;

import org.jspecify.annotations.Nullable;

/** Methods of the JDK that block. */
final class WaitNames implements Names {
    @Override
    public @Nullable String libraryOf(String name) {
        return null;
    }
}
