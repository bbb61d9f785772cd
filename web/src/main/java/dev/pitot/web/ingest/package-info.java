/**
 * Takes what agents post: checks it, makes it durable, parses it and routes the events. See {@code docs/spec/wire.md}.
 */
@NullMarked
package dev.pitot.web.ingest;

import org.jspecify.annotations.NullMarked;
