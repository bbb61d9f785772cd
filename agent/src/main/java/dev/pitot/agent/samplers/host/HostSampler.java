package dev.pitot.agent.samplers.host;

import dev.pitot.agent.config.AgentConfig.Cores;
import dev.pitot.agent.samplers.Sampler;
import dev.pitot.agent.status.StatusBoard;
import dev.pitot.agent.status.StatusBoard.Entry;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Everything of the machine and of this process's control group, once a second. What a kernel or container does not show has
 * no event or is N/A in it, and is not an error. Opened on the agent's starter thread, then used by the sampler thread only.
 */
public final class HostSampler implements Sampler {
    private static final String PART = "host";
    /** A process is moved to another control group rarely, and mostly when it starts. */
    private static final int EVERY = 10;
    /** What systems usually give a process. The files are some 25, too many to hold where somebody made do with fewer. */
    private static final long FEW_FILES = 1024;

    private static final byte[] FILE_LIMIT = "Max open files".getBytes(StandardCharsets.US_ASCII);

    private final StatusBoard status;
    private final Text text = new Text();
    private final List<HostMetric> ofMachine = new ArrayList<>();
    private final List<HostMetric> ofCgroup = new ArrayList<>();
    private final Cgroups cgroups;
    private int rounds;
    private boolean failed;

    HostSampler(HostRoots roots, Cores cores, StatusBoard status) {
        this.status = status;
        if (hasFewFiles(roots)) {
            text.closeFiles();
        }
        cgroups = new Cgroups(roots, text);
        ofMachine.add(new HostCpuSampler(roots, cores, text));
        ofMachine.add(new HostMemorySampler(roots, text));
        ofMachine.add(new HostPagingSampler(roots, text));
        ofMachine.add(new HostDiskSampler(roots, text));
        ofMachine.add(new HostFileSystemSampler(roots, text));
        ofMachine.add(new HostNetworkSampler(roots, text));
        ofMachine.add(new HostTcpSampler(roots, text));
        ofMachine.add(PressureSampler.ofMachine(roots, text));
        boolean anything = sampleAll(ofMachine);
        anything |= sampleCgroup();
        if (!failed) {
            status.set(
                    PART,
                    anything
                            ? Entry.ON
                            : Entry.partial(
                                    "Nothing of the machine can be read: there is no " + roots.proc()
                                            + " here, or it is hidden",
                                    "Let the process read " + roots.proc() + " and " + roots.sys()
                                            + ", or set host=false"));
        }
    }

    /** By the soft limit in /proc/self/limits, proc(5); false where that cannot be read or is "unlimited". */
    private boolean hasFewFiles(HostRoots roots) {
        ProcFile limits = new ProcFile(roots.proc() + "/self/limits");
        boolean few = false;
        for (boolean line = limits.read(text); line; line = text.nextLine()) {
            if (text.skip(FILE_LIMIT)) {
                long limit = text.number();
                few = limit >= 0 && limit < FEW_FILES;
                break;
            }
        }
        limits.close();
        return few;
    }

    /** Reads all totals that the first differences are taken from. Null, and said so, when that fails unexpectedly. */
    public static @Nullable HostSampler open(Cores cores, StatusBoard status) {
        try {
            return new HostSampler(HostRoots.OF_THE_KERNEL, cores, status);
        } catch (RuntimeException unexpected) {
            status.set(
                    PART,
                    Entry.off(
                            "The machine cannot be measured: "
                                    + unexpected.getClass().getSimpleName() + ": " + unexpected.getMessage(),
                            "Report this"));
            return null;
        }
    }

    @Override
    public String name() {
        return PART;
    }

    @Override
    public void sample(long interval) {
        sampleAll(ofMachine);
        sampleCgroup();
    }

    private boolean sampleCgroup() {
        if (rounds++ % EVERY == 0 && cgroups.moved()) {
            openCgroup();
        }
        return sampleAll(ofCgroup);
    }

    private void openCgroup() {
        ofCgroup.clear();
        HostMetric cpu = CgroupCpuSampler.open(cgroups, text);
        if (cpu != null) {
            ofCgroup.add(cpu);
        }
        HostMetric memory = CgroupMemorySampler.open(cgroups, text);
        if (memory != null) {
            ofCgroup.add(memory);
        }
        HostMetric pressure = PressureSampler.ofCgroup(cgroups, text);
        if (pressure != null) {
            ofCgroup.add(pressure);
        }
    }

    private boolean sampleAll(List<HostMetric> metrics) {
        boolean anything = false;
        for (Iterator<HostMetric> all = metrics.iterator(); all.hasNext(); ) {
            HostMetric metric = all.next();
            try {
                anything |= metric.sample();
            } catch (RuntimeException unexpected) {
                all.remove();
                failed = true;
                status.set(
                        PART,
                        Entry.partial(
                                "Measuring the " + metric.name() + " failed and was switched off: "
                                        + unexpected.getClass().getSimpleName() + ": " + unexpected.getMessage(),
                                "Restart the JVM to try again, and report this"));
            }
        }
        return anything;
    }
}
