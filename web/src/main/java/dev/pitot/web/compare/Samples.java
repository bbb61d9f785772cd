package dev.pitot.web.compare;

import dev.pitot.web.store.Histogram;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/**
 * What one side was measured to do, by time bin: all JVMs of it are added up bin by bin, as they share their load and their
 * neighbours, so that a busy minute is one observation and not one for each of them. Not safe for several threads.
 */
public final class Samples {
    /** What a kind and key came to. */
    static final class Series {
        final Map<Metric, double[]> above = new EnumMap<>(Metric.class);
        final Map<Metric, double[]> below = new EnumMap<>(Metric.class);
        final Durations durations;
        final int bins;
        double spans;

        Series(int bins) {
            this.bins = bins;
            durations = new Durations(bins);
        }

        void add(Metric metric, int bin, double a, double b) {
            if (!Double.isNaN(a) && !Double.isNaN(b)) {
                above.computeIfAbsent(metric, m -> new double[bins])[bin] += a;
                below.computeIfAbsent(metric, m -> new double[bins])[bin] += b;
            }
        }

        void add(Series other) {
            spans += other.spans;
            durations.add(other.durations);
            other.above.forEach((metric, a) -> {
                double[] b = other.below.getOrDefault(metric, a);
                for (int t = 0; t < bins; t++) {
                    add(metric, t, a[t], b[t]);
                }
            });
        }

        /** Without the bins in which nothing at all was measured. */
        Series only(int[] kept) {
            Series fewer = new Series(kept.length);
            fewer.spans = spans;
            above.forEach((metric, values) -> fewer.above.put(metric, some(values, kept)));
            below.forEach((metric, values) -> fewer.below.put(metric, some(values, kept)));
            Durations some = durations.only(kept);
            fewer.durations.add(some);
            return fewer;
        }

        private static double[] some(double[] values, int[] kept) {
            return Arrays.stream(kept).mapToDouble(t -> values[t]).toArray();
        }
    }

    private record JvmBin(int jvm, int bin) {}

    private record Name(Kind kind, String key) {}

    private final int bins;
    private final double binSeconds;
    private final Map<Name, Series> spans = new HashMap<>();
    /** Sums of the process's fields, and how many values each is of. */
    private final Map<JvmBin, Map<String, double[]>> process = new HashMap<>();

    /** @param binMillis width of a bin */
    public Samples(int bins, long binMillis) {
        this.bins = bins;
        this.binSeconds = binMillis / 1000.0;
    }

    /**
     * Adds sums of a summary event.
     *
     * @param jvm any number that tells the JVMs apart
     * @param fields of the event; {@code NaN} where unknown. {@code timed} are the spans whose end was seen
     * @param durations of those whose end was seen
     */
    public void addSpans(
            int jvm, int bin, String type, String key, ToDoubleFunction<String> fields, Histogram durations) {
        Kind kind = Kind.ofType(type).orElse(null);
        double count = fields.applyAsDouble("count");
        if (kind == null || bin < 0 || bin >= bins || Double.isNaN(count)) {
            return;
        }
        Series series = spans.computeIfAbsent(new Name(kind, key), k -> new Series(bins));
        series.spans += count;
        series.add(Metric.RATE, bin, count, 0);
        series.add(Metric.ERROR_SHARE, bin, fields.applyAsDouble("errors"), count);
        series.add(Metric.MEAN, bin, fields.applyAsDouble("totalDuration"), fields.applyAsDouble("timed"));
        double measured = fields.applyAsDouble("measured");
        series.add(Metric.CPU, bin, fields.applyAsDouble("totalCpuTime"), measured);
        series.add(Metric.RUN_QUEUE_WAIT, bin, fields.applyAsDouble("totalRunQueueWait"), measured);
        series.add(Metric.ALLOCATED, bin, fields.applyAsDouble("totalAllocated"), measured);
        double counted = fields.applyAsDouble("counted");
        double instructions = fields.applyAsDouble("totalInstructions");
        double cycles = fields.applyAsDouble("totalCycles");
        series.add(Metric.CONTEXT_SWITCHES, bin, fields.applyAsDouble("totalContextSwitches"), counted);
        series.add(Metric.PAGE_FAULTS, bin, fields.applyAsDouble("totalPageFaults"), counted);
        series.add(Metric.INSTRUCTIONS, bin, instructions, counted);
        series.add(Metric.CYCLES, bin, cycles, counted);
        series.add(Metric.IPC, bin, instructions, cycles);
        series.add(Metric.CACHE_MPKI, bin, fields.applyAsDouble("totalCacheMisses"), instructions);
        series.add(Metric.BRANCH_MPKI, bin, fields.applyAsDouble("totalBranchMisses"), instructions);
        if (kind == Kind.ENDPOINT) {
            series.add(Metric.SQL_STATEMENTS, bin, fields.applyAsDouble("sqlStatements"), count);
            series.add(Metric.HTTP_CALLS, bin, fields.applyAsDouble("httpCalls"), count);
            addProcess(jvm, bin, "requests", count, 1);
            addProcess(jvm, bin, "allocated", fields.applyAsDouble("totalAllocated"), 1);
        } else {
            addProcess(jvm, bin, "seen", 1, 1);
        }
        durations.forEach((bucket, spans) -> series.durations.add(bucket, bin, spans));
    }

