/** What a flag costs a JVM: start-up, memory and threads with and without it. */
@NullMarked
package dev.pitot.examples.cost;

import org.jspecify.annotations.NullMarked;
