package dev.pitot.web.store;

import java.time.LocalDate;
import org.jspecify.annotations.Nullable;

/**
 * Watermarks of a chunk.
 *
 * @param chunkTicks orders the chunks of a JVM, whatever was done to its clock
 * @param day the partition of its segments
 * @param boundary it can be parsed up to here
 * @param parsed events up to here are stored
 * @param block samples up to here are in stored blocks
 * @param open more may come
 * @param parsedOut nothing is left to parse
 * @param parseError why it could not be parsed beyond {@code parsed}, or null
 */
public record Progress(
        long chunkStart,
        long chunkTicks,
        LocalDate day,
        long boundary,
        long parsed,
        long block,
        boolean open,
        boolean parsedOut,
        @Nullable String parseError) {}
