package dev.pitot.web.ingest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pitot.web.postgres.EmbeddedPostgres;
import dev.pitot.web.postgres.TestPostgres;
import dev.pitot.web.store.Database;
import dev.pitot.web.store.DatabaseSettings;
import java.io.IOException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Whatever is killed at whatever instant, what was acknowledged is stored, and stored once. Each test goes through as many
 * accidents as {@code pitot.test.crashes} says, each in the middle of a flight of its own.
 */
@Tag("crash")
class CrashMatrixIT {
    private static final int LOOPS = Integer.getInteger("pitot.test.crashes", 20);
    /** Of the first post and of the accident; a flight takes one to two seconds. */
    private static final int LATEST_MILLIS = 1_500;

    private static final Flight RECORDED = Flight.recorded();

    private final long seed = System.nanoTime();
    private final Random random = new Random(seed);
    private final ScheduledExecutorService fate = Executors.newScheduledThreadPool(2);

    private interface Accident {
        void happen() throws Exception;
    }

    private ScheduledFuture<?> within(int millis, Accident accident) {
        return fate.schedule(
                () -> {
                    accident.happen();
                    return null;
                },
                random.nextInt(millis),
                TimeUnit.MILLISECONDS);
    }

    /** An agent whose posts are repeated on their way, early ones come late, and which goes on whatever happens. */
    private void fly(Flight flight, Feeder.Line line) {
        List<byte[]> sent = new ArrayList<>();
        Feeder.Line hostile = body -> {
            sent.add(body);
            Reply reply = line.post(body);
            if (random.nextInt(4) == 0) {
                line.post(sent.get(random.nextInt(sent.size())));
            }
            return reply;
        };
        Feeder feeder = new Feeder(flight, random);
        Awaitility.await()
                .pollDelay(Duration.ZERO)
                .pollInterval(Duration.ofMillis(2))
                .atMost(Duration.ofSeconds(90))
                .until(() -> {
                    try {
                        // A pause only where the collector asks for one.
                        while (!feeder.isDone() && feeder.step(hostile).status() != 503) {
                            assertThat(feeder.posts).as("posts, seed " + seed).isLessThan(100_000);
                        }
                    } catch (IOException killed) {
                        // The next post goes to who is there.
                    }
                    return feeder.isDone();
                });
    }

    private static void end(Flight flight, Feeder.Line line) {
        Awaitility.await().atMost(Duration.ofSeconds(60)).until(() -> {
            try {
                return line.post(flight.heartbeat(flight.have() + "ended=true\n"))
                                .status()
                        == 200;
            } catch (IOException killed) {
                return false;
            }
        });
    }

    /** Two collectors behind a balancer that sends each post to whichever; who was killed is started again. */
    private final class Collectors implements Feeder.Line, AutoCloseable {
        private final TestPostgres.Database at;
        private final CollectorProcess[] two = new CollectorProcess[2];

        Collectors(TestPostgres.Database at) throws IOException {
            this.at = at;
            start(0);
            start(1);
        }

        private void start(int i) throws IOException {
            two[i] = new CollectorProcess(at.url(), at.user(), at.password());
        }

        void killOne() throws InterruptedException {
            two[random.nextInt(2)].kill9();
        }

        @Override
        public Reply post(byte[] body) throws IOException {
            int i = random.nextInt(2);
            try {
                return two[i].post(body);
            } catch (IOException dead) {
                start(i);
                throw dead;
            }
        }

        @Override
        public void close() throws IOException {
            for (CollectorProcess one : two) {
                one.close();
            }
        }
    }

    @Test
    void collectorsBehindABalancerAreKilled() throws Exception {
        TestPostgres.Database at = TestPostgres.freshDatabase();
        List<Flight> flights = new ArrayList<>();
        try (Collectors collectors = new Collectors(at)) {
            for (int i = 0; i < LOOPS; i++) {
                Flight flight = RECORDED.as(UUID.randomUUID());
                flights.add(flight);
                ScheduledFuture<?> accident = within(LATEST_MILLIS, collectors::killOne);
                fly(flight, collectors);
                accident.get();
                end(flight, collectors);
            }
        }
        finish(at, flights);
    }

    @Test
    void theDatabaseIsKilled() throws Exception {
        databaseDies(server -> kill(server.pid()));
    }

