package dev.pitot.agent.instrument;

import static net.bytebuddy.matcher.ElementMatchers.isAbstract;
import static net.bytebuddy.matcher.ElementMatchers.isPublic;
import static net.bytebuddy.matcher.ElementMatchers.namedOneOf;
import static net.bytebuddy.matcher.ElementMatchers.not;
import static net.bytebuddy.matcher.ElementMatchers.takesArgument;

import dev.pitot.events.Spans;
import java.util.List;
import net.bytebuddy.asm.Advice;
import net.bytebuddy.description.method.MethodDescription;
import net.bytebuddy.implementation.bytecode.assign.Assigner;
import org.jspecify.annotations.Nullable;

/** Connections of JDBC drivers, which know the text of what they prepare. */
final class JdbcConnection implements Library {
    @Override
    public List<Point> points() {
        return List.of(new Point(
                "dev.pitot.agent.instrument.JdbcConnection$OnPrepare",
                namedOneOf("prepareStatement", "prepareCall")
                        .<MethodDescription>and(isPublic())
                        .and(not(isAbstract()))
                        .and(takesArgument(0, String.class))));
    }

    /** Inlined into the driver's connection. */
    static final class OnPrepare {
        private OnPrepare() {}

        @Advice.OnMethodExit(suppress = Throwable.class)
        static void exit(
                @Advice.Return(typing = Assigner.Typing.DYNAMIC) @Nullable Object statement,
                @Advice.Argument(0) @Nullable String sql) {
            Spans.prepared(statement, sql);
        }
    }
}
