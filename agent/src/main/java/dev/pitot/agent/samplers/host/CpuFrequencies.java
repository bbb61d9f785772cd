package dev.pitot.agent.samplers.host;

import java.io.File;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * How fast the CPUs run: {@code scaling_cur_freq} of cpufreq, see the kernel's admin-guide/pm/cpufreq; where there is none, as
 * in most virtual machines, the "cpu MHz" of a short /proc/cpuinfo. CPUs that are plugged in later have none. Not thread-safe.
 */
final class CpuFrequencies {
    /** More than these are not looked at. */
    static final int MOST_CPUS = 1024;

    private static final int SHORT = 8;
    private static final int EVERY = 10;
    private static final byte[] PROCESSOR = "processor".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] MEGAHERTZ = "cpu MHz".getBytes(StandardCharsets.US_ASCII);

    private final ProcFile cpuinfo;
    private final Rotation current;
    /** Of each CPU its place in the rotation, or -1. */
    private final int[] places;

    private final double[] nominal = new double[SHORT];
    private final double highest;
    private final Text text;
    private int rounds;

    CpuFrequencies(HostRoots roots, Text text) {
        cpuinfo = new ProcFile(roots.proc() + "/cpuinfo");
        this.text = text;
        Arrays.fill(nominal, Double.NaN);
        String cpus = roots.sys() + "/devices/system/cpu/cpu";
        List<String> paths = new ArrayList<>();
        int[] found = new int[MOST_CPUS];
        Arrays.fill(found, -1);
        double most = Double.NaN;
        int count = 0;
        for (int cpu = 0; cpu < MOST_CPUS && new File(cpus + cpu).isDirectory(); cpu++) {
            String folder = cpus + cpu + "/cpufreq/";
            if (new File(folder).isDirectory()) {
                found[cpu] = paths.size();
                paths.add(folder + "scaling_cur_freq");
                ProcFile limit = new ProcFile(folder + "cpuinfo_max_freq");
                double hertz = Differences.number(limit.number(text)) * 1_000;
                limit.close();
                most = hertz > most || Double.isNaN(most) ? hertz : most;
            }
            count = cpu + 1;
        }
        places = Arrays.copyOf(found, count);
        highest = most;
        current = new Rotation(paths, 1_000, text);
    }

    /** Reads some; once a second. */
    void sample() {
        current.sample();
        if (current.size() == 0 && places.length <= SHORT && rounds++ % EVERY == 0) {
            readInfo();
        }
    }

    /** Of one CPU, in Hz, or NaN. */
    double of(int cpu) {
        if (cpu < places.length && places[cpu] >= 0) {
            return current.get(places[cpu]);
        }
        return cpu < nominal.length ? nominal[cpu] : Double.NaN;
    }

    /** The mean of all that are known, in Hz, or NaN. */
    double mean() {
        double sum = 0;
        int count = 0;
        for (int cpu = 0; cpu < Math.max(places.length, nominal.length); cpu++) {
            double hertz = of(cpu);
            if (!Double.isNaN(hertz)) {
                sum += hertz;
                count++;
            }
        }
        return count == 0 ? Double.NaN : sum / count;
    }

    /** The highest that any CPU offers, in Hz, or NaN. */
    double highest() {
        return highest;
    }

    private void readInfo() {
        Arrays.fill(nominal, Double.NaN);
        if (!cpuinfo.read(text)) {
            return;
        }
        int cpu = -1;
        do {
            if (text.skip(PROCESSOR)) {
                cpu = (int) text.number();
            } else if (text.skip(MEGAHERTZ) && cpu >= 0 && cpu < nominal.length) {
                nominal[cpu] = text.decimal() * 1e6;
            }
        } while (text.nextLine());
    }
}
