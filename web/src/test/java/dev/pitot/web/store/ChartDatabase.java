package dev.pitot.web.store;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;

/**
 * Fills an empty database with what a fleet leaves behind, for {@code docs/build-and-test.md}: rows of all tiers, in the order of
 * time as a collector stores them, and blocks of the last six hours of the first service's JVMs. They end two hours from now, so
 * that whoever asks meanwhile finds JVMs that are live. Services have 20 JVMs each. Two sessions make a partition each, its index
 * when the rows are in. No part of the test run.
 *
 * <p>Arguments: JDBC URL, user, password, JVMs, days, JVMs that have 30 days.
 */
final class ChartDatabase {
    private static final Duration BLOCKS = Duration.ofHours(6);
    private static final int VARIANTS = 16;
    private static final int ENDPOINTS = 5;
    private static final int SESSIONS = 2;
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

    /** A partition to be made, and how many rows a JVM, type and key have in it: one each {@code step}. */
    private record Part(Partitions.Part partition, Duration step) {
        Partitions.Table table() {
            return partition.table();
        }
    }

    public static void main(String[] args) throws Exception {
        int jvms = Integer.parseInt(args[3]);
        int days = Integer.parseInt(args[4]);
        int old = Integer.parseInt(args[5]);
        Instant end = Instant.now().truncatedTo(ChronoUnit.HOURS).plus(Duration.ofHours(2));
        try (Database database = Database.open(DatabaseSettings.of(args[0], args[1], args[2]))) {
            Partitions partitions = new Partitions(database, RetentionSettings.standard(), Clock.systemUTC());
            List<Part> parts = new ArrayList<>();
            try (Connection c = session(database);
                    Statement s = c.createStatement()) {
                fleet(s, jvms, end);
                templates(c);
                for (Partitions.Table table : Partitions.Table.values()) {
                    Duration step =
                            switch (table) {
                                case METRIC_BLOCK, METRIC_1M -> Duration.ofMinutes(1);
                                case METRIC_15M -> Duration.ofMinutes(15);
                                case METRIC_1H -> Duration.ofHours(1);
                                case EVENT, SEGMENT -> Duration.ZERO;
                            };
                    Instant begin = end.minus(table == Partitions.Table.METRIC_BLOCK ? BLOCKS : Duration.ofDays(30));
                    Instant last = end.truncatedTo(ChronoUnit.DAYS);
                    for (Partitions.Part part = table.part(begin);
                            !step.isZero() && !part.from().isAfter(last);
                            part = table.part(part.to())) {
                        s.execute("drop table if exists " + part.name());
                        parts.add(new Part(part, step));
                    }
                }
            }
            ExecutorService sessions = Executors.newFixedThreadPool(SESSIONS);
            List<Future<?>> made = new ArrayList<>();
            for (Part part : parts) {
                made.add(sessions.submit(() -> {
                    make(database, part, end, jvms, end.minus(Duration.ofDays(days)), old);
                    return null;
                }));
            }
            sessions.shutdown();
            for (Future<?> one : made) {
                one.get();
            }
            partitions.make();
            try (Connection c = session(database);
                    Statement s = c.createStatement()) {
                s.execute("drop table template");
                s.execute("analyze");
                System.out.println("done: " + size(s, "pg_database_size(current_database())"));
            }
        }
    }

    private static Connection session(Database database) throws SQLException {
        Connection c = database.apart("charts");
        try (Statement s = c.createStatement()) {
            s.execute("set statement_timeout = 0; set lock_timeout = 0; set idle_in_transaction_session_timeout = 0");
            s.execute("set synchronous_commit = off; set maintenance_work_mem = '512MB'");
        }
        return c;
    }

    private static void make(Database database, Part part, Instant end, int jvms, Instant all, int old)
            throws SQLException {
        boolean blocks = part.table() == Partitions.Table.METRIC_BLOCK;
        String name = part.partition().name();
        String range = "ts >= '%s' and ts < '%s'"
                .formatted(part.partition().lower(), part.partition().upper());
        try (Connection c = session(database);
                Statement s = c.createStatement()) {
            c.setAutoCommit(false);
            // A server with wal_level=minimal logs nothing of rows of a table that is made in the same transaction.
            s.execute("create table " + name + " (like " + part.table().table
                    + " including all excluding indexes, constraint range check (" + range + "))");
            try (PreparedStatement insert = c.prepareStatement(
                    blocks
                            ? """
                            insert into %s (jvm_id, type, ts, n, data, key)
                            select md5('jvm' || i)::uuid, type, to_timestamp(?), 60, block, key
                            from generate_series(1, least(20, ?)) as i
                            join template on variant = (i * 7 + ?) %% %d and block is not null""".formatted(name, VARIANTS)
                            : """
                            insert into %s (jvm_id, type, key, ts, n, agg, hist)
                            select md5('jvm' || i)::uuid, type, key, to_timestamp(?), events * %d, agg, hist
                            from generate_series(1, ?) as i
                            join template on variant = (i * 7 + ?) %% %d""".formatted(name, part.step().toMinutes(), VARIANTS))) {
                Instant first = end.minus(blocks ? BLOCKS : Duration.ofDays(30));
                Instant day = part.partition().from();
                Instant last = part.partition().to();
                long seconds = part.step().toSeconds();
                for (Instant time = day; time.isBefore(last) && time.isBefore(end); time = time.plus(part.step())) {
                    int count = time.isBefore(all) ? old : jvms;
                    if (!time.isBefore(first) && count > 0) {
                        insert.setLong(1, time.getEpochSecond());
                        insert.setInt(2, count);
                        insert.setInt(3, (int) (time.getEpochSecond() / seconds % VARIANTS));
                        insert.executeUpdate();
                    }
                }
            }
            s.execute("alter table " + name + " add primary key (jvm_id, type, key, ts)");
            s.execute(part.partition().attach());
            s.execute("alter table " + name + " drop constraint range");
            c.commit();
            System.out.println(name + ": " + size(s, "pg_total_relation_size('" + name + "')"));
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
                    "create unlogged table template (type text, key text, variant int, events int, agg jsonb, hist jsonb, block jsonb)");
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

    private static String size(Statement s, String bytes) throws SQLException {
        try (ResultSet row = s.executeQuery("select pg_size_pretty(" + bytes + ")")) {
            row.next();
            return row.getString(1);
        }
    }
}
