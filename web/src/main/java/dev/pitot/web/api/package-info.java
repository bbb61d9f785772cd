/** REST and WebSocket of the collector, and the files of the page. */
@NullMarked
package dev.pitot.web.api;

import org.jspecify.annotations.NullMarked;
