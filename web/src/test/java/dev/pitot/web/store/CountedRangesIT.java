package dev.pitot.web.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.pitot.web.live.DurationHistogram;
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
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.UUID;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Charts of what is counted, of bins under a minute and of before the minutes begin, against plain SQL over one row per request. */
class CountedRangesIT {
    private static final String ENDPOINT = "pitot.EndpointSummary";
    private static final String PROCESS = "pitot.ProcessCounters";
    private static final UUID JVM = new UUID(2, 1);
    private static final long MINUTE = 60_000;
    private static final long EVERY = 5_000;
    private static final long NOW = millis("2026-11-20T12:07:30Z");
    private static final long FIRST = millis("2026-11-20T11:30:00Z");
    /** Minutes and blocks from here on are not stored. */
    private static final long STORED = millis("2026-11-20T12:05:00Z");

    private static final long BEFORE = millis("2026-11-18T06:00:00Z");

    private static final Random RANDOM = new Random(7);

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
        for (Partitions.Table table : Partitions.Table.values()) {
            partitions.ensure(table, LocalDate.of(2026, 11, 20));
        }
        try (Connection c = database.connection();
                Statement s = c.createStatement()) {
            s.execute("create table request (ms bigint, key text, nanos bigint, cpu bigint)");
            s.execute("create table sample (ms bigint, value float8)");
            s.execute("""
                    insert into jvm (jvm_id, service, host, pid, started_at, agent_version, java_version, jvm_name, labels, first_seen,
                        last_seen, ended, clock_skew_ns)
                    values ('%s', 'shop', 'host', 1, '2026-11-01', '1', '17', 'HotSpot', '{}', '2026-11-01', '%s', false, 0)""".formatted(JVM, Instant.ofEpochMilli(NOW)));
            requests(c, "GET", "/a");
            requests(c, "POST", "/b");
            samples(c);
            // An hour of the time before the minutes begin.
            Rollup hour = new Rollup();
            hour.events(1);
            hour.values("userTime", new double[] {5, 7}, 2);
            store(c, "metric_1h", PROCESS, "", Map.of(BEFORE, hour));
        }
    }

    @AfterAll
    static void close() {
        live.close();
        database.close();
    }

    /** A summary each five seconds, all in {@code event}, and their minutes. */
    private static void requests(Connection c, String method, String route) throws SQLException {
        TreeMap<Long, Rollup> minutes = new TreeMap<>();
        try (PreparedStatement request = c.prepareStatement("insert into request values (?, ?, ?, ?)");
                PreparedStatement event = c.prepareStatement(
                        "insert into event (jvm_id, type, ts, chunk_start, chunk_offset, data) values (?, ?, ?, ?, 0, ?::jsonb)")) {
            for (long time = FIRST; time < NOW; time += EVERY) {
                int count = RANDOM.nextInt(5);
                long sum = 0;
                long longest = 0;
                long cpu = 0;
                TreeMap<Integer, Integer> buckets = new TreeMap<>();
                Histogram histogram = new Histogram();
                for (int i = 0; i < count; i++) {
                    long nanos = (long) Math.exp(14 + RANDOM.nextGaussian() * 2);
                    sum += nanos;
                    longest = Math.max(longest, nanos);
                    cpu += nanos / 3;
                    buckets.merge(DurationHistogram.bucket(nanos), 1, Integer::sum);
                    histogram.add(Buckets.of(nanos), 1);
                    request.setLong(1, time);
                    request.setString(2, method + " " + route);
                    request.setLong(3, nanos);
                    request.setLong(4, nanos / 3);
                    request.addBatch();
                }
                StringBuilder pairs = new StringBuilder();
                buckets.forEach((bucket, n) -> pairs.append(pairs.isEmpty() ? "" : " ")
                        .append(bucket)
                        .append(':')
                        .append(n));
                event.setObject(1, JVM);
                event.setString(2, ENDPOINT);
                event.setObject(3, Instant.ofEpochMilli(time).atOffset(ZoneOffset.UTC));
                event.setLong(4, route.hashCode());
                event.setString(5, """
                        {"method": "%s", "route": "%s", "count": %d, "untimed": 0, "measured": %d, "totalCpuTime": %d, "totalDuration": %d,
                        "maxDuration": %d, "histogram": "%s"}""".formatted(method, route, count, count, cpu, sum, longest, pairs));
                event.addBatch();
                if (time < STORED) {
                    Rollup minute = minutes.computeIfAbsent(Math.floorDiv(time, MINUTE) * MINUTE, m -> new Rollup());
                    minute.events(1);
                    minute.total("count", count);
                    minute.total("measured", count);
                    minute.total("totalCpuTime", cpu);
                    minute.spread("duration", count, longest, sum, histogram);
                }
            }
            request.executeBatch();
            event.executeBatch();
        }
        store(c, "metric_1m", ENDPOINT, method + " " + route, minutes);
    }

    /** A block for each minute, of a sample each five seconds; some are N/A. */
    private static void samples(Connection c) throws SQLException {
        try (PreparedStatement raw = c.prepareStatement("insert into sample values (?, ?)");
                PreparedStatement block =
                        c.prepareStatement("insert into metric_block values (?, ?, ?, ?, ?::jsonb, '')")) {
            for (long minute = FIRST; minute < STORED; minute += MINUTE) {
                StringBuilder times = new StringBuilder();
                StringBuilder values = new StringBuilder();
                for (long at = 0; at < MINUTE; at += EVERY) {
                    boolean unknown = RANDOM.nextInt(6) == 0;
                    int value = RANDOM.nextInt(1_000_000);
                    times.append(at == 0 ? "" : ",").append(at);
                    values.append(at == 0 ? "" : ",").append(unknown ? "null" : value);
                    if (!unknown) {
                        raw.setLong(1, minute + at);
                        raw.setDouble(2, value);
                        raw.addBatch();
                    }
                }
                block.setObject(1, JVM);
                block.setString(2, PROCESS);
                block.setObject(3, Instant.ofEpochMilli(minute).atOffset(ZoneOffset.UTC));
                block.setInt(4, (int) (MINUTE / EVERY));
                block.setString(5, "{\"t\":[" + times + "],\"userTime\":[" + values + "]}");
                block.addBatch();
            }
            raw.executeBatch();
            block.executeBatch();
        }
    }

    private static void store(Connection c, String table, String type, String key, Map<Long, Rollup> rows)
            throws SQLException {
        try (PreparedStatement s =
                c.prepareStatement("insert into " + table + " values (?, ?, ?, ?, ?, ?::jsonb, ?::jsonb)")) {
            for (Map.Entry<Long, Rollup> row : rows.entrySet()) {
                s.setObject(1, JVM);
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
            String metric, RangeQueries.By by, String agg, long from, long to, int points) throws SQLException {
        return queries.range(new RangeQueries.Question(
                Metrics.of(metric).orElseThrow(),
                new RangeQueries.Who(JVM, null, Map.of()),
                null,
                by,
                Aggregate.of(agg).orElseThrow(),
                from,
                to,
                points,
                50));
    }

    /** The same bins, of each key, of what {@code value} is over the rows of a table. */
    private static void same(RangeQueries.Answer answer, String table, String key, String value, double error)
            throws SQLException {
        Map<String, Double> wanted = new HashMap<>();
        try (Connection c = database.connection();
                PreparedStatement s = c.prepareStatement("select " + key + ", (ms - ?) / ?, " + value + " from " + table
                        + " where ms >= ? and ms < ? group by 1, 2")) {
            s.setLong(1, answer.from());
            s.setLong(2, answer.step());
            s.setLong(3, answer.from());
            s.setLong(4, answer.to());
            try (ResultSet rows = s.executeQuery()) {
                while (rows.next()) {
                    wanted.put(rows.getString(1) + " " + rows.getLong(2), rows.getDouble(3));
                }
            }
        }
        Map<String, Double> found = new HashMap<>();
        for (RangeQueries.Series series : answer.series()) {
            for (int i = 0; i < series.values().length; i++) {
                if (!Double.isNaN(series.values()[i])) {
                    found.put(series.key() + " " + i, series.values()[i]);
                }
            }
        }
        assertThat(found.keySet()).containsAll(wanted.keySet());
        // Where nobody asked for anything a rate is 0, as the summary says so.
        found.forEach((bin, number) -> assertThat(number)
                .as(bin)
                .isCloseTo(
                        wanted.getOrDefault(bin, 0.0),
                        within(1e-12 + error * Math.abs(wanted.getOrDefault(bin, 0.0)))));
    }

    @Test
    void percentilesOfRequestsAreThoseOfTheirDurationsWithMinutesThatAreNotStoredYet() throws SQLException {
        for (String agg : new String[] {"p50", "p99", "p100"}) {
            String oracle = "percentile_disc(" + Double.parseDouble(agg.substring(1)) / 100
                    + ") within group (order by nanos) / 1e6";
            RangeQueries.Answer keys = ask("endpoint.duration", RangeQueries.By.KEY, agg, FIRST, NOW, 60);
            assertThat(keys.tiers()).containsExactly("1m", "memory");
            same(keys, "request", "key", oracle, 0.032);
            same(ask("endpoint.duration", RangeQueries.By.NONE, agg, FIRST, NOW, 10), "request", "null", oracle, 0.032);
        }
    }

    @Test
    void ratesAndCostsOfRequestsAreSumsByTimeAndByRequests() throws SQLException {
        for (int points : new int[] {40, 8}) {
            RangeQueries.Answer rate = ask("endpoint.cpuCores", RangeQueries.By.KEY, "avg", FIRST, STORED, points);
            same(rate, "request", "key", "sum(cpu) / 1e6 / " + rate.step(), 1e-6);
            same(
                    ask("endpoint.cpuPerRequest", RangeQueries.By.KEY, "avg", FIRST, NOW, points),
                    "request",
                    "key",
                    "sum(cpu) / 1e6 / count(*)",
                    1e-6);
            RangeQueries.Answer requests =
                    ask("endpoint.requestRate", RangeQueries.By.NONE, "total", FIRST, NOW, points);
            same(requests, "request", "null", "count(*)", 0);
        }
        RangeQueries.Answer now = ask("endpoint.requestRate", RangeQueries.By.KEY, "rate", NOW - 30 * MINUTE, NOW, 30);
        assertThat(now.until()).isEqualTo(NOW);
        same(
                now,
                "request",
                "key",
                "count(*) * 1e3 / least(" + now.step() + ", " + NOW + " - min(ms) / " + now.step() + " * " + now.step()
                        + ")",
                1e-6);
    }

    @Test
    void aRankingAddsUpWhatIsStoredAndWhatIsNotYet() throws SQLException {
        RangeQueries.Answer top = queries.total(new RangeQueries.Question(
                Metrics.of("endpoint.cpuCores").orElseThrow(),
                new RangeQueries.Who(JVM, null, Map.of()),
                null,
                RangeQueries.By.KEY,
                Aggregate.of("total").orElseThrow(),
                NOW - 25 * MINUTE,
                NOW,
                1,
                10));
        assertThat(top.tiers()).containsExactly("1m", "memory");
        assertThat(top.series().get(0).values()[0])
                .isGreaterThanOrEqualTo(top.series().get(1).values()[0]);
        try (Connection c = database.connection();
                PreparedStatement s =
                        c.prepareStatement("select key, sum(cpu) / 1e9 from request where ms >= ? group by 1")) {
            s.setLong(1, top.from());
            Map<String, Double> wanted = new HashMap<>();
            try (ResultSet rows = s.executeQuery()) {
                while (rows.next()) {
                    wanted.put(rows.getString(1), rows.getDouble(2));
                }
            }
            assertThat(top.series()).hasSize(2).allSatisfy(series -> assertThat(series.values()[0])
                    .isCloseTo(wanted.get(series.key()), within(wanted.get(series.key()) * 1e-6)));
        }
    }

    @Test
    void binsUnderAMinuteAreOfSamplesAndOfSummaries() throws SQLException {
        RangeQueries.Answer samples =
                ask(PROCESS + ".userTime", RangeQueries.By.NONE, "max", STORED - 20 * MINUTE + 7_000, STORED, 130);
        assertThat(samples.step()).isEqualTo(10_000);
        assertThat(samples.tiers()).containsExactly("1s");
        same(samples, "sample", "null", "max(value)", 0);

        RangeQueries.Answer summaries =
                ask("endpoint.duration", RangeQueries.By.KEY, "p90", NOW - 10 * MINUTE, NOW, 40);
        assertThat(summaries.step()).isEqualTo(15_000);
        assertThat(summaries.tiers()).containsExactly("1s");
        same(summaries, "request", "key", "percentile_disc(0.9) within group (order by nanos) / 1e6", 0.032);
    }

    @Test
    void whereTheMinutesAreGoneByThenACoarserTierAnswers() throws SQLException {
        RangeQueries.Answer answer = ask(
                PROCESS + ".userTime", RangeQueries.By.NONE, "total", BEFORE - 30 * MINUTE, BEFORE + 90 * MINUTE, 600);
        assertThat(answer.step()).isEqualTo(60 * MINUTE);
        assertThat(answer.tiers()).contains("1h");
        assertThat(answer.series()).singleElement().satisfies(series -> assertThat(series.values()[1])
                .isEqualTo(12));
    }
}
