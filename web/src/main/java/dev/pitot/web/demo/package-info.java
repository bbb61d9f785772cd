/** The example service of {@code demo}, in a JVM of its own, and the load on it. */
@NullMarked
package dev.pitot.web.demo;

import org.jspecify.annotations.NullMarked;
