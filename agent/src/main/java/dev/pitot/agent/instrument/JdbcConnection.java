package dev.pitot.agent.instrument;

import static net.bytebuddy.matcher.ElementMatchers.isAbstract;
import static net.bytebuddy.matcher.ElementMatchers.isPublic;
import static net.bytebuddy.matcher.ElementMatchers.isStatic;
import static net.bytebuddy.matcher.ElementMatchers.namedOneOf;
import static net.bytebuddy.matcher.ElementMatchers.not;
import static net.bytebuddy.matcher.ElementMatchers.takesArgument;

import dev.pitot.events.Spans;
import java.util.List;
import net.bytebuddy.asm.Advice;
import net.bytebuddy.description.method.MethodDescription;
import net.bytebuddy.implementation.bytecode.assign.Assigner;
import org.jspecify.annotations.Nullable;

/**
 * Connections of JDBC drivers, which know the text of what they prepare. For some methods a few drivers run statements of their own, which
 * are not the application's.
 */
final class JdbcConnection implements Library {
    private static final String PREFIX = "dev.pitot.agent.instrument.JdbcConnection$";

    @Override
    public List<Point> points() {
        return List.of(
                new Point(
                        PREFIX + "OnPrepare",
                        // The last one is MySQL's, for what it prepares itself: an updatable result's updates,
                        // metadata.
                        namedOneOf("prepareStatement", "prepareCall", "clientPrepareStatement", "prepareInternal")
                                .<MethodDescription>and(isPublic())
                                .and(not(isAbstract()))
                                .and(takesArgument(0, String.class))),
                new Point(
                        PREFIX + "OnOther",
                        namedOneOf(
                                        "isValid",
                                        "setAutoCommit",
                                        "commit",
                                        "rollback",
                                        "setSavepoint",
                                        "releaseSavepoint",
                                        "setTransactionIsolation",
                                        "getTransactionIsolation",
                                        "setReadOnly",
                                        "setCatalog",
                                        "getCatalog",
                                        "setSchema",
                                        "getSchema")
                                .<MethodDescription>and(isPublic())
                                .and(not(isAbstract()))
                                .and(not(isStatic()))));
    }

    /** What the driver runs for this is the caller's own time. */
    static final class OnOther {
        private OnOther() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static @Nullable Object enter() {
            return Spans.beginUncounted();
        }

        @Advice.OnMethodExit(onThrowable = Throwable.class, suppress = Throwable.class)
        static void exit(@Advice.Enter(typing = Assigner.Typing.DYNAMIC) @Nullable Object token) {
            if (token != null) {
                Spans.endStatement(token, 0, null);
            }
        }
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
