package dev.pitot.web.peers;

import dev.pitot.web.live.Live;
import dev.pitot.web.live.Viewer;
import dev.pitot.web.store.Database;
import dev.pitot.web.store.JvmRow;
import dev.pitot.web.store.Queries;
import dev.pitot.web.store.Registry;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.sql.SQLException;
import java.time.Clock;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The other collectors on the database: this one is written down among them, which JVM posts to whom is looked up, and what
 * their memory holds is asked from them while somebody wants it here. Without others it asks nobody anything.
 *
 * <p>Any thread. One thread talks to the database and another to the collectors, so that neither waits for the other's slowness;
 * none of it is on the way of a post.
 */
public final class Peers implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Peers.class);
    private static final long HEARTBEAT_MILLIS = 10_000;
    /** What another collector said is shown for so long, and what is watched there posts fast for so long. */
    private static final long SAID_MILLIS = 5_000;

    private static final long WATCHED_MILLIS = 15_000;

    /**
     * How often things are done; {@link #STANDARD} suits everyone but tests.
     *
     * @param lookMillis between looks into the database
     * @param tickMillis between questions to the others
     * @param hereMillis a JVM that posts to whoever it meets, once a second while it is watched, is heard of here so often
     */
    public record Pace(long lookMillis, long tickMillis, long hereMillis) {
        public static final Pace STANDARD = new Pace(2_000, 1_000, 4_000);
    }

    private final Registry registry;
    private final Queries queries;
    private final Live live;
    private final Clock clock;
    private final UUID self;
    private final Pace pace;
    private final String secret = random();
    private final PeerClient client = new PeerClient();
    private final Relays relays;
    private final ScheduledExecutorService database = executor("pitot-peers-store");
    private final ScheduledExecutorService ticks = executor("pitot-peers");

    private volatile Map<UUID, Peer> others = Map.of();
    private volatile Map<UUID, UUID> owners = Map.of();
    private volatile Registry.@Nullable Row here;
    private volatile CompletableFuture<Void> exchange = CompletableFuture.completedFuture(null);
    private long exchangedAt;

    /** @param self the id that this collector's ingest writes to the JVMs that post to it */
    public Peers(Database database, Live live, UUID self, Clock clock, Pace pace) {
        this.registry = new Registry(database);
        this.queries = new Queries(database);
        this.live = live;
        this.self = self;
        this.pace = pace;
        this.clock = clock;
        this.exchangedAt = clock.millis() - pace.tickMillis();
        this.relays = new Relays(this, client, live, clock);
    }

    private static String random() {
        byte[] bytes = new byte[32];
        new SecureRandom().nextBytes(bytes);
        return HexFormat.of().formatHex(bytes);
    }

    private static ScheduledExecutorService executor(String name) {
        return Executors.newSingleThreadScheduledExecutor(task -> {
            Thread thread = new Thread(task, name);
            thread.setDaemon(true);
            return thread;
        });
    }

    /**
     * Writes this collector down, now and again as long as it runs, and begins to look for others.
     *
     * @param address how others reach it, {@code http://host:port}
     */
    public void start(String address, String version) {
        Registry.Row row = new Registry.Row(self, address, secret, version);
        here = row;
        database.scheduleWithFixedDelay(
                () -> guarded(() -> registry.here(row)), 0, HEARTBEAT_MILLIS, TimeUnit.MILLISECONDS);
        database.scheduleWithFixedDelay(() -> guarded(this::look), 0, pace.lookMillis(), TimeUnit.MILLISECONDS);
        ticks.scheduleWithFixedDelay(
                () -> guarded(this::tick), pace.tickMillis(), pace.tickMillis(), TimeUnit.MILLISECONDS);
    }

    private interface Task {
        void run() throws SQLException;
    }

    private static void guarded(Task task) {
        try {
            task.run();
        } catch (SQLException away) {
            // Those that were there are taken to be there still, until they do not answer.
            LOG.debug("tried again in some seconds", away);
        } catch (RuntimeException bug) {
            LOG.error("A look at the other collectors failed", bug);
        }
    }

    /** Who is there, and who is sent what. */
    private void look() throws SQLException {
        Map<UUID, Peer> found = new LinkedHashMap<>();
        for (Registry.Row row : registry.others(self)) {
            try {
                found.put(row.id(), new Peer(row.id(), URI.create(row.address()), row.secret()));
            } catch (IllegalArgumentException noAddress) {
                LOG.debug("no address: {}", row.address());
            }
        }
        boolean hadOthers = !others.isEmpty();
        others = Map.copyOf(found);
        client.forgetOthers(found.keySet());
        if (found.isEmpty() && !hadOthers) {
            return;
        }
        Map<UUID, UUID> now = new HashMap<>(owners);
        now.values().retainAll(found.keySet());
        for (Registry.Heard heard : registry.heardLately()) {
            UUID owner = heard.collector();
            if (owner == null || owner.equals(self)) {
                now.remove(heard.jvm());
            } else {
                now.put(heard.jvm(), owner);
            }
            if (!live.stored(heard.jvm(), heard.lastSeenMillis(), heard.ended())) {
                Optional<JvmRow> row = queries.jvm(heard.jvm());
                row.ifPresent(
                        jvm -> live.remember(jvm.info(), jvm.firstSeenMillis(), jvm.lastSeenMillis(), jvm.ended()));
            }
        }
        owners = Map.copyOf(now);
    }

    private void tick() {
        Set<UUID> watched = live.watched();
        if (!watched.isEmpty() || live.fleetWatched()) {
            exchange();
        }
        relays.tick();
    }

    /** Asks all others what they have, unless that was done within the last second; nobody waits for one that does not answer. */
    private synchronized CompletableFuture<Void> exchange() {
        long now = clock.millis();
        if (Math.abs(now - exchangedAt) < pace.tickMillis() / 2) {
            return exchange;
        }
        exchangedAt = now;
        Set<UUID> watched = live.watched();
        exchange = CompletableFuture.allOf(others.values().stream()
                .filter(client::isUp)
                .map(peer -> client.exchange(peer, watched)
                        .thenAccept(jvms -> jvms.forEach(jvm -> live.elsewhere(jvm, clock.millis() + SAID_MILLIS)))
                        .exceptionally(noAnswer -> null))
                .toArray(CompletableFuture[]::new));
        return exchange;
    }

    /** Has the newest values of JVMs that post to others, for an answer that is to be given now; waits a second at most. */
    public void refresh() {
        if (others.isEmpty()) {
            return;
        }
        try {
            exchange().get(1_000, TimeUnit.MILLISECONDS);
        } catch (ExecutionException | TimeoutException slow) {
            LOG.debug("answered without them", slow);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
    }

    /** Another collector says which JVMs are watched there. */
    public void watchedElsewhere(Set<UUID> jvms) {
        live.watchedByPeer(jvms, clock.millis() + WATCHED_MILLIS);
    }

    /**
     * The other collector whose memory has the newest of a JVM. None when that is this one: a JVM behind a balancer that sends
     * each post elsewhere is whole in every collector, a post later at most, so what it posts here now and then is enough.
     */
    Optional<Peer> source(UUID jvm) {
        UUID owner = owners.get(jvm);
        Peer peer = owner == null ? null : others.get(owner);
        boolean postsHere = Math.abs(clock.millis() - live.heardHere(jvm)) < pace.hereMillis();
        return peer == null || postsHere || !client.isUp(peer) ? Optional.empty() : Optional.of(peer);
    }

    /** What the collector that has the newest of a JVM answers to a GET; null when that is this one, or the other does not. */
    public byte @Nullable [] answer(UUID jvm, String pathAndQuery) {
        return source(jvm).map(peer -> client.get(peer, pathAndQuery)).orElse(null);
    }

    /** Whether this is what another collector on the database shows. */
    public boolean isPeer(@Nullable String authorization) {
        return authorization != null
                && MessageDigest.isEqual(
                        authorization.getBytes(StandardCharsets.UTF_8),
                        ("Bearer " + secret).getBytes(StandardCharsets.UTF_8));
    }

    /** The page wants a JVM, whoever it posts to. */
    public void watch(Viewer viewer, UUID jvm, @Nullable Long sinceMillis) {
        relays.watch(viewer, jvm, sinceMillis);
    }

    /** The page wants something else, or is gone. */
    public void unwatch(Viewer viewer) {
        relays.unwatch(viewer);
    }

    /** Lets the others know that this one is gone. */
    @Override
    public void close() {
        ticks.shutdownNow();
        database.shutdownNow();
        relays.close();
        if (here != null) {
            try {
                database.awaitTermination(1, TimeUnit.SECONDS);
                registry.gone(self);
            } catch (SQLException away) {
                LOG.debug("they will know within 30 s", away);
            } catch (InterruptedException stopped) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
