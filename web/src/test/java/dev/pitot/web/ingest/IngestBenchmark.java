package dev.pitot.web.ingest;

import dev.pitot.examples.fleet.ProcessMeter;
import dev.pitot.web.postgres.TestPostgres;
import dev.pitot.web.store.Database;
import dev.pitot.web.store.DatabaseSettings;
import dev.pitot.web.store.EventStore;
import dev.pitot.web.store.Partitions;
import dev.pitot.web.store.RetentionSettings;
import dev.pitot.web.store.StoreException;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/**
 * Rows a second and CPU time per row of the way into the store, beside {@code psql \copy} of the same rows into the same table: the
 * store alone, and all of it from HTTP to what is parsed and durable. The contestants take turns on one PostgreSQL, each in a database
 * of its own. {@code docs/how-many-jvms.md} has the command.
 *
 * <p>Arguments: the data folder that a {@code ScaleRun} of today left, {@code pitot.jar}, rounds (the first one warms up and does not
 * count), and the most JVMs. Needs psql.
 */
public final class IngestBenchmark {
    private static final int BATCH = 5_000;
    private static final String COLUMNS = "(jvm_id, type, ts, chunk_start, chunk_offset, data)";

    private final StoredFleet fleet;
    private final Path dump;
    private final int rows;
    private final ProcessMeter postgres = new ProcessMeter();

    private interface Contestant {
        /** Stores all rows; returns the CPU seconds of the client, NaN when they are not known. */
        double run() throws Exception;
    }

    /** @param chunks whether it needs the rows of chunk that transaction A leaves */
    private record Entry(
            String name,
            TestPostgres.Database database,
            boolean chunks,
            Contestant contestant,
            List<double[]> figures) {}

    private IngestBenchmark(StoredFleet fleet, Path dump) {
        this.fleet = fleet;
        this.dump = dump;
        this.rows = fleet.rows();
    }

    /** Prints a table. */
    public static void main(String[] args) throws Exception {
        Path folder = TestPostgres.reachableFolder("ingest-benchmark");
        Files.createDirectories(folder);
        Path dump = folder.resolve("event.copy");
        int rounds = args.length > 2 ? Integer.parseInt(args[2]) : 6;
        int most = args.length > 3 ? Integer.parseInt(args[3]) : 100;
        StoredFleet fleet = StoredFleet.read(Path.of(args[0]), dump, most);
        new IngestBenchmark(fleet, dump).run(Path.of(args[1]), folder, rounds);
        Files.delete(dump);
    }

    private void run(Path jar, Path folder, int rounds) throws Exception {
        TestPostgres.Database copied = migrated();
        TestPostgres.Database backlog = migrated();
        TestPostgres.Database steady = migrated();
        TestPostgres.Database whole = TestPostgres.freshDatabase();
        try (Collector collector = new Collector(jar, folder, whole)) {
            List<Entry> entries = List.of(
                    new Entry("psql \\copy", copied, false, () -> copy(copied), new ArrayList<>()),
                    new Entry(
                            "store, batches of " + BATCH,
                            backlog,
                            true,
                            () -> store(backlog, false),
                            new ArrayList<>()),
                    new Entry("store, a batch per segment", steady, true, () -> store(steady, true), new ArrayList<>()),
                    new Entry("HTTP to durable", whole, false, () -> post(whole, collector), new ArrayList<>()));
            for (int round = 0; round < rounds; round++) {
                for (Entry entry : entries) {
                    empty(entry);
                    double before = postgresSeconds();
                    long from = System.nanoTime();
                    double client = entry.contestant.run();
                    double wall = (System.nanoTime() - from) / 1e9;
                    double cpu = postgresSeconds() - before;
                    expect(entry);
                    if (round > 0) {
                        entry.figures.add(new double[] {rows / wall, cpu / rows * 1e6, client / rows * 1e6});
                    }
                    System.err.printf(
                            Locale.ROOT, "round %d: %s, %.1f s, PostgreSQL %.2f s%n", round, entry.name, wall, cpu);
                }
            }
            print(entries, rounds);
            System.out.println("beside each round's events the last one also stored " + samples(whole)
                    + " samples of metrics, and the recordings");
        }
    }

    private void print(List<Entry> entries, int rounds) {
        int posts = fleet.jvms().values().stream().mapToInt(List::size).sum();
        System.out.printf(
                "%d rows of %d JVMs, %d segments; medians of %d rounds%n%n",
                rows, fleet.jvms().size(), posts, rounds - 1);
        System.out.println("| | rows/s | to \\copy | PostgreSQL, us/row | to \\copy | client, us/row |");
        System.out.println("| --- | --- | --- | --- | --- | --- |");
        double[] base = medians(entries.get(0));
        for (Entry entry : entries) {
            double[] m = medians(entry);
            System.out.printf(
                    Locale.ROOT,
                    "| %s | %.0f | %.2f | %.1f | %.2f | %.1f |%n",
                    entry.name,
                    m[0],
                    m[0] / base[0],
                    m[1],
                    m[1] / base[1],
                    m[2]);
        }
    }

