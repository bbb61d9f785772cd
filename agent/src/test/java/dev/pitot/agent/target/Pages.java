package dev.pitot.agent.target;

import jakarta.servlet.Filter;
import jakarta.servlet.FilterChain;
import jakarta.servlet.GenericServlet;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletRequest;
import jakarta.servlet.ServletResponse;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;

/** What the small servers of the tests serve: one servlet of each kind, and a filter that answers some requests itself. */
final class Pages {
    /** Paths of {@link AsyncPage}. */
    static final String[] WAYS = {"dispatched", "twice", "started", "plain", "once", "failed", "thrown", "timeout"};

    private Pages() {}

    /** The usual kind; {@code /view} is what {@code /forward} goes on to. */
    public static final class Hello extends HttpServlet {
        private static final long serialVersionUID = 1;

        @Override
        protected void doGet(HttpServletRequest request, HttpServletResponse response)
                throws ServletException, IOException {
            if (request.getServletPath().equals("/forward")) {
                request.getRequestDispatcher("/view").forward(request, response);
            } else {
                response.getWriter().print("hello");
            }
        }
    }

    /** A servlet that is no HttpServlet. */
    public static final class Generic extends GenericServlet {
        private static final long serialVersionUID = 1;

        @Override
        public void service(ServletRequest request, ServletResponse response) throws IOException {
            response.getWriter().print("generic");
        }
    }

    /** Refuses {@code /denied}. */
    public static final class Guard implements Filter {
        @Override
        public void doFilter(ServletRequest request, ServletResponse response, FilterChain chain)
                throws IOException, ServletException {
            if (((HttpServletRequest) request).getRequestURI().endsWith("/denied")) {
                ((HttpServletResponse) response).setStatus(401);
            } else {
                chain.doFilter(request, response);
            }
        }
    }

    /** Until the standard input ends; then the recording is ended too. */
    static void serve(int port, AutoCloseable server) throws Exception {
        System.out.println("port " + port);
        while (System.in.read() >= 0) {
            System.out.println("read");
        }
        server.close();
        System.out.println("end");
        Object finish = System.getProperties().get("pitot.test.finish");
        if (finish instanceof Runnable end) {
            end.run();
        }
    }
}
