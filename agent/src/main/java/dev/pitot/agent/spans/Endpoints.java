package dev.pitot.agent.spans;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * Finds the endpoint of a request without allocating for one seen before. Memory is bounded whatever paths a client makes up:
 * at most {@code maxRoutes} endpoints, then one {@code other} per method, and a fixed number of remembered paths. Thread-safe.
 */
final class Endpoints {
    private static final String OTHER_ROUTE = "other";
    private static final String[] METHODS = {
        "GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS", "TRACE", "CONNECT", "OTHER"
    };
    private static final int OTHER_METHOD = METHODS.length - 1;
    /** Slots of the path memory, a power of two; a newer path takes the slot of an older one with the same hash. */
    private static final int PATHS = 1024;

    private static final int LONGEST_REMEMBERED = 256;

    /** The endpoints of one route, by method. */
    private static final class Route {
        final String name;
        final AtomicReferenceArray<@Nullable Endpoint> byMethod = new AtomicReferenceArray<>(METHODS.length);

        Route(String name) {
            this.name = name;
        }
    }

    private record KnownPath(String path, Route route) {}

    private final int maxRoutes;
    private final AtomicInteger kept = new AtomicInteger();
    private final ConcurrentHashMap<String, Route> routes = new ConcurrentHashMap<>();
    private final Route other = new Route(OTHER_ROUTE);
    private final AtomicReferenceArray<@Nullable KnownPath> paths = new AtomicReferenceArray<>(PATHS);
    /** Every endpoint ever made, so that the sampler need not walk the map. */
    private final List<Endpoint> all = new ArrayList<>();

    Endpoints(int maxRoutes) {
        this.maxRoutes = maxRoutes;
    }

    /**
     * @param pattern the server's own, or null
     * @param path raw, used when there is no pattern
     */
    Endpoint find(@Nullable String method, @Nullable String pattern, @Nullable String path) {
        int verb = indexOf(method);
        Route route = pattern != null ? routeOf(pattern) : routeOfPath(path == null ? "" : path);
        Endpoint endpoint = route.byMethod.get(verb);
        return endpoint != null ? endpoint : create(route, verb);
    }

    private Route routeOfPath(String path) {
        int slot = (path.hashCode() * 0x9E3779B9) >>> 22;
        KnownPath known = paths.get(slot);
        if (known != null && known.path().equals(path)) {
            return known.route();
        }
        Route route = routeOf(RouteTemplate.of(path));
        if (path.length() <= LONGEST_REMEMBERED) {
            paths.set(slot, new KnownPath(path, route));
        }
        return route;
    }

    private Route routeOf(String name) {
        Route route = routes.get(name);
        if (route != null) {
            return route;
        }
        if (kept.get() >= maxRoutes) {
            return other;
        }
        String bounded = RouteTemplate.bounded(name);
        Route fresh = new Route(bounded);
        Route raced = routes.putIfAbsent(bounded, fresh);
        return raced != null ? raced : fresh;
    }

    private Endpoint create(Route route, int verb) {
        Route at = route;
        if (route != other && kept.incrementAndGet() > maxRoutes) {
            kept.decrementAndGet();
            at = other;
        }
        Endpoint fresh = new Endpoint(METHODS[verb], at.name);
        if (at.byMethod.compareAndSet(verb, null, fresh)) {
            synchronized (all) {
                all.add(fresh);
            }
            return fresh;
        }
        if (at != other) {
            kept.decrementAndGet();
        }
        Endpoint raced = at.byMethod.get(verb);
        return raced == null ? fresh : raced;
    }

    List<Endpoint> all() {
        synchronized (all) {
            return List.copyOf(all);
        }
    }

    private static int indexOf(@Nullable String method) {
        if (method != null) {
            for (int i = 0; i < OTHER_METHOD; i++) {
                if (METHODS[i].equals(method)) {
                    return i;
                }
            }
        }
        return OTHER_METHOD;
    }
}
