package dev.pitot.agent.instrument;

import static net.bytebuddy.matcher.ElementMatchers.named;
import static net.bytebuddy.matcher.ElementMatchers.takesArgument;
import static net.bytebuddy.matcher.ElementMatchers.takesArguments;

import dev.pitot.events.Spans;
import java.util.List;
import net.bytebuddy.asm.Advice;
import net.bytebuddy.description.method.MethodDescription;
import net.bytebuddy.implementation.bytecode.assign.Assigner;
import org.apache.hc.client5.http.async.AsyncExecChain;
import org.apache.hc.core5.http.HttpRequest;
import org.apache.hc.core5.http.HttpResponse;
import org.apache.hc.core5.net.URIAuthority;
import org.jspecify.annotations.Nullable;

/**
 * Apache HttpClient 5, asynchronous: a call with its redirects and retries begins when its request is known, and ends with the head of
 * the response, which the client tells the callback that it made for this call. What the application's own callback does is the
 * request's, see {@link ApacheFutures}.
 */
final class ApacheHttpAsyncClient5 implements Library {
    @Override
    public List<Point> points() {
        return List.of(
                new Point(
                        "dev.pitot.agent.instrument.ApacheHttpAsyncClient5$OnExecute",
                        named("executeImmediate").and(takesArgument(0, named("org.apache.hc.core5.http.HttpRequest")))),
                new Point(
                        "dev.pitot.agent.instrument.ApacheHttpAsyncClient5$OnSend",
                        named("execute")
                                .<MethodDescription>and(takesArgument(0, named("org.apache.hc.core5.http.HttpRequest")))
                                .and(takesArgument(2, named("org.apache.hc.client5.http.async.AsyncExecChain$Scope")))),
                new Point(
                        "dev.pitot.agent.instrument.ApacheHttpAsyncClient5$OnResponse",
                        named("handleResponse").and(takesArgument(0, named("org.apache.hc.core5.http.HttpResponse")))),
                new Point(
                        "dev.pitot.agent.instrument.ApacheHttpAsyncClient5$OnFailure",
                        named("failed")
                                .<MethodDescription>and(takesArguments(1))
                                .and(takesArgument(0, Exception.class))));
    }

    /** Inlined into the client. */
    static final class OnExecute {
        private OnExecute() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static @Nullable Object enter(
                @Advice.Argument(0) HttpRequest request,
                @Advice.Argument(2) AsyncExecChain.Scope scope,
                @Advice.AllArguments @Nullable Object[] arguments) {
            Object callback = arguments[arguments.length - 1];
            Object future = scope.cancellableDependency;
            if (callback == null || Spans.kept(callback) != null) {
                return null; // Another attempt of a call.
            }
            URIAuthority authority = request.getAuthority();
            Object token = Spans.beginCall(
                    request.getMethod(),
                    authority == null ? null : authority.getHostName(),
                    authority == null ? -1 : Spans.port(request.getScheme(), authority.getPort()),
                    request.getPath());
            if (token != null) {
                // Now, as the answer may be there before this method returns.
                Spans.keep(callback, token);
                if (Spans.traceparent(token) != null) {
                    Spans.keep(future, token);
                }
                Spans.submitted(future);
            }
            return token;
        }

        @Advice.OnMethodExit(onThrowable = Throwable.class, suppress = Throwable.class)
        static void exit(
                @Advice.Enter(typing = Assigner.Typing.DYNAMIC) @Nullable Object token,
                @Advice.Thrown @Nullable Throwable thrown) {
            if (token != null) {
                Spans.endCall(token, 0, true, thrown);
            }
        }
    }

    /** Inlined where the client completes the headers of its own copy of the request; after a redirect on a thread of its own. */
    static final class OnSend {
        private OnSend() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static void enter(@Advice.Argument(0) HttpRequest request, @Advice.Argument(2) AsyncExecChain.Scope scope) {
            Object call = Spans.kept(scope.cancellableDependency);
            String trace = Spans.traceparent(call);
            if (trace != null && !request.containsHeader("traceparent")) {
                request.addHeader("traceparent", trace);
                String state = Spans.tracestate(call);
                if (state != null && !request.containsHeader("tracestate")) {
                    request.addHeader("tracestate", state);
                }
            }
        }
    }

    /** Inlined into the client's callback. */
    static final class OnResponse {
        private OnResponse() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static void enter(@Advice.This Object callback, @Advice.Argument(0) HttpResponse response) {
            Object token = Spans.kept(callback);
            if (token != null) {
                Spans.completeCall(token, response.getCode(), null);
            }
        }
    }

    /** Inlined into the client's callback. */
    static final class OnFailure {
        private OnFailure() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static void enter(@Advice.This Object callback, @Advice.Argument(0) @Nullable Throwable thrown) {
            Object token = Spans.kept(callback);
            if (token != null) {
                Spans.completeCall(token, 0, thrown);
            }
        }
    }
}
