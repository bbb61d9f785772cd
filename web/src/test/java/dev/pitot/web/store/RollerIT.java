package dev.pitot.web.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.pitot.web.postgres.TestPostgres;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The coarser tiers, made in SQL by a real PostgreSQL. */
class RollerIT {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Instant HOUR =
            Instant.now().truncatedTo(ChronoUnit.HOURS).minus(Duration.ofHours(3));
    private static final List<String> KEYS = List.of("", "sda", "GET /a b{id}", "'\"\\{}\n:;%?", "\u00e4\ud83d\ude00");

    private static TestPostgres.Database at;
    private static Database database;
    private static Partitions partitions;
    private static BlockStore store;

    @BeforeAll
    static void open() throws Exception {
        at = TestPostgres.freshDatabase();
        database = Database.open(DatabaseSettings.of(at.url(), at.user(), at.password()));
        partitions = new Partitions(database, RetentionSettings.standard(), Clock.systemUTC());
        partitions.maintain();
        store = new BlockStore(database, partitions);
    }

    @AfterAll
    static void close() {
        database.close();
    }

    private static Roller roller(Instant now) {
        return new Roller(database, partitions, Clock.fixed(now, ZoneOffset.UTC));
    }

    private static Rollup random(Random random) {
        Rollup rollup = new Rollup();
        int n = 1 + random.nextInt(70);
        rollup.events(n);
        double[] values = new double[n];
        int kind = random.nextInt(5);
        Arrays.setAll(values, i -> switch (kind) {
            case 0 -> random.nextInt(30);
            case 1 -> random.nextGaussian() * 1e9;
            case 2 -> Math.exp(random.nextGaussian() * 25);
            case 3 -> 7;
            default -> random.nextInt(3) == 0 ? Double.NaN : -random.nextDouble();
        });
        rollup.values("mixed", values, n);
        rollup.values("heap \"max\"", new double[] {4294967296.0}, 1);
        if (random.nextBoolean()) {
            rollup.values("now and then", new double[] {random.nextInt(3)}, 1);
        }
        Histogram durations = new Histogram();
        for (int i = 0; i < 5; i++) {
            durations.add(Buckets.of(random.nextInt(1_000_000)), 1 + random.nextInt(9));
        }
        long most = random.nextInt(1 << 20);
        rollup.spread("duration", random.nextInt(3), most, most * 1.5, durations);
        rollup.total("count", random.nextInt(1000));
        rollup.total("great", (1L << 53) - random.nextInt(1000));
        rollup.total("share", random.nextDouble());
        rollup.text("source", random.nextInt(40) == 0 ? "none" : "perf");
        rollup.text("name", "\u00e4 ' \"" + '\\');
        return rollup;
    }

    private static BlockStore.Row row(String key, Instant minute, Rollup rollup) {
        return new BlockStore.Row(
                key.isEmpty() ? "t" : "keyed",
                key,
                minute.toEpochMilli(),
                rollup.n(),
                rollup.aggJson(),
                rollup.histJson());
    }

    /** By type, key and bin. */
    private static Map<String, Rollup> rows(UUID jvm, String table, Duration bin) throws SQLException {
        Map<String, Rollup> rows = new TreeMap<>();
        try (Connection c = at.connect();
                PreparedStatement s =
                        c.prepareStatement("select type, key, extract(epoch from ts)::bigint, n, agg, hist from "
                                + table + " where jvm_id = ? order by ts")) {
            s.setObject(1, jvm);
            try (ResultSet row = s.executeQuery()) {
                while (row.next()) {
                    String of = row.getString(1) + '|' + row.getString(2) + '|' + row.getLong(3) / bin.toSeconds();
                    rows.computeIfAbsent(of, o -> new Rollup()).add(row.getInt(4), row.getString(5), row.getString(6));
                }
            }
        }
        return rows;
    }

    private static void assertSame(Map<String, Rollup> sql, Map<String, Rollup> java) throws Exception {
        assertThat(sql).isNotEmpty().containsOnlyKeys(java.keySet());
        for (String key : sql.keySet()) {
            Rollup one = sql.get(key);
            Rollup other = java.get(key);
            assertThat(one.n()).as(key).isEqualTo(other.n());
            assertThat(JSON.readTree(one.histJson())).as(key).isEqualTo(JSON.readTree(other.histJson()));
            JsonNode a = JSON.readTree(one.aggJson());
            JsonNode b = JSON.readTree(other.aggJson());
            assertThat(a.fieldNames()).toIterable().containsExactlyInAnyOrderElementsOf(b::fieldNames);
            b.properties().forEach(field -> same(a.get(field.getKey()), field.getValue(), key + field.getKey()));
        }
    }

    /** Whole numbers exactly, others to the ninth digit. */
    private static void same(JsonNode one, JsonNode other, String name) {
        if (other.isArray()) {
            assertThat(one).as(name).hasSameSizeAs(other);
            for (int i = 0; i < other.size(); i++) {
                same(one.get(i), other.get(i), name);
            }
        } else if (other.isNumber() && !other.isIntegralNumber()) {
            double error = 2e-8 * Math.abs(other.doubleValue());
            assertThat(one.doubleValue()).as(name).isCloseTo(other.doubleValue(), within(error + 1e-300));
        } else {
            assertThat(one).as(name).isEqualTo(other);
        }
    }

