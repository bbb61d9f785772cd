package dev.pitot.web.api;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import dev.pitot.web.live.Json;
import dev.pitot.web.live.Live;
import dev.pitot.web.live.Viewer;
import io.javalin.websocket.WsConfig;
import io.javalin.websocket.WsContext;
import java.time.Duration;
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

    private static final String VIEWER = "viewer";

    private final Live live;

    LiveSocket(Live live) {
        this.live = live;
    }

    void configure(WsConfig ws) {
        ws.onConnect(ctx -> {
            Session session = ctx.session;
            session.setIdleTimeout(IDLE);
            ctx.enableAutomaticPings(PING_SECONDS, TimeUnit.SECONDS);
            Viewer viewer = live.connect((message, done) -> {
                if (session.isOpen()) {
                    session.sendText(message, Callback.from(() -> done.accept(null), done::accept));
                } else {
                    done.accept(new IllegalStateException("closed"));
                }
            });
            ctx.attribute(VIEWER, viewer);
        });
        ws.onMessage(ctx -> watch(viewer(ctx), ctx.message()));
        ws.onBinaryMessage(ctx -> live.refuse(viewer(ctx), "Messages are JSON text, such as {\"watch\": \"fleet\"}."));
        ws.onClose(this::gone);
        ws.onError(this::gone);
    }

    private void gone(WsContext ctx) {
        ctx.disableAutomaticPings();
        Viewer viewer = ctx.attribute(VIEWER);
        if (viewer != null) {
            live.disconnect(viewer);
        }
    }

    private static Viewer viewer(WsContext ctx) {
        Viewer viewer = ctx.attribute(VIEWER);
        if (viewer == null) {
            throw new IllegalStateException("a message before the connection");
        }
        return viewer;
    }

    private void watch(Viewer viewer, String message) {
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
        try {
            live.watchJvm(
                    viewer,
                    Parameters.uuid(wanted.path("id").asText("")),
                    since.isNumber() ? (Long) since.asLong() : null);
        } catch (Problem noId) {
            live.refuse(viewer, noId.sentence());
        }
    }
}
