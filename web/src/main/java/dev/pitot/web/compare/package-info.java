/**
 * Whether one version of a service costs more than another: the statistics of it, and the gate for CI. Pure: no database, no
 * HTTP. The method is in {@code docs/adr/0018-comparison.md}.
 */
@NullMarked
package dev.pitot.web.compare;

import org.jspecify.annotations.NullMarked;
