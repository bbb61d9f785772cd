package dev.pitot.agent.instrument;

import static net.bytebuddy.matcher.ElementMatchers.isConstructor;
import static net.bytebuddy.matcher.ElementMatchers.named;
import static net.bytebuddy.matcher.ElementMatchers.takesArguments;

import dev.pitot.events.Spans;
import java.util.List;
import net.bytebuddy.asm.Advice;
import net.bytebuddy.description.method.MethodDescription;
import net.bytebuddy.implementation.bytecode.assign.Assigner;
import net.bytebuddy.matcher.ElementMatcher;
import org.jspecify.annotations.Nullable;

/** The {@code EnhancedQueueExecutor} of JBoss Threads 3, which makes a task of its own of each that it is given. */
final class JbossPool implements Library {
    @Override
    public List<Point> points() {
        ElementMatcher<MethodDescription> ofTask =
                method -> method.getDeclaringType().getTypeName().endsWith("$Task");
        ElementMatcher.Junction<MethodDescription> run = named("run").and(takesArguments(0));
        return List.of(
                new Point(
                        "dev.pitot.agent.instrument.JbossPool$OnNew",
                        isConstructor().and(ofTask)),
                new Point("dev.pitot.agent.instrument.JbossPool$OnRun", run.and(ofTask)),
                new Point("dev.pitot.agent.instrument.ThreadPool$OnWorker", run.and(method -> method.getDeclaringType()
                        .getTypeName()
                        .endsWith("$ThreadBody"))));
    }

    /** Inlined into the pool's class. */
    static final class OnNew {
        private OnNew() {}

        @Advice.OnMethodExit(suppress = Throwable.class)
        static void exit(@Advice.This Object task) {
            Spans.submitted(task);
        }
    }

    /** Inlined into the pool's class. */
    static final class OnRun {
        private OnRun() {}

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
}
