package dev.pitot.agent.instrument;

import static net.bytebuddy.matcher.ElementMatchers.named;

import dev.pitot.events.Spans;
import java.util.List;
import net.bytebuddy.asm.Advice;

/** Host names that the JDK has not in its cache and asks the system for. */
final class NameLookups implements Library {
    @Override
    public List<Point> points() {
        return List.of(
                new Point("dev.pitot.agent.instrument.NameLookups$OnWait", named("getAddressesFromNameService")));
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
                Spans.waited(Spans.SOCKET, begun);
            }
        }
    }
}
