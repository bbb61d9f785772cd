package dev.pitot.agent.instrument;

import java.util.ArrayList;
import java.util.List;

/** Containers whose classes have the same names with either servlet API. */
final class AnyServlet implements Library {
    @Override
    public List<Point> points() {
        List<Point> points = new ArrayList<>(new JakartaServlet().points());
        points.addAll(new JavaxServlet().points());
        return points;
    }
}
