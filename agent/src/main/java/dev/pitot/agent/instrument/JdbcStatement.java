package dev.pitot.agent.instrument;

import static net.bytebuddy.matcher.ElementMatchers.isAbstract;
import static net.bytebuddy.matcher.ElementMatchers.isPublic;
import static net.bytebuddy.matcher.ElementMatchers.isStatic;
import static net.bytebuddy.matcher.ElementMatchers.named;
import static net.bytebuddy.matcher.ElementMatchers.namedOneOf;
import static net.bytebuddy.matcher.ElementMatchers.not;
import static net.bytebuddy.matcher.ElementMatchers.takesArgument;
import static net.bytebuddy.matcher.ElementMatchers.takesNoArguments;

import dev.pitot.events.Spans;
import java.sql.BatchUpdateException;
import java.util.List;
import net.bytebuddy.asm.Advice;
import net.bytebuddy.description.method.MethodDescription;
import net.bytebuddy.description.type.TypeDescription;
import net.bytebuddy.implementation.bytecode.assign.Assigner;
import net.bytebuddy.matcher.ElementMatcher;
import org.jspecify.annotations.Nullable;

/**
 * Statements of JDBC drivers. The methods of a driver call each other, and a wrapper calls the driver's: the recorder takes the
 * outermost for the statement.
 */
final class JdbcStatement implements Library {
    private static final String PREFIX = "dev.pitot.agent.instrument.JdbcStatement$";

    @Override
    public List<Point> points() {
        ElementMatcher.Junction<MethodDescription> execute = namedOneOf(
                        "execute", "executeQuery", "executeUpdate", "executeLargeUpdate")
                .<MethodDescription>and(isPublic())
                .and(not(isAbstract()).and(not(isStatic())));
        return List.of(
                new Point(PREFIX + "OnText", execute.and(takesArgument(0, String.class))),
                new Point(PREFIX + "OnPrepared", execute.and(takesNoArguments())),
                new Point(
                        PREFIX + "OnBatch",
                        namedOneOf("executeBatch", "executeLargeBatch")
                                .<MethodDescription>and(isPublic())
                                .and(takesNoArguments())
                                .and(not(isAbstract()))),
                new Point(
                        PREFIX + "OnAdd",
                        named("addBatch")
                                .<MethodDescription>and(isPublic())
                                .and(takesArgument(0, String.class))
                                .and(not(isAbstract()))),
                new Point(
                        PREFIX + "OnClear",
                        named("clearBatch")
                                .<MethodDescription>and(isPublic())
                                .and(takesNoArguments())
                                .and(not(isAbstract()))));
    }

    /** Which of a driver's classes declares what differs from version to version. */
    @Override
    public boolean isAbout(TypeDescription type) {
        return hasPointsIn(type);
    }

    /** {@code execute(sql)} and its like. */
    static final class OnText {
        private OnText() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static @Nullable Object enter(@Advice.This Object statement, @Advice.Argument(0) @Nullable String sql) {
            return Spans.beginStatement(statement, sql);
        }

        @Advice.OnMethodExit(onThrowable = Throwable.class, suppress = Throwable.class)
        static void exit(
                @Advice.Enter(typing = Assigner.Typing.DYNAMIC) @Nullable Object token,
                @Advice.Thrown @Nullable Throwable thrown) {
            if (token != null) {
                Spans.endStatement(token, 0, thrown);
            }
        }
    }

    /** {@code execute()} and its like, of a statement that was prepared. */
    static final class OnPrepared {
        private OnPrepared() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static @Nullable Object enter(@Advice.This Object statement) {
            return Spans.beginStatement(statement, null);
        }

        @Advice.OnMethodExit(onThrowable = Throwable.class, suppress = Throwable.class)
        static void exit(
                @Advice.Enter(typing = Assigner.Typing.DYNAMIC) @Nullable Object token,
                @Advice.Thrown @Nullable Throwable thrown) {
            if (token != null) {
                Spans.endStatement(token, 0, thrown);
            }
        }
    }

    /** A batch, of which one count for each statement comes back, in an exception too. */
    static final class OnBatch {
        private OnBatch() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static @Nullable Object enter(@Advice.This Object statement) {
            return Spans.beginStatement(statement, null);
        }

        @Advice.OnMethodExit(onThrowable = Throwable.class, suppress = Throwable.class)
        static void exit(
                @Advice.Enter(typing = Assigner.Typing.DYNAMIC) @Nullable Object token,
                @Advice.Return(typing = Assigner.Typing.DYNAMIC) @Nullable Object counts,
                @Advice.Thrown @Nullable Throwable thrown) {
            if (token == null) {
                return;
            }
            long size = 0;
            if (counts instanceof int[]) {
                size = ((int[]) counts).length;
            } else if (counts instanceof long[]) {
                size = ((long[]) counts).length;
            } else if (thrown instanceof BatchUpdateException) {
                try {
                    long[] done = ((BatchUpdateException) thrown).getLargeUpdateCounts();
                    size = done == null ? 0 : done.length;
                } catch (Throwable unknown) {
                    // A driver's own exception: the batch is counted as one of unknown size.
                }
            }
            Spans.endStatement(token, size, thrown);
        }
    }

    /** A statement with a text of its own joins the batch. */
    static final class OnAdd {
        private OnAdd() {}

        @Advice.OnMethodExit(suppress = Throwable.class)
        static void exit(@Advice.This Object statement, @Advice.Argument(0) @Nullable String sql) {
            if (sql != null) {
                Spans.batched(statement, sql);
            }
        }
    }

    /** The batch is emptied. */
    static final class OnClear {
        private OnClear() {}

        @Advice.OnMethodExit(suppress = Throwable.class)
        static void exit(@Advice.This Object statement) {
            Spans.batched(statement, null);
        }
    }
}
