package dev.pitot.examples.fleet;

import dev.pitot.examples.LoadGenerator;
import dev.pitot.examples.Shop;
import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import jdk.jfr.consumer.RecordingFile;

/**
 * Starts a real JVM, the shop under steady load, with the real agent, and writes what it sends to a file for {@link Fleet}: one
 * whole chunk of its recording, that begins when the JVM is warm. Ends what it starts. One thread.
 */
public final class Capture {
    private static final String USAGE = """
            Usage: java -cp pitot-examples.jar dev.pitot.examples.fleet.Capture --agent pitot-agent.jar --out FILE [options]
              --agent JAR       the agent
              --out FILE        where to write what it sent
              --seconds S       how long, 10 to 3600 (default 300)
              --warm-up S       how long to leave the JVM alone before, 5 to 600 (default 30)
              --rate R          requests per second to the shop, above 0 to 1000 (default 7.5)
              --options OPTIONS the agent's keys (default: %s)""";

    /** With these the shop's agent sends about 10 samples of metrics and 20 other events a second. */
    private static final String MODEST = "counters=none,host=false";

    /** Types that {@code docs/spec/events.md} calls metrics. */
    static final Set<String> METRICS = Set.of(
            "pitot.ProcessCounters",
            "pitot.JvmMemory",
            "pitot.HostCpu",
            "pitot.HostMemory",
            "pitot.HostPaging",
            "pitot.HostTcp",
            "pitot.CgroupCpu",
            "pitot.CgroupMemory",
            "pitot.AgentCost",
            "pitot.ThreadKindCounters",
            "pitot.TopThread",
            "pitot.Counter",
            "pitot.HostCounters",
            "pitot.HostCore",
            "pitot.HostDisk",
            "pitot.HostFileSystem",
            "pitot.HostNetwork",
            "pitot.Pressure",
            "jdk.CPULoad",
            "jdk.JavaThreadStatistics",
            "jdk.ClassLoadingStatistics");

    private Capture() {}

    /** Captures; see the usage text. Exit status 2 for bad arguments, 1 when nothing could be captured. */
    public static void main(String[] args) throws InterruptedException {
        try {
            Arguments options =
                    new Arguments(args, List.of("--agent", "--out", "--seconds", "--warm-up", "--rate", "--options"));
            if (options.help()) {
                System.out.printf(USAGE + "%n", MODEST);
                return;
            }
            Path agent = Path.of(options.required("--agent", "give the agent's jar, agent/target/pitot-agent.jar."));
            Path out = Path.of(options.required("--out", "give the file to write."));
            int seconds = options.whole("--seconds", 300, 10, 3600);
            int warmUp = options.whole("--warm-up", 30, 5, 600);
            double rate = options.number("--rate", 7.5, 0.01, 1000);
            if (!Files.isReadable(agent)) {
                throw new IllegalArgumentException("--agent names '" + agent + "', which cannot be read.");
            }
            Flight flight = capture(agent, options.text("--options", MODEST), rate, warmUp, seconds);
            flight.write(out);
            describe(flight, out);
        } catch (IllegalArgumentException e) {
            System.err.println(e.getMessage());
            System.exit(2);
        } catch (IOException e) {
            System.err.println(e.getMessage() + ".");
            System.exit(1);
        }
    }

    private static Flight capture(Path agent, String options, double rate, int warmUp, int seconds)
            throws IOException, InterruptedException {
        Path folder = Files.createTempDirectory("pitot-capture");
        try (CapturingCollector collector = new CapturingCollector()) {
            Process shop = shop(agent, options, collector.port(), folder);
            Thread end = new Thread(shop::destroyForcibly);
            Runtime.getRuntime().addShutdownHook(end);
            try {
                Path portFile = folder.resolve("port");
                await("the shop did not start", shop, () -> !read(portFile).isEmpty());
                try (LoadGenerator load =
                        new LoadGenerator(URI.create("http://127.0.0.1:" + read(portFile)), rate, null, 1)) {
                    load.start();
                    TimeUnit.SECONDS.sleep(warmUp);
                    int before = collector.starts().size();
                    rotate(shop, folder);
                    await(
                            "the agent sent no new chunk",
                            shop,
                            () -> collector.starts().size() > before);
                    long start = collector.starts().get(before);
                    TimeUnit.SECONDS.sleep(seconds);
                    rotate(shop, folder);
                    await("the chunk did not end", shop, () -> {
                        List<Flight.Segment> segments = collector.segments(start);
                        return segments.get(segments.size() - 1).last();
                    });
                    return Flight.of(collector.hello(), collector.segments(start));
                }
            } finally {
                shop.destroy();
                if (!shop.waitFor(10, TimeUnit.SECONDS)) {
                    shop.destroyForcibly().waitFor();
                }
                Runtime.getRuntime().removeShutdownHook(end);
            }
        } finally {
            delete(folder);
        }
    }

