package dev.pitot.agent.instrument;

import static net.bytebuddy.matcher.ElementMatchers.named;
import static net.bytebuddy.matcher.ElementMatchers.takesArgument;
import static net.bytebuddy.matcher.ElementMatchers.takesArguments;

import dev.pitot.events.Spans;
import java.util.List;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import net.bytebuddy.asm.Advice;
import net.bytebuddy.description.method.MethodDescription;

/**
 * {@code java.util.logging}: every record passes {@code Logger.log(LogRecord)}. Weaving it touches no log manager, which the
 * application may still choose.
 */
final class JavaLogging implements Library {
    @Override
    public List<Point> points() {
        return List.of(new Point(
                "dev.pitot.agent.instrument.JavaLogging$OnRecord",
                named("log")
                        .<MethodDescription>and(takesArguments(1))
                        .and(takesArgument(0, named("java.util.logging.LogRecord")))));
    }

    /** Inlined into Logger. */
    static final class OnRecord {
        private OnRecord() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static void enter(@Advice.This Logger logger, @Advice.Argument(0) LogRecord record) {
            // 1000 is SEVERE. The logger's own filter may count what it sees: it is not asked twice.
            if (record.getLevel().intValue() < 1000 || !logger.isLoggable(record.getLevel())) {
                return;
            }
            // A bridge hands the record to Logback or Log4j, where it is counted if it is written.
            for (Logger at = logger; at != null; at = at.getUseParentHandlers() ? at.getParent() : null) {
                for (Handler handler : at.getHandlers()) {
                    String name = handler.getClass().getName();
                    if (name.equals("org.slf4j.bridge.SLF4JBridgeHandler")
                            || name.equals("org.apache.logging.log4j.jul.Log4jBridgeHandler")) {
                        return;
                    }
                }
            }
            Spans.logged(record.getLoggerName(), record.getThrown());
        }
    }
}
