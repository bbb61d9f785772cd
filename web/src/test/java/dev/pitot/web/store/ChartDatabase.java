package dev.pitot.web.store;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.temporal.ChronoUnit;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * Fills an empty database with what a fleet leaves behind, for {@code docs/build-and-test.md}: rows of all tiers that end now,
 * and blocks of the last six hours of the first service's JVMs. Services have 20 JVMs each. No part of the test run.
 *
 * <p>Arguments: JDBC URL, user, password, JVMs, days, JVMs that have 30 days.
 */
final class ChartDatabase {
    private static final int VARIANTS = 16;
    private static final int ENDPOINTS = 10;
    private static final String[] COST = {
        "count",
        "errors",
        "untimed",
        "measured",
        "totalCpuTime",
        "totalRunQueueWait",
        "totalAllocated",
        "counted",
        "totalCycles",
        "totalInstructions",
        "totalCacheMisses",
        "totalBranchMisses",
        "totalTimeOnCpu",
        "totalTimeSql",
        "totalTimeUnknown",
        "sqlStatements",
        "sqlDuration",
        "interval"
    };
    private static final String[][] TYPES = {
        {
            "pitot.ProcessCounters",
            "interval userTime systemTime voluntaryContextSwitches involuntaryContextSwitches minorFaults"
                    + " majorFaults runQueueWait cycles instructions cacheReferences cacheMisses branches branchMisses"
        },
        {"pitot.JvmMemory", "heapUsed heapCommitted heapMax nonHeapUsed residentSize"},
        {"pitot.HostCpu", "interval cpus userTime systemTime ioWaitTime irqTime softIrqTime stealTime idleTime load1"},
        {"pitot.HostMemory", "total used free available buffers cached"},
        {"pitot.HostPaging", "interval pagedIn pagedOut faults majorFaults"},
        {"pitot.HostTcp", "interval activeOpens passiveOpens segmentsReceived segmentsSent retransmits established"},
        {"pitot.AgentCost", "interval threadCpuTime inlineCpuTime spans share"},
        {"jdk.CPULoad", "jvmUser jvmSystem machineTotal"},
        {"jdk.JavaThreadStatistics", "activeCount daemonCount peakCount"},
        {"jdk.ClassLoadingStatistics", "loadedClassCount unloadedClassCount"},
    };

    private ChartDatabase() {}

    public static void main(String[] args) throws Exception {
        int jvms = Integer.parseInt(args[3]);
        int days = Integer.parseInt(args[4]);
        int old = Integer.parseInt(args[5]);
        Instant end = Instant.now().truncatedTo(ChronoUnit.MINUTES);
        try (Database database = Database.open(DatabaseSettings.of(args[0], args[1], args[2]))) {
            Partitions partitions = new Partitions(database, RetentionSettings.standard(), Clock.systemUTC());
            LocalDate today = partitions.today();
            for (LocalDate day = today.minusDays(31); day.isBefore(today.plusDays(2)); day = day.plusDays(1)) {
                for (Partitions.Table table : Partitions.Table.values()) {
                    partitions.ensure(table, day);
                }
            }
            try (Connection c = database.connection();
                    Statement s = c.createStatement()) {
                s.execute("set statement_timeout = 0");
                s.execute("set synchronous_commit = off");
                fleet(s, jvms, end);
                templates(c);
                for (int day = 30; day > 0; day--) {
                    int count = day <= days ? jvms : old;
                    Instant from = end.minus(Duration.ofDays(day));
                    fill(s, "metric_1m", "1 minute", 60, from, from.plus(Duration.ofDays(1)), count);
                    fill(s, "metric_15m", "15 minutes", 900, from, from.plus(Duration.ofDays(1)), count);
                    fill(s, "metric_1h", "1 hour", 3600, from, from.plus(Duration.ofDays(1)), count);
                    if (count > 0) {
                        System.out.println("day " + (31 - day) + " of 30: " + size(s));
                    }
                }
                blocks(s, end);
                s.execute("analyze");
                System.out.println("done: " + size(s));
            }
        }
    }

