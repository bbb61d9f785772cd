package dev.pitot.web.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.pitot.web.live.JvmInfo;
import dev.pitot.web.live.Live;
import dev.pitot.web.postgres.TestPostgres;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Clock;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.UUID;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Answers from the tiers against plain SQL over one row per sample. */
class RangeQueriesIT {
    private static final String PROCESS = "pitot.ProcessCounters";
    private static final String DISK = "pitot.HostDisk";
    private static final long EVERY = 20_000;
    private static final long MINUTE = 60_000;
    private static final long QUARTER = 15 * MINUTE;
    private static final long HOUR = 60 * MINUTE;
    /** Summer time ends and a month begins within. */
    private static final long FIRST = millis("2026-10-30T22:00:00Z");

    private static final long NOW = millis("2026-11-01T10:07:30Z");
    /** Minutes from here on are in memory only. */
    private static final long STORED = millis("2026-11-01T10:05:00Z");
    /** Of the first JVM, bins from here on must be made anew. */
    private static final long DUE = millis("2026-11-01T03:15:00Z");

    /** Windows that are asked for; those of six have each number of points with a window to the end and with one before. */
    private static final int ROUNDS = Integer.getInteger("pitot.test.rounds", 6);

    private static final List<RangeQueries.By> GROUPS =
            List.of(RangeQueries.By.JVM, RangeQueries.By.SERVICE, RangeQueries.By.NONE);

    private static final UUID[] JVMS = {new UUID(1, 1), new UUID(1, 2), new UUID(1, 3)};
    private static final String[] SERVICES = {"shop", "shop", "mail"};

    private static final Random RANDOM = new Random(4);

    /** Samples for memory, by time: one that is two minutes older than another says that the clock was set back. */
    private static final TreeMap<Long, List<Runnable>> REMEMBERED = new TreeMap<>();

    private static Database database;
    private static Live live;
    private static RangeQueries queries;

    private static long millis(String time) {
        return Instant.parse(time).toEpochMilli();
    }

    @BeforeAll
    static void fill() throws Exception {
        TestPostgres.Database fresh = TestPostgres.freshDatabase();
        database = Database.open(DatabaseSettings.of(fresh.url(), fresh.user(), fresh.password()));
        Clock clock = Clock.fixed(Instant.ofEpochMilli(NOW), ZoneOffset.UTC);
        live = new Live(Clock.systemUTC());
        queries = new RangeQueries(database, live, clock);
        Partitions partitions = new Partitions(database, RetentionSettings.standard(), clock);
        for (LocalDate day = LocalDate.of(2026, 10, 30);
                day.isBefore(LocalDate.of(2026, 11, 3));
                day = day.plusDays(1)) {
            for (Partitions.Table table : Partitions.Table.values()) {
                partitions.ensure(table, day);
            }
        }
        try (Connection c = database.connection()) {
            c.setAutoCommit(false);
            try (Statement s = c.createStatement()) {
                s.execute(
                        "create table raw (jvm uuid, service text, type text, key text, ms bigint, field text, value float8)");
            }
            for (int i = 0; i < JVMS.length; i++) {
                jvm(c, i);
                samples(c, i, PROCESS, "");
                samples(c, i, DISK, "sda");
                samples(c, i, DISK, "sdb");
            }
            REMEMBERED.values().forEach(samples -> samples.forEach(Runnable::run));
            try (Statement s = c.createStatement()) {
                s.execute("insert into rollup_due values ('" + JVMS[0] + "', '15m', '" + Instant.ofEpochMilli(DUE)
                        + "')");
            }
            c.commit();
            c.setAutoCommit(true);
        }
    }

    @AfterAll
    static void close() {
        live.close();
        database.close();
    }

    private static void jvm(Connection c, int i) throws SQLException {
        live.hello(new JvmInfo(JVMS[i], SERVICES[i], "host", 1, FIRST, "1", "17", "HotSpot", Map.of()));
        try (PreparedStatement s = c.prepareStatement("""
                insert into jvm (jvm_id, service, host, pid, started_at, agent_version, java_version, jvm_name, labels, first_seen,
                    last_seen, ended, clock_skew_ns) values (?, ?, 'host', 1, ?, '1', '17', 'HotSpot', ?::jsonb, ?, ?, false, 0)""")) {
            s.setObject(1, JVMS[i]);
            s.setString(2, SERVICES[i]);
            s.setObject(3, Instant.ofEpochMilli(FIRST).atOffset(ZoneOffset.UTC));
            s.setString(4, "{\"version\": \"1." + i + "\"}");
            s.setObject(5, Instant.ofEpochMilli(FIRST).atOffset(ZoneOffset.UTC));
            s.setObject(6, Instant.ofEpochMilli(NOW).atOffset(ZoneOffset.UTC));
            s.executeUpdate();
        }
    }

