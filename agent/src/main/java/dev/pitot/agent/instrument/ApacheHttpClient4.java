package dev.pitot.agent.instrument;

import static net.bytebuddy.matcher.ElementMatchers.named;
import static net.bytebuddy.matcher.ElementMatchers.takesArgument;

import dev.pitot.events.Spans;
import dev.pitot.events.SpansConnection;
import java.net.URI;
import java.util.List;
import net.bytebuddy.asm.Advice;
import net.bytebuddy.description.method.MethodDescription;
import net.bytebuddy.implementation.bytecode.assign.Assigner;
import org.apache.http.HttpHost;
import org.apache.http.HttpRequest;
import org.apache.http.HttpResponse;
import org.apache.http.client.methods.HttpRequestWrapper;
import org.apache.http.client.methods.HttpUriRequest;
import org.jspecify.annotations.Nullable;

/** Apache HttpClient 4.3 to 4.5: a call with its redirects and retries; each request sent in it is a copy of the application's. */
final class ApacheHttpClient4 implements Library {
    @Override
    public List<Point> points() {
        return List.of(
                new Point(
                        "dev.pitot.agent.instrument.ApacheHttpClient4$OnExecute",
                        named("doExecute")
                                .<MethodDescription>and(takesArgument(0, named("org.apache.http.HttpHost")))
                                .and(takesArgument(1, named("org.apache.http.HttpRequest")))),
                new Point(
                        "dev.pitot.agent.instrument.ApacheHttpClient4$OnSend",
                        named("execute")
                                .and(takesArgument(1, named("org.apache.http.client.methods.HttpRequestWrapper")))));
    }

    /** Inlined into the clients. */
    static final class OnExecute {
        private OnExecute() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static @Nullable Object enter(
                @Advice.Argument(0) @Nullable HttpHost target, @Advice.Argument(1) @Nullable HttpRequest request) {
            if (request == null) {
                return null;
            }
            String host = target == null ? null : target.getHostName();
            int port = target == null ? -1 : Spans.port(target.getSchemeName(), target.getPort());
            String path;
            if (request instanceof HttpUriRequest) {
                URI uri = ((HttpUriRequest) request).getURI();
                path = uri.getRawPath();
                if (host == null) {
                    host = uri.getHost();
                    port = Spans.port(uri.getScheme(), uri.getPort());
                }
            } else {
                path = SpansConnection.path(request.getRequestLine().getUri()); // Or a whole URL, as for a proxy.
            }
            return Spans.beginCall(request.getRequestLine().getMethod(), host, port, path);
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
                    status = ((HttpResponse) returned).getStatusLine().getStatusCode();
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
        static void enter(@Advice.Argument(1) HttpRequestWrapper request) {
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
