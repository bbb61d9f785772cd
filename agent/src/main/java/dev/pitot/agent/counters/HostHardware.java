package dev.pitot.agent.counters;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Counters of each CPU of the machine, whoever runs on it; needs {@code CAP_PERFMON} or a {@code perf_event_paranoid} of 0 or
 * less, see perf_event_open(2). The sampler thread's alone after the opening.
 */
public final class HostHardware {
    private static final int MOST_CPUS = 8192;

    private final FileBudget budget;
    private final List<Integer> cpus;
    private final List<OpenGroups> open;
    private final List<Reading> readings = new ArrayList<>();
    private final Reading all;
    private boolean closed;

    private HostHardware(CounterPlan plan, FileBudget budget, List<Integer> cpus, List<OpenGroups> open) {
        this.budget = budget;
        this.cpus = cpus;
        this.open = open;
        this.all = Reading.ofCpus(plan);
        for (int i = 0; i < cpus.size(); i++) {
            readings.add(Reading.ofCpus(plan));
        }
    }

    /**
     * Opens the plan's groups on each CPU.
     *
     * @param refusals why it could not be done, when the result is null
     */
    static @Nullable HostHardware open(CounterPlan plan, FileBudget budget, List<Refusal> refusals) {
        List<Integer> cpus = online();
        int descriptors = plan.descriptorsPerThread() * cpus.size();
        if (!budget.reserve(descriptors, FileBudget.Use.HOST)) {
            refusals.add(new Refusal(
                    cpus.size() + " CPUs need " + descriptors + " file descriptors, and fewer may be used",
                    "Raise the limit of open files (ulimit -n) to at least " + 8 * descriptors,
                    Refusal.Fix.FILES));
            return null;
        }
        List<Integer> counted = new ArrayList<>();
        List<OpenGroups> open = new ArrayList<>();
        CounterGroup.CannotOpen last = null;
        for (int cpu : cpus) {
            try {
                OpenGroups groups = OpenGroups.onCpu(plan, cpu);
                if (groups != null) {
                    open.add(groups);
                    counted.add(cpu);
                }
            } catch (CounterGroup.CannotOpen no) {
                last = no;
                if (no.errno != Perf.ENODEV) {
                    break; // ENODEV: it went offline. What else there is, the sum over all CPUs must not hide.
                }
            }
        }
        if (last != null && last.errno != Perf.ENODEV) {
            open.forEach(OpenGroups::close);
            open.clear();
            counted.clear();
        }
        int held = 0;
        for (OpenGroups groups : open) {
            held += groups.descriptors();
        }
        budget.release(descriptors - held);
        if (last != null && counted.isEmpty()) {
            refusals.add(Situation.ofThisProcess().standing().explain(last.event, last.errno, Standing.WHOLE_CPUS));
            return null;
        }
        HostHardware host = new HostHardware(plan, budget, counted, open);
        host.sample();
        return host;
    }

    private static List<Integer> online() {
        try {
            BitSet cpus = Ranges.parse(
                    Files.readString(Path.of("/sys/devices/system/cpu/online"), StandardCharsets.US_ASCII), MOST_CPUS);
            if (cpus != null) {
                return cpus.stream().boxed().toList();
            }
        } catch (IOException | RuntimeException unreadable) {
            // One is better than none: the first is always there.
        }
        return List.of(0);
    }

    /** Reads all CPUs. */
    public void sample() {
        all.clear();
        for (int i = 0; i < open.size(); i++) {
            Reading reading = readings.get(i);
            reading.clear();
            if (!closed) {
                open.get(i).sample(reading.groups);
                all.add(reading);
            }
        }
    }

    public int size() {
        return cpus.size();
    }

    /** Number of the CPU at a place. */
    public int cpu(int i) {
        return cpus.get(i);
    }

    public Reading of(int i) {
        return readings.get(i);
    }

    public Reading all() {
        return all;
    }

    boolean isClosed() {
        return closed;
    }

    void close() {
        if (!closed) {
            closed = true;
            open.forEach(OpenGroups::close);
            for (OpenGroups groups : open) {
                budget.release(groups.descriptors());
            }
        }
    }
}