    private static double[] medians(Entry entry) {
        double[] medians = new double[3];
        for (int i = 0; i < medians.length; i++) {
            int of = i;
            double[] sorted =
                    entry.figures.stream().mapToDouble(f -> f[of]).sorted().toArray();
            medians[i] = sorted[sorted.length / 2];
        }
        return medians;
    }

    private double copy(TestPostgres.Database database) throws Exception {
        double before = endedChildrenSeconds();
        Psql.run(
                database.url(),
                database.user(),
                database.password(),
                "\\copy event " + COLUMNS + " from '" + dump + "'");
        return endedChildrenSeconds() - before;
    }

    /** CPU seconds of processes of this one that have ended. */
    private static double endedChildrenSeconds() throws IOException {
        String stat = Files.readString(Path.of("/proc/self/stat"));
        String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
        return (Double.parseDouble(fields[13]) + Double.parseDouble(fields[14])) / 100;
    }

    /** The rows as text are in memory already; that they are made from recordings is part of the whole way only. */
    private double store(TestPostgres.Database fresh, boolean steady) throws Exception {
        java.lang.management.ThreadMXBean threads = java.lang.management.ManagementFactory.getThreadMXBean();
        long before = threads.getCurrentThreadCpuTime();
        try (Database database = open(fresh)) {
            EventStore store = new EventStore(database, partitions(database));
            for (List<StoredFleet.Segment> segments : fleet.jvms().values()) {
                StoredFleet.Chunk chunk = null;
                List<StoredFleet.Row> waiting = List.of();
                int next = 0;
                long parsed = 0;
                EventStore.Rows batch = store.rows();
                for (StoredFleet.Segment segment : segments) {
                    if (!segment.chunk().equals(chunk)) {
                        chunk = segment.chunk();
                        waiting = fleet.events().getOrDefault(chunk, List.of());
                        next = 0;
                        parsed = 0;
                    }
                    long end = segment.offset() + segment.length();
                    for (; next < waiting.size() && waiting.get(next).offset() < end; next++) {
                        StoredFleet.Row row = waiting.get(next);
                        batch.add(
                                chunk.jvm(), row.type(), row.micros() * 1000, chunk.start(), row.offset(), row.json());
                    }
                    if (steady || segment.last() || batch.size() >= BATCH) {
                        if (!store.store(chunk.jvm(), chunk.start(), parsed, end, segment.last(), null, batch)) {
                            throw new IllegalStateException("somebody else stores " + chunk);
                        }
                        parsed = end;
                        batch = store.rows();
                    }
                }
            }
        }
        return (threads.getCurrentThreadCpuTime() - before) / 1e9;
    }

    /** All JVMs at once, each in order. */
    private double post(TestPostgres.Database database, Collector collector) throws Exception {
        double before = collector.cpuSeconds();
        List<List<byte[]>> all = new ArrayList<>();
        fleet.jvms().values().forEach(segments -> all.add(StoredFleet.posts(segments, UUID.randomUUID())));
        ExecutorService threads = Executors.newFixedThreadPool(all.size());
        try {
            List<Future<?>> posted = new ArrayList<>();
            for (List<byte[]> posts : all) {
                posted.add(threads.submit((Callable<Void>) () -> {
                    for (byte[] body : posts) {
                        collector.post(body);
                    }
                    return null;
                }));
            }
            for (Future<?> each : posted) {
                each.get();
            }
        } finally {
            threads.shutdownNow();
        }
        long end = System.nanoTime() + TimeUnit.MINUTES.toNanos(2);
        try (Connection c = database.connect();
                Statement s = c.createStatement()) {
            while (number(s, "select count(*) from chunk where not parsed_out") > 0) {
                if (System.nanoTime() > end) {
                    throw new IllegalStateException("the collector does not parse what it was sent");
                }
                TimeUnit.MILLISECONDS.sleep(20);
            }
        }
        return collector.cpuSeconds() - before;
    }

    private double postgresSeconds() {
        postgres.lookAtFamily(TestPostgres.pid());
        return postgres.cpuSeconds();
    }

    private void expect(Entry entry) throws SQLException {
        try (Connection c = entry.database.connect();
                Statement s = c.createStatement()) {
            long stored = number(s, "select count(*) from event");
            if (stored != rows) {
                throw new IllegalStateException(entry.name + " stored " + stored + " rows, not " + rows);
            }
        }
    }

    private static long samples(TestPostgres.Database database) throws SQLException {
        try (Connection c = database.connect();
                Statement s = c.createStatement()) {
            return number(s, "select coalesce(sum(n), 0) from metric_block");
        }
    }

