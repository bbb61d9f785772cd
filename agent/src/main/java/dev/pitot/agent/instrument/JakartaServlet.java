package dev.pitot.agent.instrument;

import static net.bytebuddy.matcher.ElementMatchers.declaresMethod;
import static net.bytebuddy.matcher.ElementMatchers.isAbstract;
import static net.bytebuddy.matcher.ElementMatchers.isDeclaredBy;
import static net.bytebuddy.matcher.ElementMatchers.named;
import static net.bytebuddy.matcher.ElementMatchers.not;
import static net.bytebuddy.matcher.ElementMatchers.takesArgument;

import dev.pitot.events.Spans;
import jakarta.servlet.AsyncContext;
import jakarta.servlet.AsyncEvent;
import jakarta.servlet.DispatcherType;
import jakarta.servlet.RequestDispatcher;
import jakarta.servlet.ServletRequest;
import jakarta.servlet.ServletRequestWrapper;
import jakarta.servlet.ServletResponse;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.lang.invoke.VarHandle;
import java.util.Collections;
import java.util.List;
import net.bytebuddy.asm.Advice;
import net.bytebuddy.description.method.MethodDescription;
import net.bytebuddy.implementation.bytecode.assign.Assigner;
import net.bytebuddy.matcher.ElementMatcher;
import org.jspecify.annotations.Nullable;

/** Servlets and filter chains of Jakarta Servlet 5 and later: Tomcat 10, Jetty 11, Undertow 2.3 and newer. */
final class JakartaServlet implements Library {
    @Override
    public List<Point> points() {
        String advice = "dev.pitot.agent.instrument.JakartaServlet$";
        ElementMatcher.Junction<MethodDescription> ofThisApi = isDeclaredBy(
                declaresMethod(named("addListener").and(takesArgument(0, named("jakarta.servlet.AsyncListener")))));
        return List.of(
                // "handle" is that of Jetty's ServletHolder, which sees servlets that are no HttpServlet too.
                new Point(
                        advice + "OnService",
                        named("service")
                                .or(named("doFilter"))
                                .or(named("handle"))
                                .<MethodDescription>and(not(isAbstract()))
                                .and(takesArgument(0, named("jakarta.servlet.ServletRequest")))
                                .and(takesArgument(1, named("jakarta.servlet.ServletResponse")))),
                // Where a container tells the listeners of an asynchronous request that it is complete.
                new Point(advice + "OnTomcatComplete", named("fireOnComplete").and(ofThisApi)),
                new Point(advice + "OnJettyComplete", named("completed").and(ofThisApi)),
                new Point(
                        advice + "OnUndertowComplete", named("onAsyncComplete").and(ofThisApi)));
    }

    @Override
    public List<String> needs() {
        return List.of("jakarta.servlet.DispatcherType");
    }

    /** Inlined into the container's classes; refers to nothing but the servlet API, java.base and the bridge. */
    static final class OnService {
        private OnService() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static @Nullable Object enter(
                @Advice.Argument(0) ServletRequest request,
                @Advice.Local("task") @Nullable Object task,
                @Advice.Local("dispatched") @Nullable Object dispatched,
                @Advice.Local("from") @Nullable String from) {
            // An error page, and what the request forwards to or includes, are parts of a request that was counted.
            DispatcherType type = request.getDispatcherType();
            if (type == DispatcherType.ASYNC) {
                ServletRequest innermost = request;
                while (innermost instanceof ServletRequestWrapper) {
                    innermost = ((ServletRequestWrapper) innermost).getRequest();
                }
                Object token = Spans.kept(innermost);
                if (token != null) {
                    dispatched = token;
                    task = Spans.continueRequest(token);
                }
                return null;
            }
            if (type == DispatcherType.FORWARD) {
                // The pattern of what it comes from, before that of what it goes to stands in its place. A forward by a
                // servlet's name says nothing of either, and goes to what has no pattern.
                Object pattern =
                        request.getAttribute("org.springframework.web.servlet.HandlerMapping.bestMatchingPattern");
                Object context = request.getAttribute(RequestDispatcher.FORWARD_CONTEXT_PATH);
                if (pattern instanceof String && context != null) {
                    Object prefix = request.getAttribute(RequestDispatcher.FORWARD_PATH_INFO) == null
                            ? null
                            : request.getAttribute(RequestDispatcher.FORWARD_SERVLET_PATH);
                    from = context.toString()
                            .concat(prefix == null ? "" : prefix.toString())
                            .concat((String) pattern);
                }
                return null;
            }
            Object token = type == DispatcherType.REQUEST ? Spans.beginRequest() : null;
            if (token != null && request instanceof HttpServletRequest) {
                try {
                    HttpServletRequest http = (HttpServletRequest) request;
                    String traceparent = http.getHeader("traceparent");
                    if (traceparent != null) {
                        Spans.trace(token, traceparent, Collections.list(http.getHeaders("tracestate")));
                    }
                    String[] shown = Spans.shown();
                    if (shown != null) {
                        Spans.show(token, null, http.getQueryString());
                        for (int i = 0; i < shown.length; i++) {
                            Spans.show(token, shown[i], http.getHeader(shown[i]));
                        }
                    }
                } catch (Throwable withoutHeaders) {
                    // What was begun must be ended: nothing may keep the token from its return.
                }
            }
            return token;
        }

