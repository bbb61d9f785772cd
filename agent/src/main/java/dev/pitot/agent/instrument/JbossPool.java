package dev.pitot.agent.instrument;

import static net.bytebuddy.matcher.ElementMatchers.isConstructor;
import static net.bytebuddy.matcher.ElementMatchers.named;
import static net.bytebuddy.matcher.ElementMatchers.takesArguments;

import java.util.List;
import net.bytebuddy.description.method.MethodDescription;
import net.bytebuddy.matcher.ElementMatcher;

/** The {@code EnhancedQueueExecutor} of JBoss Threads 3, which makes a task of its own of each that it is given. */
final class JbossPool implements Library {
    @Override
    public List<Point> points() {
        ElementMatcher<MethodDescription> ofTask =
                method -> method.getDeclaringType().getTypeName().endsWith("$Task");
        ElementMatcher.Junction<MethodDescription> run = named("run").and(takesArguments(0));
        return List.of(
                new Point(
                        "dev.pitot.agent.instrument.CompletionStages$OnNew",
                        isConstructor().and(ofTask)),
                new Point("dev.pitot.agent.instrument.ForkJoin$OnExec", run.and(ofTask)),
                new Point("dev.pitot.agent.instrument.ThreadPool$OnWorker", run.and(method -> method.getDeclaringType()
                        .getTypeName()
                        .endsWith("$ThreadBody"))));
    }
}
