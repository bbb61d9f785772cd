package dev.pitot.examples.cost;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.HttpURLConnection;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Measures on Linux what a flag costs a JVM, with runs that alternate between the variants so that a noisy minute hits all of them
 * alike. A program that ends by itself is timed by bash's {@code time}, which is the kernel's own account of the ended process
 * (wait4(2), milliseconds), and watched in /proc; a server is started, awaited, left alone, read and stopped.
 *
 * <p>Ends every process it starts, also when it is interrupted; one run takes at most {@code --timeout} seconds. Single-threaded.
 */
public final class StartupCost {
    private static final String USAGE = """
            Usage: java -cp pitot-examples.jar dev.pitot.examples.cost.StartupCost [options] -- PROGRAM
            PROGRAM is what follows the flags of java: '-cp x.jar Main' or '-jar app.jar --server.port={port}'.
            Variants measured: 'none' (no flag), 'jfr' (-XX:StartFlightRecording), and those given.
              --agent JAR[=OPTIONS]   variant 'agent': -javaagent:JAR=OPTIONS
              --variant NAME=FLAGS    another variant; its flags separated by spaces; may be repeated
              --flags FLAGS           flags for every variant, such as '-Xmx256m'
              --runs N                measured runs of each variant, 1 to 1000 (default 11), after one that is not
              --java-home DIR         the JDK to measure (default: the one that runs this)
              --app URL               PROGRAM is a server, ready when URL answers 200; {port} in URL and PROGRAM
                                      becomes a free port of 127.0.0.1
              --settle S              seconds to leave a ready server alone before it is read, 0 to 600 (default 10)
              --requests N            requests of URL, one after the other, to a settled server, 0 to 10000000 (default 0),
                                      after as many that are not measured
              --timeout S             seconds a program may run, or a server may take to be ready, 1 to 600 (default 60)""";

    /** Flags in the environment would measure something else than what the table says. */
    private static final List<String> ENVIRONMENT_FLAGS =
            List.of("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS");

    /**
     * The subshell tells its process id and becomes the JVM, so bash times exactly the JVM and we can watch it meanwhile. In
     * braces, as bash times a bare subshell from inside, where nothing is left to print the result.
     */
    private static final String TIMED =
            "TIMEFORMAT='%R %U %S'; out=$1; shift; time { (echo $BASHPID; exec \"$@\" >\"$out\" 2>&1); }";

    /** {@code gc+heap+exit} until about JDK 21, {@code gc+exit} later; a JVM skips the selection that it does not know. */
    private static final String METASPACE_LOG = "-Xlog:gc+heap+exit=info,gc+exit=info:file=";

    private static final Pattern METASPACE = Pattern.compile("Metaspace +used (\\d+)K");

    private final Options options;
    private final Path folder;
    private volatile @Nullable Process current;

    private StartupCost(Options options, Path folder) {
        this.options = options;
        this.folder = folder;
    }

    /** Measures and prints a table; see the usage text. Exit status 2 for bad arguments, 1 when a program could not be measured. */
    public static void main(String[] args) throws IOException, InterruptedException {
        Options options;
        try {
            options = Options.parse(args);
        } catch (IllegalArgumentException e) {
            System.err.println(e.getMessage());
            System.exit(2);
            return;
        }
        if (options == null) {
            System.out.println(USAGE);
            return;
        }
        Path folder = Files.createTempDirectory("pitot-cost");
        StartupCost cost = new StartupCost(options, folder);
        Thread end = new Thread(cost::endCurrent, "cost-end");
        Runtime.getRuntime().addShutdownHook(end);
        boolean measured = true;
        try {
            System.out.print(cost.measure());
        } catch (Failure e) {
            System.err.println(e.getMessage());
            measured = false;
        } finally {
            cost.endCurrent();
            delete(folder);
        }
        if (!measured) {
            System.exit(1);
        }
    }

