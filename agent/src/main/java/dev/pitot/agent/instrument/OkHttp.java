package dev.pitot.agent.instrument;

import static net.bytebuddy.matcher.ElementMatchers.isDeclaredBy;
import static net.bytebuddy.matcher.ElementMatchers.nameStartsWith;
import static net.bytebuddy.matcher.ElementMatchers.named;
import static net.bytebuddy.matcher.ElementMatchers.not;
import static net.bytebuddy.matcher.ElementMatchers.takesArgument;
import static net.bytebuddy.matcher.ElementMatchers.takesArguments;
import static net.bytebuddy.matcher.ElementMatchers.takesNoArguments;

import dev.pitot.events.Spans;
import java.io.IOException;
import java.util.List;
import net.bytebuddy.asm.Advice;
import net.bytebuddy.description.method.MethodDescription;
import net.bytebuddy.implementation.bytecode.assign.Assigner;
import okhttp3.Call;
import okhttp3.HttpUrl;
import okhttp3.Interceptor;
import okhttp3.Request;
import okhttp3.Response;
import org.jspecify.annotations.Nullable;

/**
 * OkHttp 3, 4 and 5: a call with its redirects and retries. An asynchronous one is known by its call object on the dispatcher's
 * thread, where it ends before the application's callback is called.
 */
final class OkHttp implements Library {
    private static final String TRANSMITTER = "okhttp3.internal.connection.Transmitter";

    @Override
    public List<Point> points() {
        return List.of(
                new Point(
                        "dev.pitot.agent.instrument.OkHttp$OnExecute",
                        named("execute").and(takesNoArguments())),
                new Point(
                        "dev.pitot.agent.instrument.OkHttp$OnEnqueue",
                        named("enqueue").and(takesArgument(0, named("okhttp3.Callback")))),
                new Point(
                        "dev.pitot.agent.instrument.OkHttp$OnResponse",
                        // Kotlin adds the module to the names of internal methods.
                        nameStartsWith("getResponseWithInterceptorChain").and(takesNoArguments())),
                new Point(
                        "dev.pitot.agent.instrument.OkHttp$OnOver",
                        nameStartsWith("noMoreExchanges")
                                .<MethodDescription>and(takesArguments(IOException.class))
                                .and(not(isDeclaredBy(named(TRANSMITTER))))),
                new Point(
                        "dev.pitot.agent.instrument.OkHttp$OnTransmitterOver",
                        named("noMoreExchanges")
                                .<MethodDescription>and(takesArguments(IOException.class))
                                .and(isDeclaredBy(named(TRANSMITTER)))),
                new Point(
                        "dev.pitot.agent.instrument.OkHttp$OnProceed",
                        named("proceed")
                                .<MethodDescription>and(takesArguments(1))
                                .and(takesArgument(0, named("okhttp3.Request")))));
    }

    /** Inlined into RealCall. */
    static final class OnExecute {
        private OnExecute() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static @Nullable Object enter(@Advice.This Call call) {
            Request request = call.request();
            HttpUrl url = request.url();
            int port = Spans.port(url.scheme(), url.port());
            return Spans.beginCall(request.method(), url.host(), port, url.encodedPath());
        }

        @Advice.OnMethodExit(onThrowable = Throwable.class, suppress = Throwable.class)
        static void exit(
                @Advice.Enter(typing = Assigner.Typing.DYNAMIC) @Nullable Object token,
                @Advice.Return(typing = Assigner.Typing.DYNAMIC) @Nullable Object returned,
                @Advice.Thrown @Nullable Throwable thrown) {
            if (token != null) {
                int status = returned instanceof Response ? ((Response) returned).code() : 0;
                Spans.endCall(token, status, false, thrown);
            }
        }
    }

    /** Inlined into RealCall. */
    static final class OnEnqueue {
        private OnEnqueue() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static @Nullable Object enter(@Advice.This Call call) {
            if (Spans.kept(call) != null) {
                return null; // A second time, which it will refuse.
            }
            Request request = call.request();
            HttpUrl url = request.url();
            int port = Spans.port(url.scheme(), url.port());
            Object token = Spans.beginCall(request.method(), url.host(), port, url.encodedPath());
            if (token != null) {
                // Now, as the answer may be there before this method returns.
                Spans.keep(call, token);
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

    /** Inlined into RealCall, on the thread that does the call. */
    static final class OnResponse {
        private OnResponse() {}

        @Advice.OnMethodExit(onThrowable = Throwable.class, suppress = Throwable.class)
        static void exit(
                @Advice.This Object call,
                @Advice.Return @Nullable Response response,
                @Advice.Thrown @Nullable Throwable thrown) {
            Object token = Spans.kept(call);
            if (token != null) {
                Spans.completeCall(token, response == null ? 0 : response.code(), thrown);
            }
        }
    }

    /** Inlined into RealCall of OkHttp 4 and 5: nothing more will come of a call, which the dispatcher may not have begun at all. */
    static final class OnOver {
        private OnOver() {}

        @Advice.OnMethodExit(suppress = Throwable.class)
        static void exit(@Advice.This Object call, @Advice.Return @Nullable IOException thrown) {
            Object token = thrown == null ? null : Spans.kept(call);
            if (token != null) {
                Spans.completeCall(token, 0, thrown);
            }
        }
    }

    /** The same in OkHttp 3.14, where a call has this for it. */
    static final class OnTransmitterOver {
        private OnTransmitterOver() {}

        @Advice.OnMethodExit(suppress = Throwable.class)
        static void exit(
                @Advice.FieldValue(value = "call", typing = Assigner.Typing.DYNAMIC) Object call,
                @Advice.Return @Nullable IOException thrown) {
            Object token = thrown == null ? null : Spans.kept(call);
            if (token != null) {
                Spans.completeCall(token, 0, thrown);
            }
        }
    }

    /**
     * Inlined into the chain of interceptors. Behind the one that completes the headers comes the cache: a request that goes there is
     * the one for the network, which the client made for itself.
     */
    static final class OnProceed {
        private OnProceed() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static void enter(
                @Advice.This Interceptor.Chain chain,
                @Advice.FieldValue("interceptors") List<?> interceptors,
                @Advice.FieldValue("index") int index,
                @Advice.Argument(value = 0, readOnly = false) Request request) {
            if (index < interceptors.size()
                    && "okhttp3.internal.cache.CacheInterceptor"
                            .equals(interceptors.get(index).getClass().getName())) {
                Object call = Spans.kept(chain.call());
                String trace = Spans.traceparent(call);
                if (trace != null && request.header("traceparent") == null) {
                    Request.Builder builder = request.newBuilder().header("traceparent", trace);
                    String state = Spans.tracestate(call);
                    if (state != null && request.header("tracestate") == null) {
                        builder = builder.header("tracestate", state);
                    }
                    request = builder.build();
                }
            }
        }
    }
}
