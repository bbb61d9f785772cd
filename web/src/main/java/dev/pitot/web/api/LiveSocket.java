package dev.pitot.web.api;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import dev.pitot.web.access.Access;
import dev.pitot.web.live.Json;
import dev.pitot.web.live.Live;
import dev.pitot.web.live.Viewer;
import dev.pitot.web.peers.Peers;
import io.javalin.websocket.WsConfig;
import io.javalin.websocket.WsContext;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.websocket.api.Callback;
import org.eclipse.jetty.websocket.api.Session;

/** The WebSocket of a page: what it says is a watch, what it is sent comes from {@link Live}. */
final class LiveSocket {
    /** What a page sends is a line; more is an attack or a mistake. */
    static final int MOST_MESSAGE_BYTES = 4096;

    private static final long PING_SECONDS = 20;
    /** Three pings without an answer: the page is gone, whatever TCP believes. */
    private static final Duration IDLE = Duration.ofSeconds(65);

    /** Attribute of the upgrade request: the session that it showed, none for a token. */
    static final String SESSION = "session";

    /** Close code of a connection whose session is over: 401 in the range that applications may use (RFC 6455, 7.4.2). */
    static final int SESSION_OVER = 4401;

    private static final String VIEWER = "viewer";

    private final Live live;
    private final Access access;
    private final Peers peers;
    private final ConcurrentHashMap<Session, Access.Session> sessions = new ConcurrentHashMap<>();

    LiveSocket(Live live, Access access, Peers peers) {
        this.live = live;
        this.access = access;
        this.peers = peers;
    }

    void configure(WsConfig ws) {
        ws.onConnect(ctx -> {
            Session session = ctx.session;
            session.setIdleTimeout(IDLE);
            ctx.enableAutomaticPings(PING_SECONDS, TimeUnit.SECONDS);
            Access.Session login = ctx.attribute(SESSION);
            if (login != null) {
                sessions.put(session, login);
            }
            Viewer viewer = live.connect((message, done) -> {
                if (session.isOpen()) {
                    session.sendText(message, Callback.from(() -> done.accept(null), done::accept));
                } else {
                    done.accept(new IllegalStateException("closed"));
                }
            });
            ctx.attribute(VIEWER, viewer);
            // A logout between the upgrade and the first lines of this has not seen the connection.
            if (login != null && !access.use(login)) {
                end(session, "The session is over; log in again.");
            }
        });
        ws.onMessage(ctx -> watch(ctx, viewer(ctx), ctx.message()));
        ws.onBinaryMessage(ctx -> live.refuse(viewer(ctx), "Messages are JSON text, such as {\"watch\": \"fleet\"}."));
        ws.onClose(this::gone);
        ws.onError(this::gone);
    }

    private void gone(WsContext ctx) {
        ctx.disableAutomaticPings();
        sessions.remove(ctx.session);
        Viewer viewer = ctx.attribute(VIEWER);
        if (viewer != null) {
            peers.unwatch(viewer);
            live.disconnect(viewer);
        }
    }

    /** Closes what a session has opened, as it was logged out. */
    void end(Access.Session login) {
        sessions.forEach((session, of) -> {
            if (of.equals(login)) {
                end(session, "You have logged out.");
            }
        });
    }

    /** Uses the sessions of all open connections, so that they last while somebody watches, and closes those that are over. */
    void checkSessions() {
        sessions.forEach((session, login) -> {
            if (!access.use(login)) {
                end(session, "The session is over after 12 hours without use; log in again.");
            }
        });
    }

    private void end(Session session, String reason) {
        sessions.remove(session);
        session.close(SESSION_OVER, reason, Callback.NOOP);
    }

    private static Viewer viewer(WsContext ctx) {
        Viewer viewer = ctx.attribute(VIEWER);
        if (viewer == null) {
            throw new IllegalStateException("a message before the connection");
        }
        return viewer;
    }

    private void watch(WsContext ctx, Viewer viewer, String message) {
        JsonNode wanted;
        try {
            wanted = Json.MAPPER.readTree(message);
        } catch (JsonProcessingException notJson) {
            live.refuse(
                    viewer,
                    "The message is not JSON; send {\"watch\": \"fleet\"} or {\"watch\": \"jvm\", \"id\": \"…\"}.");
            return;
        }
        String watch = wanted.path("watch").asText("");
        if (watch.equals("fleet")) {
            peers.unwatch(viewer);
            live.watchFleet(viewer);
            return;
        }
        if (!watch.equals("jvm")) {
            live.refuse(viewer, "'watch' is \"fleet\" or \"jvm\", not " + Parameters.quoted(watch) + ".");
            return;
        }
        JsonNode since = wanted.path("since");
        if (!since.isMissingNode()
                && !since.isNull()
                && !(since.isNumber() && since.canConvertToLong() && since.asLong() >= 0)) {
            live.refuse(
                    viewer,
                    "'since' is milliseconds since the epoch, not " + Parameters.quoted(since.toString()) + ".");
            return;
        }
        UUID id;
        try {
            id = Parameters.uuid(wanted.path("id").asText(""));
        } catch (Problem noId) {
            live.refuse(viewer, noId.sentence());
            return;
        }
        Long sinceMillis = since.isNumber() ? (Long) since.asLong() : null;
        if (Boolean.TRUE.equals(ctx.attribute(PeerRoutes.BY_PEER))) {
            live.watchJvm(viewer, id, sinceMillis);
        } else {
            peers.watch(viewer, id, sinceMillis);
        }
    }
}