    /** Each minute has three samples; hours are left out, the second JVM begins in the middle, some values are N/A. */
    private static void samples(Connection c, int jvm, String type, String key) throws SQLException {
        TreeMap<Long, Rollup> minutes = new TreeMap<>();
        String[] fields = type.equals(PROCESS)
                ? new String[] {"interval", "userTime", "systemTime", "cycles", "instructions"}
                : new String[] {"interval", "reads"};
        try (PreparedStatement raw = c.prepareStatement("insert into raw values (?, ?, ?, ?, ?, ?, ?)")) {
            for (long time = jvm == 1 ? FIRST + 20 * HOUR : FIRST; time < NOW; time += EVERY) {
                long hour = Math.floorDiv(time, HOUR);
                long sample = time;
                if (hour % (7 + jvm) == 0 && time < STORED - HOUR) {
                    continue;
                }
                double[] numbers = new double[fields.length];
                boolean blind = hour % 5 == 0 && jvm == 2;
                for (int f = 0; f < fields.length; f++) {
                    boolean counter = fields[f].equals("cycles") || fields[f].equals("instructions");
                    numbers[f] = blind && counter
                            ? Double.NaN
                            : f == 0 ? 1e9 : Math.rint(Math.exp(RANDOM.nextGaussian() * 2 + 12) * (jvm + 1));
                }
                for (int f = 0; f < fields.length; f++) {
                    if (!Double.isNaN(numbers[f])) {
                        raw.setObject(1, JVMS[jvm]);
                        raw.setString(2, SERVICES[jvm]);
                        raw.setString(3, type);
                        raw.setString(4, key);
                        raw.setLong(5, time);
                        raw.setString(6, fields[f]);
                        raw.setDouble(7, numbers[f]);
                        raw.addBatch();
                    }
                }
                if (time >= STORED - 2 * MINUTE) {
                    // Memory also has what is stored.
                    REMEMBERED
                            .computeIfAbsent(time, t -> new ArrayList<>())
                            .add(() -> live.metric(
                                    JVMS[jvm],
                                    type,
                                    key.isEmpty() ? null : key,
                                    sample,
                                    fields,
                                    numbers,
                                    new String[fields.length]));
                }
                if (time < STORED) {
                    Rollup minute = minutes.computeIfAbsent(Math.floorDiv(time, MINUTE) * MINUTE, m -> new Rollup());
                    minute.events(1);
                    for (int f = 0; f < fields.length; f++) {
                        minute.values(fields[f], new double[] {numbers[f]}, 1);
                    }
                }
            }
            raw.executeBatch();
        }
        store(c, "metric_1m", jvm, type, key, minutes);
        TreeMap<Long, Rollup> quarters = coarser(minutes, QUARTER);
        TreeMap<Long, Rollup> hours = coarser(minutes, HOUR);
        if (jvm == 0) {
            // What is marked is out of date: nobody may read it.
            spoil(quarters.tailMap(DUE, true));
            spoil(hours.tailMap(Math.floorDiv(DUE, HOUR) * HOUR, true));
        }
        store(c, "metric_15m", jvm, type, key, quarters);
        store(c, "metric_1h", jvm, type, key, hours);
    }

    private static void spoil(Map<Long, Rollup> rows) {
        rows.replaceAll((time, row) -> {
            Rollup wrong = new Rollup();
            wrong.events(1);
            wrong.values("userTime", new double[] {-1e15}, 1);
            return wrong;
        });
    }

    private static TreeMap<Long, Rollup> coarser(TreeMap<Long, Rollup> rows, long width) {
        TreeMap<Long, Rollup> coarse = new TreeMap<>();
        rows.forEach((time, row) -> {
            // The bin that is not over is not made.
            long bin = Math.floorDiv(time, width) * width;
            if (bin + width <= NOW) {
                coarse.computeIfAbsent(bin, b -> new Rollup()).add(row);
            }
        });
        return coarse;
    }