    private static long number(Statement s, String sql) throws SQLException {
        try (ResultSet r = s.executeQuery(sql)) {
            r.next();
            return r.getLong(1);
        }
    }

    /** The collector remembers its chunks: their rows stay. */
    private void empty(Entry entry) throws SQLException {
        try (Connection c = entry.database.connect();
                Statement s = c.createStatement()) {
            s.execute("truncate event, segment, metric_block, metric_1m");
            if (!entry.chunks) {
                return;
            }
            s.execute("delete from chunk");
            try (PreparedStatement insert = c.prepareStatement("""
                    insert into chunk (jvm_id, chunk_start, chunk_ticks, day, durable_offset, boundary, size, state, first_seen, last_seen)
                    values (?, ?, 0, current_date, ?, ?, ?, 'complete', now(), now())""")) {
                for (List<StoredFleet.Segment> segments : fleet.jvms().values()) {
                    for (StoredFleet.Segment segment : segments) {
                        if (segment.last()) {
                            long size = segment.offset() + segment.length();
                            insert.setObject(1, segment.chunk().jvm());
                            insert.setLong(2, segment.chunk().start());
                            insert.setLong(3, size);
                            insert.setLong(4, size);
                            insert.setLong(5, size);
                            insert.addBatch();
                        }
                    }
                }
                insert.executeBatch();
            }
        }
    }

    private static TestPostgres.Database migrated() throws SQLException, StoreException {
        TestPostgres.Database fresh = TestPostgres.freshDatabase();
        try (Database database = open(fresh)) {
            partitions(database).maintain();
        }
        return fresh;
    }

    private static Database open(TestPostgres.Database fresh) throws StoreException {
        return Database.open(DatabaseSettings.of(fresh.url(), fresh.user(), fresh.password()));
    }

    private static Partitions partitions(Database database) {
        return new Partitions(database, RetentionSettings.standard(), Clock.systemUTC());
    }

    /** {@code pitot.jar serve} on a database of the benchmark. */
    private static final class Collector implements AutoCloseable {
        private final Process process;
        private final URI uri;
        private final String token;
        private final HttpClient http = HttpClient.newHttpClient();

        Collector(Path jar, Path folder, TestPostgres.Database database) throws Exception {
            int port;
            try (ServerSocket free = new ServerSocket(0)) {
                port = free.getLocalPort();
            }
            uri = URI.create("http://127.0.0.1:" + port);
            Path data = folder.resolve("collector");
            Path password = Files.writeString(folder.resolve("db-password"), database.password());
            process = new ProcessBuilder(
                            Path.of(System.getProperty("java.home"), "bin", "java")
                                    .toString(),
                            "-Xmx512m",
                            "-jar",
                            jar.toString(),
                            "serve",
                            "--data",
                            data.toString(),
                            "--port",
                            Integer.toString(port),
                            "--db-url",
                            database.url(),
                            "--db-user",
                            database.user(),
                            "--db-password-file",
                            password.toString())
                    .redirectErrorStream(true)
                    .redirectOutput(folder.resolve("collector.log").toFile())
                    .start();
            Runtime.getRuntime().addShutdownHook(new Thread(process::destroyForcibly));
            while (!answers()) {
                if (!process.isAlive()) {
                    throw new IOException("the collector ended: " + Files.readString(folder.resolve("collector.log")));
                }
                TimeUnit.MILLISECONDS.sleep(50);
            }
            token = Files.readAllLines(data.resolve("ingest.token")).get(0);
        }

        private boolean answers() throws InterruptedException {
            try {
                return http.send(
                                        HttpRequest.newBuilder(uri.resolve("/health/live"))
                                                .build(),
                                        HttpResponse.BodyHandlers.discarding())
                                .statusCode()
                        == 200;
            } catch (IOException notYet) {
                return false;
            }
        }

        void post(byte[] body) throws IOException, InterruptedException {
            HttpRequest request = HttpRequest.newBuilder(uri.resolve("/ingest/v1"))
                    .header("Content-Type", "application/vnd.pitot.segment")
                    .header("Authorization", "Bearer " + token)
                    .POST(HttpRequest.BodyPublishers.ofByteArray(body))
                    .build();
            HttpResponse<String> response = http.send(request, HttpResponse.BodyHandlers.ofString());
            if (response.statusCode() == 429) {
                TimeUnit.SECONDS.sleep(Integer.parseInt(
                        response.headers().firstValue("Retry-After").orElse("1")));
                post(body);
            } else if (response.statusCode() != 200) {
                throw new IOException(response.statusCode() + " " + response.body());
            }
        }

        double cpuSeconds() {
            ProcessMeter meter = new ProcessMeter();
            meter.look(process.pid());
            return meter.cpuSeconds();
        }

        @Override
        public void close() throws InterruptedException {
            process.destroy();
            if (!process.waitFor(20, TimeUnit.SECONDS)) {
                process.destroyForcibly();
            }
        }
    }
}
