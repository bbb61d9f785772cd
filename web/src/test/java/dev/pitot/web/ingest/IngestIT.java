package dev.pitot.web.ingest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pitot.web.live.SpanKind;
import dev.pitot.web.postgres.EmbeddedPostgres;
import dev.pitot.web.postgres.TestPostgres;
import dev.pitot.web.store.ChunkBytesSink;
import dev.pitot.web.store.ChunkRow;
import dev.pitot.web.store.Database;
import dev.pitot.web.store.DatabaseSettings;
import dev.pitot.web.store.EventRow;
import dev.pitot.web.store.ImpatientDatabase;
import dev.pitot.web.store.JvmRow;
import dev.pitot.web.store.MetricSeries;
import dev.pitot.web.store.Queries;
import dev.pitot.web.store.StoredTypes;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import jdk.jfr.consumer.RecordingFile;
import org.awaitility.Awaitility;
import org.awaitility.core.ConditionFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Ingest with a real recording, a real PostgreSQL and real kills. */
class IngestIT {
    private static final int LOOPS = Integer.getInteger("pitot.test.kills", 6);

    private static final Flight RECORDED = Flight.recorded();

    private static IngestSettings settings() {
        return IngestSettings.standard().withCommitWindow(Duration.ofMillis(5));
    }

    /** Most of it is so already, or some milliseconds later, and some of these tests wait a hundred times. */
    private static ConditionFactory soon() {
        return Awaitility.await().pollDelay(Duration.ZERO).pollInterval(Duration.ofMillis(5));
    }

    private static Database open(TestPostgres.Database at) throws Exception {
        return Database.open(DatabaseSettings.of(at.url(), at.user(), at.password()));
    }

    static void assertStoredOnce(TestPostgres.Database at, Flight flight) throws Exception {
        try (Connection c = at.connect()) {
            assertThat(Expected.difference(Expected.events(flight), Expected.storedEvents(c, flight.jvm(), flight)))
                    .isEmpty();
            assertThat(Expected.difference(Expected.samples(flight), Expected.storedSamples(c, flight.jvm())))
                    .isEmpty();
            assertThat(Expected.difference(ExpectedMinutes.rows(flight), ExpectedMinutes.stored(c, flight.jvm())))
                    .isEmpty();
            assertThat(ExpectedMinutes.quarters(c, flight.jvm()))
                    .isNotEmpty()
                    .isEqualTo(ExpectedMinutes.due(c, flight.jvm()));
        }
    }

    @Test
    void storesEveryEventAndSampleOfARecordingOnce() throws Exception {
        TestPostgres.Database at = TestPostgres.freshDatabase();
        Flight flight = RECORDED.as(UUID.randomUUID());
        try (Database database = open(at);
                Ingest ingest = new Ingest(database, new RecordingFeed(), settings())) {
            new Feeder(flight, new Random(1)).run(ingest::handle);
        }
        assertStoredOnce(at, flight);
    }

    @Test
    void aCollectorKilledAtAnyInstantStoresEveryEventOnce() throws Exception {
        TestPostgres.Database at = TestPostgres.freshDatabase();
        Flight flight = RECORDED.as(UUID.randomUUID());
        long seed = System.nanoTime();
        Random random = new Random(seed);
        Feeder feeder = new Feeder(flight, random);
        int kills = 0;
        ScheduledExecutorService killer = Executors.newSingleThreadScheduledExecutor();
        try {
            while (!feeder.isDone() || kills < LOOPS) {
                CollectorProcess collector = new CollectorProcess(at.url(), at.user(), at.password());
                feeder.step(collector::post);
                if (kills < LOOPS) {
                    kills++;
                    int room = feeder.isDone() ? 50 : 400;
                    var kill = killer.schedule(
                            () -> {
                                collector.kill9();
                                return true;
                            },
                            random.nextInt(room),
                            TimeUnit.MILLISECONDS);
                    try {
                        feeder.run(collector::post);
                    } catch (IOException killed) {
                        // what this test is about
                    }
                    kill.get();
                } else {
                    feeder.run(collector::post);
                    collector.close();
                }
            }
            // A last start parses what a kill after the last segment left.
            CollectorProcess last = new CollectorProcess(at.url(), at.user(), at.password());
            last.post(flight.heartbeat("ended=true\n"));
            last.close();
        } finally {
            killer.shutdownNow();
        }
        assertThat(kills).as("seed " + seed).isEqualTo(LOOPS);
        assertStoredOnce(at, flight);
    }

    /** Lets nobody go on who hands on a part, until it is told to. */
    private static class HeldFeed extends RecordingFeed {
        final CountDownLatch released = new CountDownLatch(1);
        final CountDownLatch reached = new CountDownLatch(1);