    private String measure() throws Failure, IOException, InterruptedException {
        Map<String, List<Map<String, Double>>> samples = new LinkedHashMap<>();
        List<String> names = new ArrayList<>(options.variants().keySet());
        names.forEach(name -> samples.put(name, new ArrayList<>()));
        for (int run = 0; run <= options.runs(); run++) {
            for (int i = 0; i < names.size(); i++) {
                // Another variant begins each round, so none always runs after the same neighbour.
                String name = names.get((i + run) % names.size());
                System.err.printf("run %d of %d: %s%n", run, options.runs(), name);
                Map<String, Double> sample = options.app() == null ? program(name) : server(name, options.app());
                // Round 0 reads the files into the page cache.
                if (run > 0) {
                    samples.getOrDefault(name, List.of()).add(sample);
                }
            }
        }
        return options.describe() + "\n" + table(samples);
    }

    /** One run of a program that ends by itself. */
    private Map<String, Double> program(String variant) throws Failure, IOException, InterruptedException {
        Path output = folder.resolve("output");
        Path gcLog = folder.resolve("gc.log");
        Files.deleteIfExists(gcLog);
        List<String> command = new ArrayList<>(List.of("bash", "-c", TIMED, "bash", output.toString()));
        command.addAll(options.command(variant, List.of(METASPACE_LOG + gcLog), 0));
        Process bash = start(command, null);
        double rss = 0;
        double threads = 0;
        try (BufferedReader out = bash.inputReader();
                BufferedReader times = bash.errorReader()) {
            Path status = Path.of("/proc", String.valueOf(out.readLine()), "status");
            long deadline = System.nanoTime() + options.timeout().toNanos();
            while (!bash.waitFor(2, TimeUnit.MILLISECONDS)) {
                if (System.nanoTime() > deadline) {
                    throw new Failure(
                            variant,
                            "did not end within " + options.timeout().toSeconds()
                                    + " s; give more with --timeout, or measure a server with --app.");
                }
                String text = readProc(status);
                rss = Math.max(rss, procNumber(text, "VmHWM"));
                threads = Math.max(threads, procNumber(text, "Threads"));
            }
            if (bash.exitValue() != 0) {
                throw new Failure(variant, "ended with status " + bash.exitValue() + ": " + firstLine(output));
            }
            String[] seconds = lastLine(times).replace(',', '.').split(" ");
            Map<String, Double> sample = new LinkedHashMap<>();
            sample.put("wall ms", Double.parseDouble(seconds[0]) * 1000);
            sample.put("CPU ms", (Double.parseDouble(seconds[1]) + Double.parseDouble(seconds[2])) * 1000);
            // A program shorter than our look at it was never seen; that is no zero.
            sample.put("peak RSS MB", rss > 0 ? rss / 1024 : Double.NaN);
            sample.put("metaspace MB", metaspaceAtExit(gcLog) / 1024);
            sample.put("peak threads", threads > 0 ? threads : Double.NaN);
            return sample;
        } finally {
            endCurrent();
        }
    }

    /** One run of a server: started, awaited, left alone, read, stopped. */
    private Map<String, Double> server(String variant, String app) throws Failure, IOException, InterruptedException {
        int port = freePort();
        URI url = URI.create(app.replace("{port}", Integer.toString(port)));
        Path output = folder.resolve("output");
        long start = System.nanoTime();
        Process server = start(options.command(variant, List.of(), port), output);
        try {
            while (!answers(url)) {
                if (!server.isAlive()) {
                    throw new Failure(
                            variant,
                            "ended with status " + server.exitValue() + " before " + url + " answered 200: "
                                    + firstLine(output));
                }
                if (System.nanoTime() - start > options.timeout().toNanos()) {
                    throw new Failure(
                            variant,
                            "did not answer 200 at " + url + " within "
                                    + options.timeout().toSeconds()
                                    + " s; give more with --timeout, or correct --app.");
                }
                TimeUnit.MILLISECONDS.sleep(10);
            }
            Map<String, Double> sample = new LinkedHashMap<>();
            sample.put("ready ms", (System.nanoTime() - start) / 1e6);
            double ready = cpuMillis(server);
            sample.put("CPU till ready ms", ready);
            long settled = System.nanoTime();
            TimeUnit.SECONDS.sleep(options.settleSeconds());
            double cpu = cpuMillis(server);
            sample.put("CPU in all ms", cpu);
            if (options.settleSeconds() > 0) {
                sample.put("CPU after, ms/s", (cpu - ready) / ((System.nanoTime() - settled) / 1e9));
            }
            if (options.requests() > 0) {
                request(server, variant, url, sample);
            }
            String status = readProc(Path.of("/proc", Long.toString(server.pid()), "status"));
            if (status.isEmpty()) {
                throw new Failure(variant, "ended while it was left alone: " + firstLine(output));
            }
            sample.put("RSS MB", procNumber(status, "VmRSS") / 1024);
            sample.put("peak RSS MB", procNumber(status, "VmHWM") / 1024);
            sample.put("threads", procNumber(status, "Threads"));
            sample.put("metaspace MB", metaspaceNow(server.pid()) / 1024);
            long stop = System.nanoTime();
            server.destroy();
            if (!server.waitFor(20, TimeUnit.SECONDS)) {
                throw new Failure(variant, "was still there 20 s after SIGTERM.");
            }
            sample.put("exit ms", (System.nanoTime() - stop) / 1e6);
            return sample;
        } finally {
            endCurrent();
        }
    }

