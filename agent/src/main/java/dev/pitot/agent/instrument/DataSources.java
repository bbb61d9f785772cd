package dev.pitot.agent.instrument;

import static net.bytebuddy.matcher.ElementMatchers.isAbstract;
import static net.bytebuddy.matcher.ElementMatchers.isPublic;
import static net.bytebuddy.matcher.ElementMatchers.isStatic;
import static net.bytebuddy.matcher.ElementMatchers.isSynthetic;
import static net.bytebuddy.matcher.ElementMatchers.named;
import static net.bytebuddy.matcher.ElementMatchers.not;

import dev.pitot.events.Spans;
import java.util.List;
import net.bytebuddy.asm.Advice;
import net.bytebuddy.description.method.MethodDescription;
import net.bytebuddy.implementation.bytecode.assign.Assigner;
import net.bytebuddy.matcher.ElementMatcher;
import org.jspecify.annotations.Nullable;

/** Waits for a connection of other pools. */
final class DataSources implements Library {
    @Override
    public List<Point> points() {
        return List.of(new Point("dev.pitot.agent.instrument.DataSources$OnGetConnection", asked()));
    }

    /** Where any data source is asked. */
    static ElementMatcher.Junction<MethodDescription> asked() {
        return named("getConnection")
                .<MethodDescription>and(isPublic())
                .and(not(isAbstract()))
                .and(not(isStatic()))
                .and(not(isSynthetic()));
    }

    /** Inlined into the data source. */
    static final class OnGetConnection {
        private OnGetConnection() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static @Nullable Object enter(@Advice.This Object source) {
            return Spans.beginWait(source.getClass().getName());
        }

        @Advice.OnMethodExit(onThrowable = Throwable.class, suppress = Throwable.class)
        static void exit(
                @Advice.Enter(typing = Assigner.Typing.DYNAMIC) @Nullable Object token,
                @Advice.Thrown @Nullable Throwable thrown) {
            if (token != null) {
                Spans.endWait(token, thrown);
            }
        }
    }
}
