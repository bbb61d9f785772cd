package dev.pitot.web.jfr;

/**
 * What one chunk may ask of the reader. Beyond a limit reading ends with a {@link JfrFormatException}: the bytes come
 * from another process, perhaps a broken or hostile one.
 *
 * @param eventBytes size of one event (not of metadata and checkpoints, which {@code retainedBytes} bounds)
 * @param poolEntries constants kept in one chunk
 * @param retainedBytes what the reader keeps from one read to the next: the bytes of constants and of waiting events,
 *     and the size of the metadata
 * @param stringBytes size of one string, encoded
 * @param arrayLength elements of one array
 * @param stackFrames frames of one stack trace
 * @param depth structs and constants nested in each other
 * @param types types declared in one chunk
 */
public record Limits(
        int eventBytes,
        int poolEntries,
        int retainedBytes,
        int stringBytes,
        int arrayLength,
        int stackFrames,
        int depth,
        int types) {

    /** Refuses limits that are not positive. */
    public Limits {
        if (Math.min(
                        Math.min(Math.min(eventBytes, poolEntries), Math.min(retainedBytes, stringBytes)),
                        Math.min(Math.min(arrayLength, stackFrames), Math.min(depth, types)))
                <= 0) {
            throw new IllegalArgumentException("every limit must be positive");
        }
        if (depth > 200) {
            throw new IllegalArgumentException("depth " + depth + " could overflow a thread's stack; 200 at most");
        }
    }

    /** Well above what JDK 17 to 25 write into one chunk. */
    public static Limits standard() {
        return new Limits(4 << 20, 1 << 20, 64 << 20, 1 << 20, 1 << 16, 1 << 13, 100, 1 << 14);
    }
}
