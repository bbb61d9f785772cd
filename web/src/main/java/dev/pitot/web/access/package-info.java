/** Who may do what: the two tokens, one-time login codes and the sessions that a login makes. */
@NullMarked
package dev.pitot.web.access;

import org.jspecify.annotations.NullMarked;
