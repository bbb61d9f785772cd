package dev.pitot.web.ingest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.pitot.web.postgres.TestPostgres;
import dev.pitot.web.store.Database;
import dev.pitot.web.store.DatabaseSettings;
import dev.pitot.web.store.RetentionSettings;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** What becomes of posts when the database does not keep up or refuses them; a real recording and a real PostgreSQL that is locked. */
class BackPressureIT {
    private static final long HELD = 20_000;

    private static final Flight RECORDED = Flight.recorded();

    private final TestPostgres.Database at = TestPostgres.freshDatabase();

    /** With little room in memory. */
    private static IngestSettings settings() {
        return new IngestSettings(List.of(), RetentionSettings.standard(), Duration.ofMillis(5), 2, HELD, 512);
    }

    private Database open() throws Exception {
        return Database.open(DatabaseSettings.of(at.url(), at.user(), at.password()));
    }

    private static long number(Statement s, String sql) throws SQLException {
        try (ResultSet row = s.executeQuery(sql)) {
            row.next();
            return row.getLong(1);
        }
    }

    @Test
    void postsThatMemoryHasNoRoomForAreSentAwayUntilTheDatabaseTakesMore() throws Exception {
        ExecutorService agents = Executors.newCachedThreadPool();
        try (Database database = open();
                Ingest ingest = new Ingest(database, new RecordingFeed(), settings());
                Connection blocker = at.connect();
                Statement s = blocker.createStatement()) {
            List<byte[]> bodies = new ArrayList<>();
            for (int i = 0; i < 12; i++) {
                Flight flight = RECORDED.as(UUID.randomUUID());
                bodies.add(flight.body(flight.parts(new Random(5)).get(0), flight.hello()));
            }
            blocker.setAutoCommit(false);
            s.execute("lock table segment in access exclusive mode");
            List<Future<Reply>> replies = new ArrayList<>();
            for (byte[] body : bodies) {
                replies.add(agents.submit(() -> ingest.handle(body.length, () -> body)));
            }
            await().until(() -> replies.stream().filter(Future::isDone).count() >= 6);
            List<byte[]> sentAway = new ArrayList<>();
            for (int i = 0; i < replies.size(); i++) {
                if (replies.get(i).isDone()) {
                    assertThat(replies.get(i).get().status()).isEqualTo(429);
                    assertThat(replies.get(i).get().retryAfterSeconds()).isPositive();
                    sentAway.add(bodies.get(i));
                }
            }
            assertThat(sentAway).hasSizeLessThan(bodies.size());
            assertThat(ingest.stats().arrivingBytes()).isBetween(1L, HELD + 9L * bodies.get(0).length);
            blocker.commit();
            blocker.setAutoCommit(true);
            long taken = 0;
            for (Future<Reply> reply : replies) {
                taken += reply.get().status() == 200 ? 1 : 0;
            }
            assertThat(number(s, "select count(*) from segment")).isEqualTo(taken);
            for (byte[] body : sentAway) {
                assertThat(ingest.handle(body.length, () -> body).status()).isEqualTo(200);
            }
            assertThat(number(s, "select count(*) from segment")).isEqualTo(bodies.size());
            assertThat(ingest.stats().arrivingBytes()).isZero();
            assertThat(ingest.stats().waitingBytes()).isZero();
        } finally {
            agents.shutdownNow();
        }
    }

    /** Holds up whoever tells it of a sample. */
    private static final class StalledFeed extends RecordingFeed {
        final CountDownLatch goOn = new CountDownLatch(1);
        final AtomicInteger inside = new AtomicInteger();

        @Override
        public void metric(
                UUID jvm,
                String type,
                @Nullable String key,
                long timeMillis,
                String[] fields,
                double[] numbers,
                String[] texts) {
            inside.incrementAndGet();
            try {
                goOn.await();
            } catch (InterruptedException stop) {
                Thread.currentThread().interrupt();
            }
        }
    }

