package dev.pitot.agent.instrument;

import static net.bytebuddy.matcher.ElementMatchers.named;
import static net.bytebuddy.matcher.ElementMatchers.takesArgument;

import com.sun.net.httpserver.HttpExchange;
import dev.pitot.events.Spans;
import java.util.List;
import net.bytebuddy.asm.Advice;
import net.bytebuddy.implementation.bytecode.assign.Assigner;
import org.jspecify.annotations.Nullable;

/** The HTTP server of the JDK: every exchange goes through a filter chain, whether or not it has filters. */
final class JdkHttpServer implements Library {
    @Override
    public List<Point> points() {
        return List.of(new Point(
                "dev.pitot.agent.instrument.JdkHttpServer$OnExchange",
                named("doFilter").and(takesArgument(0, named("com.sun.net.httpserver.HttpExchange")))));
    }

    /** Inlined into the JDK's filter chain. */
    static final class OnExchange {
        private OnExchange() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static @Nullable Object enter(@Advice.Argument(0) HttpExchange exchange) {
            Object token = Spans.beginRequest();
            if (token != null) {
                Spans.trace(token, exchange.getRequestHeaders().getFirst("traceparent"));
            }
            return token;
        }

        @Advice.OnMethodExit(onThrowable = Throwable.class, suppress = Throwable.class)
        static void exit(
                @Advice.Enter(typing = Assigner.Typing.DYNAMIC) @Nullable Object token,
                @Advice.Argument(0) HttpExchange exchange,
                @Advice.Thrown @Nullable Throwable thrown) {
            if (token == null) {
                return;
            }
            String method = null;
            String route = null;
            String path = null;
            int status = 0;
            try {
                method = exchange.getRequestMethod();
                path = exchange.getRequestURI().getRawPath();
                String context = exchange.getHttpContext().getPath();
                route = context.equals(path) ? context : null;
                status = exchange.getResponseCode();
            } catch (Throwable broken) {
                // A wrapped exchange may refuse any of these: count the request with what is known.
            }
            // No status and no exception: the handler has left the exchange to another thread.
            Spans.endRequest(token, method, route, path, status, status < 0 && thrown == null, thrown);
        }
    }
}
