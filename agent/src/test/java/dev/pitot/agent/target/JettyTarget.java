package dev.pitot.agent.target;

import jakarta.servlet.DispatcherType;
import java.net.InetSocketAddress;
import java.util.EnumSet;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;

/** Jetty 12 with {@link Pages}; without a filter when the system property {@code filter} is false. */
public final class JettyTarget {
    private JettyTarget() {}

    public static void main(String[] args) throws Exception {
        Server server = new Server(new InetSocketAddress("127.0.0.1", 0));
        ServletContextHandler shop = new ServletContextHandler("/shop");
        if (!"false".equals(System.getProperty("filter"))) {
            shop.addFilter(Pages.Guard.class, "/*", EnumSet.allOf(DispatcherType.class))
                    .setAsyncSupported(true);
        }
        for (String path : new String[] {"/hello", "/forward", "/view"}) {
            shop.addServlet(Pages.Hello.class, path);
        }
        for (String way : Pages.WAYS) {
            shop.addServlet(AsyncPage.class, "/" + way).setAsyncSupported(true);
        }
        shop.addServlet(Pages.Generic.class, "/generic");
        server.setHandler(shop);
        server.start();
        Pages.serve(((ServerConnector) server.getConnectors()[0]).getLocalPort(), server::stop);
    }
}