    /** What one request takes of the server's CPU and of its client's time, with all that the server does beside them. */
    private void request(Process server, String variant, URI url, Map<String, Double> sample) throws Failure {
        request(variant, url);
        double cpu = cpuMillis(server);
        long begun = System.nanoTime();
        request(variant, url);
        sample.put("wall us/request", (System.nanoTime() - begun) / 1e3 / options.requests());
        sample.put("CPU us/request", (cpuMillis(server) - cpu) * 1e3 / options.requests());
    }

    private void request(String variant, URI url) throws Failure {
        for (int i = 0; i < options.requests(); i++) {
            try {
                HttpURLConnection connection = (HttpURLConnection) url.toURL().openConnection();
                connection.setConnectTimeout(5000);
                connection.setReadTimeout(5000);
                // Read to its end, so that the connection is used again.
                try (InputStream body = connection.getInputStream()) {
                    body.transferTo(OutputStream.nullOutputStream());
                }
            } catch (IOException e) {
                throw new Failure(variant, "did not answer a request: " + e.getMessage());
            }
        }
    }

    private Process start(List<String> command, @Nullable Path output) throws IOException {
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().keySet().removeAll(ENVIRONMENT_FLAGS);
        if (output != null) {
            builder.redirectErrorStream(true).redirectOutput(output.toFile());
        }
        Process process = builder.start();
        current = process;
        return process;
    }

    /** Ends the process of this moment, and its children, if there is one; called by the measuring thread and at exit. */
    private void endCurrent() {
        Process process = current;
        if (process != null && process.isAlive()) {
            List<ProcessHandle> children = process.descendants().toList();
            process.destroyForcibly();
            children.forEach(ProcessHandle::destroyForcibly);
        }
        current = null;
    }

    private static boolean answers(URI url) {
        try {
            HttpURLConnection connection = (HttpURLConnection) url.toURL().openConnection();
            connection.setConnectTimeout(1000);
            connection.setReadTimeout(5000);
            connection.setRequestProperty("Connection", "close");
            try {
                return connection.getResponseCode() == 200;
            } finally {
                connection.disconnect();
            }
        } catch (IOException e) {
            // Not yet: nobody listens until the server is ready.
            return false;
        }
    }

    /** User and system time so far, from /proc/PID/stat: clock ticks, so accurate to 10 ms. */
    private static double cpuMillis(Process process) {
        return process.info().totalCpuDuration().orElse(Duration.ZERO).toMillis();
    }

