package dev.pitot.web.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.pitot.web.postgres.TestPostgres;
import dev.pitot.web.store.Partitions.Table;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Retention, pins and the audit, in a real PostgreSQL. */
class StorageIT {
    private static final Instant NOW = Instant.now();
    private static final LocalDate TODAY = LocalDate.ofInstant(NOW, ZoneOffset.UTC);
    private static final UUID SHOP = new UUID(0, 1);
    private static final UUID BANK = new UUID(0, 2);

    private final TestPostgres.Database at = TestPostgres.freshDatabase();
    private final List<Storage> open = new ArrayList<>();
    private Database database;

    @BeforeEach
    void connect() throws Exception {
        database = Database.open(DatabaseSettings.of(at.url(), at.user(), at.password()));
        for (UUID jvm : List.of(SHOP, BANK)) {
            execute("""
                    insert into jvm (jvm_id, service, host, pid, started_at, agent_version, java_version, jvm_name, labels,
                        first_seen, last_seen, ended, clock_skew_ns)
                    values ('%s', '%s', 'h', 1, now(), '', '', '', '{}', now(), now(), false, 0)""".formatted(jvm, jvm.equals(SHOP) ? "shop" : "bank"));
        }
    }

    @AfterEach
    void close() {
        open.forEach(Storage::close);
        database.close();
    }

    private Storage storage(Map<Table, Duration> options, Clock clock, Duration grace) {
        Storage storage =
                new Storage(database, RetentionSettings.standard(), options, DiskGuard.elsewhere(), clock, grace);
        open.add(storage);
        return storage;
    }

    private Storage storage() {
        return storage(Map.of(), Clock.systemUTC(), Duration.ZERO);
    }

    private void execute(String sql) throws SQLException {
        try (Connection c = at.connect();
                Statement s = c.createStatement()) {
            s.execute(sql);
        }
    }

    private List<String> column(String sql) throws SQLException {
        try (Connection c = at.connect();
                Statement s = c.createStatement();
                ResultSet rows = s.executeQuery(sql)) {
            List<String> values = new ArrayList<>();
            while (rows.next()) {
                values.add(rows.getString(1));
            }
            return values;
        }
    }

    private static Map<Table, Duration> age(Table table, Duration age) {
        Map<Table, Duration> ages = new HashMap<>();
        ages.put(table, age);
        return ages;
    }

    private void event(Storage storage, UUID jvm, Instant ts) throws SQLException {
        storage.partitions().ensure(Table.EVENT.part(ts));
        execute("insert into event values ('%s', 'e', '%s', 1, %d, '{}')".formatted(jvm, ts, ts.getEpochSecond()));
    }

    private void chunk(Storage storage, UUID jvm, Instant start, Instant end) throws SQLException {
        LocalDate day = LocalDate.ofInstant(start, ZoneOffset.UTC);
        storage.partitions().ensure(Table.SEGMENT, day);
        long nanos = start.getEpochSecond() * 1_000_000_000L;
        execute("""
                insert into chunk (jvm_id, chunk_start, chunk_ticks, day, state, first_seen, last_seen, parsed_out)
                values ('%s', %d, 1, '%s', 'complete', '%s', '%s', true)""".formatted(jvm, nanos, day, start, end));
        for (int i = 0; i < 3; i++) {
            execute("insert into segment values ('%s', %d, %d, '%s', 1, 'h', 'x')".formatted(jvm, nanos, i, day));
        }
    }

    @Test
    void anOptionIsRecordedAndWhatAPersonHasSetIsStronger() throws Exception {
        Map<Table, Duration> option = age(Table.EVENT, Duration.ofHours(12));
        Storage first = storage(option, Clock.systemUTC(), Duration.ZERO);
        storage(option, Clock.systemUTC(), Duration.ZERO);
        assertThat(first.retention().state().all().events()).isEqualTo(Duration.ofHours(12));
        assertThat(column("select who || ' ' || what || ' ' || after from audit"))
                .as("once, though it was given twice")
                .containsExactly("option --retention-events retention.events \"12h\"");

        first.retention().set(null, age(Table.EVENT, Duration.ofHours(3)), "ann");
        Storage second = storage(option, Clock.systemUTC(), Duration.ZERO);
        assertThat(second.retention().state().all().events()).isEqualTo(Duration.ofHours(3));
        assertThat(second.retention().state().changes().get(Table.EVENT).who()).isEqualTo("ann");

        second.retention().set(null, age(Table.EVENT, null), "ben");
        first.upkeep();
        assertThat(first.retention().state().all())
                .as("another collector sees the change")
                .isEqualTo(RetentionSettings.standard());
        assertThat(column("select concat_ws(' ', who, before, after) from audit order by at"))
                .containsExactly("option --retention-events \"12h\"", "ann \"12h\" \"3h\"", "ben \"3h\"");
        assertThat(Audit.list(database, null, Instant.now().plusSeconds(60).toEpochMilli(), 1))
                .singleElement()
                .satisfies(entry -> assertThat(entry.who()).isEqualTo("ben"));
    }

