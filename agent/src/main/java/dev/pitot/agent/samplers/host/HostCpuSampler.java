package dev.pitot.agent.samplers.host;

import dev.pitot.agent.config.AgentConfig.Cores;
import dev.pitot.events.HostCore;
import dev.pitot.events.HostCpu;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * {@code pitot.HostCpu} and {@code pitot.HostCore}: /proc/stat and /proc/loadavg, see proc_stat(5) and proc_loadavg(5), and
 * what {@link CpuFrequencies} and {@link CpuTemperatures} know.
 */
final class HostCpuSampler implements HostMetric {
    /** Beyond these the events of single CPUs would be most of the recording. */
    private static final int MOST_CORES = 32;

    /** USER_HZ, which Linux shows to programs on every architecture that Pitot runs on. */
    private static final long TICK = 10_000_000;

    private static final byte[] CPU = ascii("cpu");
    private static final byte[] INTERRUPTS = ascii("intr ");
    private static final byte[] SWITCHES = ascii("ctxt ");
    private static final byte[] FORKS = ascii("processes ");
    private static final byte[] RUNNING = ascii("procs_running ");
    private static final byte[] BLOCKED = ascii("procs_blocked ");
    private static final byte[] SOFT_INTERRUPTS = ascii("softirq ");

    /** Columns of /proc/stat; old kernels have fewer. Guest time is in user time too, and the nice part of it in nice time. */
    private static final int USER = 0;

    private static final int NICE = 1;
    private static final int SYSTEM = 2;
    private static final int IDLE = 3;
    private static final int IO_WAIT = 4;
    private static final int IRQ = 5;
    private static final int SOFT_IRQ = 6;
    private static final int STEAL = 7;
    private static final int GUEST = 8;
    private static final int GUEST_NICE = 9;
    private static final int COLUMNS = 10;

    /** Further totals of the machine. */
    private static final int OF_SWITCHES = 10;

    private static final int OF_INTERRUPTS = 11;
    private static final int OF_SOFT_INTERRUPTS = 12;
    private static final int OF_FORKS = 13;
    private static final int TOTALS = 14;

    /** One CPU that was in the last reading, or in one before. */
    private static final class Core {
        final String name;
        Differences totals = new Differences(COLUMNS);
        int round;

        Core(int number) {
            name = Integer.toString(number);
        }
    }

    private static final Core[] NONE = {};

    private final Cores wanted;
    private final ProcFile stat;
    private final ProcFile loadavg;
    private final CpuFrequencies frequencies;
    private final CpuTemperatures temperatures;
    private final Differences totals = new Differences(TOTALS);
    private final long[] ticks = new long[COLUMNS];
    private final Text text;
    private Core[] cores = NONE;
    private int online;
    private int round;

    HostCpuSampler(HostRoots roots, Cores wanted, Text text) {
        this.wanted = wanted;
        this.text = text;
        stat = new ProcFile(roots.proc() + "/stat");
        loadavg = new ProcFile(roots.proc() + "/loadavg");
        frequencies = new CpuFrequencies(roots, text);
        temperatures = new CpuTemperatures(roots, text);
    }

    @Override
    public String name() {
        return "CPU";
    }

    @Override
    public boolean sample() {
        frequencies.sample();
        temperatures.sample();
        if (!stat.read(text)) {
            return false;
        }
        round++;
        boolean single = wanted == Cores.TRUE || wanted == Cores.AUTO && online <= MOST_CORES;
        if (!single) {
            cores = NONE;
        }
        long now = System.nanoTime();
        boolean follows = totals.begin(now);
        HostCpu event = new HostCpu();
        event.interval = totals.interval();
        int found = 0;
        do {
            if (text.skip(CPU)) {
                if (text.atDigit()) {
                    found++;
                    if (single) {
                        core(now);
                    }
                } else {
                    all(event);
                }
            } else {
                other(event);
            }
        } while (text.nextLine());
        online = found;
        if (found > 0) {
            event.cpus = found;
        }
        event.frequency = frequencies.mean();
        event.maxFrequency = frequencies.highest();
        event.temperature = temperatures.hottest();
        if (loadavg.read(text)) {
            event.load1 = text.decimal();
            event.load5 = text.decimal();
            event.load15 = text.decimal();
        }
        if (follows) {
            event.commit();
        }
        return true;
    }

