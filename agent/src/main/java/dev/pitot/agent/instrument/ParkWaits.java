package dev.pitot.agent.instrument;

import static net.bytebuddy.matcher.ElementMatchers.named;
import static net.bytebuddy.matcher.ElementMatchers.takesArgument;

import dev.pitot.events.Spans;
import java.util.List;
import net.bytebuddy.asm.Advice;
import net.bytebuddy.description.method.MethodDescription;
import net.bytebuddy.matcher.ElementMatcher;
import net.bytebuddy.matcher.ElementMatchers;
import org.jspecify.annotations.Nullable;

/** {@code LockSupport}: the locks, queues, latches and futures of {@code java.util.concurrent} all wait there. */
final class ParkWaits implements Library {
    @Override
    public List<Point> points() {
        ElementMatcher.Junction<MethodDescription> park =
                named("park").or(named("parkNanos")).or(named("parkUntil"));
        ElementMatcher.Junction<MethodDescription> blocker = takesArgument(0, Object.class);
        return List.of(
                new Point("dev.pitot.agent.instrument.ParkWaits$OnParkFor", park.and(blocker)),
                new Point("dev.pitot.agent.instrument.ParkWaits$OnPark", park.and(ElementMatchers.not(blocker))));
    }

    /** Inlined into the JDK's class. */
    static final class OnParkFor {
        private OnParkFor() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static long enter() {
            return Spans.beginWaiting();
        }

        @Advice.OnMethodExit(onThrowable = Throwable.class, suppress = Throwable.class)
        static void exit(@Advice.Enter long begun, @Advice.Argument(0) @Nullable Object blocker) {
            if (begun != 0) {
                Spans.parked(blocker, begun);
            }
        }
    }

    /** Inlined into the JDK's class. */
    static final class OnPark {
        private OnPark() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static long enter() {
            return Spans.beginWaiting();
        }

        @Advice.OnMethodExit(onThrowable = Throwable.class, suppress = Throwable.class)
        static void exit(@Advice.Enter long begun) {
            if (begun != 0) {
                Spans.waited(Spans.PARK, begun);
            }
        }
    }
}
