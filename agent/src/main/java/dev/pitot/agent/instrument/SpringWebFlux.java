package dev.pitot.agent.instrument;

import static net.bytebuddy.matcher.ElementMatchers.named;
import static net.bytebuddy.matcher.ElementMatchers.takesArgument;

import dev.pitot.events.Spans;
import java.util.List;
import net.bytebuddy.asm.Advice;
import org.springframework.web.server.ServerWebExchange;

/** Routes of Spring WebFlux 5 to 7, known once the dispatcher has found the handler: of controllers, functions and resources. */
final class SpringWebFlux implements Library {
    @Override
    public List<Point> points() {
        // The first up to Spring 6.0, the second from 6.1.
        return List.of(new Point(
                "dev.pitot.agent.instrument.SpringWebFlux$OnHandler",
                named("invokeHandler")
                        .or(named("handleRequestWith"))
                        .and(takesArgument(0, named("org.springframework.web.server.ServerWebExchange")))));
    }

    /** Inlined into the dispatcher. */
    static final class OnHandler {
        private OnHandler() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static void enter(@Advice.Argument(0) ServerWebExchange exchange) {
            Object pattern =
                    exchange.getAttributes().get("org.springframework.web.reactive.HandlerMapping.bestMatchingPattern");
            if (pattern != null) {
                String context = exchange.getRequest().getPath().contextPath().value();
                Spans.route(context.isEmpty() ? pattern.toString() : context.concat(pattern.toString()));
            }
        }
    }
}
