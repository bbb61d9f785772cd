package dev.pitot.agent.instrument;

import static net.bytebuddy.matcher.ElementMatchers.isConstructor;
import static net.bytebuddy.matcher.ElementMatchers.named;
import static net.bytebuddy.matcher.ElementMatchers.takesArgument;

import dev.pitot.events.Spans;
import dev.pitot.events.SpansCall;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import net.bytebuddy.asm.Advice;
import net.bytebuddy.description.method.MethodDescription;
import net.bytebuddy.implementation.bytecode.assign.Assigner;
import org.jspecify.annotations.Nullable;

/**
 * {@code java.net.http}. A synchronous call is {@code HttpClientImpl.send}, which waits for an asynchronous one; each of those is a
 * {@code MultiExchange}, with its redirects, retries and authentication. The advice is compiled without access to these internal
 * classes and reaches, by reflection and only when a header is to be passed on, what is open to the class it is inlined into.
 */
final class JavaHttpClient implements Library {
    @Override
    public List<Point> points() {
        return List.of(
                new Point(
                        "dev.pitot.agent.instrument.JavaHttpClient$OnSend",
                        named("send").and(takesArgument(0, named("java.net.http.HttpRequest")))),
                new Point(
                        "dev.pitot.agent.instrument.JavaHttpClient$OnExchange",
                        named("responseAsync").and(takesArgument(0, named("java.util.concurrent.Executor")))),
                new Point(
                        "dev.pitot.agent.instrument.JavaHttpClient$OnNextRequest",
                        // Of a redirect or an authentication; the second argument is the method.
                        isConstructor()
                                .<MethodDescription>and(takesArgument(1, String.class))
                                .and(takesArgument(2, named("jdk.internal.net.http.HttpRequestImpl")))));
    }

    /** Inlined into HttpClientImpl. */
    static final class OnSend {
        private OnSend() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static @Nullable Object enter(@Advice.Argument(0) @Nullable HttpRequest request) {
            if (request == null) {
                return null;
            }
            URI uri = request.uri();
            return Spans.beginCall(
                    request.method(), uri.getHost(), Spans.port(uri.getScheme(), uri.getPort()), uri.getRawPath());
        }

        @Advice.OnMethodExit(onThrowable = Throwable.class, suppress = Throwable.class)
        static void exit(
                @Advice.Enter(typing = Assigner.Typing.DYNAMIC) @Nullable Object token,
                @Advice.Return(typing = Assigner.Typing.DYNAMIC) @Nullable Object returned,
                @Advice.Thrown @Nullable Throwable thrown) {
            if (token != null) {
                int status = returned instanceof HttpResponse ? ((HttpResponse<?>) returned).statusCode() : 0;
                Spans.endCall(token, status, false, thrown);
            }
        }
    }

    /** Inlined into MultiExchange, before anything is sent. */
    static final class OnExchange {
        private OnExchange() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static @Nullable Object enter(
                @Advice.FieldValue("userRequest") HttpRequest request,
                @Advice.FieldValue(value = "currentreq", typing = Assigner.Typing.DYNAMIC) Object copy) {
            String trace = Spans.traceparent(null);
            if (trace != null && !request.headers().firstValue("traceparent").isPresent()) {
                try {
                    // The client's own copy: what the application can see of its request stays as it is.
                    Method set = copy.getClass().getMethod("setSystemHeader", String.class, String.class);
                    set.invoke(copy, "traceparent", trace);
                    String state = Spans.tracestate(null);
                    if (state != null
                            && !request.headers().firstValue("tracestate").isPresent()) {
                        set.invoke(copy, "tracestate", state);
                    }
                } catch (Throwable changed) {
                    // A JDK that keeps its headers elsewhere: the call is measured all the same.
                }
            }
            URI uri = request.uri();
            return Spans.beginCall(
                    request.method(), uri.getHost(), Spans.port(uri.getScheme(), uri.getPort()), uri.getRawPath());
        }

        @Advice.OnMethodExit(onThrowable = Throwable.class, suppress = Throwable.class)
        static void exit(
                @Advice.Enter(typing = Assigner.Typing.DYNAMIC) @Nullable Object token,
                @Advice.Return(readOnly = false) @Nullable CompletableFuture<Object> returned,
                @Advice.Thrown @Nullable Throwable thrown) {
            if (token == null) {
                return;
            }
            Spans.endCall(token, 0, true, thrown);
            if (returned != null) {
                // The client derives the application's future from this one, which is of the same kind: so the call has
                // ended when that one has, and a request that only waits for it has counted it.
                returned = returned.whenComplete(new SpansCall(token));
            }
        }
    }

    /** Inlined into the constructor of HttpRequestImpl that makes a request of another: user headers it copies itself. */
    static final class OnNextRequest {
        private OnNextRequest() {}

        @Advice.OnMethodExit(suppress = Throwable.class)
        static void exit(
                @Advice.Argument(value = 2, typing = Assigner.Typing.DYNAMIC) Object other,
                @Advice.FieldValue(value = "systemHeadersBuilder", typing = Assigner.Typing.DYNAMIC) Object headers) {
            try {
                Field field = other.getClass().getDeclaredField("systemHeadersBuilder");
                Object before = field.get(other);
                Map<?, ?> map = (Map<?, ?>) before.getClass().getMethod("map").invoke(before);
                String name = "traceparent";
                for (int i = 0; i < 2; i++) {
                    Object values = map.get(name);
                    if (values instanceof List && !((List<?>) values).isEmpty()) {
                        headers.getClass()
                                .getMethod("setHeader", String.class, String.class)
                                .invoke(headers, name, ((List<?>) values).get(0));
                    }
                    name = "tracestate";
                }
            } catch (Throwable changed) {
                // As above.
            }
        }
    }
}
