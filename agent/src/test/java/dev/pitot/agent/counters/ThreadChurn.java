package dev.pitot.agent.counters;

import com.sun.jna.Memory;
import com.sun.jna.Native;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.ToDoubleFunction;
import jdk.jfr.FlightRecorder;
import jdk.jfr.Recording;
import jdk.jfr.RecordingState;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;

/**
 * Starts and ends threads all the time, and compares what the agent counted meanwhile with the kernel's own clock of the process
 * and with perf stat; a program to run by hand with the agent and {@code counters=default,task-clock}, see
 * docs/what-it-costs.md. Arguments: threads a second, seconds, seconds beside perf, microseconds that each thread lives.
 */
public final class ThreadChurn {
    private static final int CLOCK_PROCESS_CPUTIME_ID = 2;
    private static final int QUIET_SECONDS = 3;
    private static final CountDownLatch NEVER = new CountDownLatch(1);

    private static volatile long lifeNanos = 100_000;
    private static volatile byte[] waste = new byte[0];

    static {
        Native.register(ThreadChurn.class, "c");
    }

    private ThreadChurn() {}

    private static native int clock_gettime(int clock, Memory time);

    /** A stretch with quiet seconds at both ends, so that samples of a second fit in it. */
    private record Stretch(Instant from, Instant to, double cpuSeconds, int filesBefore, int filesAfter) {}

    public static void main(String[] args) throws Exception {
        int threads = args.length > 0 ? Integer.parseInt(args[0]) : 2000;
        int seconds = args.length > 1 ? Integer.parseInt(args[1]) : 60;
        int besidePerf = args.length > 2 ? Integer.parseInt(args[2]) : 20;
        lifeNanos = args.length > 3 ? Integer.parseInt(args[3]) * 1_000L : lifeNanos;
        churn(threads, 5); // Compiles, and grows what grows; the agent starts meanwhile.
        if (FlightRecorder.getFlightRecorder().getRecordings().stream()
                .noneMatch(recording -> recording.getState() == RecordingState.RUNNING)) {
            throw new IllegalStateException("The agent does not record: was the flag given?");
        }
        Stretch alone = stretch(threads, seconds);
        Path counts = Files.createTempFile("perf", ".csv");
        Process perf = perf(counts, besidePerf + 2 * QUIET_SECONDS + 2);
        pause(1);
        Stretch watched = stretch(threads, besidePerf);
        perf.waitFor();
        List<String> lines = Files.readAllLines(counts);
        Files.delete(counts);
        List<RecordedEvent> events = recorded();

        List<RecordedEvent> samples = within(events, "pitot.ProcessCounters", alone);
        System.out.printf("%d threads a second for %d s, %d samples%n", threads, seconds, samples.size());
        print("CPU time, and CLOCK_PROCESS_CPUTIME_ID, s", cpuSeconds(samples), alone.cpuSeconds);
        List<RecordedEvent> kinds = within(events, "pitot.ThreadKindCounters", alone);
        print(
                "CPU time of all kinds, and CLOCK_PROCESS_CPUTIME_ID, s",
                kinds.stream().mapToLong(event -> event.getLong("cpuTime")).sum() / 1e9,
                alone.cpuSeconds);
        print("task-clock, and CLOCK_PROCESS_CPUTIME_ID, s", taskClock(events, alone), alone.cpuSeconds);
        System.out.printf(
                "open files before %d, in the end %d; of perf_event now %d%n",
                alone.filesBefore, watched.filesAfter, perfFiles());

        List<RecordedEvent> beside = within(events, "pitot.ProcessCounters", watched);
        System.out.printf("beside perf stat -p for %d s%n", besidePerf);
        print("CPU time, and task-clock of perf, s", cpuSeconds(beside), perf(lines, "task-clock") / 1e3);
        print("task-clock, and that of perf, s", taskClock(events, watched), perf(lines, "task-clock") / 1e3);
        print(
                "context switches, and those of perf",
                sum(beside, "voluntaryContextSwitches") + sum(beside, "involuntaryContextSwitches"),
                perf(lines, "context-switches"));
        print(
                "page faults, and those of perf",
                sum(beside, "minorFaults") + sum(beside, "majorFaults"),
                perf(lines, "page-faults"));
    }