    private static void store(Connection c, String table, int jvm, String type, String key, Map<Long, Rollup> rows)
            throws SQLException {
        try (PreparedStatement s =
                c.prepareStatement("insert into " + table + " values (?, ?, ?, ?, ?, ?::jsonb, ?::jsonb)")) {
            for (Map.Entry<Long, Rollup> row : rows.entrySet()) {
                s.setObject(1, JVMS[jvm]);
                s.setString(2, type);
                s.setString(3, key);
                s.setObject(4, Instant.ofEpochMilli(row.getKey()).atOffset(ZoneOffset.UTC));
                s.setInt(5, row.getValue().n());
                s.setString(6, row.getValue().aggJson());
                s.setString(7, row.getValue().histJson());
                s.addBatch();
            }
            s.executeBatch();
        }
    }

    private static RangeQueries.Answer ask(
            String metric, RangeQueries.Who who, RangeQueries.By by, String agg, long from, long to, int points)
            throws SQLException {
        return queries.range(new RangeQueries.Question(
                Metrics.of(metric).orElseThrow(),
                who,
                null,
                by,
                Aggregate.of(agg).orElseThrow(),
                from,
                to,
                points,
                50));
    }

    private static final RangeQueries.Who ALL = new RangeQueries.Who(null, null, Map.of());

    /** By group and bin; {@code value} is over the column {@code value}. */
    private static Map<String, Double> oracle(RangeQueries.Answer answer, String group, String value, String where)
            throws SQLException {
        Map<String, Double> bins = new HashMap<>();
        try (Connection c = database.connection();
                PreparedStatement s = c.prepareStatement("select " + group + ", (ms - ?) / ? as bin, " + value
                        + " from raw where ms >= ? and ms < ? and " + where + " group by 1, 2")) {
            s.setLong(1, answer.from());
            s.setLong(2, answer.step());
            s.setLong(3, answer.from());
            s.setLong(4, answer.to());
            try (ResultSet rows = s.executeQuery()) {
                while (rows.next()) {
                    double number = rows.getDouble(3);
                    if (!rows.wasNull()) {
                        bins.put(rows.getString(1) + " " + rows.getLong(2), number);
                    }
                }
            }
        }
        return bins;
    }

    private static Map<String, Double> bins(RangeQueries.Answer answer) {
        Map<String, Double> bins = new HashMap<>();
        for (RangeQueries.Series series : answer.series()) {
            String group = series.jvm() != null
                    ? series.jvm().toString()
                    : series.key() != null ? series.service() + "/" + series.key() : String.valueOf(series.service());
            for (int i = 0; i < series.values().length; i++) {
                if (!Double.isNaN(series.values()[i])) {
                    bins.put(group + " " + i, series.values()[i]);
                }
            }
        }
        return bins;
    }

    private static void same(Map<String, Double> found, Map<String, Double> wanted, double error, String what) {
        assertThat(found.keySet()).as(what).isEqualTo(wanted.keySet());
        wanted.forEach((bin, value) -> assertThat(found.get(bin))
                .as("%s, bin %s", what, bin)
                .isCloseTo(value, within(Math.abs(value) * error)));
    }

    @Test
    void everyAggregateOfAFieldIsThatOfItsSamplesWhateverTheTier() throws SQLException {
        Map<String, String> aggregates = new TreeMap<>(Map.of(
                "avg", "avg(value)",
                "min", "min(value)",
                "max", "max(value)",
                "total", "sum(value)",
                "count", "count(*)::float8",
                "p50", "percentile_disc(0.5) within group (order by value)",
                "p99.9", "percentile_disc(0.999) within group (order by value)",
                "p100", "max(value)"));
        List<String> tiers = new ArrayList<>();
        for (int round = 0; round < ROUNDS; round++) {
            int points = new int[] {40, 100, 700}[round % 3];
            long from = FIRST + (long) (RANDOM.nextDouble() * 10 * HOUR);
            long to = round % 2 == 0 ? NOW : from + (long) (RANDOM.nextDouble() * (NOW - from)) + 1;
            int turn = round;
            for (Map.Entry<String, String> aggregate : aggregates.entrySet()) {
                // Each aggregate meets each grouping; with 36 rounds and more all of them in each window.
                turn++;
                for (RangeQueries.By by : ROUNDS < 36 ? List.of(GROUPS.get(turn % GROUPS.size())) : GROUPS) {
                    RangeQueries.Answer answer =
                            ask(PROCESS + ".userTime", ALL, by, aggregate.getKey(), from, to, points);
                    tiers.addAll(answer.tiers());
                    if (answer.step() < MINUTE) {
                        continue;
                    }
                    String group = by == RangeQueries.By.JVM
                            ? "jvm::text"
                            : by == RangeQueries.By.SERVICE ? "service" : "'null'";
                    same(
                            bins(answer),
                            oracle(
                                    answer,
                                    group,
                                    aggregate.getValue(),
                                    "type = '" + PROCESS + "' and field = 'userTime'"),
                            aggregate.getKey().startsWith("p") ? 0.032 : 1e-6,
                            aggregate.getKey() + " by " + by + " step " + answer.step() + " " + answer.tiers());
                }
            }
        }
        assertThat(tiers).contains("1h", "15m", "1m", "memory");
    }

