/**
 * What a scraper is told: the collector's own state, and the newest values of each JVM. See {@code docs/monitor-the-collector.md}.
 */
@NullMarked
package dev.pitot.web.metrics;

import org.jspecify.annotations.NullMarked;