    @Test
    void whatCannotBeIsRefusedAndChangesNothing() throws Exception {
        Retention retention = storage().retention();
        assertThatThrownBy(() -> retention.set(null, age(Table.EVENT, Duration.ofSeconds(1)), "ann"))
                .hasMessageContaining("'events' must be from 1m to 3650d");
        assertThatThrownBy(() -> retention.set(null, age(Table.METRIC_1M, Duration.ofHours(3)), "ann"))
                .hasMessageContaining("'minutes' must be from 48h");
        assertThatThrownBy(() -> retention.set(null, age(Table.METRIC_15M, Duration.ofDays(5)), "ann"))
                .hasMessageContaining("'quarters' cannot be kept for 5d")
                .hasMessageContaining("30d");
        assertThatThrownBy(() -> retention.set("shop", age(Table.EVENT, Duration.ofHours(9)), "ann"))
                .hasMessageContaining("shorter than the others");
        assertThatThrownBy(() -> retention.set("shap", age(Table.EVENT, Duration.ofHours(1)), "ann"))
                .hasMessageContaining("No JVM of this service");
        assertThat(retention.state().all()).isEqualTo(RetentionSettings.standard());
        assertThat(column("select name from setting")).isEmpty();
        assertThat(column("select what from audit")).isEmpty();
    }

    @Test
    void aShorterRetentionDropsNothingUntilTheTimeToTakeItBackIsOver() throws Exception {
        Storage cautious = storage(Map.of(), Clock.systemUTC(), Duration.ofHours(1));
        Instant old = NOW.minus(Duration.ofDays(3));
        cautious.retention().set(null, age(Table.EVENT, Duration.ofDays(10)), "ann");
        event(cautious, SHOP, old);
        cautious.retention().set(null, age(Table.EVENT, Duration.ofHours(1)), "ann");
        cautious.upkeep();
        cautious.retention().set(null, age(Table.EVENT, Duration.ofDays(10)), "ann");
        cautious.upkeep();
        assertThat(column("select count(*) from event")).containsExactly("1");

        Storage quick = storage();
        quick.retention().set(null, age(Table.EVENT, Duration.ofHours(1)), "ann");
        quick.upkeep();
        assertThat(column("select count(*) from event")).containsExactly("0");
        assertThat(column("select to_regclass('" + Table.EVENT.part(old).name() + "')"))
                .containsExactly((String) null);
    }

    @Test
    void aClockThatIsFarAheadDropsNothing() throws Exception {
        event(storage(), SHOP, NOW);
        Clock ahead = Clock.offset(Clock.systemUTC(), Duration.ofDays(5000));
        Storage wrong = storage(Map.of(), ahead, Duration.ZERO);
        wrong.upkeep();
        assertThat(column("select count(*) from event")).containsExactly("1");
        assertThat(wrong.partitions().today()).isAfter(TODAY.plusDays(4000));
    }

    @Test
    void whoeverWasAwayForWeeksFindsAPlaceForEveryDayThatIsTaken() throws Exception {
        storage();
        Clock later = Clock.offset(Clock.systemUTC(), Duration.ofDays(40));
        Partitions partitions = new Partitions(database, RetentionSettings.standard(), later);
        partitions.make();
        for (Table table : Table.values()) {
            LocalDate day = partitions.first(table).isBefore(partitions.today().minusDays(3))
                    ? partitions.today().minusDays(3)
                    : partitions.first(table);
            for (; !day.isAfter(partitions.last()); day = day.plusDays(1)) {
                partitions.ensure(table, day);
            }
        }
        Instant then = later.instant();
        execute("insert into event values ('%s', 'e', '%s', 1, 1, '{}')".formatted(SHOP, then));
        execute("insert into metric_1h values ('%s', 'e', '', '%s', 1, '{}', '{}')".formatted(SHOP, then));
    }