    @Test
    void whileParsersStandStillPostsBecomeDurableAgentsAreSlowedAndMemoryStaysWithinItsBound() throws Exception {
        Flight flight = RECORDED.as(UUID.randomUUID());
        ExecutorService agents = Executors.newCachedThreadPool();
        StalledFeed feed = new StalledFeed();
        try (Database database = open();
                Ingest ingest = new Ingest(database, feed, settings());
                Connection c = at.connect();
                Statement s = c.createStatement()) {
            // Each holds up one of the two threads, and its own posts too, once they have something to tell.
            List<Future<?>> others = new ArrayList<>();
            for (int i = 0; i < 2; i++) {
                Feeder other = new Feeder(RECORDED.as(UUID.randomUUID()), new Random(i));
                others.add(agents.submit(() -> {
                    other.run(ingest::handle);
                    return null;
                }));
            }
            await().until(() -> feed.inside.get() == 2);
            new Feeder(flight, new Random(5)).run(ingest::handle);
            Reply reply = ingest.handle(flight.heartbeat("ended=true\n"));
            assertThat(reply.status()).isEqualTo(200);
            assertThat(reply.text()).contains("cadence=10000").containsPattern("wait=[1-9]");
            IngestStats stats = ingest.stats();
            assertThat(stats.heldBytes()).isLessThanOrEqualTo(HELD);
            assertThat(stats.behindBytes()).isGreaterThan(2 * HELD);
            assertThat(number(s, "select count(*) from event where jvm_id = '" + flight.jvm() + "'"))
                    .isZero();
            feed.goOn.countDown();
            for (Future<?> other : others) {
                other.get(30, TimeUnit.SECONDS);
            }
            await().atMost(Duration.ofSeconds(30))
                    .until(() -> number(s, "select count(*) from chunk where parsed_offset < boundary") == 0
                            && ingest.stats().behindBytes() == 0);
            assertThat(ingest.stats().heldBytes()).isZero();
            assertThat(ingest.handle(flight.heartbeat("")).text()).doesNotContainPattern("wait=[1-9]");
            assertThat(Expected.difference(Expected.events(flight), Expected.storedEvents(c, flight.jvm(), flight)))
                    .isEmpty();
        } finally {
            feed.goOn.countDown();
            agents.shutdownNow();
        }
    }

    @Test
    void aMinuteThatTheDatabaseRefusesIsLeftOutAndItsNeighboursAreStored() throws Exception {
        Flight flight = RECORDED.as(UUID.randomUUID());
        long left;
        try (Database database = open();
                Ingest ingest = new Ingest(database, new RecordingFeed(), settings());
                Connection c = at.connect();
                Statement s = c.createStatement()) {
            s.execute("""
                    create function refuse() returns trigger language plpgsql as
                    $$ begin raise exception 'no such number' using errcode = '22003'; end $$""");
            s.execute("create trigger refuse before insert on metric_block for each row"
                    + " when (new.type = 'jdk.CPULoad') execute function refuse()");
            new Feeder(flight, new Random(9)).run(ingest::handle);
            ingest.handle(flight.heartbeat("ended=true\n"));
            await().atMost(Duration.ofSeconds(30))
                    .until(() -> number(s, "select count(*) from chunk where block_offset < boundary") == 0);
            left = ingest.stats().refusedMinutes();
        }
        assertThat(left).isPositive();
        try (Connection c = at.connect()) {
            List<String> missing =
                    Expected.difference(Expected.samples(flight), Expected.storedSamples(c, flight.jvm()));
            assertThat(missing)
                    .isNotEmpty()
                    .allMatch(line -> line.contains("jdk.CPULoad") || line.endsWith("lines in all"));
        }
    }

    @Test
    void eventsThatTheDatabaseRefusesAreLeftOutOneByOneAndTheirNeighboursAreStored() throws Exception {
        Flight taken = RECORDED.as(UUID.randomUUID());
        Flight refused = RECORDED.as(UUID.randomUUID());
        try (Database database = open();
                Ingest ingest = new Ingest(database, new RecordingFeed(), settings());
                Connection c = at.connect();
                Statement s = c.createStatement()) {
            s.execute("""
                    create function refuse() returns trigger language plpgsql as
                    $$ begin raise exception 'no such event' using errcode = '22003'; end $$""");
            s.execute("create trigger refuse before insert on event for each row when (new.chunk_offset % 97 = 0"
                    + " and new.jvm_id = '" + refused.jvm() + "') execute function refuse()");
            for (Flight flight : List.of(taken, refused)) {
                new Feeder(flight, new Random(9)).run(ingest::handle);
                ingest.handle(flight.heartbeat("ended=true\n"));
            }
            await().atMost(Duration.ofSeconds(30))
                    .until(() -> number(s, "select count(*) from chunk where not parsed_out") == 0);
            String of = "select count(*) from event where jvm_id = '" + taken.jvm() + "' and chunk_offset % 97 ";
            long bad = number(s, of + "= 0");
            assertThat(bad).isPositive();
            assertThat(ingest.stats().refusedEvents()).isEqualTo(bad);
            assertThat(number(s, "select count(*) from event where jvm_id = '" + refused.jvm() + "'"))
                    .isEqualTo(number(s, of + "<> 0"));
            assertThat(ingest.stats().events()).isEqualTo(number(s, "select count(*) from event"));
            assertThat(number(s, "select count(*) from chunk where parse_error is not null"))
                    .isZero();
        }
    }
}
