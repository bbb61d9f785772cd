package dev.pitot.agent.instrument;

import static net.bytebuddy.matcher.ElementMatchers.named;
import static net.bytebuddy.matcher.ElementMatchers.takesArgument;

import dev.pitot.events.Spans;
import java.util.List;
import net.bytebuddy.asm.Advice;
import org.jboss.resteasy.spi.HttpRequest;
import org.jboss.resteasy.spi.metadata.ResourceLocator;

/**
 * Routes of RESTEasy 6 and later, of WildFly and others: the templates of the resource, its locators and its method, behind the path of
 * the application. What a locator leads to does not know by which way it was reached: that is kept by the request until its method is
 * found.
 */
final class RestEasy implements Library {
    @Override
    public List<Point> points() {
        return List.of(new Point(
                "dev.pitot.agent.instrument.RestEasy$OnMatch",
                named("invokeOnTarget")
                        .or(named("invokeOnTargetObject"))
                        .and(takesArgument(0, named("org.jboss.resteasy.spi.HttpRequest")))));
    }

    /** An earlier one is of another API. */
    @Override
    public List<String> wants() {
        return List.of("jakarta.ws.rs.core.UriInfo");
    }

    /** Inlined into what calls the method of a resource, and into what looks for it in the resource that a locator has given. */
    static final class OnMatch {
        private OnMatch() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static void enter(
                @Advice.Origin("#m") String within,
                @Advice.Argument(0) HttpRequest request,
                @Advice.FieldValue("method") ResourceLocator method) {
            Object before = Spans.kept(request);
            String base = before instanceof String
                    ? (String) before
                    : request.getUri().getBaseUri().getRawPath();
            String path = method.getFullpath();
            StringBuilder route = new StringBuilder(base == null ? "" : base);
            if (path != null && !path.isEmpty()) {
                int end = route.length();
                if (end > 0 && route.charAt(end - 1) == '/') {
                    route.setLength(end - 1);
                }
                if (!path.startsWith("/")) {
                    route.append('/');
                }
                route.append(path);
            }
            if (within.equals("invokeOnTargetObject")) {
                Spans.keep(request, route.toString());
            } else {
                if (before != null) {
                    Spans.forget(request);
                }
                Spans.route(route.toString());
            }
        }
    }
}