    @Test
    void whatIsPinnedStaysWhenThePartitionGoesAndGoesWhenThePinDoes() throws Exception {
        Storage storage = storage();
        storage.retention().set(null, age(Table.EVENT, Duration.ofDays(30)), "ann");
        storage.retention().set(null, age(Table.SEGMENT, Duration.ofDays(30)), "ann");
        Instant noon = TODAY.minusDays(5).atTime(12, 0).toInstant(ZoneOffset.UTC);
        for (UUID jvm : List.of(SHOP, BANK)) {
            for (int minutes : new int[] {-90, -5, 0, 5, 90}) {
                event(storage, jvm, noon.plus(Duration.ofMinutes(minutes)));
            }
            chunk(storage, jvm, noon.minus(Duration.ofHours(3)), noon.minus(Duration.ofHours(2)));
            chunk(storage, jvm, noon.minus(Duration.ofHours(1)), noon.plus(Duration.ofHours(1)));
        }
        execute("""
                insert into sql_text (jvm_id, statement, sql, day)
                values ('%s', 's', 'select 1', '2020-01-01'), ('%s', 's', 'select 1', '2020-01-01')""".formatted(SHOP, BANK));
        Pins.Pin pin = storage.pins()
                .add(
                        SHOP,
                        noon.minus(Duration.ofMinutes(5)).toEpochMilli(),
                        noon.plus(Duration.ofMinutes(5)).toEpochMilli(),
                        "the outage",
                        "ann")
                .orElseThrow();

        storage.retention().set(null, age(Table.EVENT, Duration.ofHours(1)), "ann");
        storage.retention().set(null, age(Table.SEGMENT, Duration.ofHours(1)), "ann");
        storage.upkeep();
        String events = "select jvm_id || ' ' || extract(epoch from ts - '" + noon + "')::int from event order by ts";
        assertThat(column(events)).containsExactly(SHOP + " -300", SHOP + " 0");
        assertThat(column("select jvm_id || ' ' || count(*) from segment group by jvm_id"))
                .as("a chunk is kept whole")
                .containsExactly(SHOP + " 3");
        assertThat(column("select state from chunk order by jvm_id, chunk_start"))
                .containsExactly("expired", "complete", "expired", "expired");
        assertThat(column("select jvm_id from sql_text")).containsExactly(SHOP.toString());
        // Those of five minutes before noon lie in another one.
        String table = Table.EVENT.part(noon).name();
        List<String> made = column("select '" + table + "'::regclass::oid");

        storage.upkeep();
        storage.partitions().maintain();
        assertThat(column("select '" + table + "'::regclass::oid"))
                .as("not copied again while the pins are the same")
                .isEqualTo(made);
        assertThat(column("select what || ' ' || who from audit where what = 'pin'"))
                .containsExactly("pin ann");

        // A wider pin cannot bring back what is gone, a narrower one lets go of the rest.
        storage.pins().add(SHOP, noon.toEpochMilli(), noon.plusSeconds(60).toEpochMilli(), "", "ann");
        assertThat(storage.pins().remove(pin.id(), "ann")).isTrue();
        storage.upkeep();
        assertThat(column(events)).containsExactly(SHOP + " 0");
        for (Pins.Pin left : storage.pins().list()) {
            storage.pins().remove(left.id(), "ann");
        }
        storage.upkeep();
        assertThat(column("select to_regclass('" + table + "')")).containsExactly((String) null);
        assertThat(column("select count(*) from segment")).containsExactly("0");
        assertThat(column("select distinct state from chunk")).containsExactly("expired");
    }

    @Test
    void aMinuteThatReachesIntoThePinnedWindowIsKept() throws Exception {
        Storage storage = storage();
        Instant midnight = TODAY.minusDays(20).atStartOfDay().toInstant(ZoneOffset.UTC);
        storage.partitions().ensure(Table.METRIC_1M, TODAY.minusDays(21));
        storage.partitions().ensure(Table.METRIC_1M, TODAY.minusDays(20));
        for (int minute : new int[] {-2, -1, 0, 1}) {
            execute("insert into metric_1m values ('%s', 'm', '', '%s', 1, '{}', '{}')"
                    .formatted(SHOP, midnight.plusSeconds(60L * minute)));
        }
        storage.pins()
                .add(
                        SHOP,
                        midnight.minusMillis(30_000).toEpochMilli(),
                        midnight.plusSeconds(30).toEpochMilli(),
                        "",
                        "ann");
        storage.retention().set(null, age(Table.METRIC_1M, Duration.ofDays(3)), "ann");
        storage.upkeep();
        assertThat(column("select extract(epoch from ts - '" + midnight + "')::int from metric_1m order by ts"))
                .containsExactly("-60", "0");
    }

