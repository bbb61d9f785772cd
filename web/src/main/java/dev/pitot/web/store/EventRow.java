package dev.pitot.web.store;

/**
 * One stored event.
 *
 * @param tsMillis its start, milliseconds since the epoch, the chunk's clock
 * @param chunkStart its chunk ({@link ChunkRow#startNanos()})
 * @param chunkOffset its place in the chunk, bytes
 * @param dataJson its fields as a JSON object, see {@code docs/spec/data-model.md}
 */
public record EventRow(String type, long tsMillis, long chunkStart, long chunkOffset, String dataJson) {}
