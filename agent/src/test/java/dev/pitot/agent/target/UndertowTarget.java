package dev.pitot.agent.target;

import io.undertow.Undertow;
import io.undertow.server.handlers.PathHandler;
import io.undertow.servlet.Servlets;
import io.undertow.servlet.api.DeploymentInfo;
import io.undertow.servlet.api.DeploymentManager;
import jakarta.servlet.DispatcherType;
import java.net.InetSocketAddress;
import java.util.stream.Stream;

/** Undertow with {@link Pages}. */
public final class UndertowTarget {
    private UndertowTarget() {}

    public static void main(String[] args) throws Exception {
        DeploymentInfo shop = Servlets.deployment()
                .setClassLoader(UndertowTarget.class.getClassLoader())
                .setDeploymentName("shop")
                .setContextPath("/shop")
                .addServlets(
                        Servlets.servlet("hello", Pages.Hello.class).addMappings("/hello", "/forward", "/view"),
                        Servlets.servlet("generic", Pages.Generic.class).addMapping("/generic"),
                        Servlets.servlet("later", AsyncPage.class)
                                .setAsyncSupported(true)
                                .addMappings(
                                        Stream.of(Pages.WAYS).map("/"::concat).toArray(String[]::new)))
                .addFilter(Servlets.filter("guard", Pages.Guard.class).setAsyncSupported(true));
        for (DispatcherType type : DispatcherType.values()) {
            shop.addFilterUrlMapping("guard", "/*", type);
        }
        DeploymentManager manager = Servlets.defaultContainer().addDeployment(shop);
        manager.deploy();
        Undertow server = Undertow.builder()
                .addHttpListener(0, "127.0.0.1")
                .setHandler(new PathHandler().addPrefixPath("/shop", manager.start()))
                .build();
        server.start();
        InetSocketAddress address =
                (InetSocketAddress) server.getListenerInfo().get(0).getAddress();
        Pages.serve(address.getPort(), server::stop);
    }
}
