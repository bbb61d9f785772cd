package dev.pitot.agent.instrument;

import static net.bytebuddy.matcher.ElementMatchers.isStatic;
import static net.bytebuddy.matcher.ElementMatchers.named;
import static net.bytebuddy.matcher.ElementMatchers.takesArguments;

import dev.pitot.events.Spans;
import java.util.List;
import net.bytebuddy.asm.Advice;
import net.bytebuddy.description.method.MethodDescription;
import net.bytebuddy.implementation.bytecode.assign.Assigner;
import net.bytebuddy.matcher.ElementMatcher;
import org.jspecify.annotations.Nullable;

/**
 * Threads that a request starts, virtual ones too: what they run belongs to it. A subclass of {@code Thread} with a {@code run} of its
 * own does not pass here, nor does any of the JVM's. As everything that calls one of these methods is measured, none may
 * wait for another thread.
 */
final class Threads implements Library {
    /** From 21 on each thread runs its task by a method of its own, a virtual one when it has been mounted. */
    private static final boolean RUN_WITH = Runtime.version().feature() >= 21;

    @Override
    public List<Point> points() {
        ElementMatcher.Junction<MethodDescription> start = named("start");
        return List.of(
                // Of VirtualThread only the one that the other calls.
                new Point(
                        "dev.pitot.agent.instrument.Threads$OnStart",
                        start.and(takesArguments(1).or(takesArguments(0).and(method -> method.getDeclaringType()
                                .getTypeName()
                                .equals("java.lang.Thread"))))),
                new Point(
                        "dev.pitot.agent.instrument.Threads$OnRun",
                        RUN_WITH ? named("runWith") : named("run").and(takesArguments(0))),
                // 25: every sleep, and the one way to know of a virtual thread's. Natives before, which the JVM tells
                // of.
                new Point(
                        "dev.pitot.agent.instrument.ParkWaits$OnPark",
                        named("sleepNanos").<MethodDescription>and(isStatic())));
    }

    /** Inlined into the JDK's classes. */
    static final class OnStart {
        private OnStart() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static void enter(@Advice.This Object thread) {
            Spans.submitted(thread);
        }
    }

    /** Inlined into the JDK's classes. Leaves the first local variables where they are: the JVM looks for scoped values in them. */
    static final class OnRun {
        private OnRun() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static @Nullable Object enter(@Advice.This Object thread) {
            return Spans.beginTask(thread);
        }

        @Advice.OnMethodExit(onThrowable = Throwable.class, suppress = Throwable.class)
        static void exit(@Advice.Enter(typing = Assigner.Typing.DYNAMIC) @Nullable Object token) {
            if (token != null) {
                Spans.endTask(token);
            }
        }
    }
}