    @Test
    void whatSqlMakesOfRowsIsWhatTheyComeToInMemory() throws Exception {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        UUID jvm = UUID.randomUUID();
        List<BlockStore.Row> rows = new ArrayList<>();
        for (int minute = 0; minute < 60; minute++) {
            for (String key : KEYS) {
                if (random.nextInt(5) > 0) {
                    rows.add(row(key, HOUR.plusSeconds(minute * 60L), random(random)));
                }
            }
        }
        store.store(jvm, new BlockStore.Minutes(List.of(), rows), Map.of());
        Roller roller = roller(Instant.now());
        roller.round();
        assertSame(rows(jvm, "metric_15m", Duration.ofMinutes(15)), rows(jvm, "metric_1m", Duration.ofMinutes(15)));
        assertThat(rows(jvm, "metric_1h", Duration.ofHours(1))).isEmpty();
        roller.round();
        assertThat(roller.made()).isGreaterThanOrEqualTo(5);
        Map<String, Rollup> hours = rows(jvm, "metric_1h", Duration.ofHours(1));
        assertSame(hours, rows(jvm, "metric_15m", Duration.ofHours(1)));
        assertSame(hours, rows(jvm, "metric_1m", Duration.ofHours(1)));
        assertThat(marks(jvm)).isEmpty();
    }

    private static List<String> marks(UUID jvm) throws SQLException {
        List<String> marks = new ArrayList<>();
        try (Connection c = at.connect();
                Statement s = c.createStatement();
                ResultSet rows =
                        s.executeQuery("select tier from rollup_due where jvm_id = '" + jvm + "' order by 1")) {
            while (rows.next()) {
                marks.add(rows.getString(1));
            }
        }
        return marks;
    }

    private static void store(UUID jvm, Instant minute, int events) throws SQLException {
        Rollup rollup = new Rollup();
        rollup.events(events);
        rollup.total("count", events);
        store.store(jvm, new BlockStore.Minutes(List.of(), List.of(row("", minute, rollup))), Map.of());
    }

    @Test
    void aBinIsMadeOnceItIsOverAndAgainWhenSomethingComesLate() throws Exception {
        UUID jvm = UUID.randomUUID();
        store(jvm, HOUR, 60);
        roller(HOUR.plusSeconds(15 * 60)).round();
        assertThat(marks(jvm)).as("its last minute may be on its way").containsExactly("15m");
        roller(HOUR.plusSeconds(16 * 60)).round();
        assertThat(marks(jvm)).containsExactly("1h");
        roller(HOUR.plusSeconds(61 * 60)).round();
        assertThat(marks(jvm)).isEmpty();
        store(jvm, HOUR.plusSeconds(60), 30);
        store(jvm, HOUR, 59);
        Roller late = roller(Instant.now());
        late.round();
        late.round();
        assertThat(rows(jvm, "metric_1h", Duration.ofHours(1)).values())
                .extracting(row -> row.total("count"))
                .containsExactly(90.0);
        assertThat(marks(jvm)).isEmpty();
    }

    @Test
    void aBinWhoseMinutesAreGoneKeepsWhatItHad() throws Exception {
        UUID jvm = UUID.randomUUID();
        store(jvm, HOUR, 60);
        roller(Instant.now()).round();
        try (Connection c = at.connect();
                Statement s = c.createStatement()) {
            s.execute("delete from metric_1m where jvm_id = '" + jvm + "'");
        }
        store(jvm, HOUR.plusSeconds(60), 1);
        roller(Instant.now()).round();
        assertThat(rows(jvm, "metric_15m", Duration.ofMinutes(15)).values())
                .extracting(Rollup::n)
                .containsExactly(60);
    }

    /** A transaction that has marked a bin and not ended: nobody makes the bin without its rows. */
    @Test
    void aBinThatSomebodyAddsToIsLeftUntilTheyHaveEnded() throws Exception {
        UUID jvm = UUID.randomUUID();
        store(jvm, HOUR, 60);
        try (Connection c = at.connect();
                Statement s = c.createStatement()) {
            c.setAutoCommit(false);
            s.execute("update metric_1m set n = 61, agg = '{\"count\": 61}' where jvm_id = '" + jvm + "'");
            s.execute("insert into rollup_due values ('" + jvm + "', '15m', '" + HOUR
                    + "') on conflict (jvm_id, tier, ts) do update set ts = excluded.ts");
            roller(Instant.now()).round();
            assertThat(rows(jvm, "metric_15m", Duration.ofMinutes(15))).isEmpty();
            c.commit();
        }
        roller(Instant.now()).round();
        assertThat(rows(jvm, "metric_15m", Duration.ofMinutes(15)).values())
                .extracting(Rollup::n)
                .containsExactly(61);
    }

    @Test
    void severalCollectorsMakeEachBinFromAllThatIsBeneathWhileMoreComes() throws Exception {
        UUID jvm = UUID.randomUUID();
        ExecutorService all = Executors.newFixedThreadPool(3);
        try {
            List<Roller> rollers = List.of(roller(Instant.now()), roller(Instant.now()));
            Future<?> writer = all.submit(() -> {
                for (int i = 0; i < 120; i++) {
                    store(jvm, HOUR.plusSeconds(i % 60 * 60), 1 + i);
                }
                return null;
            });
            List<Future<?>> makers = new ArrayList<>();
            for (Roller roller : rollers) {
                makers.add(all.submit(() -> {
                    while (!writer.isDone()) {
                        roller.round();
                    }
                    return null;
                }));
            }
            writer.get(60, TimeUnit.SECONDS);
            for (Future<?> maker : makers) {
                maker.get(60, TimeUnit.SECONDS);
            }
            Awaitility.await().pollInterval(Duration.ofMillis(10)).until(() -> {
                rollers.get(0).round();
                return marks(jvm).isEmpty();
            });
        } finally {
            all.shutdownNow();
        }
        assertSame(rows(jvm, "metric_1h", Duration.ofHours(1)), rows(jvm, "metric_1m", Duration.ofHours(1)));
        assertSame(rows(jvm, "metric_15m", Duration.ofMinutes(15)), rows(jvm, "metric_1m", Duration.ofMinutes(15)));
    }
}
