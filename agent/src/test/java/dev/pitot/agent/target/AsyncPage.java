package dev.pitot.agent.target;

import jakarta.servlet.AsyncContext;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;

/** Answers later, in each of the ways that the servlet specification has, by the last part of its path. */
public final class AsyncPage extends HttpServlet {
    private static final long serialVersionUID = 1;

    @Override
    protected void doGet(HttpServletRequest request, HttpServletResponse response)
            throws ServletException, IOException {
        String path = request.getServletPath();
        String way = path.substring(path.lastIndexOf('/') + 1);
        if (request.getAttribute("again") != null && way.equals("thrown")) {
            throw new ServletException("broken on purpose");
        }
        if (request.getAttribute("again") != null && !way.equals("twice")) {
            request.getRequestDispatcher("/view").forward(request, response);
            return;
        }
        AsyncContext later = request.startAsync();
        switch (way) {
            case "dispatched":
            case "thrown":
                request.setAttribute("again", true);
                new Thread(later::dispatch).start();
                break;
            case "twice":
                if (request.getAttribute("again") == null) {
                    request.setAttribute("again", true);
                    new Thread(later::dispatch).start();
                } else {
                    new Thread(() -> answer(later, 200)).start();
                }
                break;
            case "started":
                later.start(() -> answer(later, 200));
                break;
            case "once":
                answer(later, 200);
                break;
            case "failed":
                new Thread(() -> answer(later, 503)).start();
                break;
            case "timeout":
                later.setTimeout(50);
                break;
            default:
                new Thread(() -> answer(later, 200)).start();
                break;
        }
    }

    private static void answer(AsyncContext later, int status) {
        HttpServletResponse response = (HttpServletResponse) later.getResponse();
        response.setStatus(status);
        try {
            response.getWriter().print("later");
        } catch (IOException gone) {
            throw new IllegalStateException(gone);
        }
        later.complete();
    }
}
