package dev.pitot.examples.fleet;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Lets a {@link Fleet} loose on a collector with its embedded PostgreSQL in a fresh folder, restarts the collector in the middle, and
 * prints what each process cost. Linux only. Ends every process that it started. One thread, and one that reads the fleet's output.
 */
public final class ScaleRun {
    private static final String USAGE = """
            Usage: java -cp pitot-examples.jar dev.pitot.examples.fleet.ScaleRun --jar pitot.jar --data DIR --capture FILE [options]
              --jar JAR        the collector
              --data DIR       a folder that is not there yet; as root, one that others may enter
              --capture FILE   what Capture wrote; may be repeated
              --agents N       1 to 10000 (default 500)
              --seconds S      20 to 86400 (default 600)
              --ramp S         seconds over which the JVMs start, 0 to 3600 (default 60); the figures begin when they have
              --heavy FACTOR   as many times the events of the capture, 0.1 to 50 (default 1)
              --heap SIZE      of the collector (default 512m)
              --restart HOW    in the middle: term (default), kill (-9), none
              --java FLAGS     flags for the fleet's JVM, separated by blanks
            Exit status 1 when a post was refused, or a byte was lost or is not in the database. What the database holds is asked with psql.""";

    private static final Pattern BYTES = Pattern.compile("bytes (on the wire|of recordings durable): (\\d+)");

    /** CPU seconds up to a moment. */
    private record Account(double seconds, double collector, double postgres, double fleet, long disk, long wal) {}

    private final ProcessMeter collectorMeter = new ProcessMeter();
    private final ProcessMeter postgresMeter = new ProcessMeter();
    private final ProcessMeter fleetMeter = new ProcessMeter();
    private final CollectorUnderLoad collector;
    private final long begin = System.nanoTime();
    private long mostCollector;
    private long mostPostgres;
    private long stopped;
    private volatile long liveAgain;
    private volatile long wireBytes;
    private volatile long durableBytes;

    private ScaleRun(CollectorUnderLoad collector) {
        this.collector = collector;
    }

    /** Runs and prints; see the usage text. Exit status 2 for bad arguments. */
    public static void main(String[] args) throws InterruptedException {
        int status;
        try {
            status = run(new Arguments(
                    args,
                    List.of(
                            "--jar",
                            "--data",
                            "--capture",
                            "--agents",
                            "--seconds",
                            "--ramp",
                            "--heavy",
                            "--heap",
                            "--restart",
                            "--java")));
        } catch (IllegalArgumentException e) {
            System.err.println(e.getMessage());
            status = 2;
        } catch (IOException e) {
            System.err.println(e.getMessage() + ".");
            status = 1;
        }
        if (status != 0) {
            System.exit(status);
        }
    }

