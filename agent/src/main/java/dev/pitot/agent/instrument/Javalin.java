package dev.pitot.agent.instrument;

import static net.bytebuddy.matcher.ElementMatchers.named;
import static net.bytebuddy.matcher.ElementMatchers.takesArgument;

import dev.pitot.events.Spans;
import io.javalin.http.Context;
import io.javalin.router.Endpoint;
import java.util.List;
import net.bytebuddy.asm.Advice;
import org.jspecify.annotations.Nullable;

/** Routes of Javalin 5 to 7, whose context is told of each endpoint before it runs; behind the path of the application. */
final class Javalin implements Library {
    @Override
    public List<Point> points() {
        return List.of(
                new Point(
                        "dev.pitot.agent.instrument.Javalin$OnEndpoint",
                        named("update").and(takesArgument(0, named("io.javalin.router.Endpoint")))),
                new Point(
                        "dev.pitot.agent.instrument.Javalin$OnHandler",
                        named("update").and(takesArgument(1, named("java.lang.String")))));
    }

    /** Inlined into the context of Javalin 7. */
    static final class OnEndpoint {
        private OnEndpoint() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static void enter(@Advice.This Context context, @Advice.Argument(0) Endpoint endpoint) {
            // What runs before and after is an endpoint too, with a path of its own.
            String type = endpoint.method.toString();
            if (!type.startsWith("BEFORE") && !type.startsWith("AFTER") && !type.startsWith("WEBSOCKET")) {
                Spans.route(context.contextPath().concat(endpoint.path));
            }
        }
    }

    /** Inlined into the context of earlier ones, which notes the path of the one endpoint that answers. */
    static final class OnHandler {
        private OnHandler() {}

        @Advice.OnMethodExit(suppress = Throwable.class)
        static void exit(
                @Advice.This Context context, @Advice.FieldValue("endpointHandlerPath") @Nullable String path) {
            // Until there is one it is empty or a sentence that says so.
            if (path != null && path.startsWith("/")) {
                Spans.route(context.contextPath().concat(path));
            }
        }
    }
}
