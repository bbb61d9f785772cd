package dev.pitot.web.jfr;

import java.util.stream.IntStream;

/**
 * What one chunk may ask of the reader. Beyond a limit reading ends with a {@link JfrFormatException}: the bytes come
 * from another process, perhaps a broken or hostile one.
 *
 * @param eventBytes size of one event (not of metadata and of checkpoints, which {@code retainedBytes} bounds)
 * @param poolEntries constants kept in one chunk
 * @param retainedBytes what the reader keeps from one read to the next: the bytes of constants and of waiting events,
 *     and about what the types take
 * @param stringBytes size of one string, encoded
 * @param arrayLength elements of one array
 * @param stackFrames frames of one stack trace
 * @param depth structs and constants nested in each other
 * @param types types declared in one chunk
 * @param metadataBytes size of one metadata event; a JVM's is about 0.12 MB
 * @param metadataElements elements and attributes of one metadata event, and its strings: a few bytes of metadata are an
 *     object each
 */
public record Limits(
        int eventBytes,
        int poolEntries,
        int retainedBytes,
        int stringBytes,
        int arrayLength,
        int stackFrames,
        int depth,
        int types,
        int metadataBytes,
        int metadataElements) {

    /** Refuses limits that are not positive. */
    public Limits {
        if (IntStream.of(
                        eventBytes,
                        poolEntries,
                        retainedBytes,
                        stringBytes,
                        arrayLength,
                        stackFrames,
                        depth,
                        types,
                        metadataBytes,
                        metadataElements)
                .anyMatch(limit -> limit <= 0)) {
            throw new IllegalArgumentException("every limit must be positive");
        }
        if (depth > 200) {
            throw new IllegalArgumentException("depth " + depth + " could overflow a thread's stack; 200 at most");
        }
    }

    /** Well above what JDK 17 to 25 write into one chunk. */
    public static Limits standard() {
        return new Limits(4 << 20, 1 << 20, 64 << 20, 1 << 20, 1 << 16, 1 << 13, 100, 1 << 14, 4 << 20, 1 << 18);
    }
}
