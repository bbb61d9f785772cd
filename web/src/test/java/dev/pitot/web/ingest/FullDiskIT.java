package dev.pitot.web.ingest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pitot.web.postgres.TestPostgres;
import dev.pitot.web.store.Database;
import dev.pitot.web.store.DatabaseSettings;
import dev.pitot.web.store.DiskGuard;
import dev.pitot.web.store.RetentionSettings;
import dev.pitot.web.store.Storage;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Clock;
import java.time.Duration;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/** What is stored of a real recording while the disk, of which the test says how full it is, fills. */
class FullDiskIT {
    private static final long RESERVE = 1000;
    private static final long ENOUGH = 5000;
    private static final long LOW = 700;
    private static final long FULL = 100;

    /** All is parsed, and no minute is left in memory. */
    private static final String FINISHED =
            "select bool_and(block_offset >= case when parsed_out then parsed_offset else boundary end) from chunk";

    private static final Flight RECORDED = Flight.recorded();

    private final TestPostgres.Database at = TestPostgres.freshDatabase();
    private final Flight flight = RECORDED.as(UUID.randomUUID()).brief();
    private final AtomicLong free = new AtomicLong(ENOUGH);
    private final DiskGuard disk = new DiskGuard(free::get, RESERVE, System::nanoTime);

    private interface Body {
        void run(Ingest ingest) throws Exception;
    }

    private void with(Body test) throws Exception {
        try (Database database = Database.open(DatabaseSettings.of(at.url(), at.user(), at.password()));
                Storage storage =
                        new Storage(database, RetentionSettings.standard(), Map.of(), disk, Clock.systemUTC());
                Ingest ingest = new Ingest(
                        database,
                        new RecordingFeed(),
                        IngestSettings.standard().withCommitWindow(Duration.ofMillis(5)),
                        UUID.randomUUID(),
                        storage)) {
            test.run(ingest);
            assertThat(ingest.handle(flight.heartbeat("ended=true\n")).status()).isEqualTo(200);
            Awaitility.await().until(() -> ask(FINISHED).equals("t"));
        }
    }

    private void becomes(long bytes) {
        free.set(bytes);
        disk.look();
    }

    private String ask(String sql) throws SQLException {
        try (Connection c = at.connect();
                Statement s = c.createStatement();
                ResultSet row = s.executeQuery(sql)) {
            row.next();
            return row.getString(1);
        }
    }

    private int events() throws Exception {
        return Expected.events(flight).values().stream()
                .mapToInt(Integer::intValue)
                .sum();
    }

    @Test
    void aFullDiskTakesNothingAndLosesNothing() throws Exception {
        with(ingest -> {
            Feeder agent = new Feeder(flight, new Random(1));
            int posts = 0;
            while (!agent.isDone()) {
                if (++posts % 9 == 4) {
                    becomes(FULL);
                    String before = ask("select count(*) from segment");
                    Reply refused = agent.step(ingest::handle);
                    assertThat(refused.status()).isEqualTo(503);
                    assertThat(refused.retryAfterSeconds()).isPositive();
                    assertThat(refused.text()).contains("disk");
                    assertThat(ask("select count(*) from segment")).isEqualTo(before);
                    becomes(ENOUGH);
                }
                agent.step(ingest::handle);
            }
        });
        // What was parsed in between was left out of the events, and counted: nothing twice, nothing lost.
        int stored = Integer.parseInt(ask("select count(*) from event"));
        int leftOut = Integer.parseInt(ask("select coalesce(sum((after ->> 'events')::int), 0) from audit"));
        assertThat(stored + leftOut).isEqualTo(events());
    }

    @Test
    void aNearlyFullDiskKeepsRecordingsAndMinutesAndCountsWhatItLeavesOut() throws Exception {
        becomes(LOW);
        with(ingest -> {
            new Feeder(flight, new Random(2)).run(ingest::handle);
            Awaitility.await()
                    .until(() -> ask("select bool_and(parsed_out) from chunk").equals("t"));
            DiskGuard.Gap gap = disk.gap();
            assertThat(gap).isNotNull();
            assertThat(gap.events()).isEqualTo(events());
        });
        assertThat(ask("select count(*) from event")).isEqualTo("0");
        assertThat(ask("select count(*) from metric_block")).isEqualTo("0");
        try (Connection c = at.connect()) {
            assertThat(Expected.difference(ExpectedMinutes.rows(flight), ExpectedMinutes.stored(c, flight.jvm())))
                    .isEmpty();
        }
        assertThat(ask("select (select sum(length) from segment) = (select sum(durable_offset) from chunk)"))
                .isEqualTo("t");
        assertThat(ask("select count(*) > 0 and bool_and(info is not null) from jvm"))
                .isEqualTo("t");
        assertThat(ask("select (after ->> 'events')::int > 0 and (after ->> 'blocks')::int > 0 from audit"
                        + " where what = 'disk full'"))
                .as("written down at the stop at the latest")
                .isEqualTo("t");
    }

    @Test
    void whatComesAfterThereIsRoomAgainIsStoredWhole() throws Exception {
        with(ingest -> {
            becomes(LOW);
            becomes(ENOUGH);
            new Feeder(flight, new Random(3)).run(ingest::handle);
        });
        try (Connection c = at.connect()) {
            assertThat(Expected.difference(Expected.events(flight), Expected.storedEvents(c, flight.jvm(), flight)))
                    .isEmpty();
        }
    }
}