        @Override
        public void flushed(UUID jvm) {
            reached.countDown();
            try {
                released.await(20, TimeUnit.SECONDS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
    }

    @Test
    void aCollectorThatIsStoppedWhileItParsesStoresWhatItHasTaken() throws Exception {
        TestPostgres.Database at = TestPostgres.freshDatabase();
        Flight flight = RECORDED.as(UUID.randomUUID());
        HeldFeed feed = new HeldFeed();
        ExecutorService agents = Executors.newCachedThreadPool();
        List<Flight.Part> parts = flight.backlog().parts(new Random(10));
        try (Database database = open(at)) {
            Ingest ingest = new Ingest(database, feed, settings());
            for (Flight.Part part : parts) {
                // Its answer waits for the feed; what it has brought does not.
                agents.submit(() -> ingest.handle(flight.body(part, flight.hello())));
                soon().until(() -> ingest.stats().segments() == parts.indexOf(part) + 1);
            }
            assertThat(feed.reached.await(10, TimeUnit.SECONDS)).isTrue();
            Thread stop = new Thread(ingest::close);
            stop.start();
            soon().until(() -> Arrays.stream(stop.getStackTrace())
                    .anyMatch(frame -> frame.getMethodName().equals("awaitTermination")));
            feed.released.countDown();
            stop.join(20_000);
        } finally {
            feed.released.countDown();
            agents.shutdownNow();
        }
        assertStoredOnce(at, flight);
    }

    @Test
    void theMinutesOfABacklogAreStoredWhileItIsRead() throws Exception {
        TestPostgres.Database at = TestPostgres.freshDatabase();
        Flight flight = RECORDED.as(UUID.randomUUID()).backlog();
        List<Long> newestBlock = new CopyOnWriteArrayList<>();
        HeldFeed feed = new HeldFeed() {
            @Override
            public void flushed(UUID jvm) {
                super.flushed(jvm);
                try (Connection c = at.connect();
                        Statement s = c.createStatement()) {
                    newestBlock.add(Long.parseLong(
                            one(s, "select coalesce(max(extract(epoch from ts)), 0)::bigint from metric_block")));
                } catch (SQLException e) {
                    throw new AssertionError(e);
                }
            }
        };
        ExecutorService agents = Executors.newCachedThreadPool();
        try (Database database = open(at);
                Ingest ingest = new Ingest(database, feed, settings())) {
            List<Flight.Part> parts = flight.parts(new Random(14));
            for (Flight.Part part : parts) {
                agents.submit(() -> ingest.handle(flight.body(part, flight.hello())));
                soon().until(() -> ingest.stats().segments() == parts.indexOf(part) + 1);
            }
            assertThat(feed.reached.await(10, TimeUnit.SECONDS)).isTrue();
            feed.released.countDown();
            soon().until(() -> newestBlock.size() == 3);
            // When the third chunk is read, and before the run ends, the minute in which the second began is stored.
            assertThat(newestBlock.get(2) + 60)
                    .isGreaterThan(flight.chunks().get(1).startNanos() / 1_000_000_000);
        } finally {
            feed.released.countDown();
            agents.shutdownNow();
        }
        assertStoredOnce(at, flight);
    }

    /** All that is stored of a JVM, as one number. */
    private static String fingerprint(TestPostgres.Database at) throws Exception {
        try (Connection c = at.connect();
                Statement s = c.createStatement();
                ResultSet row = s.executeQuery("""
                        select (select md5(string_agg(jvm_id::text || chunk_start || ' ' || chunk_offset || md5(bytes), ','
                                order by jvm_id, chunk_start, chunk_offset)) from segment),
                            (select string_agg(chunk_start || ' ' || durable_offset || state, ',' order by chunk_start) from chunk),
                            (select count(*) from event), (select md5(string_agg(concat_ws(' ', chunk_ticks, day, boundary, size, header), ',' order by chunk_start)) from chunk),
                            (select string_agg(concat_ws(' ', jvm_id, service, host, pid, labels, ended), ',' order by jvm_id) from jvm)""")) {
            row.next();
            return String.join(
                    " ", row.getString(1), row.getString(2), row.getString(3), row.getString(4), row.getString(5));
        }
    }

    @Test
    void repeatedAndReorderedSegmentsAreRefusedAndChangeNothing() throws Exception {
        TestPostgres.Database at = TestPostgres.freshDatabase();
        Flight flight = RECORDED.as(UUID.randomUUID());
        List<Flight.Part> parts = flight.parts(new Random(2));
        String chunk = flight.chunks().get(0).name();
        try (Database database = open(at);
                Ingest ingest = new Ingest(database, new RecordingFeed(), settings())) {
            assertThat(ingest.handle(flight.body(parts.get(1), flight.hello())).status())
                    .isEqualTo(409);
            int sent = 0;
            // Up to a boundary: then all of it gets parsed.
            for (boolean boundary = false; sent < 4 || !boundary; sent++) {
                Flight.Part part = parts.get(sent);
                Reply taken = ingest.handle(flight.body(part, flight.hello()));
                assertThat(taken.status()).isEqualTo(200);
                assertThat(Feeder.durable(taken, chunk)).isEqualTo(part.offset() + part.length());
                boundary = part.offset() + part.length() == Flight.FlightChunk.size(part.header());
            }
            soon().until(() -> ingest.stats().heldBytes() == 0 && ingest.stats().events() > 0);
            String before = fingerprint(at);
            Flight.Part next = parts.get(sent);
            for (int i : new int[] {0, 3, sent + 1, 2}) {
                Reply refused = ingest.handle(flight.body(parts.get(i), ""));
                assertThat(refused.status()).isEqualTo(409);
                assertThat(Feeder.durable(refused, chunk)).isEqualTo(next.offset());
            }
            byte[] otherClock = next.header().clone();
            otherClock[63] ^= 1;
            Flight.Part lying = new Flight.Part(0, next.offset(), next.length(), otherClock, false);
            assertThat(ingest.handle(flight.body(lying, "")).status()).isEqualTo(400);
            assertThat(fingerprint(at)).isEqualTo(before);
            assertThat(ingest.handle(flight.body(next, "")).status()).isEqualTo(200);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void twoCollectorsOnOneDatabaseStoreEveryEventOnce(boolean distributed) throws Exception {
        TestPostgres.Database at = TestPostgres.freshDatabase();
        if (distributed) {
            // What tells the collector that it is Citus, where it locks each JVM by statements of its own.
            try (Connection c = at.connect();
                    Statement s = c.createStatement()) {
                s.execute("create table pg_dist_partition ()");
            }
        }
        Flight flight = RECORDED.as(UUID.randomUUID());
        ExecutorService both = Executors.newFixedThreadPool(2);
        try {
            // Opened at once: the migrations of one wait for those of the other.
            Future<Database> one = both.submit(() -> open(at));
            Future<Database> two = both.submit(() -> open(at));
            try (Database first = one.get();
                    Database second = two.get();
                    Ingest a = new Ingest(first, new RecordingFeed(), settings());
                    Ingest b = new Ingest(second, new RecordingFeed(), settings())) {
                Feeder fromA = new Feeder(flight, new Random(3));
                Feeder fromB = new Feeder(flight, new Random(3));
                Future<?> feedA = both.submit(() -> {
                    fromA.run(a::handle);
                    return null;
                });
                Future<?> feedB = both.submit(() -> {
                    fromB.run(b::handle);
                    return null;
                });
                feedA.get(60, TimeUnit.SECONDS);
                feedB.get(60, TimeUnit.SECONDS);
                // The parts that went to the one are known to the other from the database only.
                a.handle(flight.heartbeat("ended=true\n"));
                b.handle(flight.heartbeat("ended=true\n"));
            }
            try (Database last = open(at);
                    Ingest rest = new Ingest(last, new RecordingFeed(), settings())) {
                rest.handle(flight.heartbeat("ended=true\n"));
            }
        } finally {
            both.shutdownNow();
        }
        assertStoredOnce(at, flight);
    }

    private static String at(String post, long sentNanos) {
        return post.replaceFirst("sent=[0-9]+", "sent=" + sentNanos);
    }

    private static byte[] heartbeat(Flight flight, long sentNanos, String more) {
        return at(new String(flight.heartbeat(more), StandardCharsets.UTF_8), sentNanos)
                .getBytes(StandardCharsets.UTF_8);
    }

    @Test
    void aPostThatWasHeldUpEndsNothing() throws Exception {
        TestPostgres.Database at = TestPostgres.freshDatabase();
        Flight flight = RECORDED.as(UUID.randomUUID());
        long before = (System.currentTimeMillis() - 30_000) * 1_000_000;
        long late = (System.currentTimeMillis() - 3_600_000) * 1_000_000;
        try (Database database = open(at);
                Connection c = at.connect();
                Statement s = c.createStatement();
                Ingest stalled = new Ingest(database, new RecordingFeed(), settings());
                Ingest other = new Ingest(database, new RecordingFeed(), settings())) {
            String state = "select string_agg(state, ',') || ' ' || bool_or(ended) from chunk join jvm using (jvm_id)";
            other.handle(flight.body(flight.parts(new Random(12)).get(0), flight.hello()));
            String lost = "lost=" + flight.chunks().get(0).name() + ":0:\n";
            for (String old : List.of("have=\n", "ended=true\n", lost)) {
                assertThat(stalled.handle(heartbeat(flight, before, old)).status())
                        .isEqualTo(200);
                assertThat(one(s, state)).isEqualTo("open false");
            }
            // So long before is not a post on its way but a clock that was set back.
            stalled.handle(heartbeat(flight, late, "ended=true\n"));
            assertThat(one(s, state)).isEqualTo("truncated true");
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aChunkThatGoesOnAfterItSeemedToEndIsParsedToItsEnd(boolean elsewhere) throws Exception {
        TestPostgres.Database at = TestPostgres.freshDatabase();
        Flight flight = RECORDED.as(UUID.randomUUID());
        List<Flight.Part> parts = flight.parts(new Random(13));
        try (Database database = open(at);
                Connection c = at.connect();
                Statement s = c.createStatement();
                Ingest first = new Ingest(database, new RecordingFeed(), settings());
                Ingest second = new Ingest(database, new RecordingFeed(), settings())) {
            int sent = 0;
            for (boolean boundary = false; sent < 8 || !boundary; sent++) {
                Flight.Part part = parts.get(sent);
                first.handle(flight.body(part, flight.hello()));
                boundary = part.offset() + part.length() == Flight.FlightChunk.size(part.header());
            }
            first.handle(flight.heartbeat("ended=true\n"));
            soon().until(() -> one(s, "select bool_and(parsed_out) from chunk").equals("t"));
            Ingest goesOn = elsewhere ? second : first;
            for (Flight.Part part : parts.subList(sent, parts.size())) {
                assertThat(goesOn.handle(flight.body(part, "")).status()).isEqualTo(200);
            }
            goesOn.handle(flight.heartbeat("ended=true\n"));
        }
        assertStoredOnce(at, flight);
    }

    @Test
    void whatADeadCollectorLeftIsFinishedByAnother() throws Exception {
        TestPostgres.Database at = TestPostgres.freshDatabase();
        Flight flight = RECORDED.as(UUID.randomUUID());
        try (Database database = open(at);
                Connection c = at.connect();
                Statement s = c.createStatement();
                Ingest survivor = new Ingest(database, new RecordingFeed(), settings())) {
            // It knows the JVM, as it was sent some posts of it.
            survivor.handle(flight.heartbeat(flight.hello() + flight.have()));
            try (Ingest other = new Ingest(database, new RecordingFeed(), settings())) {
                new Feeder(flight, new Random(15)).run(other::handle);
            }
            // As if it had died after the commits.
            s.execute("delete from event");
            s.execute("delete from metric_block");
            s.execute("delete from metric_1m");
            s.execute("delete from rollup_due");
            s.execute("update chunk set parsed_offset = 0, block_offset = 0, parsed_out = false");
            survivor.sweep();
            assertThat(survivor.stats().events()).as("heard of just now").isZero();
            s.execute("update jvm set ended = true, last_seen = last_seen - interval '2 minutes'");
            survivor.sweep();
            soon().until(() -> one(s, "select bool_and(parsed_out) from chunk").equals("t"));
        }
        assertStoredOnce(at, flight);
    }

    /** The chunk of before begins later than the one that is still being sent. */
    @Test
    void minutesOfAClockThatWasSetBackAreWholeAfterARestartToo() throws Exception {
        TestPostgres.Database at = TestPostgres.freshDatabase();
        Flight flight = RECORDED.as(UUID.randomUUID()).setBack(1, Duration.ofHours(1));
        List<Flight.Part> parts = flight.parts(new Random(16));
        int half = (int) parts.stream().filter(part -> part.chunk() == 0).count() + 15;
        try (Database database = open(at);
                Connection c = at.connect();
                Statement s = c.createStatement()) {
            try (Ingest before = new Ingest(database, new RecordingFeed(), settings())) {
                for (Flight.Part part : parts.subList(0, half)) {
                    before.handle(flight.body(part, flight.hello()));
                }
            }
            // As if it had died after the commits.
            s.execute("delete from event");
            s.execute("delete from metric_block");
            s.execute("delete from metric_1m");
            s.execute("update chunk set parsed_offset = 0, block_offset = 0, parsed_out = false");
            try (Ingest after = new Ingest(database, new RecordingFeed(), settings())) {
                soon().until(() -> one(s, "select bool_and(parsed_offset = boundary) from chunk")
                        .equals("t"));
                for (Flight.Part part : parts.subList(half, parts.size())) {
                    after.handle(flight.body(part, ""));
                    if (part.offset() + part.length() == Flight.FlightChunk.size(part.header())) {
                        soon().until(() -> after.stats().heldBytes() == 0);
                    }
                }
                after.handle(flight.heartbeat("ended=true\n"));
            }
        }
        assertStoredOnce(at, flight);
    }

    @Test
    void aRefusedPostChangesNothing() throws Exception {
        TestPostgres.Database at = TestPostgres.freshDatabase();
        Flight flight = RECORDED.as(UUID.randomUUID());
        List<Flight.Part> parts = flight.backlog().parts(new Random(14));
        Flight.Part first = parts.get(0);
        String chunk = flight.chunks().get(0).name();
        String other = flight.chunks().get(1).name();
        try (Database database = open(at);
                Ingest ingest = new Ingest(database, new RecordingFeed(), settings())) {
            Flight.Part cut = new Flight.Part(0, 0, 100, first.header(), false);
            assertThat(ingest.handle(flight.body(cut, flight.hello())).status()).isEqualTo(200);
            String before = fingerprint(at);
            byte[] otherClock = first.header().clone();
            otherClock[63] ^= 1;
            String more = "lost=" + other + ":0:\nhave=" + other + ":100:open\nended=true\n";
            Flight.Part lying = new Flight.Part(0, 100, 100, otherClock, false);
            assertThat(ingest.handle(flight.body(lying, more)).status()).isEqualTo(400);
            assertThat(fingerprint(at)).isEqualTo(before);
            Reply conflict = ingest.handle(flight.body(cut, more));
            assertThat(conflict.status()).isEqualTo(409);
            assertThat(Feeder.durable(conflict, chunk)).isEqualTo(100);
            assertThat(Feeder.durable(conflict, other)).isZero();
            assertThat(fingerprint(at)).isEqualTo(before);
        }
    }

    /** A minute that spans two chunks is whole, although neither collector was sent both; whichever hears of the end. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void aMinuteWhoseChunksWentToDifferentCollectorsIsStoredWhole(int hearsOfTheEnd) throws Exception {
        TestPostgres.Database at = TestPostgres.freshDatabase();
        Flight flight = RECORDED.as(UUID.randomUUID());
        try (Database database = open(at);
                Ingest even = new Ingest(database, new RecordingFeed(), settings());
                Ingest odd = new Ingest(database, new RecordingFeed(), settings())) {
            List<Ingest> collectors = List.of(even, odd);
            for (Flight.Part part : flight.parts(new Random(9))) {
                Ingest collector = collectors.get(part.chunk() % 2);
                assertThat(collector.handle(flight.body(part, flight.hello())).status())
                        .isEqualTo(200);
                if (part.offset() + part.length() == Flight.FlightChunk.size(part.header())) {
                    soon().until(() -> collector.stats().heldBytes() == 0);
                }
            }
            collectors.get(hearsOfTheEnd).handle(flight.heartbeat("ended=true\n"));
        }
        assertStoredOnce(at, flight);
    }

    @Test
    void aDatabaseThatIsRestartedLosesNothing() throws Exception {
        Path folder = TestPostgres.reachableFolder("postgres-restarted");
        Flight flight = RECORDED.as(UUID.randomUUID());
        EmbeddedPostgres postgres = EmbeddedPostgres.start(folder, step -> {});
        try {
            TestPostgres.Database at =
                    new TestPostgres.Database(postgres.jdbcUrl(), postgres.user(), postgres.password());
            try (Connection c = at.connect();
                    Statement s = c.createStatement()) {
                s.execute("drop schema public cascade; create schema public");
            }
            try (Database database = ImpatientDatabase.open(DatabaseSettings.of(at.url(), at.user(), at.password()));
                    Ingest ingest = new Ingest(database, new RecordingFeed(), settings())) {
                Feeder feeder = new Feeder(flight, new Random(4));
                while (feeder.progress() < 0.5) {
                    feeder.step(ingest::handle);
                }
                postgres.close();
                Reply away = feeder.step(ingest::handle);
                assertThat(away.status()).isEqualTo(503);
                assertThat(away.retryAfterSeconds()).isPositive();
                postgres = EmbeddedPostgres.start(folder, step -> {});
                assertThat(postgres.jdbcUrl()).as("the same port again").isEqualTo(at.url());
                feeder.run(ingest::handle);
                soon().atMost(Duration.ofSeconds(20)).until(() -> ingest.stats().heldBytes() == 0);
            }
            assertStoredOnce(at, flight);
        } finally {
            postgres.close();
        }
    }

    @Test
    void aChunkThatCannotBeParsedIsKeptAndDoesNotStopTheNext() throws Exception {
        TestPostgres.Database at = TestPostgres.freshDatabase();
        Flight flight = RECORDED.as(UUID.randomUUID());
        List<Flight.FlightChunk> chunks = new ArrayList<>(flight.chunks());
        byte[] damaged = chunks.get(0).bytes().clone();
        // From the third boundary on, sizes of events that cannot be.
        int from = (int) Flight.FlightChunk.size(chunks.get(0).headers().get(2));
        Arrays.fill(damaged, from, damaged.length, (byte) 0x7f);
        chunks.set(0, new Flight.FlightChunk(chunks.get(0).headers(), damaged));
        Flight sent = new Flight(flight.jvm(), chunks);
        Flight rest = new Flight(flight.jvm(), chunks.subList(1, chunks.size()));
        long damagedStart = chunks.get(0).startNanos();
        try (Database database = open(at);
                Ingest ingest = new Ingest(database, new RecordingFeed(), settings())) {
            new Feeder(sent, new Random(5)).run(ingest::handle);
            soon().until(() ->
                    ingest.stats().parseErrors() == 1 && ingest.stats().heldBytes() == 0);
            ByteArrayOutputStream exported = new ByteArrayOutputStream();
            new Queries(database).chunkBytes(flight.jvm(), damagedStart, new ChunkBytesSink() {
                @Override
                public void begin(byte[] header, long length) {
                    assertThat(length).isEqualTo(damaged.length);
                }

                @Override
                public void bytes(byte[] data, int offset, int length) {
                    exported.write(data, offset, length);
                }
            });
            assertThat(exported.toByteArray()).isEqualTo(damaged);
        }
        try (Connection c = at.connect();
                Statement s = c.createStatement()) {
            assertThat(one(s, "select parse_error from chunk where chunk_start = " + damagedStart))
                    .isNotNull();
            assertThat(one(s, "select count(*) from event where chunk_start = " + damagedStart))
                    .isNotEqualTo("0");
            s.execute("delete from event where chunk_start = " + damagedStart);
            assertThat(Expected.difference(Expected.events(rest), Expected.storedEvents(c, rest.jvm(), rest)))
                    .isEmpty();
        }
    }

    @Test
    void aChunkWhoseEventsTheDatabaseRefusesAllDoesNotStopTheNext() throws Exception {
        TestPostgres.Database at = TestPostgres.freshDatabase();
        Flight flight = RECORDED.as(UUID.randomUUID());
        Flight first = new Flight(flight.jvm(), flight.chunks().subList(0, 1));
        long events = Expected.events(first).values().stream().mapToInt(n -> n).sum();
        Flight rest = new Flight(
                flight.jvm(), flight.chunks().subList(1, flight.chunks().size()));
        long refused = flight.chunks().get(0).startNanos();
        try (Database database = open(at);
                Ingest ingest = new Ingest(database, new RecordingFeed(), settings())) {
            try (Connection c = at.connect();
                    Statement s = c.createStatement()) {
                s.execute("""
                        create function refuse() returns trigger language plpgsql as
                        $$ begin raise exception 'no such character' using errcode = '22021'; end $$""");
                s.execute("create trigger refuse before insert on event for each row when (new.chunk_start = " + refused
                        + ") execute function refuse()");
            }
            new Feeder(flight.backlog(), new Random(11)).run(ingest::handle);
            ingest.handle(flight.heartbeat("ended=true\n"));
            soon().until(() -> ingest.stats().refusedEvents() >= events);
            assertThat(ingest.stats().refusedEvents()).isEqualTo(events);
        }
        try (Connection c = at.connect();
                Statement s = c.createStatement()) {
            assertThat(one(s, "select count(*) from chunk where not parsed_out or parse_error is not null"))
                    .isEqualTo("0");
            assertThat(Expected.difference(Expected.events(rest), Expected.storedEvents(c, rest.jvm(), rest)))
                    .isEmpty();
        }
    }

    private static String one(Statement s, String sql) throws SQLException {
        try (ResultSet row = s.executeQuery(sql)) {
            row.next();
            return row.getString(1);
        }
    }

    @Test
    void exportsTheChunkUpToItsLastBoundaryAsAReadableRecording(@TempDir Path folder) throws Exception {
        TestPostgres.Database at = TestPostgres.freshDatabase();
        Flight flight = RECORDED.as(UUID.randomUUID());
        List<Flight.Part> parts = flight.parts(new Random(6));
        Flight.Part cut = parts.stream()
                .filter(p -> p.offset() + p.length() < Flight.FlightChunk.size(p.header()))
                .skip(2)
                .findFirst()
                .orElseThrow();
        Path file = folder.resolve("export.jfr");
        try (Database database = open(at);
                Ingest ingest = new Ingest(database, new RecordingFeed(), settings());
                OutputStream out = Files.newOutputStream(file)) {
            for (Flight.Part part : parts.subList(0, parts.indexOf(cut) + 1)) {
                assertThat(ingest.handle(flight.body(part, flight.hello())).status())
                        .isEqualTo(200);
            }
            Queries queries = new Queries(database);
            ChunkRow row = queries.chunks(flight.jvm()).get(cut.chunk());
            assertThat(row.durable()).isEqualTo(cut.offset() + cut.length());
            assertThat(row.boundary()).isLessThan(row.durable());
            queries.chunkBytes(flight.jvm(), row.startNanos(), new ChunkBytesSink() {
                @Override
                public void begin(byte[] header, long length) {
                    assertThat(length).isEqualTo(row.boundary());
                    assertThat(header[64]).isZero();
                }

                @Override
                public void bytes(byte[] data, int offset, int length) throws IOException {
                    out.write(data, offset, length);
                }
            });
        }
        assertThat(Files.size(file)).isGreaterThan(0);
        assertThat(RecordingFile.readAllEvents(file)).isNotEmpty();
    }

    @Test
    void whatIsStoredCanBeAskedForAndTheLiveSideIsTold() throws Exception {
        TestPostgres.Database at = TestPostgres.freshDatabase();
        Flight flight = RECORDED.as(UUID.randomUUID());
        RecordingFeed feed = new RecordingFeed();
        long from = flight.chunks().get(0).startNanos() / 1_000_000 - 1;
        long to = System.currentTimeMillis() + 60_000;
        int samples =
                Expected.samples(flight).values().stream().mapToInt(n -> n).sum();
        try (Database database = open(at);
                Ingest ingest = new Ingest(database, feed, settings().withEventPatterns(List.of("com.acme.*")))) {
            Queries queries = new Queries(database);
            String reply = ingest.handle(flight.heartbeat("")).text();
            assertThat(reply).contains("hello=wanted").contains("cadence=10000");
            feed.watched = true;
            new Feeder(flight, new Random(7)).run(ingest::handle);
            assertThat(ingest.handle(flight.heartbeat("ended=true\n")).text())
                    .contains("cadence=1000\n")
                    .doesNotContain("hello=");
            soon().until(() -> ingest.stats().heldBytes() == 0 && ingest.stats().openReaders() == 0);
            soon().until(() -> {
                int n = 0;
                for (String type : Expected.METRICS) {
                    MetricSeries series =
                            queries.metrics(flight.jvm(), type, "", from, from + Queries.LONGEST_METRICS_MILLIS);
                    assertThat(series.t()).isSorted();
                    n += series.t().length * series.fields().size();
                }
                for (String type : Expected.KEYED.keySet()) {
                    for (MetricSeries series : queries.metricsByKey(
                                    flight.jvm(), type, from, from + Queries.LONGEST_METRICS_MILLIS)
                            .values()) {
                        assertThat(series.t()).isSorted();
                        n += series.t().length * series.fields().size();
                    }
                }
                return n == samples;
            });
            MetricSeries counters = queries.metrics(
                    flight.jvm(), "pitot.ProcessCounters", "", from, from + Queries.LONGEST_METRICS_MILLIS);
            assertThat(((String[]) counters.fields().get("softwareSource"))[0]).isEqualTo("getrusage");
            assertThat(((double[]) counters.fields().get("interval"))[0]).isEqualTo(10_000_000);
            assertThat(((double[]) counters.fields().get("userTime"))[0]).isNaN();
            assertThat(feed.metrics).hasValueGreaterThan(0);
            assertThat(feed.keys).contains("pitot.ThreadKindCounters gc", "pitot.HostDisk nvme4n1");
            long end = from + Queries.LONGEST_METRICS_MILLIS;
            MetricSeries gc = queries.metrics(flight.jvm(), "pitot.ThreadKindCounters", "gc", from, end);
            assertThat(gc.t()).isNotEmpty();
            assertThat(gc.fields()).doesNotContainKey("kind");
            assertThat(queries.metricsByKey(flight.jvm(), "pitot.ThreadKindCounters", from, end))
                    .containsOnlyKeys("agent", "application", "gc", "jit", "vm")
                    .hasEntrySatisfying("gc", all -> assertThat(all.t()).isEqualTo(gc.t()));
            assertThat(queries.metricSamples(flight.jvm(), "pitot.ThreadKindCounters", from, end))
                    .isEqualTo(queries.metrics(flight.jvm(), "pitot.ProcessCounters", "", from, end)
                            .t()
                            .length);

            JvmRow jvm = queries.jvm(flight.jvm()).orElseThrow();
            assertThat(jvm.ended()).isTrue();
            assertThat(jvm.info().labels()).containsEntry("zone", "a%b");
            assertThat(jvm.information()).contains("workload");
            assertThat(queries.jvms()).hasSize(1);
            assertThat(queries.chunks(flight.jvm())).extracting(ChunkRow::state).containsOnly("complete");
            assertThat(queries.latestStatus(flight.jvm())).hasSize(2);
            assertThat(feed.status).containsOnlyKeys("recording", "http");
            assertThat(queries.latestDiagnosis(flight.jvm()))
                    .extracting(EventRow::dataJson)
                    .satisfiesExactly(
                            kernel -> assertThat(kernel).contains("\"subject\": \"kernel\""),
                            rung -> assertThat(rung).contains("\"subject\": \"hardware counters\""));
            assertThat(feed.diagnosis).containsOnlyKeys("kernel", "hardware counters");
            assertThat(feed.diagnosis.get("hardware counters").state()).isIn("no", "partial");
            assertThat(feed.diagnosis.get("kernel").fixOnHost()).startsWith("sysctl");
            assertThat(queries.spanSeconds(flight.jvm(), SpanKind.ENDPOINT, from, to))
                    .hasSize(feed.spans.get(SpanKind.ENDPOINT).get())
                    .allSatisfy(second -> assertThat(second.histogram()).isEqualTo("300:4 320:1"));
            assertThat(queries.spanSeconds(flight.jvm(), SpanKind.STATEMENT, from, to))
                    .hasSize(feed.spans.get(SpanKind.STATEMENT).get())
                    .allSatisfy(second -> assertThat(second.key().get(0)).hasSize(16));
            assertThat(feed.logged.get())
                    .isPositive()
                    .isEqualTo(3L
                            * queries.events(flight.jvm(), "pitot.LoggedErrors", from, to, 1000)
                                    .size());
            String longest = String.format("%016x", 19);
            assertThat(queries.sql(flight.jvm(), List.of(longest, "unknown")))
                    .isEqualTo(Map.of(longest, FlightWorkload.text(19).replace('\u0000', '\ufffd')));
            List<EventRow> within =
                    queries.spans(flight.jvm(), StoredTypes.SPANS, "00000000000000ab", 0, from, to, 1000);
            assertThat(within).isNotEmpty().extracting(EventRow::type).containsOnly("pitot.SqlStatement");
            assertThat(queries.spans(flight.jvm(), StoredTypes.SPANS, "00000000000000ff", 0, from, to, 1000))
                    .isEmpty();
            assertThat(queries.spans(flight.jvm(), StoredTypes.SPANS, null, Long.MAX_VALUE, from, to, 1000))
                    .as("what failed is never too short")
                    .isNotEmpty()
                    .allSatisfy(span -> assertThat(span.dataJson()).contains("\"failed\": true"));
            assertThat(queries.events(flight.jvm(), "jdk.GarbageCollection", from, to, 1000))
                    .hasSize(feed.collections.get())
                    .isSortedAccordingTo(
                            Comparator.comparingLong(EventRow::tsMillis).reversed());
            assertThat(queries.events(flight.jvm(), "com.acme.Order", from, to, 1)
                            .get(0)
                            .dataJson())
                    .doesNotContain("price")
                    .contains("\ufffd")
                    .contains("\ud83d\ude00")
                    .contains("\"java.lang.String\"");
        }
        try (Connection c = at.connect();
                Statement s = c.createStatement()) {
            assertThat(one(s, "select count(*) from samples")).isEqualTo(Integer.toString(samples));
            assertThat(one(s, "select round(avg(mean_ms)) from endpoint_seconds where service = 'workload'"))
                    .isEqualTo("1");
            assertThat(one(s, "select count(*) > 100 and min(thread) = 'load' from requests"))
                    .isEqualTo("t");
            assertThat(one(s, "select count(*) || ' ' || count(distinct sql) || ' ' || min(day) from sql_text"))
                    .as("each text once")
                    .isEqualTo("20 20 " + LocalDate.now(ZoneOffset.UTC));
            assertThat(one(s, "select count(*) from event where data ? 'sql'")).isEqualTo("0");
            assertThat(
                            one(
                                    s,
                                    "select string_agg(distinct mean_ms::text, ' ') from statement_seconds where sql like 'select%'"))
                    .isEqualTo("2");
        }
    }

    @Test
    void manyJvmsThatSendTheirBacklogAndEndAreStoredOnce() throws Exception {
        TestPostgres.Database at = TestPostgres.freshDatabase();
        int jvms = 16;
        int events =
                Expected.events(RECORDED).values().stream().mapToInt(n -> n).sum();
        List<Flight> flights = new ArrayList<>();
        ExecutorService agents = Executors.newFixedThreadPool(jvms);
        try (Database database = open(at);
                Ingest ingest = new Ingest(database, new RecordingFeed(), settings())) {
            List<Future<?>> sent = new ArrayList<>();
            for (int i = 0; i < jvms; i++) {
                Flight flight = RECORDED.backlog().as(UUID.randomUUID());
                flights.add(flight);
                Feeder feeder = new Feeder(flight, new Random(i));
                sent.add(agents.submit(() -> {
                    feeder.run(ingest::handle);
                    ingest.handle(flight.heartbeat("ended=true\n"));
                    return null;
                }));
            }
            for (Future<?> one : sent) {
                one.get(60, TimeUnit.SECONDS);
            }
            soon().atMost(Duration.ofSeconds(30))
                    .until(() -> ingest.stats().events() == (long) jvms * events
                            && ingest.stats().heldBytes() == 0);
            assertThat(ingest.stats().clamped()).isZero();
        } finally {
            agents.shutdownNow();
        }
        for (Flight flight : flights.subList(0, 4)) {
            assertStoredOnce(at, flight);
        }
        try (Connection c = at.connect();
                Statement s = c.createStatement()) {
            assertThat(
                            one(
                                    s,
                                    "select count(distinct total) from (select jvm_id, sum(n) total from metric_block group by 1) t"))
                    .isEqualTo("1");
            assertThat(one(s, "select count(*) from chunk where not parsed_out or block_offset < boundary"))
                    .isEqualTo("0");
        }
    }

    @Test
    void bytesThatNeverComeAreMarkedAndToldOf() throws Exception {
        TestPostgres.Database at = TestPostgres.freshDatabase();
        Flight flight = RECORDED.as(UUID.randomUUID());
        RecordingFeed feed = new RecordingFeed();
        List<Flight.Part> parts = flight.parts(new Random(8));
        String second = flight.chunks().get(1).name();
        try (Database database = open(at);
                Ingest ingest = new Ingest(database, feed, settings())) {
            Queries queries = new Queries(database);
            ingest.handle(flight.body(parts.get(0), flight.hello() + flight.have()));
            assertThat(feed.gaps).isEmpty();
            ingest.handle(flight.heartbeat("lost=" + second + ":0:\n"));
            assertThat(queries.chunks(flight.jvm())).extracting(ChunkRow::state).containsExactly("open", "missing");
            assertThat(feed.gaps.get(flight.jvm())).contains("gap");
            ingest.handle(flight.heartbeat("have=" + flight.chunks().get(2).name() + ":100:open\n"));
            assertThat(queries.chunks(flight.jvm()))
                    .extracting(ChunkRow::state)
                    .containsExactly("truncated", "missing");
        }
    }
}
