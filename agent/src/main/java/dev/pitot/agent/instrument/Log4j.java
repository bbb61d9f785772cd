package dev.pitot.agent.instrument;

import static net.bytebuddy.matcher.ElementMatchers.named;
import static net.bytebuddy.matcher.ElementMatchers.takesArgument;
import static net.bytebuddy.matcher.ElementMatchers.takesArguments;

import dev.pitot.events.Spans;
import java.util.List;
import net.bytebuddy.asm.Advice;
import net.bytebuddy.description.method.MethodDescription;
import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Log4j 2: what has passed the level comes by one of these two methods, on the thread that logs, also where another one writes it. A
 * logger configuration further in would see an event once for each of its parents.
 */
final class Log4j implements Library {
    @Override
    public List<Point> points() {
        return List.of(
                new Point(
                        "dev.pitot.agent.instrument.Log4j$OnLog",
                        named("log")
                                .<MethodDescription>and(takesArguments(6))
                                .and(takesArgument(0, named("org.apache.logging.log4j.Level")))
                                .and(takesArgument(5, Throwable.class))),
                new Point(
                        "dev.pitot.agent.instrument.Log4j$OnLogMessage",
                        // Of versions before 2.13, and of bridges from other frameworks.
                        named("logMessage")
                                .<MethodDescription>and(takesArguments(5))
                                .and(takesArgument(1, named("org.apache.logging.log4j.Level")))
                                .and(takesArgument(4, Throwable.class))));
    }

    /** Inlined into the loggers. */
    static final class OnLog {
        private OnLog() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static void enter(
                @Advice.This Logger logger,
                @Advice.Argument(0) Level level,
                @Advice.Argument(5) @Nullable Throwable thrown) {
            if (level.intLevel() <= 200) { // StandardLevel.ERROR; FATAL is less.
                Spans.logged(logger.getName(), thrown);
            }
        }
    }

    /** Inlined into the loggers. */
    static final class OnLogMessage {
        private OnLogMessage() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static void enter(
                @Advice.This Logger logger,
                @Advice.Argument(1) Level level,
                @Advice.Argument(4) @Nullable Throwable thrown) {
            if (level.intLevel() <= 200) {
                Spans.logged(logger.getName(), thrown);
            }
        }
    }
}