        @Advice.OnMethodExit(onThrowable = Throwable.class, suppress = Throwable.class)
        static void exit(
                @Advice.Enter(typing = Assigner.Typing.DYNAMIC) @Nullable Object token,
                @Advice.Local("task") @Nullable Object task,
                @Advice.Local("dispatched") @Nullable Object dispatched,
                @Advice.Local("from") @Nullable String from,
                @Advice.Argument(0) ServletRequest servletRequest,
                @Advice.Argument(1) ServletResponse servletResponse,
                @Advice.Thrown @Nullable Throwable thrown) {
            if (dispatched != null) {
                Spans.failed(dispatched, thrown);
            }
            if (token == null && task == null) {
                // Of several forwards the first one comes here last.
                Spans.route(from);
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
                    if (token != null && request.isAsyncStarted()) {
                        // Only of these is it known when they have done.
                        String by = request.getAsyncContext().getClass().getName();
                        if (by.equals("org.apache.catalina.core.AsyncContextImpl")
                                || by.startsWith("org.eclipse.jetty.")
                                || by.startsWith("io.undertow.")) {
                            ServletRequest innermost = request;
                            while (innermost instanceof ServletRequestWrapper) {
                                innermost = ((ServletRequestWrapper) innermost).getRequest();
                            }
                            async = Spans.keep(innermost, token);
                            // Undertow does not wait for the handler: the request may be complete by now, and that have
                            // missed what was kept.
                            VarHandle.fullFence();
                            async = async && request.isAsyncStarted();
                        }
                    }
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
                    } else if (token != null && request.getServletContext().getMajorVersion() >= 4) {
                        String mapping = request.getHttpServletMapping().getPattern();
                        if (mapping != null && !mapping.isEmpty() && !mapping.equals("/") && !mapping.endsWith("/*")) {
                            route = mapping.charAt(0) == '/' ? mapping : "/".concat(mapping);
                        }
                    }
                    if (route != null && context != null && !context.isEmpty()) {
                        route = context.concat(route);
                    }
                }
                if (servletResponse instanceof HttpServletResponse) {
                    status = ((HttpServletResponse) servletResponse).getStatus();
                }
            } catch (Throwable recycled) {
                // The handler gave the request back already, or is older than the API: count it with what is known.
            }
            if (token != null) {
                Spans.endRequest(token, method, route, path, status, async, thrown);
            } else if (task != null) {
                // A request that was dispatched on has the route of the handler that it came to.
                Spans.route(route);
                Spans.endTask(task);
            }
        }
    }

    /** Inlined into Tomcat's AsyncContext, which does not name the request any more once it was dispatched on; its event does. */
    static final class OnTomcatComplete {
        private OnTomcatComplete() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static void enter(
                @Advice.FieldValue(value = "event", typing = Assigner.Typing.DYNAMIC) @Nullable AsyncEvent event) {
            if (event == null) {
                return;
            }
            ServletResponse response = event.getSuppliedResponse();
            ServletRequest innermost = event.getSuppliedRequest();
            while (innermost instanceof ServletRequestWrapper) {
                innermost = ((ServletRequestWrapper) innermost).getRequest();
            }
            Object token = Spans.kept(innermost);
            if (token == null) {
                return;
            }
            Spans.forget(innermost);
            int status = 0;
            try {
                status = response instanceof HttpServletResponse ? ((HttpServletResponse) response).getStatus() : 0;
            } catch (Throwable recycled) {
                // Complete it with what is known.
            }
            Spans.completeRequest(token, null, status, null);
        }
    }

    /** Inlined into Jetty's state of a request, whose event is null unless the request was asynchronous. */
    static final class OnJettyComplete {
        private OnJettyComplete() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static void enter(
                @Advice.FieldValue(value = "_event", typing = Assigner.Typing.DYNAMIC) @Nullable AsyncEvent event) {
            if (event == null) {
                return;
            }
            ServletResponse response = event.getSuppliedResponse();
            ServletRequest innermost = event.getSuppliedRequest();
            while (innermost instanceof ServletRequestWrapper) {
                innermost = ((ServletRequestWrapper) innermost).getRequest();
            }
            Object token = Spans.kept(innermost);
            if (token == null) {
                return;
            }
            Spans.forget(innermost);
            int status = 0;
            try {
                status = response instanceof HttpServletResponse ? ((HttpServletResponse) response).getStatus() : 0;
            } catch (Throwable recycled) {
                // Complete it with what is known.
            }
            Spans.completeRequest(token, null, status, null);
        }
    }

    /** Inlined into Undertow's AsyncContext. */
    static final class OnUndertowComplete {
        private OnUndertowComplete() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static void enter(@Advice.This AsyncContext context) {
            ServletResponse response = context.getResponse();
            ServletRequest innermost = context.getRequest();
            while (innermost instanceof ServletRequestWrapper) {
                innermost = ((ServletRequestWrapper) innermost).getRequest();
            }
            Object token = Spans.kept(innermost);
            if (token == null) {
                return;
            }
            Spans.forget(innermost);
            int status = 0;
            try {
                status = response instanceof HttpServletResponse ? ((HttpServletResponse) response).getStatus() : 0;
            } catch (Throwable recycled) {
                // Complete it with what is known.
            }
            Spans.completeRequest(token, null, status, null);
        }
    }
}
