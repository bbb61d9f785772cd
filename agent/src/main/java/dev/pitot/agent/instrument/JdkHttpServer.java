package dev.pitot.agent.instrument;

import static net.bytebuddy.matcher.ElementMatchers.isDeclaredBy;
import static net.bytebuddy.matcher.ElementMatchers.named;
import static net.bytebuddy.matcher.ElementMatchers.takesArgument;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import dev.pitot.events.Spans;
import dev.pitot.events.SpansConnection;
import java.io.OutputStream;
import java.lang.invoke.VarHandle;
import java.util.List;
import net.bytebuddy.asm.Advice;
import net.bytebuddy.implementation.bytecode.assign.Assigner;
import org.jspecify.annotations.Nullable;

/**
 * The HTTP server of the JDK: every exchange goes through a filter chain, whether or not it has filters. When its handler leaves it to
 * another thread it ends where the body of the answer is closed, which the server itself waits for. An exchange and what implements it
 * share nothing that advice can name but the headers of the answer.
 */
final class JdkHttpServer implements Library {
    @Override
    public List<Point> points() {
        String advice = "dev.pitot.agent.instrument.JdkHttpServer$";
        return List.of(
                new Point(
                        advice + "OnExchange",
                        named("doFilter").and(takesArgument(0, named("com.sun.net.httpserver.HttpExchange")))),
                new Point(advice + "OnHeaders", named("sendResponseHeaders")),
                new Point(
                        advice + "OnClose", named("close").and(isDeclaredBy(named("sun.net.httpserver.ExchangeImpl")))),
                new Point(
                        advice + "OnBodyClosed",
                        named("close").and(isDeclaredBy(named("sun.net.httpserver.PlaceholderOutputStream")))));
    }

    /** Inlined into the JDK's filter chain. */
    static final class OnExchange {
        private OnExchange() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static @Nullable Object enter(@Advice.Argument(0) HttpExchange exchange) {
            Object token = Spans.beginRequest();
            if (token != null) {
                try {
                    Headers headers = exchange.getRequestHeaders();
                    Spans.trace(token, headers.getFirst("traceparent"), headers.get("tracestate"));
                    String[] shown = Spans.shown();
                    if (shown != null) {
                        Spans.show(token, null, exchange.getRequestURI().getRawQuery());
                        for (int i = 0; i < shown.length; i++) {
                            Spans.show(token, shown[i], headers.getFirst(shown[i]));
                        }
                    }
                } catch (Throwable broken) {
                    // What was begun must be ended: nothing may keep the token from its return.
                }
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
            boolean async = false;
            try {
                method = exchange.getRequestMethod();
                path = exchange.getRequestURI().getRawPath();
                String context = exchange.getHttpContext().getPath();
                route = context.equals(path) ? context : null;
                status = exchange.getResponseCode();
                if (status < 0 && thrown == null) {
                    // No status and no exception: the handler has left the exchange to another thread, or closed it.
                    SpansConnection connection = new SpansConnection();
                    connection.add(token);
                    async = Spans.keep(exchange.getResponseHeaders(), connection);
                    // That thread may have begun to answer meanwhile, or cut it, and have missed what was kept.
                    VarHandle.fullFence();
                    status = exchange.getResponseCode();
                    boolean cut = Spans.kept(exchange.getRequestHeaders()) != null;
                    if (cut) {
                        Spans.forget(exchange.getRequestHeaders());
                    }
                    async = async && status < 0 && !cut;
                }
            } catch (Throwable broken) {
                // A wrapped exchange may refuse any of these: count the request with what is known.
            }
            Spans.endRequest(token, method, route, path, status, async, thrown);
        }
    }

    /** Inlined into the JDK's exchange: from now on it is the body that counts; an answer without one is closed by now. */
    static final class OnHeaders {
        private OnHeaders() {}

        @Advice.OnMethodExit(suppress = Throwable.class)
        static void exit(
                @Advice.Argument(0) int status,
                @Advice.FieldValue("rspHdrs") Headers headers,
                @Advice.FieldValue(value = "uos_orig", typing = Assigner.Typing.DYNAMIC) Object body,
                @Advice.FieldValue("closed") boolean closed) {
            SpansConnection connection = (SpansConnection) Spans.kept(headers);
            if (connection == null) {
                return;
            }
            Spans.forget(headers);
            connection.answer(status);
            if (closed || !Spans.keep(body, connection)) {
                connection.end();
            }
        }
    }

    /** Inlined into the same: nothing more will be sent, if anything was. */
    static final class OnClose {
        private OnClose() {}

        @Advice.OnMethodExit(suppress = Throwable.class)
        static void exit(
                @Advice.FieldValue("rcode") int status,
                @Advice.FieldValue("reqHdrs") Headers asked,
                @Advice.FieldValue("rspHdrs") Headers headers,
                @Advice.FieldValue(value = "uos_orig", typing = Assigner.Typing.DYNAMIC) @Nullable Object body) {
            if (status < 0) {
                // Closed without an answer, maybe by the handler itself, which is to know of it when it returns.
                Spans.keep(asked, Boolean.TRUE);
                VarHandle.fullFence();
            }
            SpansConnection connection = (SpansConnection) Spans.kept(headers);
            if (connection == null) {
                connection = (SpansConnection) Spans.kept(body);
            }
            if (connection != null) {
                Spans.forget(asked);
                Spans.forget(headers);
                Spans.forget(body);
                connection.answer(status);
                connection.end();
            }
        }
    }

    /** Inlined into the body of an answer, as the application has it. */
    static final class OnBodyClosed {
        private OnBodyClosed() {}

        @Advice.OnMethodExit(suppress = Throwable.class)
        static void exit(@Advice.This OutputStream body) {
            SpansConnection connection = (SpansConnection) Spans.kept(body);
            if (connection != null) {
                Spans.forget(body);
                connection.end();
            }
        }
    }
}
