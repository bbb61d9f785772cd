package dev.pitot.agent.samplers.host;

import dev.pitot.agent.samplers.host.Cgroups.Group;
import dev.pitot.events.Pressure;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * {@code pitot.Pressure}: /proc/pressure, or the files of a control group of version 2; see the kernel's accounting/psi. Where
 * PSI is not built in or switched off ({@code psi=0}) there are no events.
 */
final class PressureSampler implements HostMetric {
    private static final String[] RESOURCES = {"cpu", "memory", "io"};
    private static final byte[] SOME = "some avg10=".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] FULL = "full avg10=".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] AVERAGE_60 = " avg60=".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] AVERAGE_300 = " avg300=".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] TOTAL = " total=".getBytes(StandardCharsets.US_ASCII);
    private static final long MICROSECOND = 1_000;

    private final String scope;
    private final ProcFile[] files = new ProcFile[RESOURCES.length];
    private final Differences[] totals = new Differences[RESOURCES.length];
    private final boolean ofMachine;
    private final Text text;
    private double average10;
    private double average60;

    private PressureSampler(String scope, boolean ofMachine, String before, String after, Text text) {
        this.scope = scope;
        this.ofMachine = ofMachine;
        this.text = text;
        for (int i = 0; i < RESOURCES.length; i++) {
            files[i] = new ProcFile(before + RESOURCES[i] + after);
            totals[i] = new Differences(2);
        }
    }

    static PressureSampler ofMachine(HostRoots roots, Text text) {
        return new PressureSampler("host", true, roots.proc() + "/pressure/", "", text);
    }

    /** Of the control group of version 2, whatever version limits CPU and memory; null without one, or in the root of all groups. */
    static @Nullable PressureSampler ofCgroup(Cgroups cgroups, Text text) {
        Group group = cgroups.findUnified("cgroup.type");
        return group == null ? null : new PressureSampler("cgroup", false, group.own() + "/", ".pressure", text);
    }

    @Override
    public String name() {
        return "pressure";
    }

    @Override
    public boolean sample() {
        boolean there = false;
        for (int i = 0; i < RESOURCES.length; i++) {
            there |= sample(i);
        }
        return there;
    }

    private boolean sample(int resource) {
        if (!files[resource].read(text)) {
            return false;
        }
        Differences differences = totals[resource];
        boolean follows = differences.begin(System.nanoTime());
        Pressure event = new Pressure();
        event.scope = scope;
        event.resource = RESOURCES[resource];
        event.interval = differences.interval();
        event.someTime = differences.of(0, line(SOME), MICROSECOND);
        event.someAverage10 = average10;
        event.someAverage60 = average60;
        text.nextLine();
        // For a whole machine "all wait for a CPU" has no meaning; kernels from 5.13 on show a zero to keep old readers
        // happy.
        if (resource != 0 || !ofMachine) {
            event.fullTime = differences.of(1, line(FULL), MICROSECOND);
            event.fullAverage10 = average10;
            event.fullAverage60 = average60;
        }
        if (follows) {
            event.commit();
        }
        return true;
    }

    /** A line "some avg10=0.81 avg60=1.63 avg300=2.75 total=3097663527": the total in microseconds, and two averages as shares. */
    private long line(byte[] start) {
        average10 = Double.NaN;
        average60 = Double.NaN;
        if (!text.skip(start)) {
            return Long.MIN_VALUE;
        }
        average10 = text.decimal() / 100;
        average60 = text.skip(AVERAGE_60) ? text.decimal() / 100 : Double.NaN;
        if (text.skip(AVERAGE_300)) {
            text.decimal();
        }
        return text.skip(TOTAL) ? text.number() : Long.MIN_VALUE;
    }
}
