package dev.pitot.web.flight;

import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.catalina.Context;
import org.apache.catalina.startup.Tomcat;

/** A servlet application that knows nothing of Pitot, on Apache Tomcat as Maven Central ships it; run in a JVM of its own. */
public final class TomcatApplication {
    private TomcatApplication() {}

    private static final class Greeting extends HttpServlet {
        @Override
        protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
            response.setContentType("text/plain");
            response.getWriter().print("Good day " + request.getPathInfo());
        }
    }

    private static final class Broken extends HttpServlet {
        @Override
        protected void doGet(HttpServletRequest request, HttpServletResponse response) throws ServletException {
            throw new ServletException("broken on purpose");
        }
    }

    /** Arguments: a work folder, and the file that gets the port. */
    public static void main(String[] args) throws Exception {
        Tomcat tomcat = new Tomcat();
        tomcat.setBaseDir(args[0]);
        tomcat.setHostname("127.0.0.1");
        tomcat.setPort(0);
        tomcat.getConnector().setProperty("address", "127.0.0.1");
        Context context = tomcat.addContext("", null);
        Tomcat.addServlet(context, "greeting", new Greeting());
        context.addServletMappingDecoded("/greeting/*", "greeting");
        Tomcat.addServlet(context, "broken", new Broken());
        context.addServletMappingDecoded("/broken", "broken");
        tomcat.start();
        Path ready = Path.of(args[1] + ".part");
        Files.writeString(ready, String.valueOf(tomcat.getConnector().getLocalPort()));
        Files.move(ready, Path.of(args[1]));
        tomcat.getServer().await();
    }
}
