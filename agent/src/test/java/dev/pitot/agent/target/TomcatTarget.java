package dev.pitot.agent.target;

import jakarta.servlet.Filter;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletRequest;
import jakarta.servlet.ServletResponse;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.File;
import java.io.IOException;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.apache.catalina.Context;
import org.apache.catalina.startup.Tomcat;
import org.apache.tomcat.util.descriptor.web.ErrorPage;
import org.apache.tomcat.util.descriptor.web.FilterDef;
import org.apache.tomcat.util.descriptor.web.FilterMap;

/** Embedded Tomcat with a filter and servlets of every kind of mapping. A test makes the javax version of this text. */
public final class TomcatTarget {
    /** Of {@link AsyncPage}. */
    private static final String[] WAYS = {
        "dispatched", "twice", "started", "plain", "once", "failed", "thrown", "timeout"
    };

    private TomcatTarget() {}

    /** A servlet by a lambda. */
    private interface Body {
        void serve(HttpServletRequest request, HttpServletResponse response) throws ServletException, IOException;
    }

    private static final class Page extends HttpServlet {
        private static final long serialVersionUID = 1;
        private final transient Body body;

        Page(Body body) {
            this.body = body;
        }

        @Override
        protected void service(HttpServletRequest request, HttpServletResponse response)
                throws ServletException, IOException {
            body.serve(request, response);
        }
    }

    /** Lets all pass. */
    public static final class Pass implements Filter {
        @Override
        public void doFilter(ServletRequest request, ServletResponse response, FilterChain chain)
                throws IOException, ServletException {
            chain.doFilter(request, response);
        }
    }

    public static void main(String[] args) throws Exception {
        Logger.getLogger("org.apache").setLevel(Level.OFF);
        Tomcat tomcat = new Tomcat();
        tomcat.setBaseDir(System.getProperty("base"));
        tomcat.setPort(0);
        tomcat.getConnector().setProperty("address", "127.0.0.1");
        Context shop = tomcat.addContext("/shop", new File(System.getProperty("base")).getAbsolutePath());
        FilterDef filter = new FilterDef();
        filter.setFilterName("pass");
        filter.setFilterClass(Pass.class.getName());
        filter.setFilter(new Pass());
        filter.setAsyncSupported("true");
        shop.addFilterDef(filter);
        FilterMap map = new FilterMap();
        map.setFilterName("pass");
        map.addURLPattern("/*");
        map.setDispatcher("REQUEST");
        map.setDispatcher("FORWARD");
        map.setDispatcher("INCLUDE");
        map.setDispatcher("ERROR");
        map.setDispatcher("ASYNC");
        shop.addFilterMap(map);
        ErrorPage page = new ErrorPage();
        page.setErrorCode(503);
        page.setLocation("/oops");
        shop.addErrorPage(page);
        ErrorPage including = new ErrorPage();
        including.setErrorCode(502);
        including.setLocation("/oops/included");
        shop.addErrorPage(including);

        add(shop, "hello", "/hello", (request, response) -> response.getWriter().print("hello"));
        add(shop, "items", "/items/*", (request, response) -> response.getWriter()
                .print("item"));
        add(shop, "default", "/", (request, response) -> response.getWriter().print("default"));
        add(
                shop,
                "spring",
                "/spring",
                (request, response) -> request.setAttribute(
                        "org.springframework.web.servlet.HandlerMapping.bestMatchingPattern", "/spring/{name}"));
        add(shop, "named", "/named", (request, response) -> {
            request.setAttribute("org.springframework.web.servlet.HandlerMapping.bestMatchingPattern", "/named/{name}");
            request.getServletContext().getNamedDispatcher("hello").forward(request, response);
        });
        add(shop, "forwards", "/forwards/*", (request, response) -> {
            request.setAttribute(
                    "org.springframework.web.servlet.HandlerMapping.bestMatchingPattern", "/{kind}/{name}");
            boolean first = request.getPathInfo().startsWith("/first");
            request.getRequestDispatcher(first ? "/forwards/second/x" : "/spring")
                    .forward(request, response);
        });
        add(
                shop,
                "mapped",
                "/mapped/*",
                (request, response) -> request.setAttribute(
                        "org.springframework.web.servlet.HandlerMapping.bestMatchingPattern", "/carts/{cart}"));
        add(shop, "forward", "/forward", (request, response) -> request.getRequestDispatcher("/hello")
                .forward(request, response));
        add(shop, "include", "/include", (request, response) -> request.getRequestDispatcher("/hello")
                .include(request, response));
        add(shop, "broken", "/broken", (request, response) -> {
            throw new ServletException("broken on purpose");
        });
        add(shop, "away", "/away", (request, response) -> response.sendError(503));
        add(shop, "gone", "/gone", (request, response) -> response.sendError(502));
        add(shop, "view", "/view", (request, response) -> response.getWriter().print("view"));
        add(shop, "oops", "/oops", (request, response) -> request.getRequestDispatcher("/view")
                .forward(request, response));
        add(shop, "oops2", "/oops/included", (request, response) -> request.getRequestDispatcher("/view")
                .include(request, response));
        Tomcat.addServlet(shop, "later", new AsyncPage()).setAsyncSupported(true);
        for (String way : WAYS) {
            shop.addServletMappingDecoded("/" + way, "later");
        }
        tomcat.start();
        System.out.println("port " + tomcat.getConnector().getLocalPort());
        while (System.in.read() >= 0) {
            System.out.println("read");
        }
        tomcat.stop();
        System.out.println("end");
        Object finish = System.getProperties().get("pitot.test.finish");
        if (finish instanceof Runnable) {
            ((Runnable) finish).run();
        }
    }

    private static void add(Context context, String name, String pattern, Body body) {
        Tomcat.addServlet(context, name, new Page(body)).setAsyncSupported(true);
        context.addServletMappingDecoded(pattern, name);
    }
}
