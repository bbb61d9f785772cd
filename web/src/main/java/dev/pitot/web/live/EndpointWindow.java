package dev.pitot.web.live;

import java.util.List;

/** Endpoints over {@code [from, to)}, milliseconds since the epoch, the JVM's clock. */
public record EndpointWindow(long from, long to, List<Endpoint> endpoints) {}
