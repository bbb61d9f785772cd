/** The last minutes of every JVM in memory, and the fan-out to the pages that watch them. */
@NullMarked
package dev.pitot.web.live;

import org.jspecify.annotations.NullMarked;
