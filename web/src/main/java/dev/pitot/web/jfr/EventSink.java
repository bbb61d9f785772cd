package dev.pitot.web.jfr;

/** Takes the events of a {@link ChunkReader}, on the thread that calls it. */
@FunctionalInterface
public interface EventSink {
    /**
     * Takes one event.
     *
     * @param type its type; the same instance for every event of a type until its metadata changes
     * @param chunkOffset bytes from the start of the chunk to the event: its unique key within the chunk
     * @param event a view that is reused, valid during this call only; the values taken out of it stay valid
     * @throws JfrFormatException to give the chunk up, when the sink finds the event malformed
     */
    void event(EventType type, long chunkOffset, Event event) throws JfrFormatException;
}
