package dev.pitot.agent.instrument;

import static net.bytebuddy.matcher.ElementMatchers.named;
import static net.bytebuddy.matcher.ElementMatchers.takesNoArguments;

import dev.pitot.events.Spans;
import java.util.ArrayList;
import java.util.List;
import net.bytebuddy.asm.Advice;

/**
 * {@code VirtualThread} of 25, which also tells when a carrier takes a virtual thread on and when it has let it go. Both methods are
 * entered by the carrier as itself, outside of the transitions in which a thread is neither: {@code mount} when the virtual
 * thread is nobody else's any more, {@code afterYield} before anybody else can have it. Monitors that let it go pass here too.
 */
final class VirtualThreads implements Library {
    @Override
    public List<Point> points() {
        List<Point> points = new ArrayList<>(new Threads().points());
        points.add(new Point(
                "dev.pitot.agent.instrument.VirtualThreads$OnMount",
                named("mount").and(takesNoArguments())));
        points.add(new Point(
                "dev.pitot.agent.instrument.VirtualThreads$OnYield",
                named("afterYield").and(takesNoArguments())));
        return points;
    }

    /** Inlined into the JDK's class. */
    static final class OnMount {
        private OnMount() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static void enter(@Advice.This Object thread) {
            Spans.mounted(thread);
        }
    }

    /** Inlined into the JDK's class. */
    static final class OnYield {
        private OnYield() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static void enter(@Advice.This Object thread) {
            Spans.unmounted(thread);
        }
    }
}
