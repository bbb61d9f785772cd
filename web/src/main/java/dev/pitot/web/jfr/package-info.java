/**
 * Reads flight recordings while they are being written: one {@link dev.pitot.web.jfr.ChunkReader} per chunk, fed with
 * the bytes between two flushes.
 */
@NullMarked
package dev.pitot.web.jfr;

import org.jspecify.annotations.NullMarked;
