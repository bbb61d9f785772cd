package dev.pitot.agent.instrument;

import static net.bytebuddy.matcher.ElementMatchers.failSafe;
import static net.bytebuddy.matcher.ElementMatchers.hasSuperType;
import static net.bytebuddy.matcher.ElementMatchers.named;

import java.util.List;
import net.bytebuddy.description.type.TypeDescription;

/** Data sources that nobody here has heard of, be they pools, or connect each time, or ask another one. */
final class AnyDataSource implements Library {
    @Override
    public List<Point> points() {
        return new ConnectingSources().points();
    }

    /** Reads superclasses and interfaces as far as javax.sql, and loads none of them. */
    @Override
    public boolean isAbout(TypeDescription type) {
        return !type.isInterface()
                && hasPointsIn(type)
                && failSafe(hasSuperType(named("javax.sql.DataSource"))).matches(type);
    }
}