    @Test
    void aQuotientIsOfSumsAndOfThoseWhoHaveBothOperands() throws SQLException {
        for (int points : new int[] {20, 100, 600}) {
            RangeQueries.Answer answer = ask("ipc", ALL, RangeQueries.By.SERVICE, "avg", FIRST, NOW, points);
            same(
                    bins(answer),
                    oracle(
                            answer,
                            "service",
                            "sum(value) filter (where field = 'instructions') / sum(value) filter (where field = 'cycles')",
                            "type = '" + PROCESS + "'"),
                    1e-6,
                    "ipc " + answer.tiers());
        }
    }

    @Test
    void meansOfJvmsAddUpAndKeysStayApart() throws SQLException {
        RangeQueries.Answer sum = ask("cpuCores", ALL, RangeQueries.By.NONE, "sum", FIRST, NOW, 100);
        Map<String, Double> wanted = new HashMap<>();
        oracle(
                        sum,
                        "jvm::text",
                        "sum(value) filter (where field in ('userTime', 'systemTime')) / sum(value) filter (where field = 'interval')",
                        "type = '" + PROCESS + "'")
                .forEach((bin, value) -> wanted.merge("null " + bin.split(" ")[1], value, Double::sum));
        same(bins(sum), wanted, 1e-6, "sum of cpuCores");

        RangeQueries.Answer disks = ask(DISK + ".reads", ALL, RangeQueries.By.KEY, "max", FIRST, NOW, 200);
        same(
                bins(disks),
                oracle(disks, "service || '/' || key", "max(value)", "type = '" + DISK + "' and field = 'reads'"),
                1e-6,
                "keys");
    }

    @Test
    void labelsAndServicesChooseJvmsAndARankingIsOneBinToTheMinute() throws SQLException {
        RangeQueries.Who second = new RangeQueries.Who(null, "shop", Map.of("version", "1.1"));
        assertThat(ask(PROCESS + ".userTime", second, RangeQueries.By.JVM, "avg", FIRST, NOW, 100)
                        .series())
                .singleElement()
                .satisfies(series -> assertThat(series.jvm()).isEqualTo(JVMS[1]));

        RangeQueries.Answer top = queries.total(new RangeQueries.Question(
                Metrics.of(PROCESS + ".userTime").orElseThrow(),
                ALL,
                null,
                RangeQueries.By.JVM,
                Aggregate.of("total").orElseThrow(),
                FIRST + 47 * MINUTE,
                STORED - 7 * MINUTE,
                1,
                2));
        Map<String, Double> wanted =
                oracle(top, "jvm::text", "sum(value)", "type = '" + PROCESS + "' and field = 'userTime'");
        assertThat(top.total()).isEqualTo(3);
        assertThat(top.series()).hasSize(2);
        assertThat(top.series().get(0).values()[0])
                .isGreaterThan(top.series().get(1).values()[0]);
        bins(top).forEach((bin, value) -> assertThat(value).isCloseTo(wanted.get(bin), within(value * 1e-6)));
    }

    @Test
    void theNewestValueIsOfMemory() throws SQLException {
        List<RangeQueries.Latest> latest =
                queries.latest(Metrics.of(PROCESS + ".userTime").orElseThrow(), ALL, null, 10);
        assertThat(latest).hasSize(3).allSatisfy(one -> assertThat(one.time()).isGreaterThan(NOW - 2 * EVERY));
    }
}