    private static Stretch stretch(int threads, int seconds) throws InterruptedException {
        int before = new File("/proc/self/fd").list().length;
        Instant from = Instant.now();
        double cpu = cpuSeconds();
        pause(QUIET_SECONDS);
        churn(threads, seconds);
        pause(QUIET_SECONDS);
        double spent = cpuSeconds() - cpu;
        return new Stretch(from, Instant.now(), spent, before, new File("/proc/self/fd").list().length);
    }

    private static void churn(int threads, int seconds) throws InterruptedException {
        long start = System.nanoTime();
        for (long i = 0; i < (long) threads * seconds; i++) {
            long due = start + i * 1_000_000_000L / threads;
            while (System.nanoTime() - due < 0) {
                LockSupport.parkNanos(due - System.nanoTime());
            }
            Thread thread = new Thread(ThreadChurn::work);
            thread.setDaemon(true);
            thread.start();
        }
    }

    private static void work() {
        long until = System.nanoTime() + lifeNanos;
        while (System.nanoTime() - until < 0) {
            waste = new byte[1000];
        }
    }

    private static void pause(int seconds) throws InterruptedException {
        NEVER.await(seconds, TimeUnit.SECONDS);
    }

    private static double cpuSeconds() {
        try (Memory time = new Memory(16)) {
            clock_gettime(CLOCK_PROCESS_CPUTIME_ID, time);
            return time.getLong(0) + time.getLong(8) / 1e9;
        }
    }

    private static Process perf(Path counts, int seconds) throws IOException {
        return new ProcessBuilder(
                        "perf",
                        "stat",
                        "-x,",
                        "-o",
                        counts.toString(),
                        "-e",
                        "task-clock,context-switches,page-faults",
                        "-p",
                        String.valueOf(ProcessHandle.current().pid()),
                        "--",
                        "sleep",
                        String.valueOf(seconds))
                .inheritIO()
                .start();
    }

    /** Milliseconds of task-clock, numbers of the others. */
    private static double perf(List<String> lines, String event) {
        return lines.stream()
                .map(line -> line.split(","))
                .filter(fields -> fields.length > 2 && fields[2].startsWith(event))
                .mapToDouble(fields -> Double.parseDouble(fields[0]))
                .findFirst()
                .orElse(Double.NaN);
    }

    private static long perfFiles() throws IOException {
        long found = 0;
        for (String fd : new File("/proc/self/fd").list()) {
            Path link = Path.of("/proc/self/fd", fd);
            if (Files.isSymbolicLink(link)) {
                found += Files.readSymbolicLink(link).toString().contains("perf_event") ? 1 : 0;
            }
        }
        return found;
    }

    private static List<RecordedEvent> recorded() throws IOException {
        Path file = Files.createTempFile("churn", ".jfr");
        try (Recording all = FlightRecorder.getFlightRecorder().takeSnapshot()) {
            all.dump(file);
            return RecordingFile.readAllEvents(file);
        } finally {
            Files.delete(file);
        }
    }

    private static List<RecordedEvent> within(List<RecordedEvent> events, String type, Stretch stretch) {
        return events.stream()
                .filter(event -> event.getEventType().getName().equals(type))
                .filter(event -> event.getStartTime().isBefore(stretch.to))
                .filter(event -> event.getStartTime()
                        .minus(event.getDuration("interval"))
                        .isAfter(stretch.from))
                .toList();
    }

    private static double taskClock(List<RecordedEvent> events, Stretch stretch) {
        return within(events, "pitot.Counter", stretch).stream()
                        .filter(event -> event.getString("scope").equals("process"))
                        .filter(event -> event.getString("name").equals("task-clock"))
                        .mapToDouble(event -> event.getDouble("value"))
                        .sum()
                / 1e9;
    }

    private static double cpuSeconds(List<RecordedEvent> samples) {
        return sum(samples, event -> event.getLong("userTime") + event.getLong("systemTime")) / 1e9;
    }

    private static double sum(List<RecordedEvent> events, String field) {
        return sum(events, event -> event.getDouble(field));
    }

    private static double sum(List<RecordedEvent> events, ToDoubleFunction<RecordedEvent> figure) {
        return events.stream().mapToDouble(figure).sum();
    }

    private static void print(String what, double pitot, double kernel) {
        System.out.printf(
                Locale.ROOT, "  %-56s %12.3f %12.3f  %+6.2f %%%n", what, pitot, kernel, 100 * (pitot / kernel - 1));
    }
}
