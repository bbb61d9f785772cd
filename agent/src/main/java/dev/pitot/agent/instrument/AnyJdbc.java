package dev.pitot.agent.instrument;

import static net.bytebuddy.matcher.ElementMatchers.failSafe;
import static net.bytebuddy.matcher.ElementMatchers.hasSuperType;
import static net.bytebuddy.matcher.ElementMatchers.namedOneOf;

import java.util.ArrayList;
import java.util.List;
import net.bytebuddy.description.type.TypeDescription;

/** Statements and connections of drivers that nobody here has heard of: classes that look like it by their name, and are. */
final class AnyJdbc implements Library {
    @Override
    public List<Point> points() {
        List<Point> points = new ArrayList<>(new JdbcStatement().points());
        points.addAll(new JdbcConnection().points());
        return points;
    }

    /** Reads superclasses and interfaces as far as java.sql, and loads none of them. */
    @Override
    public boolean isAbout(TypeDescription type) {
        return !type.isInterface()
                && hasPointsIn(type)
                && failSafe(hasSuperType(namedOneOf(
                                "java.sql.Statement",
                                "java.sql.PreparedStatement",
                                "java.sql.CallableStatement",
                                "java.sql.Connection")))
                        .matches(type);
    }
}