    private static int run(Arguments options) throws IOException, InterruptedException {
        if (options.help()) {
            System.out.println(USAGE);
            return 0;
        }
        Path jar = Path.of(options.required("--jar", "give the collector's jar, web/target/pitot.jar."));
        Path data = Path.of(options.required("--data", "give a folder for the collector that is not there yet."))
                .toAbsolutePath();
        String restart = options.oneOf("--restart", List.of("term", "kill", "none"));
        int agents = options.whole("--agents", 500, 1, 10_000);
        int seconds = options.whole("--seconds", 600, 20, 86_400);
        int ramp = options.whole("--ramp", Math.min(60, seconds / 4), 0, Math.min(3600, seconds / 2));
        double heavy = options.number("--heavy", 1, 0.1, 50);
        String heap = options.text("--heap", "512m");
        if (!heap.matches("[1-9][0-9]*[mg]")) {
            throw new IllegalArgumentException("--heap must be a size such as 512m or 2g, not '" + heap + "'.");
        }
        if (Files.exists(data)) {
            throw new IllegalArgumentException("--data names '" + data + "', which is there; give a new folder.");
        }
        List<String> fleet = new ArrayList<>();
        fleet.add(System.getProperty("java.home") + File.separator + "bin" + File.separator + "java");
        fleet.add("-Xmx512m");
        String flags = options.text("--java", "");
        fleet.addAll(flags.isBlank() ? List.of() : List.of(flags.strip().split(" +")));
        fleet.addAll(List.of("-cp", System.getProperty("java.class.path"), Fleet.class.getName()));
        for (String capture : options.all("--capture")) {
            fleet.addAll(List.of("--capture", capture));
        }
        fleet.addAll(List.of("--agents", "" + agents, "--seconds", "" + seconds, "--ramp", "" + ramp));
        fleet.addAll(List.of("--heavy", "" + heavy));
        Files.createDirectories(data.resolveSibling("."));
        try (CollectorUnderLoad collector = new CollectorUnderLoad(jar, data, heap)) {
            Thread end = new Thread(collector::close);
            Runtime.getRuntime().addShutdownHook(end);
            System.out.printf(Locale.ROOT, "The collector answers after %.1f s.%n", collector.start());
            fleet.addAll(List.of(
                    "--collector",
                    collector.url(),
                    "--token-file",
                    collector.token().toString()));
            boolean good = new ScaleRun(collector).run(fleet, agents, seconds, ramp, restart);
            Runtime.getRuntime().removeShutdownHook(end);
            return good ? 0 : 1;
        }
    }

    private boolean run(List<String> command, int agents, int seconds, int ramp, String restart)
            throws IOException, InterruptedException {
        Process fleet = new ProcessBuilder(command).redirectErrorStream(true).start();
        Thread end = new Thread(fleet::destroyForcibly);
        Runtime.getRuntime().addShutdownHook(end);
        Thread reader = new Thread(() -> read(fleet), "fleet-output");
        reader.start();
        long start = System.nanoTime();
        long middle = start + TimeUnit.SECONDS.toNanos(seconds / 2);
        long nextCollection = start + TimeUnit.SECONDS.toNanos(ramp) + TimeUnit.SECONDS.toNanos(10);
        boolean restarted = restart.equals("none");
        String restartSaid = "";
        Account first = null;
        Account last = null;
        while (!fleet.waitFor(1, TimeUnit.SECONDS)) {
            long now = System.nanoTime();
            look(fleet);
            if (now >= nextCollection) {
                // One each minute costs little, and tells a heap that fills from one that is only not collected yet.
                collector.collectGarbage();
                nextCollection += TimeUnit.MINUTES.toNanos(1);
            }
            if (first == null && now - start >= TimeUnit.SECONDS.toNanos(ramp)) {
                first = account();
            }
            if (!restarted && now >= middle) {
                restarted = true;
                restartSaid = restart(restart.equals("kill"));
            }
            // What comes after is the fleet's farewell.
            if (last == null && now - start >= TimeUnit.SECONDS.toNanos(seconds)) {
                last = account();
            }
        }
        reader.join();
        Runtime.getRuntime().removeShutdownHook(end);
        if (first == null || last == null) {
            throw new IOException("The fleet ended before its time, with status " + fleet.exitValue());
        }
        if (liveAgain != 0) {
            System.out.println(restartSaid
                    + String.format(
                            Locale.ROOT, "; all live again %.1f s after that began", (liveAgain - stopped) / 1e9));
        }
        print(first, last, agents, seconds);
        return stored() && fleet.exitValue() == 0;
    }

    private String restart(boolean kill) throws IOException, InterruptedException {
        stopped = System.nanoTime();
        liveAgain = 0;
        double down = collector.stop(kill);
        double up = collector.start();
        String said = String.format(
                Locale.ROOT,
                "restart of the collector (%s): gone after %.1f s, answering %.1f s later",
                kill ? "kill -9" : "SIGTERM",
                down,
                up);
        System.out.println(said);
        return said;
    }