    /**
     * Adds values of a field of the process.
     *
     * @param sum of so many values; {@code NaN} adds nothing
     */
    public void addProcess(int jvm, int bin, String field, double sum, double values) {
        if (bin >= 0 && bin < bins && !Double.isNaN(sum)) {
            double[] known = process.computeIfAbsent(new JvmBin(jvm, bin), k -> new HashMap<>())
                    .computeIfAbsent(field, f -> new double[2]);
            known[0] += sum;
            known[1] += values;
        }
    }

    /** Bins in which anything was measured. */
    public int measuredBins() {
        return (int) process.keySet().stream().mapToInt(JvmBin::bin).distinct().count();
    }

    /** All series by kind and key, of the bins in which anything was measured. */
    Map<Kind, Map<String, Series>> series() {
        int[] kept = process.keySet().stream()
                .mapToInt(JvmBin::bin)
                .distinct()
                .sorted()
                .toArray();
        double[] jvmSeconds = new double[bins];
        process.keySet().forEach(one -> jvmSeconds[one.bin()] += binSeconds);
        Series requests = new Series(bins);
        Map<Kind, Map<String, Series>> all = new EnumMap<>(Kind.class);
        spans.forEach((name, one) -> {
            if (name.kind() == Kind.ENDPOINT) {
                requests.add(one);
            }
            timed(one, jvmSeconds);
            all.computeIfAbsent(name.kind(), k -> new HashMap<>()).put(name.key(), one.only(kept));
        });
        if (requests.spans > 0) {
            timed(requests, jvmSeconds);
            all.put(Kind.REQUESTS, Map.of("", requests.only(kept)));
        }
        Series jvm = new Series(bins);
        process.forEach((at, fields) -> process(jvm, at.bin(), fields));
        if (!jvm.above.isEmpty()) {
            all.put(Kind.PROCESS, Map.of("", jvm.only(kept)));
        }
        return all;
    }

    /** A name that was not heard of in a second had a rate of 0 in it. */
    private static void timed(Series series, double[] jvmSeconds) {
        series.below.put(Metric.RATE, jvmSeconds.clone());
    }

    private static void process(Series jvm, int bin, Map<String, double[]> fields) {
        double[] interval = fields.get("interval");
        double cpu = sum(fields, "userTime");
        double system = sum(fields, "systemTime");
        // Where the JVM alone tells the time, the one holds both.
        cpu += Double.isNaN(system) ? 0 : system;
        double wait = sum(fields, "runQueueWait");
        double requests = sum(fields, "requests");
        double instructions = sum(fields, "instructions");
        jvm.add(Metric.CPU_CORES, bin, cpu, nanos(interval, fields.get("userTime")));
        jvm.add(Metric.PROCESS_CPU, bin, cpu, Double.isNaN(requests) ? 0 : requests);
        jvm.add(Metric.RUN_QUEUE_SHARE, bin, wait, wait + cpu);
        double pause = sum(fields, "sumOfPauses");
        double time = interval == null ? Double.NaN : interval[0];
        jvm.add(Metric.GC_PAUSE_SHARE, bin, Double.isNaN(pause) ? 0 : pause, time);
        jvm.add(Metric.ALLOCATION_RATE, bin, sum(fields, "allocated"), time);
        jvm.add(
                Metric.CONTEXT_SWITCHES_PER_SECOND,
                bin,
                sum(fields, "voluntaryContextSwitches") + sum(fields, "involuntaryContextSwitches"),
                nanos(interval, fields.get("voluntaryContextSwitches")));
        jvm.add(
                Metric.PAGE_FAULTS_PER_SECOND,
                bin,
                sum(fields, "minorFaults") + sum(fields, "majorFaults"),
                nanos(interval, fields.get("minorFaults")));
        jvm.add(Metric.HEAP_USED, bin, sum(fields, "heapUsed"), values(fields, "heapUsed"));
        jvm.add(Metric.RESIDENT_SIZE, bin, sum(fields, "residentSize"), values(fields, "residentSize"));
        jvm.add(Metric.THREADS, bin, sum(fields, "activeCount"), values(fields, "activeCount"));
        jvm.add(Metric.IPC, bin, instructions, sum(fields, "cycles"));
        jvm.add(Metric.CACHE_MPKI, bin, sum(fields, "cacheMisses"), instructions);
        jvm.add(Metric.BRANCH_MPKI, bin, sum(fields, "branchMisses"), instructions);
    }

    private static double sum(Map<String, double[]> fields, String name) {
        double[] field = fields.get(name);
        return field == null ? Double.NaN : field[0];
    }

    private static double values(Map<String, double[]> fields, String name) {
        double[] field = fields.get(name);
        return field == null ? Double.NaN : field[1];
    }

    /** The time over which a field was counted: seconds in which it could not be had do not dilute it. */
    private static double nanos(double @Nullable [] interval, double @Nullable [] field) {
        return interval == null || field == null || interval[1] == 0
                ? Double.NaN
                : interval[0] * field[1] / interval[1];
    }
}
