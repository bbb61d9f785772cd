package dev.pitot.web.store;

/**
 * Name of a chunk within its JVM, by the chunk's header.
 *
 * @param startNanos nanoseconds since the epoch
 * @param startTicks the same in ticks of the JVM's clock
 */
public record Chunk(long startNanos, long startTicks) {
    /** {@code <startNanos>.<startTicks>}, as on the wire. */
    @Override
    public String toString() {
        return startNanos + "." + startTicks;
    }
}