    private static Process shop(Path agent, String options, int port, Path folder) throws IOException {
        return new ProcessBuilder(
                        tool("java"),
                        "-Xmx128m",
                        // What is captured is one chunk, however much comes.
                        "-XX:FlightRecorderOptions=maxchunksize=512m",
                        "-javaagent:" + agent + "=collector=http://127.0.0.1:" + port
                                + ",token=none,service=shop,recording.max-size=1GB,recording.max-age=2h,budget=none"
                                + (options.isEmpty() ? "" : "," + options),
                        "-cp",
                        System.getProperty("java.class.path"),
                        Shop.class.getName(),
                        "--port",
                        "0",
                        "--port-file",
                        folder.resolve("port").toString(),
                        "--exit-with-parent",
                        Long.toString(ProcessHandle.current().pid()))
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
    }

    private static String tool(String name) {
        return System.getProperty("java.home") + File.separator + "bin" + File.separator + name;
    }

    /** A dump ends the chunk and begins the next. */
    private static void rotate(Process shop, Path folder) throws IOException, InterruptedException {
        Process jcmd = new ProcessBuilder(
                        tool("jcmd"), Long.toString(shop.pid()), "JFR.dump", "filename=" + folder.resolve("dump.jfr"))
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        if (!jcmd.waitFor(30, TimeUnit.SECONDS) || jcmd.exitValue() != 0) {
            jcmd.destroyForcibly();
            throw new IOException("jcmd could not ask the shop to end the chunk of its recording");
        }
    }

    private static void await(String otherwise, Process shop, BooleanSupplier condition)
            throws IOException, InterruptedException {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > end || !shop.isAlive()) {
                throw new IOException("Nothing was captured: " + otherwise);
            }
            TimeUnit.MILLISECONDS.sleep(20);
        }
    }

    private static String read(Path file) {
        try {
            return Files.exists(file) ? Files.readString(file).strip() : "";
        } catch (IOException notYet) {
            return "";
        }
    }

    private static void delete(Path folder) throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }

    private static void describe(Flight flight, Path out) throws IOException {
        Map<String, Long> counts = new TreeMap<>();
        Path file = Files.createTempFile("pitot-capture", ".jfr");
        try {
            Flight.Segment last = flight.segments().get(flight.segments().size() - 1);
            byte[] bytes = flight.bytes().clone();
            System.arraycopy(last.header(), 0, bytes, 0, Flight.HEADER);
            Files.write(file, bytes);
            try (RecordingFile recording = new RecordingFile(file)) {
                while (recording.hasMoreEvents()) {
                    counts.merge(recording.readEvent().getEventType().getName(), 1L, Long::sum);
                }
            }
        } finally {
            Files.delete(file);
        }
        double seconds = flight.millis() / 1000.0;
        Flight.Segment first = flight.segments().get(0);
        System.out.printf(
                Locale.ROOT,
                "%s: %d segments of one chunk in %.1f s, Java %s%n",
                out,
                flight.segments().size(),
                seconds,
                flight.hello().getOrDefault("java", "?"));
        print("bytes a second", flight.bytes().length / seconds, flight.deflatedBytes() / seconds);
        print(
                "  without the first segment",
                (flight.bytes().length - first.length()) / seconds,
                (flight.deflatedBytes() - first.deflated().length) / seconds);
        rate("metrics", counts, seconds, type -> METRICS.contains(type));
        rate("other pitot.*", counts, seconds, type -> type.startsWith("pitot.") && !METRICS.contains(type));
        rate("other jdk.*", counts, seconds, type -> type.startsWith("jdk.") && !METRICS.contains(type));
        counts.entrySet().stream()
                .sorted(Map.Entry.<String, Long>comparingByValue().reversed())
                .limit(15)
                .forEach(entry -> System.out.printf(
                        Locale.ROOT, "  %-32s %7.2f /s%n", entry.getKey(), entry.getValue() / seconds));
    }

    private static void print(String what, double raw, double deflated) {
        System.out.printf(Locale.ROOT, "%-28s %8.0f, deflated %7.0f%n", what, raw, deflated);
    }

    private static void rate(
            String what, Map<String, Long> counts, double seconds, java.util.function.Predicate<String> of) {
        long sum = counts.entrySet().stream()
                .filter(entry -> of.test(entry.getKey()))
                .mapToLong(Map.Entry::getValue)
                .sum();
        System.out.printf(Locale.ROOT, "%-28s %8.2f events a second%n", what, sum / seconds);
    }
}
