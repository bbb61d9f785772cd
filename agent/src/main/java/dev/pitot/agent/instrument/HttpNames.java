package dev.pitot.agent.instrument;

import org.jspecify.annotations.Nullable;

/** HTTP servers. */
final class HttpNames implements Names {
    @Override
    public @Nullable String libraryOf(String name) {
        return switch (name) {
            case "jakarta/servlet/http/HttpServlet",
                    "org/eclipse/jetty/ee9/servlet/FilterHolder",
                    "org/eclipse/jetty/ee10/servlet/FilterHolder",
                    "org/eclipse/jetty/ee11/servlet/FilterHolder",
                    "org/eclipse/jetty/ee10/servlet/ServletHolder",
                    "org/eclipse/jetty/ee11/servlet/ServletHolder",
                    "org/eclipse/jetty/ee9/nested/HttpChannelState",
                    "org/eclipse/jetty/ee10/servlet/ServletChannelState",
                    "org/eclipse/jetty/ee11/servlet/ServletChannelState" -> "JakartaServlet";
            case "javax/servlet/http/HttpServlet",
                    "org/eclipse/jetty/ee8/servlet/FilterHolder",
                    "org/eclipse/jetty/ee8/nested/HttpChannelState" -> "JavaxServlet";
            // Of either API, by version.
            case "org/apache/catalina/core/ApplicationFilterChain",
                    "org/eclipse/jetty/servlet/FilterHolder",
                    "io/undertow/servlet/handlers/FilterHandler$FilterChainImpl",
                    "org/apache/catalina/core/AsyncContextImpl",
                    "org/eclipse/jetty/server/HttpChannelState",
                    "io/undertow/servlet/spec/AsyncContextImpl" -> "AnyServlet";
            case "com/sun/net/httpserver/Filter$Chain",
                    "sun/net/httpserver/ExchangeImpl",
                    "sun/net/httpserver/PlaceholderOutputStream" -> "JdkHttpServer";
            case "io/netty/channel/AbstractChannelHandlerContext",
                    "io/netty/handler/codec/http/HttpObjectEncoder",
                    "io/netty/handler/codec/http2/Http2StreamFrameToHttpObjectCodec" -> "NettyHttpServer";
            // These name the route of a request that one of the above began.
            case "org/springframework/web/reactive/DispatcherHandler" -> "SpringWebFlux";
            case "io/javalin/http/servlet/JavalinServletContext" -> "Javalin";
            case "io/micronaut/http/BasicHttpAttributes" -> "Micronaut";
            case "io/vertx/ext/web/impl/RouteState" -> "VertxWeb";
            case "org/jboss/resteasy/core/ResourceMethodInvoker", "org/jboss/resteasy/core/ResourceLocatorInvoker" ->
                "RestEasy";
            case "org/glassfish/jersey/server/internal/routing/UriRoutingContext" -> "Jersey";
            default -> null;
        };
    }

    @Override
    public boolean heralds(String name) {
        return name.startsWith("org/apache/catalina/")
                || name.startsWith("org/eclipse/jetty/")
                || name.startsWith("io/undertow/servlet/")
                || name.startsWith("jakarta/servlet/")
                || name.startsWith("javax/servlet/")
                || name.startsWith("com/sun/net/httpserver/")
                || name.startsWith("io/netty/bootstrap/");
    }
}
