/** The stored bytes of a JVM's recording, handed back as {@code .jfr}. */
@NullMarked
package dev.pitot.web.archive;

import org.jspecify.annotations.NullMarked;