    @Test
    void aServiceOfItsOwnRetentionLosesItsOldRowsAndNobodyElseDoes() throws Exception {
        Storage storage = storage();
        storage.retention().set(null, age(Table.EVENT, Duration.ofDays(30)), "ann");
        Instant old = NOW.minus(Duration.ofDays(2)).minusSeconds(10);
        Instant young = NOW.minus(Duration.ofMinutes(2));
        for (UUID jvm : List.of(SHOP, BANK)) {
            event(storage, jvm, old);
            event(storage, jvm, old.plusSeconds(1));
            event(storage, jvm, young);
            chunk(storage, jvm, NOW.minus(Duration.ofHours(6)), NOW.minus(Duration.ofHours(5)));
            chunk(storage, jvm, NOW.minus(Duration.ofHours(2)), young);
        }
        storage.pins()
                .add(
                        SHOP,
                        old.plusMillis(500).toEpochMilli(),
                        old.plusMillis(1500).toEpochMilli(),
                        "",
                        "ann");
        Map<Table, Duration> shorter = age(Table.EVENT, Duration.ofHours(1));
        shorter.put(Table.SEGMENT, Duration.ofHours(1));
        storage.retention().set("shop", shorter, "ann");
        storage.upkeep();
        try (Connection other = at.connect();
                Statement s = other.createStatement()) {
            s.execute("select pg_advisory_lock(" + ServiceRetention.LOCK + ")");
            storage.deleteOfServices();
            assertThat(column("select count(*) from event"))
                    .as("another collector does it")
                    .containsExactly("6");
        }
        storage.deleteOfServices();
        assertThat(column("select jvm_id || ' ' || count(*) from event group by jvm_id order by 1"))
                .containsExactly(SHOP + " 2", BANK + " 3");
        assertThat(column("select jvm_id || ' ' || count(*) from segment group by jvm_id order by 1"))
                .containsExactly(SHOP + " 3", BANK + " 6");
        assertThat(column("select state from chunk where jvm_id = '" + SHOP + "' order by chunk_start"))
                .containsExactly("expired", "complete");
        assertThat(column("select who || ' ' || what from audit where what like '%/shop' order by 1"))
                .containsExactly("ann retention.events/shop", "ann retention.segments/shop");
    }

    @Test
    void whatOneCollectorIsToldTheOthersTakeUpAtOnceAndWhileTheyAreAtWork() throws Exception {
        Storage told = storage().start();
        Storage other = storage().start();
        // The first look of a start is over: the next one that nobody asks for is 15 s away.
        await().until(() -> column("select 1 from pg_stat_activity where datname = current_database()"
                                + " and application_name = 'pitot control' and query like 'listen%'")
                        .size()
                == 2);
        for (int hours = 10; hours < 15; hours++) {
            Duration age = Duration.ofHours(hours);
            told.retention().set(null, age(Table.EVENT, age), "ann");
            await().atMost(Duration.ofSeconds(5))
                    .until(() -> other.retention().state().all().of(Table.EVENT).equals(age));
        }
    }

    @Test
    void whatWasLeftOutIsWrittenDownOnceThereIsRoom() throws Exception {
        long[] free = {100};
        DiskGuard disk = new DiskGuard(() -> free[0], 200, System::nanoTime);
        Storage storage =
                new Storage(database, RetentionSettings.standard(), Map.of(), disk, Clock.systemUTC(), Duration.ZERO);
        open.add(storage);
        disk.leftOut(7, 2);
        storage.tellGap(false);
        assertThat(column("select what from audit")).isEmpty();
        free[0] = 1000;
        disk.look();
        storage.tellGap(false);
        storage.tellGap(false);
        assertThat(column("select what || ' ' || (after ->> 'events') || ' ' || (after ->> 'blocks') from audit"))
                .containsExactly("disk full 7 2");
    }
}
