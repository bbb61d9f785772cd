/**
 * What the target JVM itself must see: the JFR event types of Pitot and the bridge that inlined advice calls. These classes
 * are loaded by the bootstrap class loader and depend on nothing but {@code java.base} and {@code jdk.jfr}. Names and
 * fields are a contract: {@code docs/spec/events.md} lists them and a test compares the two.
 *
 * <p>Conventions for a value that could not be had: {@code Double.NaN} in floating-point fields and {@code Long.MIN_VALUE} in
 * time spans and data amounts, which JFR's own tools print as N/A. A zero is always a measured zero.
 */
@NullMarked
package dev.pitot.events;

import org.jspecify.annotations.NullMarked;
