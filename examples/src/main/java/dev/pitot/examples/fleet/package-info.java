/** A fleet of JVMs that are not there: captures what one real agent sends, and sends it to a collector as hundreds of them would. */
@NullMarked
package dev.pitot.examples.fleet;

import org.jspecify.annotations.NullMarked;