    private void read(Process fleet) {
        try (BufferedReader lines =
                new BufferedReader(new InputStreamReader(fleet.getInputStream(), StandardCharsets.UTF_8))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                System.out.println(line);
                if (line.contains("live again")) {
                    liveAgain = System.nanoTime();
                }
                Matcher bytes = BYTES.matcher(line);
                if (bytes.matches()) {
                    long value = Long.parseLong(bytes.group(2));
                    if (bytes.group(1).startsWith("on")) {
                        wireBytes = value;
                    } else {
                        durableBytes = value;
                    }
                }
            }
        } catch (IOException ended) {
            // It was ended from outside.
        }
    }

    private void look(Process fleet) {
        fleetMeter.look(fleet.pid());
        collectorMeter.look(collector.pid());
        long postgres = collector.postgresPid();
        if (postgres != 0) {
            postgresMeter.lookAtFamily(postgres);
        }
        mostCollector = Math.max(mostCollector, collectorMeter.memory());
        mostPostgres = Math.max(mostPostgres, postgresMeter.memory());
    }

    private Account account() throws IOException, InterruptedException {
        long[] disk = collector.disk();
        return new Account(
                (System.nanoTime() - begin) / 1e9,
                collectorMeter.cpuSeconds(),
                postgresMeter.cpuSeconds(),
                fleetMeter.cpuSeconds(),
                disk[0],
                disk[1]);
    }

    private void print(Account first, Account last, int agents, int seconds) throws IOException, InterruptedException {
        double wall = last.seconds - first.seconds;
        double collectorCores = (last.collector - first.collector) / wall;
        double postgresCores = (last.postgres - first.postgres) / wall;
        System.out.printf(Locale.ROOT, "%n%d agents, %.0f s after the last began%n%n", agents, wall);
        System.out.println("| process | cores | most memory, MB |");
        System.out.println("| --- | --- | --- |");
        row("collector", collectorCores, mostCollector);
        row("PostgreSQL, all processes", postgresCores, mostPostgres);
        row("both", collectorCores + postgresCores, mostCollector + mostPostgres);
        System.out.printf(Locale.ROOT, "| load program | %.3f | |%n%n", (last.fleet - first.fleet) / wall);
        System.out.println("heap in use, MB, each minute: " + collector.heapAfterCollections());
        System.out.printf(
                Locale.ROOT,
                "bytes of an agent a second: %.0f on the wire, %.0f on disk (tables and indexes); write-ahead log %d MB%n",
                wireBytes / (double) agents / seconds,
                (last.disk - first.disk) / (double) agents / wall,
                last.wal >> 20);
        System.out.printf("%n| table | rows | MB with its indexes |%n| --- | --- | --- |%n");
        for (String table : List.of("segment", "event", "metric_block", "metric_1m")) {
            System.out.println("| " + table + " | "
                    + said(collector.sql("select count(*) || ' | ' || ("
                            + "select (sum(pg_total_relation_size(relid)) / 1048576)::int from pg_partition_tree('"
                            + table + "') where isleaf)"
                            + " from " + table))
                    + " |");
        }
        System.out.println("samples in metric_block: " + said(collector.sql("select sum(n) from metric_block")));
    }

    private static void row(String name, double cores, long memory) {
        System.out.printf(Locale.ROOT, "| %s | %.3f | %d |%n", name, cores, memory >> 20);
    }

    private static String said(@Nullable String answer) {
        return answer == null ? "unknown, as psql could not ask" : answer;
    }

    /** Whether what was acknowledged is what the database holds, to the byte. */
    private boolean stored() throws InterruptedException {
        String answer = collector.sql(
                "select sum(length), (select count(*) from chunk where parse_error is not null) from segment");
        if (answer == null) {
            System.out.println("Whether all that was acknowledged is stored could not be asked, as psql did not run.");
            return true;
        }
        String[] fields = answer.split(" ");
        boolean same = Long.parseLong(fields[0]) == durableBytes && fields[1].equals("0");
        System.out.printf(
                "stored: %s of %d bytes that were acknowledged; chunks that could not be read: %s%n",
                fields[0], durableBytes, fields[1]);
        return same;
    }
}
