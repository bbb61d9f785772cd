package dev.pitot.agent.target;

import io.netty.bootstrap.Bootstrap;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.nio.NioEventLoopGroup;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.handler.codec.http.DefaultFullHttpRequest;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultHttpResponse;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpClientCodec;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpRequestDecoder;
import io.netty.handler.codec.http.HttpResponseEncoder;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.CharsetUtil;
import java.util.concurrent.TimeUnit;

/** A plain Netty server: with one codec, or with a decoder and an encoder when the system property {@code split} is true. */
public final class NettyTarget {
    private NettyTarget() {}

    public static void main(String[] args) throws Exception {
        EventLoopGroup group = new NioEventLoopGroup(2);
        Channel server = new ServerBootstrap()
                .group(group)
                .channel(NioServerSocketChannel.class)
                .childHandler(new ChannelInitializer<Channel>() {
                    @Override
                    protected void initChannel(Channel channel) {
                        if (Boolean.getBoolean("split")) {
                            channel.pipeline().addLast(new HttpRequestDecoder(), new HttpResponseEncoder());
                        } else {
                            channel.pipeline().addLast(new HttpServerCodec());
                        }
                        channel.pipeline().addLast(new HttpObjectAggregator(1 << 20), new Handler());
                    }
                })
                .bind("127.0.0.1", 0)
                .sync()
                .channel();
        Pages.serve(((java.net.InetSocketAddress) server.localAddress()).getPort(), () -> {
            server.close().sync();
            group.shutdownGracefully(0, 5, TimeUnit.SECONDS).sync();
        });
    }

    /** Answers by path. */
    private static final class Handler extends SimpleChannelInboundHandler<FullHttpRequest> {
        @Override
        protected void channelRead0(ChannelHandlerContext context, FullHttpRequest request) {
            String path = request.uri().split("\\?", 2)[0];
            switch (path) {
                case "/later" ->
                    context.executor().schedule(() -> answer(context, 200, "later"), 5, TimeUnit.MILLISECONDS);
                case "/chunked" -> {
                    DefaultHttpResponse head = new DefaultHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.OK);
                    head.headers().set("transfer-encoding", "chunked");
                    context.write(head);
                    for (int i = 0; i < 10; i++) {
                        context.write(new DefaultHttpContent(Unpooled.copiedBuffer("part " + i, CharsetUtil.US_ASCII)));
                    }
                    context.writeAndFlush(LastHttpContent.EMPTY_LAST_CONTENT);
                }
                case "/upgrade" -> {
                    DefaultFullHttpResponse switching =
                            new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.SWITCHING_PROTOCOLS);
                    switching.headers().set("connection", "upgrade").set("upgrade", "echo");
                    context.writeAndFlush(switching).addListener(ChannelFutureListener.CLOSE);
                }
                case "/cut" -> context.close();
                case "/broken" -> answer(context, 500, "broken");
                case "/call" -> call(context);
                default -> answer(context, 200, path + " " + request.content().readableBytes());
            }
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
            context.close();
        }
    }

    /** Asks this very server on the same event loop, with Netty's client. */
    private static void call(ChannelHandlerContext from) {
        new Bootstrap()
                .group(from.channel().eventLoop())
                .channel(NioSocketChannel.class)
                .handler(new ChannelInitializer<Channel>() {
                    @Override
                    protected void initChannel(Channel channel) {
                        channel.pipeline()
                                .addLast(
                                        new HttpClientCodec(),
                                        new HttpObjectAggregator(1 << 20),
                                        new SimpleChannelInboundHandler<FullHttpResponse>() {
                                            @Override
                                            protected void channelRead0(
                                                    ChannelHandlerContext context, FullHttpResponse response) {
                                                answer(from, response.status().code(), "called");
                                                context.close();
                                            }
                                        });
                    }
                })
                .connect(from.channel().localAddress())
                .addListener((ChannelFutureListener) connected -> {
                    DefaultFullHttpRequest request =
                            new DefaultFullHttpRequest(HttpVersion.HTTP_1_1, HttpMethod.GET, "/called");
                    request.headers().set("host", "localhost");
                    connected.channel().writeAndFlush(request);
                });
    }

    private static void answer(ChannelHandlerContext context, int status, String text) {
        DefaultFullHttpResponse response = new DefaultFullHttpResponse(
                HttpVersion.HTTP_1_1,
                HttpResponseStatus.valueOf(status),
                Unpooled.copiedBuffer(text, CharsetUtil.US_ASCII));
        response.headers().set("content-length", response.content().readableBytes());
        context.writeAndFlush(response);
    }
}
