package dev.pitot.web.peers;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectReader;
import dev.pitot.web.live.Json;
import dev.pitot.web.live.PeerJvm;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Asks other collectors over HTTP. One that did not answer is left alone for some seconds, so that nobody waits for it again and
 * again. Any thread.
 */
final class PeerClient {
    private static final Logger LOG = LoggerFactory.getLogger(PeerClient.class);
    private static final Duration CONNECT = Duration.ofSeconds(1);
    private static final Duration EXCHANGE = Duration.ofSeconds(1);
    /** Six hours of a metric are read from the database. */
    private static final Duration ANSWER = Duration.ofSeconds(5);

    private static final long DOWN_NANOS = TimeUnit.SECONDS.toNanos(5);
    private static final int MOST_BYTES = 32 << 20;
    private static final int MOST_AT_A_TIME = 8;
    /** Ids in one address, which a server reads 16 KB of. */
    static final int MOST_WATCHED = 200;

    private final HttpClient http =
            HttpClient.newBuilder().connectTimeout(CONNECT).build();
    private final Semaphore free = new Semaphore(MOST_AT_A_TIME);
    private final Map<UUID, Long> downUntil = new ConcurrentHashMap<>();

    /** Whether it is worth asking. */
    boolean isUp(Peer peer) {
        Long until = downUntil.get(peer.id());
        return until == null || System.nanoTime() - until >= 0;
    }

    void isDown(Peer peer, Throwable why) {
        if (downUntil.put(peer.id(), System.nanoTime() + DOWN_NANOS) == null) {
            LOG.warn(
                    "The collector at {} does not answer ({}), so what it has in memory is not shown here;"
                            + " if it runs, check its --advertise.",
                    peer.address(),
                    why.getMessage() == null ? why.getClass().getSimpleName() : why.getMessage());
        }
    }

    void forgetOthers(Set<UUID> present) {
        downUntil.keySet().retainAll(present);
    }

    private HttpRequest.Builder request(Peer peer, String pathAndQuery) {
        return HttpRequest.newBuilder(URI.create(peer.address() + pathAndQuery))
                .header("Authorization", peer.authorization());
    }

    /** Another version may say more. */
    private static final ObjectReader EXCHANGED =
            Json.MAPPER.readerFor(Exchange.class).without(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES);

    private record Exchange(List<PeerJvm> jvms) {}

    /** Says which JVMs are watched here, and gets what the other has of those that post to it. */
    CompletableFuture<List<PeerJvm>> exchange(Peer peer, Set<UUID> watched) {
        String ids = watched.stream().limit(MOST_WATCHED).map(UUID::toString).collect(Collectors.joining(","));
        HttpRequest request = request(peer, "/api/v1/peer" + (ids.isEmpty() ? "" : "?watched=" + ids))
                .timeout(EXCHANGE)
                .build();
        return http.sendAsync(request, HttpResponse.BodyHandlers.ofInputStream())
                .thenApply(response -> {
                    try {
                        return EXCHANGED.<Exchange>readValue(body(response)).jvms();
                    } catch (IOException e) {
                        throw new IllegalStateException(e.getMessage(), e);
                    }
                })
                .whenComplete((jvms, failure) -> {
                    if (failure != null) {
                        isDown(peer, failure.getCause() == null ? failure : failure.getCause());
                    }
                });
    }

    /** The answer to a GET, as JSON; null when there is none but a refusal, or not in time. */
    byte @Nullable [] get(Peer peer, String pathAndQuery) {
        if (!isUp(peer) || !free.tryAcquire()) {
            return null;
        }
        try {
            HttpResponse<InputStream> response = http.send(
                    request(peer, pathAndQuery).timeout(ANSWER).build(), HttpResponse.BodyHandlers.ofInputStream());
            if (response.statusCode() != 200) {
                response.body().close();
                return null;
            }
            return body(response);
        } catch (IOException e) {
            isDown(peer, e);
            return null;
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            return null;
        } finally {
            free.release();
        }
    }

    private static byte[] body(HttpResponse<InputStream> response) throws IOException {
        try (InputStream in = response.body()) {
            byte[] bytes = in.readNBytes(MOST_BYTES + 1);
            if (response.statusCode() != 200 || bytes.length > MOST_BYTES) {
                throw new IOException("it answered " + response.statusCode() + " and " + bytes.length + " bytes");
            }
            return bytes;
        }
    }

    CompletableFuture<WebSocket> open(Peer peer, WebSocket.Listener listener) {
        URI address = URI.create(peer.address().toString().replaceFirst("^http", "ws") + "/api/v1/live");
        return http.newWebSocketBuilder()
                .connectTimeout(CONNECT)
                .header("Authorization", peer.authorization())
                .buildAsync(address, listener);
    }
}
