package dev.pitot.agent.instrument;

import static net.bytebuddy.matcher.ElementMatchers.isNative;
import static net.bytebuddy.matcher.ElementMatchers.isPublic;
import static net.bytebuddy.matcher.ElementMatchers.named;
import static net.bytebuddy.matcher.ElementMatchers.not;

import dev.pitot.events.Spans;
import java.util.List;
import net.bytebuddy.asm.Advice;
import net.bytebuddy.description.method.MethodDescription;

/** Reads, writes and flushes of files. A class loader reads its files here too: see {@code SpanRecorder.rehearse}. */
final class FileWaits implements Library {
    @Override
    public List<Point> points() {
        return List.of(new Point(
                "dev.pitot.agent.instrument.FileWaits$OnWait",
                named("read")
                        .or(named("write"))
                        .or(named("sync"))
                        .or(named("force"))
                        .or(named("transferTo"))
                        .or(named("transferFrom"))
                        .<MethodDescription>and(isPublic())
                        .and(not(isNative()))));
    }

    /** Inlined into the JDK's classes. */
    static final class OnWait {
        private OnWait() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static long enter() {
            return Spans.beginWaiting();
        }

        @Advice.OnMethodExit(onThrowable = Throwable.class, suppress = Throwable.class)
        static void exit(@Advice.Enter long begun) {
            if (begun != 0) {
                Spans.waited(Spans.FILE, begun);
            }
        }
    }
}
