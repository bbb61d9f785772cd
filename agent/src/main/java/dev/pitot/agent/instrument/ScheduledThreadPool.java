package dev.pitot.agent.instrument;

import static net.bytebuddy.matcher.ElementMatchers.named;

import dev.pitot.events.Spans;
import java.util.List;
import java.util.concurrent.RunnableScheduledFuture;
import net.bytebuddy.asm.Advice;

/** {@code ScheduledThreadPoolExecutor}: what runs once belongs to the request that asked for it, what repeats to none. */
final class ScheduledThreadPool implements Library {
    @Override
    public List<Point> points() {
        return List.of(new Point("dev.pitot.agent.instrument.ScheduledThreadPool$OnSchedule", named("delayedExecute")));
    }

    /** Inlined into the JDK's class. */
    static final class OnSchedule {
        private OnSchedule() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static void enter(@Advice.Argument(0) RunnableScheduledFuture<?> task) {
            if (!task.isPeriodic()) {
                Spans.submitted(task);
            }
        }
    }
}
