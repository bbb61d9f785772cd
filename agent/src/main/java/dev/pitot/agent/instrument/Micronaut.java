package dev.pitot.agent.instrument;

import static net.bytebuddy.matcher.ElementMatchers.named;
import static net.bytebuddy.matcher.ElementMatchers.takesArgument;

import dev.pitot.events.Spans;
import java.util.List;
import net.bytebuddy.asm.Advice;

/** Routes of Micronaut 4.8 and later, which notes the template of each request's route in one place. */
final class Micronaut implements Library {
    @Override
    public List<Point> points() {
        return List.of(new Point(
                "dev.pitot.agent.instrument.Micronaut$OnTemplate",
                named("setUriTemplate").and(takesArgument(1, named("java.lang.String")))));
    }

    /** Inlined into Micronaut's class of request attributes. */
    static final class OnTemplate {
        private OnTemplate() {}

        @Advice.OnMethodEnter(suppress = Throwable.class)
        static void enter(@Advice.Argument(1) String template) {
            Spans.route(template);
        }
    }
}