    private static String readProc(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            // The process has ended; what was read before it counts.
            return "";
        }
    }

    private static double procNumber(String status, String name) {
        Matcher line = Pattern.compile("(?m)^" + name + ":\\s+(\\d+)").matcher(status);
        return line.find() ? Double.parseDouble(line.group(1)) : 0;
    }

    /** Kilobytes used, as the JVM logs them when it ends; NaN where it does not. */
    private static double metaspaceAtExit(Path log) throws IOException {
        Matcher used = METASPACE.matcher(Files.exists(log) ? Files.readString(log) : "");
        return used.find() ? Double.parseDouble(used.group(1)) : Double.NaN;
    }

    /** Kilobytes used (column MU of jstat -gc), which reads the JVM's shared counters and costs it nothing; NaN without jstat. */
    private double metaspaceNow(long pid) throws IOException, InterruptedException {
        Path jstat = options.javaHome().resolve("bin/jstat");
        if (!Files.isExecutable(jstat)) {
            return Double.NaN;
        }
        Path output = folder.resolve("jstat");
        Process process = new ProcessBuilder(jstat.toString(), "-gc", Long.toString(pid))
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        if (!process.waitFor(20, TimeUnit.SECONDS)) {
            process.destroyForcibly();
            return Double.NaN;
        }
        List<String> lines = Files.readAllLines(output);
        if (process.exitValue() != 0 || lines.size() < 2) {
            return Double.NaN;
        }
        int column = Arrays.asList(lines.get(0).strip().split("\\s+")).indexOf("MU");
        String[] values = lines.get(1).strip().split("\\s+");
        return column >= 0 && column < values.length
                ? Double.parseDouble(values[column].replace(',', '.'))
                : Double.NaN;
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    private static String firstLine(Path output) throws IOException {
        if (!Files.exists(output)) {
            return "it printed nothing.";
        }
        try (BufferedReader reader =
                new BufferedReader(new InputStreamReader(Files.newInputStream(output), StandardCharsets.UTF_8))) {
            String line;
            while ((line = reader.readLine()) != null) {
                // The JVM's remark on the log selection that it does not know is no cause of anything.
                if (!line.isBlank() && !line.contains("[logging]")) {
                    return line;
                }
            }
        }
        return "it printed nothing.";
    }

    private static String lastLine(BufferedReader reader) throws IOException {
        String last = "";
        String line;
        while ((line = reader.readLine()) != null) {
            last = line;
        }
        return last;
    }

    private static void delete(Path folder) throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            files.sorted(Comparator.reverseOrder()).forEach(file -> {
                try {
                    Files.delete(file);
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
        }
    }

    /** One row a variant; each cell the median, and below the first row its ratio to the first row's. */
    static String table(Map<String, List<Map<String, Double>>> samples) {
        List<List<String>> rows = new ArrayList<>();
        Map<String, Double> first = new LinkedHashMap<>();
        samples.forEach((variant, runs) -> {
            List<String> row = new ArrayList<>(List.of(variant));
            if (rows.isEmpty()) {
                List<String> header = new ArrayList<>(List.of("variant"));
                header.addAll(runs.get(0).keySet());
                rows.add(header);
            }
            for (String metric : runs.get(0).keySet()) {
                double median = median(runs.stream()
                        .mapToDouble(run -> run.getOrDefault(metric, Double.NaN))
                        .toArray());
                double base = first.computeIfAbsent(metric, key -> median);
                String cell =
                        Double.isNaN(median) ? "-" : String.format(Locale.ROOT, median < 100 ? "%.1f" : "%.0f", median);
                double ratio = median / base;
                row.add(
                        rows.size() == 1 || !Double.isFinite(ratio)
                                ? cell
                                : cell + String.format(Locale.ROOT, " (x%.2f)", ratio));
            }
            rows.add(row);
        });
        int[] widths = new int[rows.get(0).size()];
        rows.forEach(row -> {
            for (int i = 0; i < row.size(); i++) {
                widths[i] = Math.max(widths[i], row.get(i).length());
            }
        });
        StringBuilder table = new StringBuilder();
        for (int r = 0; r < rows.size(); r++) {
            for (int i = 0; i < widths.length; i++) {
                table.append(
                        String.format("| %-" + widths[i] + "s ", rows.get(r).get(i)));
            }
            table.append("|\n");
            if (r == 0) {
                for (int width : widths) {
                    table.append("| ").append("-".repeat(width)).append(' ');
                }
                table.append("|\n");
            }
        }
        return table.toString();
    }

    private static double median(double[] values) {
        Arrays.sort(values);
        int half = values.length / 2;
        return values.length % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
    }

    /** A run that gave no figures; the message is for a person. */
    private static final class Failure extends Exception {
        Failure(String variant, String what) {
            super("The program with variant '" + variant + "' " + what);
        }
    }

    private record Options(
            Path javaHome,
            int runs,
            Map<String, List<String>> variants,
            List<String> flags,
            @Nullable String app,
            int settleSeconds,
            int requests,
            Duration timeout,
            List<String> program) {

        List<String> command(String variant, List<String> more, int port) {
            List<String> command = new ArrayList<>();
            command.add(javaHome.resolve("bin/java").toString());
            command.addAll(more);
            command.addAll(flags);
            command.addAll(variants.getOrDefault(variant, List.of()));
            for (String argument : program) {
                command.add(argument.replace("{port}", Integer.toString(port)));
            }
            return command;
        }

        /** Which JDK, what, how often: the line above the table. */
        String describe() throws IOException {
            String version = "?";
            Path release = javaHome.resolve("release");
            if (Files.exists(release)) {
                Matcher line = Pattern.compile("(?m)^JAVA_VERSION=\"([^\"]+)\"").matcher(Files.readString(release));
                version = line.find() ? line.group(1) : version;
            }
            return "JDK " + version + ", " + runs
                    + " runs of each variant in turn, medians (ratio to the first row): java "
                    + String.join(" ", program);
        }

        static @Nullable Options parse(String[] args) {
            Path javaHome = Path.of(System.getProperty("java.home", ""));
            int runs = 11;
            Map<String, List<String>> variants = new LinkedHashMap<>();
            variants.put("none", List.of());
            variants.put("jfr", List.of("-XX:StartFlightRecording"));
            List<String> flags = List.of();
            String app = null;
            int settle = 10;
            int requests = 0;
            int timeout = 60;
            int i = 0;
            for (; i < args.length && !args[i].equals("--"); i++) {
                String option = args[i];
                if (option.equals("--help") || option.equals("-h")) {
                    return null;
                }
                if (!List.of(
                                "--agent",
                                "--variant",
                                "--flags",
                                "--runs",
                                "--java-home",
                                "--app",
                                "--settle",
                                "--requests",
                                "--timeout")
                        .contains(option)) {
                    throw new IllegalArgumentException("Unknown argument '" + option
                            + "'; run with --help for the options, and put the program to measure after '--'.");
                }
                if (++i == args.length) {
                    throw new IllegalArgumentException(option + " needs a value; run with --help to see which.");
                }
                String value = args[i];
                switch (option) {
                    case "--agent" -> variants.put("agent", List.of("-javaagent:" + value));
                    case "--variant" -> {
                        int equals = value.indexOf('=');
                        if (equals < 1) {
                            throw new IllegalArgumentException("--variant takes NAME=FLAGS, not '" + value + "'.");
                        }
                        variants.put(value.substring(0, equals), words(value.substring(equals + 1)));
                    }
                    case "--flags" -> flags = words(value);
                    case "--runs" -> runs = whole(option, value, 1, 1000);
                    case "--java-home" -> javaHome = Path.of(value);
                    case "--app" -> app = value;
                    case "--settle" -> settle = whole(option, value, 0, 600);
                    case "--requests" -> requests = whole(option, value, 0, 10_000_000);
                    default -> timeout = whole(option, value, 1, 600);
                }
            }
            List<String> program = List.of(args).subList(Math.min(args.length, i + 1), args.length);
            if (program.isEmpty()) {
                throw new IllegalArgumentException(
                        "The program to measure is missing; put it after '--', such as: -- -cp pitot-examples.jar dev.pitot.examples.Hello");
            }
            if (!Files.isExecutable(javaHome.resolve("bin/java"))) {
                throw new IllegalArgumentException(
                        "There is no bin/java in " + javaHome + "; give --java-home the folder of a JDK.");
            }
            if (!Files.isReadable(Path.of("/proc/self/status"))) {
                throw new IllegalArgumentException("There is no /proc here; this measurement runs on Linux only.");
            }
            return new Options(
                    javaHome,
                    runs,
                    variants,
                    flags,
                    app,
                    settle,
                    requests,
                    Duration.ofSeconds(timeout),
                    List.copyOf(program));
        }

        private static List<String> words(String text) {
            return text.isBlank() ? List.of() : List.of(text.strip().split("\\s+"));
        }

        private static int whole(String option, String value, int min, int max) {
            try {
                int number = Integer.parseInt(value);
                if (number >= min && number <= max) {
                    return number;
                }
            } catch (NumberFormatException e) {
                // Said below, together with a number out of range.
            }
            throw new IllegalArgumentException(
                    option + " must be a whole number from " + min + " to " + max + ", not '" + value + "'.");
        }
    }
}