    private static void fleet(Statement s, int jvms, Instant end) throws SQLException {
        s.execute("""
                insert into jvm (jvm_id, service, host, pid, started_at, agent_version, java_version, jvm_name, labels, first_seen,
                    last_seen, ended, clock_skew_ns)
                select md5('jvm' || i)::uuid, 'service-' || (i - 1) / 20, 'host-' || i, i, now() - interval '31 days', '1', '17',
                    'HotSpot', jsonb_build_object('version', '1.' || i %% 2), now() - interval '31 days', '%s', false, 0
                from generate_series(1, %d) as i""".formatted(end, jvms));
    }

    /** Rows as real samples make them. */
    private static void templates(Connection c) throws SQLException {
        Random random = new Random(1);
        try (Statement s = c.createStatement()) {
            s.execute(
                    "create temp table template (type text, key text, variant int, events int, agg jsonb, hist jsonb, block jsonb)");
        }
        try (PreparedStatement s =
                c.prepareStatement("insert into template values (?, ?, ?, 60, ?::jsonb, ?::jsonb, ?::jsonb)")) {
            for (int variant = 0; variant < VARIANTS; variant++) {
                for (String[] type : TYPES) {
                    Rollup row = new Rollup();
                    row.events(60);
                    StringBuilder block = new StringBuilder("{\"t\":[0");
                    for (int i = 1; i < 60; i++) {
                        block.append(',').append(i * 1000);
                    }
                    block.append(']');
                    for (String field : type[1].split(" ")) {
                        double middle = Math.exp(10 + 2 * random.nextGaussian());
                        double[] values = new double[60];
                        block.append(",\"").append(field).append("\":[");
                        for (int i = 0; i < 60; i++) {
                            values[i] = Math.rint(middle * Math.exp(random.nextGaussian() / 16));
                            block.append(i == 0 ? "" : ",").append((long) values[i]);
                        }
                        block.append(']');
                        row.values(field, values, 60);
                    }
                    add(s, type[0], "", variant, row, block.append('}').toString());
                }
                for (int endpoint = 0; endpoint < ENDPOINTS; endpoint++) {
                    Rollup row = new Rollup();
                    row.events(60);
                    for (String field : COST) {
                        row.total(field, Math.rint(Math.exp(12 + random.nextGaussian())));
                    }
                    Histogram durations = new Histogram();
                    double sum = 0;
                    for (int i = 0; i < 200; i++) {
                        double nanos = Math.exp(15 + random.nextGaussian() / 2);
                        durations.add(Buckets.of(nanos), 1);
                        sum += nanos;
                    }
                    row.spread("duration", 200, Math.rint(sum / 10), Math.rint(sum), durations);
                    add(s, "pitot.EndpointSummary", "GET /api/things/" + endpoint, variant, row, null);
                }
            }
            s.executeBatch();
        }
    }

    private static void add(
            PreparedStatement s, String type, String key, int variant, Rollup row, @Nullable String block)
            throws SQLException {
        s.setString(1, type);
        s.setString(2, key);
        s.setInt(3, variant);
        s.setString(4, row.aggJson());
        s.setString(5, row.histJson());
        s.setString(6, block);
        s.addBatch();
    }

    private static void fill(Statement s, String table, String step, int seconds, Instant from, Instant to, int jvms)
            throws SQLException {
        s.execute("""
                insert into %s select md5('jvm' || i)::uuid, type, key, ts, events * %d, agg, hist
                from generate_series(1, %d) as i
                cross join generate_series(to_timestamp(ceil(%d / %d.0) * %d), timestamptz '%s' - interval '1 microsecond', interval '%s') as ts
                join template on variant = (i * 7 + extract(epoch from ts)::bigint / %d) %% %d
                on conflict do nothing""".formatted(
                table, seconds / 60, jvms, from.getEpochSecond(), seconds, seconds, to, step, seconds, VARIANTS));
    }

    private static void blocks(Statement s, Instant end) throws SQLException {
        s.execute("""
                insert into metric_block (jvm_id, type, ts, n, data, key)
                select md5('jvm' || i)::uuid, type, ts, 60, block, key from generate_series(1, 20) as i
                cross join generate_series(timestamptz '%s' - interval '6 hours', timestamptz '%s' - interval '1 minute', interval '1 minute') as ts
                join template on variant = (i + extract(epoch from ts)::bigint / 60) %% %d and block is not null""".formatted(end, end, VARIANTS));
    }

    private static String size(Statement s) throws SQLException {
        try (ResultSet row = s.executeQuery("select pg_size_pretty(pg_database_size(current_database()))")) {
            row.next();
            return row.getString(1);
        }
    }
}
