package dev.pitot.agent.instrument;

import static net.bytebuddy.matcher.ElementMatchers.named;
import static net.bytebuddy.matcher.ElementMatchers.takesArguments;

import java.util.List;

/** Tasks that are given to an event loop of Netty 4. */
final class NettyLoop implements Library {
    @Override
    public List<Point> points() {
        return List.of(
                new Point(
                        "dev.pitot.agent.instrument.ThreadPool$OnExecute",
                        named("execute").and(takesArguments(Runnable.class))),
                new Point(
                        "dev.pitot.agent.instrument.ThreadPool$OnTask",
                        named("safeExecute").and(takesArguments(Runnable.class))));
    }
}
