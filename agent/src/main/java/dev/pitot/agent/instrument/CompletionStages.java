package dev.pitot.agent.instrument;

import static net.bytebuddy.matcher.ElementMatchers.isAbstract;
import static net.bytebuddy.matcher.ElementMatchers.isConstructor;
import static net.bytebuddy.matcher.ElementMatchers.named;
import static net.bytebuddy.matcher.ElementMatchers.not;
import static net.bytebuddy.matcher.ElementMatchers.takesArguments;

import dev.pitot.events.Spans;
import java.util.List;
import net.bytebuddy.asm.Advice;
import net.bytebuddy.description.method.MethodDescription;
import net.bytebuddy.implementation.bytecode.assign.Assigner;
import org.jspecify.annotations.Nullable;

/**
 * What waits for a {@code CompletableFuture}: belongs to the request that it was made in, whichever thread completes the future.
 */
final class CompletionStages implements Library {
    @Override
    public List<Point> points() {
        return List.of(
                // Of UniCompletion alone, which all others extend.
                new Point(
                        "dev.pitot.agent.instrument.CompletionStages$OnNew",
                        isConstructor().and(takesArguments(3)).and(method -> method.getDeclaringType()
                                .getTypeName()
                                .endsWith("$UniCompletion"))),
                new Point(
                        "dev.pitot.agent.instrument.CompletionStages$OnTry",
                        named("tryFire").<MethodDescription>and(not(isAbstract()))));
    }

    /** Inlined into the JDK's class. */
    static final class OnNew {
        private OnNew() {}

        @Advice.OnMethodExit(suppress = Throwable.class)
        static void exit(@Advice.This Object stage) {
            Spans.submitted(stage);
        }
    }

    /** Inlined into the JDK's classes. A stage is tried when any of what it waits for is complete, and again. */
    static final class OnTry {
        private OnTry() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static @Nullable Object enter(@Advice.This Object stage) {
            return Spans.beginStage(stage);
        }

        @Advice.OnMethodExit(onThrowable = Throwable.class, suppress = Throwable.class)
        static void exit(
                @Advice.Enter(typing = Assigner.Typing.DYNAMIC) @Nullable Object token,
                @Advice.This Object stage,
                @Advice.FieldValue("dep") @Nullable Object dependent) {
            Spans.endStage(stage, token, dependent == null);
        }
    }
}
