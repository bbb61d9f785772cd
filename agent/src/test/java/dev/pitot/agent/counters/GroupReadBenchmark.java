package dev.pitot.agent.counters;

import dev.pitot.agent.target.TargetJvm;
import java.io.IOException;
import java.io.InputStream;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.VerboseMode;

/**
 * What reading a group of counters from Java costs beside a bare loop of read(2) in C; a program to run by hand, see
 * docs/what-it-costs.md. C and the JDKs alternate, as machines have better and worse minutes, and CPU time is taken, as others
 * may want the CPU too. Argument: how many rounds.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 1, time = 3)
public class GroupReadBenchmark {
    private static final List<PerfEvent> SOFTWARE = List.of(
            PerfEvent.PAGE_FAULTS,
            PerfEvent.CONTEXT_SWITCHES,
            software("cpu-migrations", 4),
            software("minor-faults", 5),
            software("major-faults", 6),
            software("alignment-faults", 7));

    private static PerfEvent software(String name, long config) {
        return new PerfEvent(name, PerfEvent.SOFTWARE, config, 0, 0, 0, 0);
    }

    @Param({"2", "6"})
    int events;

    private final double[] counts = new double[ThreadCounters.PLACES];
    private CounterGroup group;
    private ThreadCounters threads;
    private ThreadCounters.Span span;
    private ThreadCounters.Mark mark;

    @Setup
    public void open() throws Exception {
        Refusal refused = Libc.link();
        if (refused != null) {
            throw new IOException(refused.reason());
        }
        group = CounterGroup.open(SOFTWARE.subList(0, events), 0, 0, true);
        threads = new ThreadCounters(plan(SOFTWARE.subList(0, 2)), false, new FileBudget(1000));
        span = threads.openForThisThread();
        mark = span.newMark();
    }

    private static CounterPlan plan(List<PerfEvent> events) {
        List<CounterPlan.Counter> counters = new ArrayList<>();
        for (int i = 0; i < events.size(); i++) {
            counters.add(new CounterPlan.Counter(events.get(i).name(), "", 1, List.of(new CounterPlan.Place(0, i))));
        }
        return new CounterPlan(List.of(new CounterPlan.Group(events)), counters);
    }

    @TearDown
    public void close() {
        group.close();
        threads.close();
    }

    /** CPU time of the measuring thread, and the operations that it did in it. */
    @State(Scope.Thread)
    @AuxCounters(AuxCounters.Type.EVENTS)
    public static class Cpu {
        private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

        private long start;
        public long operations;

        @Setup(Level.Iteration)
        public void begin() {
            start = THREADS.getCurrentThreadCpuTime();
        }

        public long nanos() {
            return THREADS.getCurrentThreadCpuTime() - start;
        }
    }

    /** One read of the group. */
    @Benchmark
    public boolean read(Cpu cpu) {
        cpu.operations++;
        return group.read();
    }

    /** What a request pays: a read at its begin and one at its end. The group of a thread has two software events here. */
    @Benchmark
    public boolean span(Cpu cpu) {
        cpu.operations++;
        span.mark(mark);
        return span.since(mark, counts);
    }

    /** All times of one benchmark: ns and, of Java, bytes allocated. */
    private record Row(String what, List<Double> nanos, List<Double> bytes) {
        private Row(String what) {
            this(what, new ArrayList<>(), new ArrayList<>());
        }

        private double median() {
            double[] sorted = nanos.stream().mapToDouble(x -> x).sorted().toArray();
            return (sorted[(sorted.length - 1) / 2] + sorted[sorted.length / 2]) / 2;
        }
    }

    public static void main(String[] args) throws Exception {
        int rounds = args.length == 0 ? 3 : Integer.parseInt(args[0]);
        List<TargetJvm.Jdk> jdks = TargetJvm.jdks().toList();
        Path folder = Files.createTempDirectory("group-read");
        try {
            Path program = compile(folder);
            for (int events : new int[] {2, 6}) {
                compare(program, events, jdks, rounds);
            }
        } finally {
            for (String file : List.of("group-read.c", "group-read")) {
                Files.deleteIfExists(folder.resolve(file));
            }
            Files.delete(folder);
        }
    }

    private static void compare(Path program, int events, List<TargetJvm.Jdk> jdks, int rounds) throws Exception {
        Row bare = new Row("C");
        List<Row> rows = new ArrayList<>();
        for (TargetJvm.Jdk jdk : jdks) {
            rows.add(new Row(jdk + ", read"));
            rows.add(new Row(jdk + ", begin and end of a span of 2"));
        }
        for (int round = 0; round < rounds; round++) {
            bare.nanos().addAll(bare(program, events));
            for (int i = 0; i < jdks.size(); i++) {
                for (RunResult result : java(jdks.get(i), events, events == 2 ? ".*" : "read")) {
                    Row row = rows.get(
                            2 * i + (result.getPrimaryResult().getLabel().equals("read") ? 0 : 1));
                    row.nanos().add(second(result, "nanos") / second(result, "operations"));
                    row.bytes().add(second(result, "gc.alloc.rate.norm"));
                }
            }
        }
        print(events, bare, bare);
        for (Row row : rows) {
            if (!row.nanos().isEmpty()) {
                print(events, row, bare);
            }
        }
    }

    private static double second(RunResult result, String name) {
        return result.getSecondaryResults().get(name).getScore();
    }

    private static void print(int events, Row row, Row bare) {
        System.out.printf(
                Locale.ROOT,
                "%d events, %-40s %6.0f ns  %5.2f x C  %+5.0f ns  %s B/op%n",
                events,
                row.what(),
                row.median(),
                row.median() / bare.median(),
                row.median() - bare.median(),
                row.bytes().stream()
                        .max(Double::compare)
                        .map(b -> String.format(Locale.ROOT, "%.3f", b))
                        .orElse("-"));
    }

    private static Collection<RunResult> java(TargetJvm.Jdk jdk, int events, String name) throws RunnerException {
        return new Runner(new OptionsBuilder()
                        .include(GroupReadBenchmark.class.getName() + "." + name)
                        .param("events", String.valueOf(events))
                        .jvm(jdk.home().resolve("bin/java").toString())
                        .jvmArgs(
                                "-XX:+IgnoreUnrecognizedVMOptions",
                                "--enable-native-access=ALL-UNNAMED",
                                "--add-opens=java.base/sun.nio.fs=ALL-UNNAMED", // As the agent opens it to itself.
                                "--sun-misc-unsafe-memory-access=allow")
                        .forks(1)
                        .addProfiler(GCProfiler.class)
                        .verbosity(VerboseMode.SILENT)
                        .build())
                .run();
    }

    private static Path compile(Path folder) throws IOException, InterruptedException {
        Path source = folder.resolve("group-read.c");
        Path program = folder.resolve("group-read");
        try (InputStream in =
                Objects.requireNonNull(GroupReadBenchmark.class.getResourceAsStream("group-read.c"), "group-read.c")) {
            Files.copy(in, source);
        }
        run(List.of("gcc", "-O2", "-pthread", "-o", program.toString(), source.toString()));
        return program;
    }

    private static List<Double> bare(Path program, int events) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(program.toString(), "1000000"));
        SOFTWARE.subList(0, events).forEach(event -> command.add(String.valueOf(event.config())));
        return run(command).lines().map(Double::valueOf).collect(Collectors.toList());
    }

    private static String run(List<String> command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (process.waitFor() != 0) {
            throw new IOException(command.get(0) + " failed: " + command);
        }
        return out;
    }
}
