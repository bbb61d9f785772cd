package dev.pitot.agent.instrument;

import static net.bytebuddy.matcher.ElementMatchers.named;
import static net.bytebuddy.matcher.ElementMatchers.takesArgument;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.IThrowableProxy;
import ch.qos.logback.classic.spi.ThrowableProxy;
import dev.pitot.events.Spans;
import java.util.List;
import net.bytebuddy.asm.Advice;

/** Logback: what has passed the level and the turbo filters goes to the appenders, on the thread that logs. */
final class Logback implements Library {
    @Override
    public List<Point> points() {
        return List.of(new Point(
                "dev.pitot.agent.instrument.Logback$OnEvent",
                named("callAppenders").and(takesArgument(0, named("ch.qos.logback.classic.spi.ILoggingEvent")))));
    }

    /** Inlined into Logger. */
    static final class OnEvent {
        private OnEvent() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static void enter(@Advice.Argument(0) ILoggingEvent event) {
            if (event.getLevel().toInt() >= Level.ERROR_INT) {
                IThrowableProxy proxy = event.getThrowableProxy();
                Spans.logged(
                        event.getLoggerName(),
                        proxy instanceof ThrowableProxy ? ((ThrowableProxy) proxy).getThrowable() : null);
            }
        }
    }
}
