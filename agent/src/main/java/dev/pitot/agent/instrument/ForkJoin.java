package dev.pitot.agent.instrument;

import static net.bytebuddy.matcher.ElementMatchers.isConstructor;
import static net.bytebuddy.matcher.ElementMatchers.named;
import static net.bytebuddy.matcher.ElementMatchers.takesArgument;

import dev.pitot.events.Spans;
import java.util.List;
import net.bytebuddy.asm.Advice;
import net.bytebuddy.description.method.MethodDescription;
import net.bytebuddy.implementation.bytecode.assign.Assigner;
import net.bytebuddy.matcher.ElementMatcher;
import org.jspecify.annotations.Nullable;

/**
 * Fork/join tasks, and with them parallel streams and the asynchronous stages of {@code CompletableFuture}; from JDK 25 on also
 * what {@code ForkJoinPool} runs after a delay.
 */
final class ForkJoin implements Library {
    private static final ElementMatcher.Junction<MethodDescription> TAKES_TASK =
            takesArgument(0, named("java.util.concurrent.ForkJoinTask"));

    @Override
    public List<Point> points() {
        return List.of(
                new Point("dev.pitot.agent.instrument.ForkJoin$OnFork", named("fork")),
                // 17: all submissions. 25: those that ask for it by name, the others go by the method below.
                new Point(
                        "dev.pitot.agent.instrument.ForkJoin$OnSubmit",
                        named("externalSubmit").and(TAKES_TASK)),
                new Point(
                        "dev.pitot.agent.instrument.ForkJoin$OnPoolSubmit",
                        named("poolSubmit").and(takesArgument(1, named("java.util.concurrent.ForkJoinTask")))),
                new Point("dev.pitot.agent.instrument.ForkJoin$OnExec", named("doExec")),
                new Point(
                        "dev.pitot.agent.instrument.ForkJoin$OnDelay",
                        isConstructor().and(takesArgument(5, named("java.util.concurrent.ForkJoinPool")))));
    }

    /** Inlined into the JDK's class. */
    static final class OnFork {
        private OnFork() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static void enter(@Advice.This Object task) {
            Spans.submitted(task);
        }
    }

    /** Inlined into the JDK's class. */
    static final class OnSubmit {
        private OnSubmit() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static void enter(@Advice.Argument(0) Object task, @Advice.FieldValue("factory") Object factory) {
            // Whoever wakes a virtual thread does not work on what that one works on, and must not be taken to.
            if (!factory.getClass().getName().startsWith("java.lang.VirtualThread")) {
                Spans.submitted(task);
            }
        }
    }

    /** Inlined into the JDK's class. */
    static final class OnPoolSubmit {
        private OnPoolSubmit() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static void enter(@Advice.Argument(1) Object task, @Advice.FieldValue("factory") Object factory) {
            if (!factory.getClass().getName().startsWith("java.lang.VirtualThread")) {
                Spans.submitted(task);
            }
        }
    }

    /** Inlined into the JDK's class. */
    static final class OnExec {
        private OnExec() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static @Nullable Object enter(@Advice.This Object task) {
            return Spans.beginTask(task);
        }

        @Advice.OnMethodExit(onThrowable = Throwable.class, suppress = Throwable.class)
        static void exit(@Advice.Enter(typing = Assigner.Typing.DYNAMIC) @Nullable Object token) {
            if (token != null) {
                Spans.endTask(token);
            }
        }
    }

    /** Inlined into the JDK's class. */
    static final class OnDelay {
        private OnDelay() {}

        @Advice.OnMethodExit(suppress = Throwable.class)
        static void exit(@Advice.This Object task, @Advice.FieldValue("nextDelay") long nextDelay) {
            // Else it repeats, and belongs to no request.
            if (nextDelay == 0) {
                Spans.submitted(task);
            }
        }
    }
}
