package dev.pitot.agent.instrument;

import static net.bytebuddy.matcher.ElementMatchers.isBridge;
import static net.bytebuddy.matcher.ElementMatchers.named;
import static net.bytebuddy.matcher.ElementMatchers.not;

import java.util.List;
import net.bytebuddy.description.method.MethodDescription;

/**
 * What Apache HttpClient 5, asynchronous, calls back with an answer, on its own thread: {@link ApacheHttpAsyncClient5} hands over the
 * future that does it.
 */
final class ApacheFutures implements Library {
    @Override
    public List<Point> points() {
        return List.of(new Point(
                "dev.pitot.agent.instrument.ForkJoin$OnExec",
                named("completed").or(named("failed")).<MethodDescription>and(not(isBridge()))));
    }
}
