package dev.pitot.agent.instrument;

import static net.bytebuddy.matcher.ElementMatchers.named;
import static net.bytebuddy.matcher.ElementMatchers.takesArguments;

import dev.pitot.events.Spans;
import java.util.List;
import net.bytebuddy.asm.Advice;
import net.bytebuddy.implementation.bytecode.assign.Assigner;
import org.jspecify.annotations.Nullable;

/** Waits for a connection of HikariCP. */
final class HikariConnections implements Library {
    @Override
    public List<Point> points() {
        return List.of(new Point(
                "dev.pitot.agent.instrument.HikariConnections$OnGetConnection",
                named("getConnection").and(takesArguments(long.class))));
    }

    /** Inlined into the pool. */
    static final class OnGetConnection {
        private OnGetConnection() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static @Nullable Object enter(@Advice.This Object pool) {
            return Spans.beginWait(pool.toString()); // Its name, as it was configured.
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
