package dev.pitot.agent.instrument;

import static net.bytebuddy.matcher.ElementMatchers.named;
import static net.bytebuddy.matcher.ElementMatchers.takesArguments;

import java.util.List;

/** Jetty's {@code QueuedThreadPool}, 9.4 to 12. */
final class JettyPool implements Library {
    @Override
    public List<Point> points() {
        return List.of(
                new Point(
                        "dev.pitot.agent.instrument.ThreadPool$OnExecute",
                        named("execute").and(takesArguments(Runnable.class))),
                new Point(
                        "dev.pitot.agent.instrument.ThreadPool$OnTask",
                        named("runJob").and(takesArguments(Runnable.class))),
                // Of the loop that each thread runs.
                new Point(
                        "dev.pitot.agent.instrument.ThreadPool$OnWorker",
                        named("run").and(takesArguments(0))));
    }
}
