package dev.pitot.agent.instrument;

import static net.bytebuddy.matcher.ElementMatchers.named;
import static net.bytebuddy.matcher.ElementMatchers.takesArguments;

import dev.pitot.events.Spans;
import java.util.LinkedList;
import java.util.List;
import net.bytebuddy.asm.Advice;
import org.glassfish.jersey.server.ContainerRequest;
import org.glassfish.jersey.uri.UriTemplate;

/** Routes of Jersey 2 to 4: the templates of the resource, its locators and its method, behind the path of the application. */
final class Jersey implements Library {
    @Override
    public List<Point> points() {
        return List.of(new Point(
                "dev.pitot.agent.instrument.Jersey$OnEndpoint",
                named("setEndpoint").and(takesArguments(1))));
    }

    /** Inlined into the context in which a request is matched. */
    static final class OnEndpoint {
        private OnEndpoint() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static void enter(
                @Advice.FieldValue("templates") LinkedList<?> templates,
                @Advice.FieldValue("requestContext") ContainerRequest request) {
            if (templates.isEmpty()) {
                return;
            }
            String base = request.getBaseUri().getRawPath();
            StringBuilder route = new StringBuilder();
            if (base != null) {
                route.append(base);
            }
            // The one that was matched last comes first.
            for (int i = templates.size() - 1; i >= 0; i--) {
                String template = ((UriTemplate) templates.get(i)).getTemplate();
                int end = route.length();
                if (end > 0 && route.charAt(end - 1) == '/' && template.startsWith("/")) {
                    route.setLength(end - 1);
                }
                route.append(template);
            }
            Spans.route(route.toString());
        }
    }
}
