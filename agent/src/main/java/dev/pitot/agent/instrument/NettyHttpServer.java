package dev.pitot.agent.instrument;

import static net.bytebuddy.matcher.ElementMatchers.isBridge;
import static net.bytebuddy.matcher.ElementMatchers.named;
import static net.bytebuddy.matcher.ElementMatchers.not;
import static net.bytebuddy.matcher.ElementMatchers.returns;
import static net.bytebuddy.matcher.ElementMatchers.takesArgument;
import static net.bytebuddy.matcher.ElementMatchers.takesNoArguments;

import dev.pitot.events.Spans;
import dev.pitot.events.SpansConnection;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpObjectEncoder;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpRequestDecoder;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseEncoder;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.LastHttpContent;
import java.util.List;
import net.bytebuddy.asm.Advice;
import net.bytebuddy.description.method.MethodDescription;
import net.bytebuddy.matcher.ElementMatcher;
import org.jspecify.annotations.Nullable;

/**
 * Netty's HTTP/1 server codec, 4.1 and 4.2, which Reactor Netty, Vert.x and Micronaut build on, and the one that makes the same messages
 * of a stream of HTTP/2, which is a channel of its own. A request begins where the codec hands it to the handlers behind it, and ends
 * where the last of its answer comes to the codec. Nothing is added to the pipeline.
 */
final class NettyHttpServer implements Library {
    /** By name, as a program may do without it; a constant, which the compiler copies to where it is used. */
    private static final String HTTP_2 = "io.netty.handler.codec.http2.Http2StreamFrameToHttpObjectCodec";

    @Override
    public List<Point> points() {
        String advice = "dev.pitot.agent.instrument.NettyHttpServer$";
        return List.of(
                new Point(advice + "OnRead", named("fireChannelRead").and(returnsContext())),
                new Point(
                        advice + "OnInactive",
                        named("fireChannelInactive").and(takesNoArguments()).and(returnsContext())),
                new Point(
                        advice + "OnWrite",
                        named("encode")
                                .and(takesArgument(0, named("io.netty.channel.ChannelHandlerContext")))
                                .and(not(isBridge()))));
    }

    /** No bridge method, which would come to the real one. */
    private static ElementMatcher.Junction<MethodDescription> returnsContext() {
        return returns(named("io.netty.channel.ChannelHandlerContext"));
    }

    @Override
    public List<String> wants() {
        return List.of("io.netty.handler.codec.http.HttpServerCodec");
    }

    /**
     * Inlined into the link between one handler and the next, which all messages pass. Byte Buddy reads the types of local variables
     * where the bridge has no class file: the connection is an object to it.
     */
    static final class OnRead {
        private OnRead() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static void enter(
                @Advice.This ChannelHandlerContext context,
                @Advice.Argument(0) Object message,
                @Advice.Local("connection") @Nullable Object open,
                @Advice.Local("request") @Nullable Object request,
                @Advice.Local("task") @Nullable Object task,
                @Advice.Local("method") @Nullable String method,
                @Advice.Local("path") @Nullable String path) {
            boolean begins = message instanceof HttpRequest;
            if (!begins && !(message instanceof HttpContent)) {
                return;
            }
            ChannelHandler handler = context.handler();
            if (!(handler instanceof HttpServerCodec)
                    && !(handler instanceof HttpRequestDecoder)
                    && !handler.getClass().getName().equals(HTTP_2)) {
                return;
            }
            SpansConnection connection = (SpansConnection) Spans.kept(context.channel());
            if (!begins) {
                Object latest = connection == null ? null : connection.latest();
                if (latest != null) {
                    task = Spans.continueRequest(latest);
                }
                return;
            }
            // What a handler may change is read before it does.
            HttpRequest read = (HttpRequest) message;
            method = read.method().name();
            path = SpansConnection.path(read.uri());
            String traceparent = read.headers().get("traceparent");
            List<String> tracestate =
                    traceparent == null ? null : read.headers().getAll("tracestate");
            if (connection == null) {
                SpansConnection fresh = new SpansConnection();
                connection = Spans.keep(context.channel(), fresh) ? fresh : null;
            }
            if (connection != null) {
                open = connection;
                request = connection.begin();
                if (request != null) {
                    Spans.trace(request, traceparent, tracestate);
                    String[] shown = Spans.shown();
                    if (shown != null) {
                        String target = read.uri();
                        int query = target.indexOf('?');
                        Spans.show(request, null, query < 0 ? null : target.substring(query + 1));
                        for (int i = 0; i < shown.length; i++) {
                            Spans.show(request, shown[i], read.headers().get(shown[i]));
                        }
                    }
                }
            }
        }

        @Advice.OnMethodExit(onThrowable = Throwable.class, suppress = Throwable.class)
        static void exit(
                @Advice.Local("connection") @Nullable Object open,
                @Advice.Local("request") @Nullable Object request,
                @Advice.Local("task") @Nullable Object task,
                @Advice.Local("method") @Nullable String method,
                @Advice.Local("path") @Nullable String path) {
            if (request != null && open != null) {
                boolean answered = !((SpansConnection) open).isOpen(request);
                Spans.endRequest(request, method, null, path, 0, !answered, null);
            } else if (task != null) {
                Spans.endTask(task);
            }
        }
    }

    /** Inlined beside it: what a closed connection leaves open is not answered any more. */
    static final class OnInactive {
        private OnInactive() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static void enter(@Advice.This ChannelHandlerContext context) {
            ChannelHandler handler = context.handler();
            if (!(handler instanceof HttpServerCodec)
                    && !(handler instanceof HttpRequestDecoder)
                    && !handler.getClass().getName().equals(HTTP_2)) {
                return;
            }
            SpansConnection connection = (SpansConnection) Spans.kept(context.channel());
            if (connection != null) {
                Spans.forget(context.channel());
                connection.close();
            }
        }
    }

    /** Inlined into the encoder of requests and answers, and into the codec of HTTP/2. */
    static final class OnWrite {
        private OnWrite() {}

        @Advice.OnMethodExit(suppress = Throwable.class)
        static void exit(
                @Advice.This Object encoder,
                @Advice.Argument(0) ChannelHandlerContext context,
                @Advice.Argument(1) Object message) {
            if (encoder instanceof HttpObjectEncoder && !(encoder instanceof HttpResponseEncoder)
                    || !(message instanceof HttpResponse) && !(message instanceof LastHttpContent)) {
                return;
            }
            SpansConnection connection = (SpansConnection) Spans.kept(context.channel());
            if (connection == null) {
                return;
            }
            if (message instanceof HttpResponse) {
                int status = ((HttpResponse) message).status().code();
                if (status == 101
                        && "h2c"
                                .equalsIgnoreCase(
                                        ((HttpResponse) message).headers().get("upgrade"))) {
                    connection.leave();
                }
                connection.answer(status);
            }
            if (message instanceof LastHttpContent) {
                connection.end();
            }
        }
    }
}
