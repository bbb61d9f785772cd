package dev.pitot.agent.spans;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * Finds the endpoint of a request, without allocating when the server gave the pattern or the path is one of those remembered;
 * another path costs the text that its template takes. Memory is bounded whatever paths a client makes up: at most
 * {@code maxRoutes} endpoints by the server's patterns and as many made of paths, then one {@code other} per method, and
 * a fixed number of remembered paths. A client cannot use up the places of the patterns, nor any place with paths that the
 * server refuses. Thread-safe.
 */
final class Endpoints {
    private static final String OTHER_ROUTE = "other";
    /** What was answered with 401, 403, 404 or 405 and fits no endpoint. */
    private static final String UNMATCHED_ROUTE = "unmatched";

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
        /** How many endpoints of this kind there are; null for the two routes that every limit leaves room for. */
        final @Nullable AtomicInteger kept;

        final AtomicReferenceArray<@Nullable Summary> byMethod = new AtomicReferenceArray<>(METHODS.length);

        Route(String name, @Nullable AtomicInteger kept) {
            this.name = name;
            this.kept = kept;
        }
    }

    private record KnownPath(String path, Route route) {}

    private final int maxRoutes;
    private final int places;
    private final AtomicInteger patterns = new AtomicInteger();
    private final AtomicInteger templates = new AtomicInteger();
    private final ConcurrentHashMap<String, Route> routes = new ConcurrentHashMap<>();
    private final Route other = new Route(OTHER_ROUTE, null);
    private final Route unmatched = new Route(UNMATCHED_ROUTE, null);
    private final AtomicReferenceArray<@Nullable KnownPath> paths = new AtomicReferenceArray<>(PATHS);
    /** Every endpoint ever made, so that the sampler need not walk the map. */
    private final List<Summary> all = new ArrayList<>();

    /** @param places of counters */
    Endpoints(int maxRoutes, int places) {
        this.maxRoutes = maxRoutes;
        this.places = places;
    }

    /**
     * @param pattern the server's own, or null
     * @param path raw, used when there is no pattern
     * @param status what was answered
     */
    Summary find(@Nullable String method, @Nullable String pattern, @Nullable String path, int status) {
        int verb = indexOf(method);
        if (pattern == null && (status == 401 || status == 403 || status == 404 || status == 405)) {
            Summary known = known(path == null ? "" : path, verb);
            return known != null ? known : endpoint(unmatched, verb);
        }
        return endpoint(pattern != null ? routeOf(pattern, patterns) : routeOfPath(path == null ? "" : path), verb);
    }

    private Summary endpoint(Route route, int verb) {
        Summary endpoint = route.byMethod.get(verb);
        return endpoint != null ? endpoint : create(route, verb);
    }

    private static int slotOf(String path) {
        return (path.hashCode() * 0x9E3779B9) >>> 22;
    }

    /** The endpoint that other requests have made of such a path, or null. */
    private @Nullable Summary known(String path, int verb) {
        KnownPath known = paths.get(slotOf(path));
        Route route = known != null && known.path().equals(path) ? known.route() : routes.get(RouteTemplate.of(path));
        return route == null || route == other ? null : route.byMethod.get(verb);
    }

    private Route routeOfPath(String path) {
        int slot = slotOf(path);
        KnownPath known = paths.get(slot);
        if (known != null && known.path().equals(path)) {
            return known.route();
        }
        Route route = routeOf(RouteTemplate.of(path), templates);
        if (path.length() <= LONGEST_REMEMBERED) {
            paths.set(slot, new KnownPath(path, route));
        }
        return route;
    }

    private Route routeOf(String name, AtomicInteger kept) {
        Route route = routes.get(name);
        if (route != null) {
            return route;
        }
        if (kept.get() >= maxRoutes) {
            return other;
        }
        String bounded = RouteTemplate.bounded(name);
        Route fresh = new Route(bounded, kept);
        Route raced = routes.putIfAbsent(bounded, fresh);
        return raced != null ? raced : fresh;
    }

    private Summary create(Route route, int verb) {
        AtomicInteger kept = route.kept;
        if (kept != null && !reserve(kept)) {
            return endpoint(other, verb);
        }
        Summary fresh = new Summary(METHODS[verb], route.name, places);
        if (route.byMethod.compareAndSet(verb, null, fresh)) {
            synchronized (all) {
                all.add(fresh);
            }
            return fresh;
        }
        if (kept != null) {
            kept.decrementAndGet();
        }
        Summary raced = route.byMethod.get(verb);
        return raced == null ? fresh : raced;
    }

    private boolean reserve(AtomicInteger kept) {
        int now;
        do {
            now = kept.get();
            if (now >= maxRoutes) {
                return false;
            }
        } while (!kept.compareAndSet(now, now + 1));
        return true;
    }

    List<Summary> all() {
        synchronized (all) {
            return List.copyOf(all);
        }
    }

    /** A method as events have it: one of HTTP's, or {@code OTHER}. */
    static String method(@Nullable String method) {
        return METHODS[indexOf(method)];
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
