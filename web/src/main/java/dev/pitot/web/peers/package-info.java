/** The other collectors on the same database: which there are, and what their memory holds. */
@NullMarked
package dev.pitot.web.peers;

import org.jspecify.annotations.NullMarked;
