/**
 * The collector's PostgreSQL: schema, partitions, the two transactions and the queries. See {@code docs/spec/data-model.md}.
 */
@NullMarked
package dev.pitot.web.store;

import org.jspecify.annotations.NullMarked;
