package dev.pitot.web.store;

import java.util.UUID;

/** One event that {@link EventSearch} found, and of which JVM it is. */
public record FoundEvent(UUID jvm, EventRow event) {}
