package dev.pitot.web.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pitot.web.postgres.TestPostgres;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
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
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/** Migrations and partitions in a real PostgreSQL. */
class SchemaIT {
    private static Database open(TestPostgres.Database at) throws StoreException {
        return Database.open(DatabaseSettings.of(at.url(), at.user(), at.password()));
    }

    private static void execute(TestPostgres.Database at, String sql) throws SQLException {
        try (Connection c = at.connect();
                Statement s = c.createStatement()) {
            s.execute(sql);
        }
    }

    private static List<String> column(TestPostgres.Database at, String sql) throws SQLException {
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

    @Test
    void everyMigrationInTheFolderIsRunInOrder() throws IOException {
        try (Stream<Path> files = Files.list(Path.of("src/main/resources/db"))) {
            assertThat(files.map(f -> f.getFileName().toString()).sorted().toList())
                    .isEqualTo(Migrations.FILES);
        }
        for (int i = 0; i < Migrations.FILES.size(); i++) {
            assertThat(Migrations.version(Migrations.FILES.get(i))).isEqualTo(i + 1);
        }
    }

    @Test
    void aDatabaseIsMigratedOnceAndRefusedWhenItIsNewerOrAnother() throws Exception {
        TestPostgres.Database at = TestPostgres.freshDatabase();
        open(at).close();
        List<String> applied = column(at, "select applied_at from schema_version order by version");
        open(at).close();
        assertThat(column(at, "select applied_at from schema_version order by version"))
                .isEqualTo(applied)
                .hasSize(Migrations.FILES.size());

        execute(at, "insert into schema_version (version, name, checksum) values (99, 'x', 'y')");
        assertThatThrownBy(() -> open(at))
                .isInstanceOf(StoreException.class)
                .hasMessageContaining("schema version 99")
                .hasMessageContaining("newer Pitot");
        execute(at, "delete from schema_version where version = 99");
        execute(at, "update schema_version set checksum = 'z' where version = 1");
        assertThatThrownBy(() -> open(at)).isInstanceOf(StoreException.class).hasMessageContaining("another build");
    }

    @Test
    void aDatabaseOfTheFirstViewsGetsMillisecondsThatCanBeReadAndKeepsViewsThatStandOnThem() throws Exception {
        TestPostgres.Database at = migratedTo(2);
        execute(at, "create view slow as select * from requests where duration_ms > 500");
        execute(at, "create view busy as select route, mean_ms from endpoint_seconds");
        try (Database database = open(at)) {
            partitions(database, Instant.now()).maintain();
        }
        execute(at, """
                insert into event (jvm_id, type, ts, chunk_start, chunk_offset, data)
                select gen_random_uuid(), type, now(), 1, row_number() over (), data::jsonb from (values
                    ('pitot.HttpRequest', '{"duration": 2211670139, "cpuTime": 5000000}'),
                    ('pitot.HttpRequest', '{"duration": 7}'),
                    ('pitot.EndpointSummary', '{"interval": 1000000000, "count": 3, "totalDuration": 1000000, "maxDuration": 700000,
                        "measured": 3, "totalCpuTime": 600000, "totalAllocated": 9}')) as t (type, data)""");
        assertThat(column(at, "select duration_ms || ' ' || coalesce(cpu_ms, -1) from requests order by duration_ms"))
                .containsExactly("0.000007 -1", "2211.670139 5");
        assertThat(
                        column(
                                at,
                                "select concat_ws(' ', interval_ms, mean_ms, max_ms, cpu_ms_per_request) from endpoint_seconds"))
                .containsExactly("1000 0.333333 0.7 0.2");
        assertThat(column(at, "select duration_ms from slow")).containsExactly("2211.670139");
        assertThat(column(at, "select mean_ms from busy")).containsExactly("0.333333");
    }

    /** A database as the first so many files left it. */
    private static TestPostgres.Database migratedTo(int version) throws Exception {
        TestPostgres.Database at = TestPostgres.freshDatabase();
        execute(at, """
                create table schema_version (version int not null primary key, name text not null, checksum text not null,
                    applied_at timestamptz not null default now())""");
        for (String file : Migrations.FILES.subList(0, version)) {
            String sql = Files.readString(Path.of("src/main/resources/db", file));
            execute(at, sql);
            execute(
                    at,
                    "insert into schema_version (version, name, checksum) select " + Migrations.version(file) + ", '"
                            + file + "', encode(sha256(convert_to($sql$" + sql + "$sql$, 'UTF8')), 'hex')");
        }
        return at;
    }

    @Test
    void blocksOfADatabaseWithoutKeysAreKeptAndGetThem() throws Exception {
        TestPostgres.Database at = migratedTo(4);
        Instant now = Instant.now();
        LocalDate today = LocalDate.ofInstant(now, ZoneOffset.UTC);
        for (LocalDate day : List.of(today.minusDays(1), today)) {
            String partition = "metric_block_" + day.toString().replace("-", "");
            execute(at, "create table " + partition + " (like metric_block including all)");
            execute(
                    at,
                    "alter table metric_block attach partition " + partition + " for values from ('" + day
                            + " 00:00:00+00') to ('" + day.plusDays(1) + " 00:00:00+00')");
        }
        execute(at, """
                insert into metric_block (jvm_id, type, ts, n, data)
                select '00000000-0000-0000-0000-000000000003', 'pitot.JvmMemory', minute, 1, '{"t": [500], "heapUsed": [7]}'
                from generate_series(date_trunc('day', now() at time zone 'UTC') at time zone 'UTC' - interval '23 hours',
                    date_trunc('day', now() at time zone 'UTC') at time zone 'UTC', interval '1 hour') minute""");
        execute(at, "create view heap as select ts, value from samples where field = 'heapUsed'");
        try (Database database = open(at)) {
            Partitions partitions = partitions(database, now);
            partitions.maintain();
            BlockStore store = new BlockStore(database, partitions);
            UUID jvm = new UUID(0, 3);
            long minute = today.atStartOfDay().toInstant(ZoneOffset.UTC).toEpochMilli();
            String json = "{\"t\":[900],\"heapUsed\":[%d]}";
            store.store(
                    jvm,
                    new BlockStore.Minutes(
                            List.of(
                                    new BlockStore.Block("pitot.JvmMemory", "", minute, 1, json.formatted(8)),
                                    new BlockStore.Block("pitot.HostDisk", "sda", minute, 1, json.formatted(1)),
                                    new BlockStore.Block("pitot.HostDisk", "sdb 1", minute, 1, json.formatted(2))),
                            List.of()),
                    Map.of());
            assertThat(new Queries(database)
                            .metrics(jvm, "pitot.JvmMemory", "", minute - 7_200_000, minute + 1000)
                            .t())
                    .containsExactly(minute - 7_199_500, minute - 3_599_500, minute + 900);
        }
        assertThat(column(at, "select count(*) || ' ' || sum(value::int) from heap"))
                .containsExactly("26 " + (23 * 7 + 8 + 3));
        assertThat(
                        column(
                                at,
                                "select type || ' ' || key || ' ' || value from samples where block_start >= date_trunc('day', now() at time zone 'UTC') at time zone 'UTC' order by 1"))
                .containsExactly("pitot.HostDisk sda 1", "pitot.HostDisk sdb 1 2", "pitot.JvmMemory  8");
        assertThat(column(at, """
                        select distinct pg_get_indexdef(indexrelid) ~ '\\(jvm_id, type, key, ts\\)$' and indisprimary
                        from pg_index where indrelid in (select inhrelid from pg_inherits where inhparent = 'metric_block'::regclass)""")).containsExactly("t");
    }

    @Test
    void aServerThatDoesNotAnswerIsNamed() {
        assertThatThrownBy(() -> Database.open(DatabaseSettings.of("jdbc:postgresql://127.0.0.1:1/none", "u", "p")))
                .isInstanceOf(StoreException.class)
                .hasMessageContaining("127.0.0.1:1/none");
    }

    @Test
    void partitionsAreMadeAheadAndDroppedByAgeUnlessAChunkStillGrows() throws Exception {
        TestPostgres.Database at = TestPostgres.freshDatabase();
        Instant noon = Instant.now()
                .atOffset(ZoneOffset.UTC)
                .toLocalDate()
                .atTime(12, 0)
                .toInstant(ZoneOffset.UTC);
        LocalDate today = LocalDate.ofInstant(noon, ZoneOffset.UTC);
        try (Database database = open(at)) {
            partitions(database, noon).maintain();
            partitions(database, noon).maintain();
            assertThat(tables(at, "metric_block"))
                    .containsExactly(names("metric_block", today.minusDays(1), today.plusDays(2)));
            assertThat(tables(at, "event"))
                    .as("six hours back and twelve ahead, in threes")
                    .containsExactly(hours(noon, -6, 12));
            execute(
                    at,
                    "insert into chunk (jvm_id, chunk_start, chunk_ticks, day, state, first_seen, last_seen) select"
                            + " gen_random_uuid(), 1, 1, date '" + today + "', 'open', now(), timestamptz '" + noon
                            + "' + interval '3 days'");

            partitions(database, noon.plus(Duration.ofDays(4))).maintain();
            assertThat(tables(at, "metric_block"))
                    .containsExactly(names("metric_block", today.plusDays(2), today.plusDays(6)));
            assertThat(tables(at, "event")).containsExactly(hours(noon.plus(Duration.ofDays(4)), -6, 12));
            partitions(database, noon.plus(Duration.ofHours(4 * 24 + 3))).maintain();
            assertThat(tables(at, "event"))
                    .as("what is over goes after hours, not after a day")
                    .containsExactly(hours(noon.plus(Duration.ofHours(4 * 24 + 3)), -6, 12));
            assertThat(tables(at, "segment"))
                    .startsWith("segment_" + today.toString().replace("-", ""));
            assertThat(column(at, "select state from chunk")).containsExactly("open");

            partitions(database, noon.plus(Duration.ofDays(6))).maintain();
            assertThat(tables(at, "segment"))
                    .doesNotContain("segment_" + today.toString().replace("-", ""));
            assertThat(column(at, "select state from chunk")).containsExactly("expired");
        }
    }

    @Test
    void daysOfEventsThatAVersionBeforeHasMadeTakeEventsAndAreDroppedAndThenComeHours() throws Exception {
        TestPostgres.Database at = TestPostgres.freshDatabase();
        LocalDate today = LocalDate.now(ZoneOffset.UTC);
        Instant now = today.atTime(10, 0).toInstant(ZoneOffset.UTC);
        UUID jvm = new UUID(0, 1);
        try (Database database = open(at)) {
            for (LocalDate day : List.of(today.minusDays(1), today, today.plusDays(1))) {
                String partition = names("event", day, day)[0];
                execute(at, "create table " + partition + " (like event including all)");
                execute(
                        at,
                        "alter table event attach partition " + partition + " for values from ('" + day
                                + " 00:00:00+00') to ('" + day.plusDays(1) + " 00:00:00+00')");
            }
            execute(
                    at,
                    "insert into chunk (jvm_id, chunk_start, chunk_ticks, day, state, first_seen, last_seen)"
                            + " values ('00000000-0000-0000-0000-000000000001', 7, 1, now(), 'open', now(), now())");
            Partitions partitions = partitions(database, now);
            partitions.maintain();
            assertThat(tables(at, "event"))
                    .as("yesterday is over for more than six hours")
                    .containsExactly(names("event", today, today.plusDays(1)));
            EventStore store = new EventStore(database, partitions);
            EventStore.Rows rows = store.rows();
            for (int hour : new int[] {-11, 0, 20, 40}) {
                rows.add(jvm, "t", (now.getEpochSecond() + 3600L * hour) * 1_000_000_000L, 7, 100 + hour, "{}");
            }
            assertThat(store.store(jvm, 7, 0, 10, false, null, rows)).isTrue();
            assertThat(column(at, "select tableoid::regclass || ' ' || chunk_offset from event order by ts"))
                    .containsExactly(
                            Partitions.Table.EVENT
                                            .part(now.minus(Duration.ofHours(11)))
                                            .name() + " 89",
                            names("event", today, today)[0] + " 100",
                            names("event", today.plusDays(1), today.plusDays(1))[0] + " 120",
                            Partitions.Table.EVENT
                                            .part(now.plus(Duration.ofHours(40)))
                                            .name() + " 140");

            Instant later = now.plus(Duration.ofHours(20));
            partitions(database, later).maintain();
            assertThat(tables(at, "event"))
                    .as("the day of now is over")
                    .startsWith(names("event", today.plusDays(1), today.plusDays(1)))
                    .doesNotContain(names("event", today, today));
            Instant end = now.plus(Duration.ofHours(44));
            partitions(database, end).maintain();
            assertThat(tables(at, "event")).containsExactly(hours(end, -6, 12));
        }
    }

    /** Names of the partitions of events that hold what is so many hours before to so many after a time. */
    private static String[] hours(Instant time, int from, int to) {
        return IntStream.rangeClosed(Math.floorDiv(from, 3), Math.floorDiv(to, 3))
                .mapToObj(three -> Partitions.Table.EVENT
                        .part(time.plus(Duration.ofHours(3L * three)))
                        .name())
                .toArray(String[]::new);
    }

    @Test
    void anEventOutsideOfWhatIsKeptIsMovedToTheEdgeAndCounted() throws Exception {
        TestPostgres.Database at = TestPostgres.freshDatabase();
        Instant now = Instant.now();
        try (Database database = open(at)) {
            Partitions partitions = partitions(database, now);
            partitions.maintain();
            execute(
                    at,
                    "insert into chunk (jvm_id, chunk_start, chunk_ticks, day, state, first_seen, last_seen)"
                            + " values ('00000000-0000-0000-0000-000000000001', 7, 1, now(), 'open', now(), now())");
            UUID jvm = new UUID(0, 1);
            EventStore store = new EventStore(database, partitions);
            EventStore.Rows rows = store.rows();
            rows.add(jvm, "t", 0, 7, 1, "{}");
            rows.add(jvm, "t", Long.MAX_VALUE, 7, 2, "{}");
            rows.add(jvm, "t", now.getEpochSecond() * 1_000_000_000L, 7, 3, "{}");
            assertThat(rows.clamped()).isEqualTo(2);
            assertThat(store.store(jvm, 7, 0, 10, false, null, rows)).isTrue();
            assertThat(store.store(jvm, 7, 0, 10, false, null, rows))
                    .as("stored once only")
                    .isFalse();
            assertThat(column(at, "select chunk_offset from event order by ts")).containsExactly("1", "3", "2");
        }
    }

    @Test
    void eventsThatAreBeingStoredHoldUpNoPostAndAreLeftToWhoWasFirst() throws Exception {
        TestPostgres.Database at = TestPostgres.freshDatabase();
        Instant now = Instant.now();
        UUID jvm = new UUID(0, 1);
        String key = "jvm_id = '" + jvm + "' and chunk_start = 7";
        ExecutorService thread = Executors.newSingleThreadExecutor();
        try (Database database = open(at);
                Connection other = at.connect();
                Statement first = other.createStatement()) {
            Partitions partitions = partitions(database, now);
            partitions.maintain();
            execute(
                    at,
                    "insert into chunk (jvm_id, chunk_start, chunk_ticks, day, state, first_seen, last_seen) values ('"
                            + jvm + "', 7, 1, now(), 'open', now(), now())");
            EventStore store = new EventStore(database, partitions);
            EventStore.Rows rows = store.rows();
            long seconds = now.getEpochSecond();
            rows.add(jvm, "t", seconds * 1_000_000_000L, 7, 1, "{}");
            rows.add(jvm, "t", seconds * 1_000_000_000L, 7, 2, "{}");
            other.setAutoCommit(false);
            first.execute("insert into event (jvm_id, type, ts, chunk_start, chunk_offset, data) values ('" + jvm
                    + "', 't', to_timestamp(" + seconds + "), 7, 1, '{}')");
            Future<Boolean> stored = thread.submit(() -> store.store(jvm, 7, 0, 10, false, null, rows));
            String waiting =
                    "select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
            Awaitility.await().until(() -> !column(at, waiting).isEmpty());
            assertThat(column(at, "select chunk_start from chunk where " + key + " for update nowait"))
                    .as("what a post locks")
                    .containsExactly("7");
            first.execute("update chunk set parsed_offset = 10 where " + key);
            other.commit();
            assertThat(stored.get(30, TimeUnit.SECONDS)).isFalse();
            assertThat(column(at, "select chunk_offset from event")).containsExactly("1");
        } finally {
            thread.shutdownNow();
        }
    }

    @Test
    void theTextOfAStatementIsKeptForAsLongAsAnEventMayNameIt() throws Exception {
        TestPostgres.Database at = TestPostgres.freshDatabase();
        Instant first = Instant.now();
        Instant later = first.plus(Duration.ofDays(3));
        UUID jvm = new UUID(0, 1);
        try (Database database = open(at)) {
            execute(
                    at,
                    "insert into chunk (jvm_id, chunk_start, chunk_ticks, day, state, first_seen, last_seen)"
                            + " values ('00000000-0000-0000-0000-000000000001', 7, 1, now(), 'open', now(), now())");
            EventStore.Rows rows = new EventStore(database, partitions(database, first)).rows();
            rows.sql("0a", "select ?");
            rows.sql("0b", "delete \u0000");
            rows.sql("", "no hash");
            rows.sql("x".repeat(StoredTypes.LONGEST_STATEMENT + 1), "no hash of ours");
            assertThat(rows.statements()).containsExactly("0a", "0b");
            assertThat(new EventStore(database, partitions(database, first)).store(jvm, 7, 0, 10, false, null, rows))
                    .isTrue();

            EventStore store = new EventStore(database, partitions(database, later));
            EventStore.Rows again = store.rows();
            again.sql("0a", "another text of that hash");
            assertThat(store.store(jvm, 7, 10, 20, false, null, again)).isTrue();
            assertThat(column(at, "select statement || ' ' || sql from sql_text order by 1"))
                    .containsExactly("0a select ?", "0b delete \ufffd");
            partitions(database, later).maintain();
            assertThat(column(at, "select statement from sql_text")).containsExactly("0a");
        }
    }

    @Test
    void namesAndErrorsThatPostgresDoesNotTakeAreMadeFit() throws Exception {
        TestPostgres.Database at = TestPostgres.freshDatabase();
        Instant now = Instant.now();
        try (Database database = open(at)) {
            Partitions partitions = partitions(database, now);
            partitions.maintain();
            execute(
                    at,
                    "insert into chunk (jvm_id, chunk_start, chunk_ticks, day, state, first_seen, last_seen)"
                            + " values ('00000000-0000-0000-0000-000000000001', 7, 1, now(), 'complete', now(), now())");
            UUID jvm = new UUID(0, 1);
            EventStore store = new EventStore(database, partitions);
            EventStore.Rows rows = store.rows();
            rows.add(jvm, "a\0b\ud800" + "\u00e4".repeat(4000), now.getEpochSecond() * 1_000_000_000L, 7, 3, "{}");
            assertThat(store.store(jvm, 7, 0, 10, true, "x\0\udc00" + "y".repeat(1000), rows))
                    .isTrue();
            assertThat(column(at, "select octet_length(type) || left(type, 5) from event"))
                    .containsExactly("500a\ufffdb\ufffd\u00e4");
            assertThat(column(at, "select octet_length(parse_error) || left(parse_error, 4) from chunk"))
                    .containsExactly("500x\ufffd\ufffdy");
        }
    }

    @Test
    void aBlockIsReplacedOnlyByOneWithAsManySamples() throws Exception {
        TestPostgres.Database at = TestPostgres.freshDatabase();
        try (Database database = open(at)) {
            BlockStore store = new BlockStore(database, partitions(database, Instant.now()));
            UUID jvm = new UUID(0, 2);
            long minute = System.currentTimeMillis() / 60_000 * 60_000;
            for (int n : new int[] {2, 1, 3, 2}) {
                store.store(
                        jvm,
                        new BlockStore.Minutes(
                                List.of(new BlockStore.Block("m", "", minute, n, "{\"n\":" + n + "}")), List.of()),
                        Map.of());
            }
            assertThat(column(at, "select n || data::text from metric_block")).containsExactly("3{\"n\": 3}");
        }
    }

    private static Partitions partitions(Database database, Instant now) {
        return new Partitions(database, RetentionSettings.standard(), Clock.fixed(now, ZoneOffset.UTC));
    }

    private static List<String> tables(TestPostgres.Database at, String table) throws SQLException {
        return column(
                at,
                "select relname from pg_inherits join pg_class on oid = inhrelid where inhparent = '" + table
                        + "'::regclass order by 1");
    }

    private static String[] names(String table, LocalDate from, LocalDate to) {
        return from.datesUntil(to.plusDays(1))
                .map(day -> table + "_" + day.toString().replace("-", ""))
                .toArray(String[]::new);
    }
}
