package dev.pitot.web.api;

import dev.pitot.web.live.Live;
import dev.pitot.web.live.PeerJvm;
import dev.pitot.web.peers.Peers;
import io.javalin.http.Context;
import io.javalin.http.Handler;
import java.time.Clock;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;

/**
 * Where other collectors on the database have a part in an answer. What one of them asks is answered from here, never passed on.
 */
final class PeerRoutes {
    /** Attribute of a request: whether another collector makes it. */
    static final String BY_PEER = "peer";

    private static final int MOST_WATCHED = 200;

    private final Live live;
    private final Peers peers;
    private final Clock clock;

    PeerRoutes(Live live, Peers peers, Clock clock) {
        this.live = live;
        this.peers = peers;
        this.clock = clock;
    }

    /** Takes note of what is watched at another collector, and answers what is here of those that post to this one. */
    void exchange(Context ctx) {
        String ids = Parameters.one(ctx, "watched");
        if (ids != null) {
            String[] each = ids.split(",", -1);
            if (each.length > MOST_WATCHED) {
                throw Problem.badRequest(
                        "'watched' names at most " + MOST_WATCHED + " JVMs at a time, not " + each.length + ".");
            }
            Set<UUID> watched = new LinkedHashSet<>();
            for (String id : each) {
                watched.add(Parameters.uuid(id));
            }
            peers.watchedElsewhere(watched);
        }
        JvmRoutes.send(ctx, new Exchange(clock.millis(), live.own()));
    }

    private record Exchange(long now, List<PeerJvm> jvms) {}

    /** The same with the newest values of JVMs that post to others. */
    Handler withOthers(Handler here) {
        return ctx -> {
            peers.refresh();
            here.handle(ctx);
        };
    }

    /** The answer of the collector that the JVM posts to, if that is another one and answers well; else that of this one. */
    Handler fromOwner(Handler here) {
        return ctx -> {
            if (!Boolean.TRUE.equals(ctx.attribute(BY_PEER))) {
                String query = ctx.queryString();
                byte[] answer = peers.answer(Parameters.jvm(ctx), ctx.path() + (query == null ? "" : "?" + query));
                if (answer != null) {
                    ctx.contentType("application/json").result(answer);
                    return;
                }
            }
            here.handle(ctx);
        };
    }
}
