package dev.pitot.agent.instrument;

import static net.bytebuddy.matcher.ElementMatchers.named;

import java.util.List;

/** Host names that the JDK has not in its cache and asks the system for. */
final class NameLookups implements Library {
    @Override
    public List<Point> points() {
        return List.of(
                new Point("dev.pitot.agent.instrument.SocketWaits$OnWait", named("getAddressesFromNameService")));
    }
}