    private void readTicks() {
        for (int i = 0; i < COLUMNS; i++) {
            ticks[i] = text.number();
        }
    }

    private void all(HostCpu event) {
        readTicks();
        long user = totals.ofEstimate(USER, ticks[USER], TICK);
        event.niceTime = totals.ofEstimate(NICE, ticks[NICE], TICK);
        event.userTime = sum(user, event.niceTime);
        event.systemTime = totals.ofEstimate(SYSTEM, ticks[SYSTEM], TICK);
        event.idleTime = totals.ofEstimate(IDLE, ticks[IDLE], TICK);
        event.ioWaitTime = totals.ofEstimate(IO_WAIT, ticks[IO_WAIT], TICK);
        event.irqTime = totals.ofEstimate(IRQ, ticks[IRQ], TICK);
        event.softIrqTime = totals.ofEstimate(SOFT_IRQ, ticks[SOFT_IRQ], TICK);
        event.stealTime = totals.ofEstimate(STEAL, ticks[STEAL], TICK);
        long guest = totals.ofEstimate(GUEST, ticks[GUEST], TICK);
        long guestNice = totals.ofEstimate(GUEST_NICE, ticks[GUEST_NICE], TICK);
        // Kernels before 2.6.33 have the first of the two columns only.
        event.guestTime = guestNice == Long.MIN_VALUE ? guest : sum(guest, guestNice);
    }

    private void core(long now) {
        long read = text.number();
        if (read < 0 || read >= CpuFrequencies.MOST_CPUS) {
            return;
        }
        int number = (int) read;
        if (number >= cores.length) {
            cores = Arrays.copyOf(cores, number + 1);
        }
        Core core = cores[number];
        if (core == null) {
            core = new Core(number);
            cores[number] = core;
        } else if (core.round != round - 1) {
            // It was switched off between, and what it did since it was seen last is not of this second.
            core.totals = new Differences(COLUMNS);
        }
        core.round = round;
        readTicks();
        Differences own = core.totals;
        boolean follows = own.begin(now);
        HostCore event = new HostCore();
        event.core = core.name;
        event.interval = own.interval();
        long user = own.ofEstimate(USER, ticks[USER], TICK);
        event.userTime = sum(user, own.ofEstimate(NICE, ticks[NICE], TICK));
        event.systemTime = own.ofEstimate(SYSTEM, ticks[SYSTEM], TICK);
        event.idleTime = own.ofEstimate(IDLE, ticks[IDLE], TICK);
        event.ioWaitTime = own.ofEstimate(IO_WAIT, ticks[IO_WAIT], TICK);
        long irq = own.ofEstimate(IRQ, ticks[IRQ], TICK);
        event.irqTime = sum(irq, own.ofEstimate(SOFT_IRQ, ticks[SOFT_IRQ], TICK));
        event.stealTime = own.ofEstimate(STEAL, ticks[STEAL], TICK);
        event.frequency = frequencies.of(number);
        event.temperature = temperatures.of(number);
        if (follows) {
            event.commit();
        }
    }

    private void other(HostCpu event) {
        if (text.skip(INTERRUPTS)) {
            event.interrupts = totals.count(OF_INTERRUPTS, text.number());
        } else if (text.skip(SWITCHES)) {
            event.contextSwitches = totals.count(OF_SWITCHES, text.number());
        } else if (text.skip(FORKS)) {
            event.forks = totals.count(OF_FORKS, text.number());
        } else if (text.skip(RUNNING)) {
            event.running = Differences.number(text.number());
        } else if (text.skip(BLOCKED)) {
            event.blocked = Differences.number(text.number());
        } else if (text.skip(SOFT_INTERRUPTS)) {
            event.softInterrupts = totals.count(OF_SOFT_INTERRUPTS, text.number());
        }
    }

    private static long sum(long a, long b) {
        return a == Long.MIN_VALUE || b == Long.MIN_VALUE ? Long.MIN_VALUE : a + b;
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }
}
