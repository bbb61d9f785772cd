package dev.pitot.agent.instrument;

import static net.bytebuddy.matcher.ElementMatchers.named;
import static net.bytebuddy.matcher.ElementMatchers.takesArgument;

import dev.pitot.events.Spans;
import java.util.List;
import net.bytebuddy.asm.Advice;
import net.bytebuddy.description.method.MethodDescription;
import net.bytebuddy.implementation.bytecode.assign.Assigner;
import org.apache.hc.core5.http.HttpHost;
import org.apache.hc.core5.http.HttpRequest;
import org.apache.hc.core5.http.HttpResponse;
import org.apache.hc.core5.net.URIAuthority;
import org.jspecify.annotations.Nullable;

/**
 * Apache HttpClient 5, classic: a call with its redirects and retries; each request sent in it is a copy of the application's, but in
 * the minimal client, which sends the application's own, to which nothing is added.
 */
final class ApacheHttpClient5 implements Library {
    @Override
    public List<Point> points() {
        return List.of(
                new Point(
                        "dev.pitot.agent.instrument.ApacheHttpClient5$OnExecute",
                        named("doExecute")
                                .<MethodDescription>and(takesArgument(0, named("org.apache.hc.core5.http.HttpHost")))
                                .and(takesArgument(1, named("org.apache.hc.core5.http.ClassicHttpRequest")))),
                new Point(
                        "dev.pitot.agent.instrument.ApacheHttpClient5$OnSend",
                        named("execute").and(takesArgument(0, named("org.apache.hc.core5.http.ClassicHttpRequest")))));
    }

    /** Inlined into the clients. */
    static final class OnExecute {
        private OnExecute() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static @Nullable Object enter(
                @Advice.Argument(0) @Nullable HttpHost target,
                @Advice.Argument(value = 1, typing = Assigner.Typing.DYNAMIC) @Nullable HttpRequest request) {
            if (request == null) {
                return null;
            }
            URIAuthority authority = request.getAuthority();
            String host = target == null ? null : target.getHostName();
            int port = target == null ? -1 : Spans.port(target.getSchemeName(), target.getPort());
            if (target == null && authority != null) {
                host = authority.getHostName();
                port = Spans.port(request.getScheme(), authority.getPort());
            }
            return Spans.beginCall(request.getMethod(), host, port, request.getPath());
        }

        @Advice.OnMethodExit(onThrowable = Throwable.class, suppress = Throwable.class)
        static void exit(
                @Advice.Enter(typing = Assigner.Typing.DYNAMIC) @Nullable Object token,
                @Advice.Return(typing = Assigner.Typing.DYNAMIC) @Nullable Object returned,
                @Advice.Thrown @Nullable Throwable thrown) {
            if (token == null) {
                return;
            }
            int status = 0;
            try {
                if (returned instanceof HttpResponse) {
                    status = ((HttpResponse) returned).getCode();
                }
            } catch (Throwable broken) {
                // A response that the application's own interceptor made up: count the call with what is known.
            }
            Spans.endCall(token, status, false, thrown);
        }
    }

    /** Inlined where the client completes the headers of its own copy of the request. */
    static final class OnSend {
        private OnSend() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static void enter(@Advice.Argument(value = 0, typing = Assigner.Typing.DYNAMIC) HttpRequest request) {
            String trace = Spans.traceparent(null);
            if (trace != null && !request.containsHeader("traceparent")) {
                request.addHeader("traceparent", trace);
                String state = Spans.tracestate(null);
                if (state != null && !request.containsHeader("tracestate")) {
                    request.addHeader("tracestate", state);
                }
            }
        }
    }
}
