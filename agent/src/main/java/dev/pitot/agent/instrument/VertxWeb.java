package dev.pitot.agent.instrument;

import static net.bytebuddy.matcher.ElementMatchers.named;
import static net.bytebuddy.matcher.ElementMatchers.takesArguments;

import dev.pitot.events.Spans;
import java.util.List;
import net.bytebuddy.asm.Advice;
import net.bytebuddy.implementation.bytecode.assign.Assigner;
import org.jspecify.annotations.Nullable;

/**
 * Routes of Vert.x-Web 4 and 5. Those by a regular expression or a prefix name nothing, nor do those of a mounted router, which do not
 * know where it is mounted.
 */
final class VertxWeb implements Library {
    @Override
    public List<Point> points() {
        return List.of(new Point(
                "dev.pitot.agent.instrument.VertxWeb$OnRoute",
                named("handleContext").and(takesArguments(1))));
    }

    /** Inlined into the state of a route. */
    static final class OnRoute {
        private OnRoute() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static void enter(
                @Advice.Argument(value = 0, typing = Assigner.Typing.DYNAMIC) Object context,
                @Advice.FieldValue("path") @Nullable String path,
                @Advice.FieldValue("exactPath") boolean exact) {
            if (exact && context.getClass().getName().equals("io.vertx.ext.web.impl.RoutingContextImpl")) {
                Spans.route(path);
            }
        }
    }
}
