package dev.pitot.agent.instrument;

import static net.bytebuddy.matcher.ElementMatchers.named;
import static net.bytebuddy.matcher.ElementMatchers.takesArguments;

import dev.pitot.events.Spans;
import java.util.List;
import net.bytebuddy.asm.Advice;
import net.bytebuddy.description.method.MethodDescription;
import net.bytebuddy.implementation.bytecode.assign.Assigner;
import net.bytebuddy.matcher.ElementMatcher;
import org.jspecify.annotations.Nullable;

/** {@code ThreadPoolExecutor}, and Tomcat's, which is a copy of it. What is submitted comes to {@code execute} as a future. */
final class ThreadPool implements Library {
    @Override
    public List<Point> points() {
        return List.of(
                new Point(
                        "dev.pitot.agent.instrument.ThreadPool$OnExecute",
                        named("execute").and(takesArguments(Runnable.class))),
                new Point("dev.pitot.agent.instrument.ThreadPool$OnWorker", named("runWorker")));
    }

    @Override
    public ElementMatcher<? super MethodDescription> loops() {
        return named("runWorker");
    }

    /** Inlined into the pool's class. */
    static final class OnExecute {
        private OnExecute() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static void enter(@Advice.Argument(0) Runnable task) {
            Spans.submitted(task);
        }
    }

    /** For pools that run each task in a method of its own. */
    static final class OnTask {
        private OnTask() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static @Nullable Object enter(@Advice.Argument(0) Runnable task) {
            return Spans.beginTask(task);
        }

        @Advice.OnMethodExit(onThrowable = Throwable.class, suppress = Throwable.class)
        static void exit(@Advice.Enter(typing = Assigner.Typing.DYNAMIC) @Nullable Object token) {
            if (token != null) {
                Spans.endTask(token);
            }
        }
    }

    /** Inlined into the pool's class: a thread that a request made the pool start is not that request's. */
    static final class OnWorker {
        private OnWorker() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static void enter() {
            Spans.pooled();
        }
    }
}
