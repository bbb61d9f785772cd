package dev.pitot.agent.target;

import com.sun.net.httpserver.HttpHandler;
import com.sun.net.httpserver.HttpServer;
import io.javalin.Javalin;
import io.micronaut.context.ApplicationContext;
import io.micronaut.context.ExecutionHandleLocator;
import io.micronaut.core.type.Argument;
import io.micronaut.core.type.ReturnType;
import io.micronaut.inject.ExecutableMethod;
import io.micronaut.inject.MethodExecutionHandle;
import io.micronaut.runtime.server.EmbeddedServer;
import io.micronaut.web.router.DefaultRouteBuilder;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.ext.web.Router;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.core.Application;
import java.io.File;
import java.lang.reflect.Method;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.apache.catalina.Context;
import org.apache.catalina.Wrapper;
import org.apache.catalina.startup.Tomcat;
import org.glassfish.jersey.server.ContainerFactory;
import org.glassfish.jersey.server.ResourceConfig;
import org.jboss.resteasy.plugins.server.servlet.HttpServletDispatcher;

/** Frameworks that name routes, each on a port of its own, which Javalin tells at {@code /ports}. */
public final class RoutesTarget {
    private static final Map<String, Integer> PORTS = new TreeMap<>();

    private RoutesTarget() {}

    public static void main(String[] args) {
        try {
            serve();
            System.exit(0);
        } catch (Throwable failed) {
            failed.printStackTrace();
            System.exit(1); // Whatever threads the others have started.
        }
    }

    private static void serve() throws Exception {
        PORTS.put("jersey", jersey());
        PORTS.put("resteasy", restEasy());
        PORTS.put("vertx", vertx());
        PORTS.put("micronaut", micronaut());
        Javalin javalin = Javalin.create(config -> {
                    config.startup.showJavalinBanner = false;
                    config.router.contextPath = "/javalin";
                    config.routes.before(ctx -> ctx.header("x-before", "yes"));
                    config.routes.get("/ports", ctx -> ctx.result(PORTS.toString()));
                    config.routes.get("/items/{id}", ctx -> ctx.result(ctx.pathParam("id")));
                })
                .start("127.0.0.1", 0);
        PORTS.put("javalin", javalin.port());
        Pages.serve(javalin.port(), javalin::stop);
    }

    private static int vertx() {
        Vertx vertx = Vertx.vertx();
        Router router = Router.router(vertx);
        router.get("/vertx/items/:id").handler(context -> context.response().end(context.pathParam("id")));
        return vertx.createHttpServer(
                        new HttpServerOptions().setHost("127.0.0.1").setPort(0))
                .requestHandler(router)
                .listen()
                .toCompletionStage()
                .toCompletableFuture()
                .join()
                .actualPort();
    }

    /** A resource with a method and with one that leads to another resource. */
    @Path("/items")
    public static final class Items {
        @GET
        @Path("/{id}")
        public String item(@PathParam("id") String id) {
            return id;
        }

        @Path("{id}/parts")
        public Parts parts() {
            return new Parts();
        }
    }

    /** One of the latter. */
    public static final class Parts {
        @GET
        @Path("/{part}")
        public String part(@PathParam("part") String part) {
            return part;
        }
    }

    /** Both. */
    public static final class Shop extends Application {
        @Override
        public Set<Class<?>> getClasses() {
            return Set.of(Items.class);
        }
    }

    private static int jersey() throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext(
                "/jersey/", ContainerFactory.createContainer(HttpHandler.class, new ResourceConfig(Items.class)));
        server.start();
        return server.getAddress().getPort();
    }

    /** In a class loader of its own, as there is but one implementation of JAX-RS in one. */
    private static int restEasy() throws Exception {
        List<URL> path = new ArrayList<>();
        for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
            if (!new File(entry).getName().startsWith("jersey-")) {
                path.add(new File(entry).toURI().toURL());
            }
        }
        ClassLoader loader = new URLClassLoader(path.toArray(new URL[0]), ClassLoader.getPlatformClassLoader());
        Thread.currentThread().setContextClassLoader(loader);
        Object port = ((Supplier<?>) loader.loadClass(RestEasy.class.getName())
                        .getDeclaredConstructor()
                        .newInstance())
                .get();
        Thread.currentThread().setContextClassLoader(RoutesTarget.class.getClassLoader());
        return (Integer) port;
    }

    /** RESTEasy in Tomcat, below a context and a prefix of its servlet. */
    public static final class RestEasy implements Supplier<Integer> {
        @Override
        public Integer get() {
            try {
                Tomcat tomcat = new Tomcat();
                tomcat.setBaseDir(Files.createTempDirectory("resteasy").toString());
                tomcat.setPort(0);
                tomcat.getConnector().setProperty("address", "127.0.0.1");
                Context context = tomcat.addContext("/resteasy", null);
                context.setParentClassLoader(RestEasy.class.getClassLoader());
                Wrapper servlet = Tomcat.addServlet(context, "rest", new HttpServletDispatcher());
                servlet.addInitParameter("jakarta.ws.rs.Application", Shop.class.getName());
                servlet.addInitParameter("resteasy.servlet.mapping.prefix", "/api");
                context.addServletMappingDecoded("/api/*", "rest");
                tomcat.start();
                return tomcat.getConnector().getLocalPort();
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        }
    }

    private static int micronaut() throws Exception {
        ApplicationContext context = ApplicationContext.builder()
                .properties(Map.of("micronaut.server.host", "127.0.0.1", "micronaut.server.port", -1))
                .start();
        context.registerSingleton(DefaultRouteBuilder.class, new MicronautRoutes(context));
        return context.getBean(EmbeddedServer.class).start().getPort();
    }

    /** Routes that no annotation processor has made. */
    private static final class MicronautRoutes extends DefaultRouteBuilder {
        MicronautRoutes(ExecutionHandleLocator locator) throws Exception {
            super(locator);
            buildRoute(
                    io.micronaut.http.HttpMethod.GET,
                    "/micronaut/items/{id}",
                    new Handle(MicronautRoutes.class.getMethod("item", String.class)));
        }

        @SuppressWarnings("unused")
        public String item(String id) {
            return id;
        }

        private final class Handle implements MethodExecutionHandle<Object, Object>, ExecutableMethod<Object, Object> {
            private final Method method;

            Handle(Method method) {
                this.method = method;
            }

            @Override
            public ExecutableMethod<Object, Object> getExecutableMethod() {
                return this;
            }

            @Override
            public Object getTarget() {
                return MicronautRoutes.this;
            }

            @Override
            @SuppressWarnings("unchecked")
            public Class<Object> getDeclaringType() {
                return (Class<Object>) (Class<?>) MicronautRoutes.class;
            }

            @Override
            public Argument<?>[] getArguments() {
                return new Argument<?>[] {Argument.of(String.class, "id")};
            }

            @Override
            public Object invoke(Object... arguments) {
                return item((String) arguments[0]);
            }

            @Override
            public Object invoke(Object instance, Object... arguments) {
                return invoke(arguments);
            }

            @Override
            public Method getTargetMethod() {
                return method;
            }

            @Override
            @SuppressWarnings("unchecked")
            public ReturnType<Object> getReturnType() {
                return (ReturnType<Object>) (ReturnType<?>) ReturnType.of(String.class);
            }

            @Override
            public String getMethodName() {
                return method.getName();
            }
        }
    }
}
