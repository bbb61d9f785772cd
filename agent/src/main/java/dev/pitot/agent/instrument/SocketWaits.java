package dev.pitot.agent.instrument;

import static net.bytebuddy.matcher.ElementMatchers.isAbstract;
import static net.bytebuddy.matcher.ElementMatchers.named;
import static net.bytebuddy.matcher.ElementMatchers.not;

import dev.pitot.events.Spans;
import java.util.List;
import net.bytebuddy.asm.Advice;
import net.bytebuddy.description.method.MethodDescription;

/** Reads, writes, connects and accepts of sockets, blocking or not, TLS or not: what is above them comes down to them. */
final class SocketWaits implements Library {
    @Override
    public List<Point> points() {
        return List.of(new Point(
                "dev.pitot.agent.instrument.SocketWaits$OnWait",
                named("read")
                        .or(named("write"))
                        .or(named("connect"))
                        .or(named("accept"))
                        .or(named("blockingRead"))
                        .or(named("blockingWriteFully"))
                        .or(named("blockingConnect"))
                        .or(named("blockingAccept"))
                        .<MethodDescription>and(not(isAbstract()))));
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
