package dev.pitot.agent.instrument;

import static net.bytebuddy.matcher.ElementMatchers.isAbstract;
import static net.bytebuddy.matcher.ElementMatchers.named;
import static net.bytebuddy.matcher.ElementMatchers.not;
import static net.bytebuddy.matcher.ElementMatchers.takesArgument;

import dev.pitot.events.Spans;
import jakarta.servlet.DispatcherType;
import jakarta.servlet.ServletRequest;
import jakarta.servlet.ServletResponse;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.util.List;
import net.bytebuddy.asm.Advice;
import net.bytebuddy.description.method.MethodDescription;
import net.bytebuddy.implementation.bytecode.assign.Assigner;
import org.jspecify.annotations.Nullable;

/** Servlets and filter chains of Jakarta Servlet 5 and later: Tomcat 10, Jetty 11, Undertow 2.3 and newer. */
final class JakartaServlet implements Library {
    @Override
    public List<Point> points() {
        // "handle" is that of Jetty's ServletHolder, which sees servlets that are no HttpServlet too.
        return List.of(new Point(
                "dev.pitot.agent.instrument.JakartaServlet$OnService",
                named("service")
                        .or(named("doFilter"))
                        .or(named("handle"))
                        .<MethodDescription>and(not(isAbstract()))
                        .and(takesArgument(0, named("jakarta.servlet.ServletRequest")))
                        .and(takesArgument(1, named("jakarta.servlet.ServletResponse")))));
    }

    @Override
    public List<String> needs() {
        return List.of("jakarta.servlet.DispatcherType");
    }

    /** Inlined into the container's classes; refers to nothing but the servlet API, java.base and the bridge. */
    static final class OnService {
        private OnService() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static @Nullable Object enter(@Advice.Argument(0) ServletRequest request) {
            // An error page, the second half of an asynchronous request, and what either of them forwards to or
            // includes,
            // are parts of a request that was counted.
            return request.getDispatcherType() == DispatcherType.REQUEST ? Spans.beginRequest() : null;
        }

        @Advice.OnMethodExit(onThrowable = Throwable.class, suppress = Throwable.class)
        static void exit(
                @Advice.Enter(typing = Assigner.Typing.DYNAMIC) @Nullable Object token,
                @Advice.Argument(0) ServletRequest servletRequest,
                @Advice.Argument(1) ServletResponse servletResponse,
                @Advice.Thrown @Nullable Throwable thrown) {
            if (token == null) {
                return;
            }
            String method = null;
            String route = null;
            String path = null;
            int status = 0;
            boolean async = false;
            try {
                if (servletRequest instanceof HttpServletRequest) {
                    HttpServletRequest request = (HttpServletRequest) servletRequest;
                    method = request.getMethod();
                    path = request.getRequestURI();
                    async = request.isAsyncStarted();
                    String context = request.getContextPath();
                    Object pattern =
                            request.getAttribute("org.springframework.web.servlet.HandlerMapping.bestMatchingPattern");
                    if (pattern instanceof String) {
                        route = (String) pattern;
                        String prefix = request.getServletPath();
                        if (request.getPathInfo() != null && prefix != null) {
                            // The servlet itself has a prefix, which the pattern begins behind.
                            route = prefix.concat(route);
                        }
                        if (context != null && !context.isEmpty()) {
                            route = context.concat(route);
                        }
                    }
                }
                if (servletResponse instanceof HttpServletResponse) {
                    status = ((HttpServletResponse) servletResponse).getStatus();
                }
            } catch (Throwable recycled) {
                // The handler gave the request back already, or is older than the API: count it with what is known.
            }
            Spans.endRequest(token, method, route, path, status, async, thrown);
        }
    }
}
