package dev.pitot.agent.instrument;

import static net.bytebuddy.matcher.ElementMatchers.named;
import static net.bytebuddy.matcher.ElementMatchers.takesNoArguments;

import dev.pitot.events.Spans;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URL;
import java.util.List;
import net.bytebuddy.asm.Advice;
import net.bytebuddy.implementation.bytecode.assign.Assigner;
import org.jspecify.annotations.Nullable;

/**
 * {@code HttpURLConnection} of the JDK. What an application does first connects, if need be, and {@code getOutputStream} by way of
 * {@code connect}; the request is sent and the head of its response read when the response is first asked for. The call lasts from the one to the other, and has a frame only within
 * these methods: a connection that nobody reads is no call.
 */
final class JavaUrlConnection implements Library {
    @Override
    public List<Point> points() {
        return List.of(
                new Point(
                        "dev.pitot.agent.instrument.JavaUrlConnection$OnBegin",
                        named("connect")
                                .or(named("getOutputStream"))
                                .or(named("getInputStream"))
                                .and(takesNoArguments())),
                new Point(
                        "dev.pitot.agent.instrument.JavaUrlConnection$OnOpen",
                        named("connect").and(takesNoArguments())),
                new Point(
                        "dev.pitot.agent.instrument.JavaUrlConnection$OnRead",
                        named("getInputStream").and(takesNoArguments())));
    }

    /** Inlined into all of these: the other two let no header be set any more by the time they come to {@code connect}. */
    static final class OnBegin {
        private OnBegin() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static void enter(
                @Advice.This HttpURLConnection connection, @Advice.FieldValue("connected") boolean connected) {
            String trace = connected ? null : Spans.traceparent(null);
            if (trace == null) {
                return;
            }
            try {
                if (connection.getRequestProperty("traceparent") == null) {
                    connection.setRequestProperty("traceparent", trace);
                    String state = Spans.tracestate(null);
                    if (state != null && connection.getRequestProperty("tracestate") == null) {
                        connection.setRequestProperty("tracestate", state);
                    }
                }
            } catch (Throwable tooLate) {
                // It has tried to connect before, in vain.
            }
        }
    }

    /** Inlined where the connection is made; that of https overrides this. */
    static final class OnOpen {
        private OnOpen() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static @Nullable Object enter(
                @Advice.This HttpURLConnection connection, @Advice.FieldValue("connected") boolean connected) {
            if (connected) {
                return null;
            }
            URL url = connection.getURL();
            String method = connection.getRequestMethod();
            if (connection.getDoOutput() && "GET".equals(method)) {
                method = "POST"; // What the connection itself will make of it.
            }
            return Spans.beginCall(method, url.getHost(), Spans.port(url.getProtocol(), url.getPort()), url.getPath());
        }

        @Advice.OnMethodExit(onThrowable = Throwable.class, suppress = Throwable.class)
        static void exit(
                @Advice.Enter(typing = Assigner.Typing.DYNAMIC) @Nullable Object token,
                @Advice.This HttpURLConnection connection,
                @Advice.Thrown @Nullable Throwable thrown) {
            if (token != null) {
                Spans.endCall(token, 0, thrown == null, thrown);
                if (thrown == null) {
                    Spans.keep(connection, token);
                }
            }
        }
    }

    /** Inlined where the response is read, which is asked again for every header. */
    static final class OnRead {
        private OnRead() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static @Nullable Object enter(
                @Advice.This HttpURLConnection connection,
                @Advice.FieldValue("inputStream") @Nullable InputStream read,
                @Advice.FieldValue("cachedInputStream") @Nullable InputStream cached,
                @Advice.FieldValue("rememberedException") @Nullable Exception failed) {
            if (read != null || cached != null || failed != null) {
                return null;
            }
            Object token = Spans.continueCall(Spans.kept(connection));
            if (token != null) {
                return token;
            }
            URL url = connection.getURL();
            return Spans.beginCall(
                    connection.getRequestMethod(),
                    url.getHost(),
                    Spans.port(url.getProtocol(), url.getPort()),
                    url.getPath());
        }

        @Advice.OnMethodExit(onThrowable = Throwable.class, suppress = Throwable.class)
        static void exit(
                @Advice.Enter(typing = Assigner.Typing.DYNAMIC) @Nullable Object token,
                @Advice.This HttpURLConnection connection,
                @Advice.FieldValue("responseCode") int status,
                @Advice.Thrown @Nullable Throwable thrown) {
            if (token != null) {
                Spans.forget(connection);
                // An answer of 400 and above is thrown, and is an answer.
                boolean answered = status >= 400;
                Spans.endCall(token, status < 0 ? 0 : status, false, answered ? null : thrown);
            }
        }
    }
}
