package dev.pitot.web.peers;

import dev.pitot.web.live.Json;
import dev.pitot.web.live.Live;
import dev.pitot.web.live.Viewer;
import java.net.http.WebSocket;
import java.time.Clock;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Pages that watch one JVM: each gets the messages that this collector makes, or those of the one that the JVM posts to, through a
 * connection of its own, and changes over when the JVM posts to another. What it has already is not sent again but for some
 * seconds, which replace themselves. Any thread.
 */
final class Relays {
    private static final Logger LOG = LoggerFactory.getLogger(Relays.class);
    /** Connections to others; the pages beyond see what is here. */
    private static final int MOST = 200;
    /** A first answer holds at most some 5.5 million characters. */
    private static final int LONGEST_MESSAGE = 8_000_000;
    /** Samples of the newest seconds may have been on their way. */
    private static final long AGAIN_MILLIS = 5_000;
    /** A watch takes effect on another thread. */
    private static final long SETTLED_MILLIS = 5_000;

    private final Peers peers;
    private final PeerClient client;
    private final Live live;
    private final Clock clock;
    private final Map<Viewer, Relay> relays = new ConcurrentHashMap<>();

    Relays(Peers peers, PeerClient client, Live live, Clock clock) {
        this.peers = peers;
        this.client = client;
        this.live = live;
        this.clock = clock;
    }

    void watch(Viewer viewer, UUID jvm, @Nullable Long since) {
        Relay relay = new Relay(viewer, jvm, since);
        Relay before = relays.put(viewer, relay);
        if (before != null) {
            before.end();
        }
        relay.begin();
    }

    void unwatch(Viewer viewer) {
        Relay relay = relays.remove(viewer);
        if (relay != null) {
            relay.end();
        }
    }

    /** Each second. */
    void tick() {
        relays.forEach((viewer, relay) -> {
            if (relay.isOver()) {
                relays.remove(viewer, relay);
                relay.end();
            } else {
                relay.follow();
            }
        });
    }

    void close() {
        relays.values().forEach(Relay::end);
        relays.clear();
    }

    private final class Relay {
        private final Viewer viewer;
        private final UUID jvm;
        private final @Nullable Long since;
        /** Null: this collector. */
        private @Nullable Peer source;

        private @Nullable Line line;
        private long changedAt = clock.millis();
        private @Nullable Long newest;
        private boolean ended;

        Relay(Viewer viewer, UUID jvm, @Nullable Long since) {
            this.viewer = viewer;
            this.jvm = jvm;
            this.since = since;
        }

        synchronized void begin() {
            Peer peer = wanted();
            if (peer == null) {
                live.watchJvm(viewer, jvm, since);
            } else {
                connect(peer);
            }
        }

        private @Nullable Peer wanted() {
            Peer peer = peers.source(jvm).orElse(null);
            return peer != null && source == null && relays.size() > MOST ? null : peer;
        }

        synchronized void follow() {
            Peer wanted = wanted();
            if (ended || wanted == null ? source == null : wanted.equals(source)) {
                return;
            }
            LOG.debug("{} is now watched at {}", jvm, wanted == null ? "this collector" : wanted);
            if (wanted == null) {
                here();
            } else {
                connect(wanted);
            }
        }

        /** The page asked for something else, or could not keep up and will ask again. */
        synchronized boolean isOver() {
            return ended || Math.abs(clock.millis() - changedAt) > SETTLED_MILLIS && !live.watches(viewer, jvm);
        }

        private void here() {
            hangUp();
            source = null;
            changedAt = clock.millis();
            live.watchJvm(viewer, jvm, sinceNow());
        }

        private void connect(Peer peer) {
            if (source == null) {
                Long held = live.newest(jvm);
                newest = held == null ? newest : newest == null ? held : Long.valueOf(Math.max(held, newest));
            }
            hangUp();
            source = peer;
            changedAt = clock.millis();
            Line opened = new Line(this);
            line = opened;
            Map<String, Object> watch = new LinkedHashMap<>();
            watch.put("watch", "jvm");
            watch.put("id", jvm);
            watch.put("since", sinceNow());
            String message = Json.text(watch);
            live.watchElsewhere(viewer, jvm, () -> client.open(peer, opened).whenComplete((socket, failure) -> {
                if (failure != null) {
                    client.isDown(peer, failure.getCause() == null ? failure : failure.getCause());
                    failed(opened);
                } else {
                    opened.say(socket, message);
                }
            }));
        }

        private @Nullable Long sinceNow() {
            Long all = newest;
            return all == null ? since : Long.valueOf(Math.max(0, all - AGAIN_MILLIS));
        }

        private void hangUp() {
            Line open = line;
            line = null;
            if (open != null) {
                open.hangUp();
            }
        }

        private synchronized boolean isOn(Line of) {
            return line == of;
        }

        private void message(Line from, String text) {
            if (!isOn(from)) {
                from.hangUp();
            } else if (text.startsWith("{\"kind\":\"lagged\"") || text.startsWith("{\"kind\":\"error\"")) {
                failed(from);
            } else {
                if (text.startsWith("{\"kind\":\"jvm\"")) {
                    noteNewest(text);
                }
                if (!live.pass(viewer, jvm, text)) {
                    from.hangUp();
                }
            }
        }

        private void noteNewest(String text) {
            try {
                long time =
                        Json.MAPPER.readTree(text).path("jvm").path("lastData").asLong(0);
                synchronized (this) {
                    newest = time > 0 ? Long.valueOf(time) : newest;
                }
            } catch (com.fasterxml.jackson.core.JsonProcessingException notJson) {
                LOG.debug("another collector sent what is not JSON", notJson);
            }
        }

        /** The connection is gone: what is here is shown, until another look finds the collector again. */
        private synchronized void failed(Line of) {
            if (line == of && !ended) {
                here();
            }
        }

        synchronized void end() {
            ended = true;
            hangUp();
        }
    }

    /** A connection to another collector; one message at a time is taken from it. */
    private static final class Line implements WebSocket.Listener {
        private final Relay relay;
        private final StringBuilder text = new StringBuilder();
        private @Nullable WebSocket socket;
        private boolean hungUp;

        Line(Relay relay) {
            this.relay = relay;
        }

        void say(WebSocket opened, String message) {
            synchronized (this) {
                socket = opened;
                if (hungUp) {
                    opened.abort();
                    return;
                }
            }
            opened.sendText(message, true).whenComplete((sent, failure) -> {
                if (failure != null) {
                    relay.failed(this);
                }
            });
        }

        synchronized void hangUp() {
            hungUp = true;
            WebSocket open = socket;
            if (open != null) {
                open.abort();
            }
        }

        @Override
        public @Nullable CompletionStage<?> onText(WebSocket from, CharSequence data, boolean last) {
            text.append(data);
            if (last) {
                String message = text.toString();
                text.setLength(0);
                relay.message(this, message);
            } else if (text.length() > LONGEST_MESSAGE) {
                from.abort();
                relay.failed(this);
            }
            from.request(1);
            return null;
        }

        @Override
        public @Nullable CompletionStage<?> onClose(WebSocket from, int code, String reason) {
            relay.failed(this);
            return null;
        }

        @Override
        public void onError(WebSocket from, Throwable error) {
            relay.failed(this);
        }
    }
}
