package dev.pitot.agent.instrument;

import static net.bytebuddy.matcher.ElementMatchers.named;
import static net.bytebuddy.matcher.ElementMatchers.takesArguments;

import java.util.List;

/**
 * The tasks that the JDK itself makes of what is submitted, wherever they run. A thread that a pool started before the agent saw the
 * first server runs the loop of that time for as long as it lives: there the loop tells nothing of its tasks, but these do.
 */
final class OwnTasks implements Library {
    @Override
    public List<Point> points() {
        return List.of(new Point(
                "dev.pitot.agent.instrument.ForkJoin$OnExec", named("run").and(takesArguments(0))));
    }
}
