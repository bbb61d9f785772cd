package dev.pitot.agent.instrument;

import org.jspecify.annotations.Nullable;

/**
 * Which classes the libraries of one kind are about, by name alone: asked for every class that is loaded, on the application's
 * threads, before Byte Buddy is there. Names are internal, with slashes.
 */
interface Names {
    /** Simple name of the {@link Library} that this class belongs to, or null. */
    @Nullable
    String libraryOf(String name);

    /** Whether the class file of such a name may be what the name promises: a quick look, before Byte Buddy is there. */
    default boolean isLikely(byte[] classFile) {
        return true;
    }

    /** Whether a class of this name means that one of the above is certain to come soon. */
    default boolean heralds(String name) {
        return false;
    }
}
