/** A small real web shop to observe, and bounded load to drive at it. */
@NullMarked
package dev.pitot.examples;

import org.jspecify.annotations.NullMarked;