    /** PostgreSQL then ends all its connections and recovers by itself. */
    @Test
    void aProcessOfTheDatabaseIsKilled() throws Exception {
        databaseDies(server -> {
            List<ProcessHandle> children =
                    ProcessHandle.of(server.pid()).orElseThrow().children().toList();
            kill(children.get(random.nextInt(children.size())).pid());
        });
    }

    @Test
    void theDatabaseIsStoppedAndStartedAgain() throws Exception {
        databaseDies(EmbeddedPostgres::close);
    }

    private static void kill(long pid) {
        ProcessHandle.of(pid).ifPresent(ProcessHandle::destroyForcibly);
    }

    private interface ServerAccident {
        void happen(EmbeddedPostgres server) throws Exception;
    }

    private void databaseDies(ServerAccident accident) throws Exception {
        try (Server server = new Server()) {
            TestPostgres.Database at = server.database();
            List<Flight> flights = new ArrayList<>();
            try (Database database = Database.open(DatabaseSettings.of(at.url(), at.user(), at.password()));
                    Ingest ingest = new Ingest(
                            database,
                            new RecordingFeed(),
                            IngestSettings.standard().withCommitWindow(Duration.ofMillis(5)))) {
                for (int i = 0; i < LOOPS; i++) {
                    Flight flight = RECORDED.as(UUID.randomUUID());
                    flights.add(flight);
                    ScheduledFuture<?> done = within(LATEST_MILLIS, () -> {
                        accident.happen(server.postgres);
                        server.startAgain();
                    });
                    fly(flight, ingest::handle);
                    done.get();
                    end(flight, ingest::handle);
                }
            }
            finish(at, flights);
        }
    }

    @Test
    void collectorsAndTheDatabaseAreKilledTogether() throws Exception {
        try (Server server = new Server()) {
            TestPostgres.Database at = server.database();
            List<Flight> flights = new ArrayList<>();
            try (Collectors collectors = new Collectors(at)) {
                for (int i = 0; i < LOOPS; i++) {
                    Flight flight = RECORDED.as(UUID.randomUUID());
                    flights.add(flight);
                    ScheduledFuture<?> first = within(LATEST_MILLIS, collectors::killOne);
                    ScheduledFuture<?> second = within(LATEST_MILLIS, () -> {
                        kill(server.postgres.pid());
                        server.startAgain();
                    });
                    fly(flight, collectors);
                    first.get();
                    second.get();
                    end(flight, collectors);
                }
            }
            finish(at, flights);
        }
    }

    /** A collector that starts last does what the others left, also for JVMs that are never heard of again. */
    private void finish(TestPostgres.Database at, List<Flight> flights) throws Exception {
        fate.shutdown();
        try (Database database = Database.open(DatabaseSettings.of(at.url(), at.user(), at.password()));
                Ingest ingest = new Ingest(database, new RecordingFeed(), IngestSettings.standard())) {
            Awaitility.await().atMost(Duration.ofSeconds(120)).until(() -> unfinished(at) == 0);
            assertThat(ingest.stats().parseErrors()).isZero();
        }
        for (Flight flight : flights) {
            IngestIT.assertStoredOnce(at, flight);
        }
    }

    private static int unfinished(TestPostgres.Database at) throws Exception {
        try (Connection c = at.connect();
                Statement s = c.createStatement();
                var row = s.executeQuery(
                        "select count(*) from chunk where state <> 'complete' or not parsed_out or block_offset < boundary")) {
            row.next();
            return row.getInt(1);
        }
    }

    /** A PostgreSQL of its own, always on the same port. */
    private static final class Server implements AutoCloseable {
        private final Path folder = TestPostgres.reachableFolder("postgres-crash");
        private volatile EmbeddedPostgres postgres = EmbeddedPostgres.start(folder, step -> {});

        TestPostgres.Database database() throws Exception {
            TestPostgres.Database at =
                    new TestPostgres.Database(postgres.jdbcUrl(), postgres.user(), postgres.password());
            try (Connection c = at.connect();
                    Statement s = c.createStatement()) {
                s.execute("drop schema public cascade; create schema public");
            }
            return at;
        }

        void startAgain() {
            int port = postgres.port();
            postgres.close();
            postgres = EmbeddedPostgres.start(folder, step -> {});
            assertThat(postgres.port()).isEqualTo(port);
        }

        @Override
        public void close() {
            postgres.close();
        }
    }
}
