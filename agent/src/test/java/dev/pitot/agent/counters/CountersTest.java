package dev.pitot.agent.counters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import com.sun.management.ThreadMXBean;
import java.io.File;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/**
 * The breakpoint PMU of the CPU counts writes to an address exactly, on machines without any other PMU too: what is read here
 * is right to the last event, or the layout of the structures is wrong.
 */
@EnabledOnOs(OS.LINUX)
class CountersTest {
    private static final long USER_ONLY = Perf.EXCLUDE_KERNEL | Perf.EXCLUDE_HYPERVISOR;

    private final List<CounterGroup> opened = new ArrayList<>();
    private final ByteBuffer watched = Libc.allocate(64);
    private final ByteBuffer alsoWatched = Libc.allocate(64);

    @BeforeAll
    static void link() {
        assertThat(Libc.link()).isNull();
    }

    @AfterEach
    void close() {
        opened.forEach(CounterGroup::close);
    }

    private static PerfEvent writesTo(ByteBuffer memory) {
        return new PerfEvent("writes", PerfEvent.BREAKPOINT, 0, 2, Libc.address(memory), 8);
    }

    private CounterGroup open(List<PerfEvent> events, long flags, boolean grouped) throws Exception {
        try {
            CounterGroup group = CounterGroup.open(events, 0, USER_ONLY | flags, grouped);
            opened.add(group);
            return group;
        } catch (CounterGroup.CannotOpen no) {
            assumeThat(no.errno).as("breakpoints are allowed here").isNotIn(Perf.EACCES, Perf.EPERM, Perf.ENOENT);
            throw no;
        }
    }

    private static void write(ByteBuffer memory, int times) {
        for (int i = 1; i <= times; i++) {
            memory.putLong(0, i);
        }
    }

    @Test
    void aGroupIsReadInOneCallAndExact() throws Exception {
        CounterGroup group = open(List.of(writesTo(watched), writesTo(alsoWatched)), 0, true);
        write(watched, 2000);
        write(alsoWatched, 300);

        assertThat(group.read()).isTrue();
        assertThat(group.values).containsExactly(2000, 300);
        assertThat(group.enabled[0]).isPositive().isEqualTo(group.running[0]);
    }

    @Test
    void eventsReadOneByOneAreExactToo() throws Exception {
        CounterGroup group = open(List.of(writesTo(watched), writesTo(alsoWatched)), 0, false);
        write(watched, 20);
        write(alsoWatched, 3);

        assertThat(group.read()).isTrue();
        assertThat(group.values).containsExactly(20, 3);
    }

    @Test
    void inheritedCountersAddWhatNewThreadsDoAndNeverFall() throws Exception {
        CounterGroup group = open(List.of(writesTo(watched)), Perf.INHERIT | Perf.INHERIT_THREAD, true);
        for (int round = 1; round <= 3; round++) {
            Thread thread = new Thread(() -> write(watched, 100));
            thread.start();
            thread.join();
            write(watched, 10);
            assertThat(group.read()).isTrue();
            assertThat(group.values[0]).isEqualTo(110L * round);
        }
    }

    @Test
    void theWholeProcessIsTheSumOfItsThreads() throws Exception {
        open(List.of(writesTo(watched)), 0, true).close();
        Thread[] workers = new Thread[2];
        java.util.concurrent.CountDownLatch go = new java.util.concurrent.CountDownLatch(1);
        for (int i = 0; i < workers.length; i++) {
            workers[i] = new Thread(() -> {
                try {
                    go.await();
                } catch (InterruptedException e) {
                    return;
                }
                write(watched, 500);
            });
            workers[i].start();
        }
        FileBudget budget = new FileBudget(20_000);
        int before = budget.left();
        ProcessHardware all = ProcessHardware.open(List.of(writesTo(watched)), USER_ONLY, budget);
        go.countDown();
        for (Thread worker : workers) {
            worker.join();
        }
        write(watched, 50);
        all.sample();
        assertThat(all.deltas[0]).isEqualTo(1050);
        all.sample();
        assertThat(all.deltas[0]).isZero();
        all.close();
        assertThat(before - budget.left()).isPositive();
    }

    @Test
    void aFifthBreakpointIsRefusedInOneSentence() {
        List<PerfEvent> five = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            five.add(writesTo(Libc.allocate(64)));
        }
        assertThatThrownBy(() -> open(five, 0, true)).isInstanceOfSatisfying(CounterGroup.CannotOpen.class, no -> {
            assertThat(no.errno).isEqualTo(Perf.ENOSPC);
            assertThat(Perf.explain(no.event, no.errno).reason()).contains("are taken");
        });
    }

    @Test
    void aRefusedBudgetSaysHowManyFilesItTakes() {
        assertThatThrownBy(() -> ProcessHardware.open(List.of(writesTo(watched)), USER_ONLY, new FileBudget(8)))
                .isInstanceOfSatisfying(ProcessHardware.Refused.class, no -> assertThat(no.refusal.remedy())
                        .startsWith("Raise the limit of open files"));
    }

    @Test
    void aClosedGroupIsNeverReadAgain() throws Exception {
        CounterGroup group = open(List.of(writesTo(watched)), 0, true);
        group.close();
        assertThat(group.read()).isFalse();
    }

    @Test
    void contextSwitchesOfAThreadAreThoseOfProcfs() throws Exception {
        Probe probe = Probe.of(List.of(PerfEvent.PAGE_FAULTS, PerfEvent.CONTEXT_SWITCHES));
        assumeThat(probe.events()).contains(PerfEvent.CONTEXT_SWITCHES);
        ThreadCounters.Span span =
                new ThreadCounters(probe.events(), probe.flags(), new FileBudget(4096)).openForThisThread();
        assertThat(span).isNotNull();
        double[] counts = new double[ThreadCounters.PLACES];
        switchesOfThisThread(); // Loads what it takes to read procfs, which switches too.
        long before = switchesOfThisThread();
        span.begin();
        for (int i = 0; i < 20; i++) {
            java.util.concurrent.locks.LockSupport.parkNanos(1_000_000);
        }
        assertThat(span.end(counts)).isTrue();
        long after = switchesOfThisThread();
        // Reading procfs may itself be interrupted once or twice.
        assertThat(counts[ThreadCounters.CONTEXT_SWITCHES])
                .isBetween((double) (after - before) - 10, (double) (after - before));
        assertThat(counts[ThreadCounters.CONTEXT_SWITCHES]).isGreaterThanOrEqualTo(20);
    }

    private static long switchesOfThisThread() throws Exception {
        return Files.readAllLines(Path.of("/proc/thread-self/status")).stream()
                .filter(line -> line.contains("ctxt_switches"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")))
                .sum();
    }

    @Test
    void readingAllocatesNothing() throws Exception {
        Probe probe = Probe.of(List.of(PerfEvent.PAGE_FAULTS, PerfEvent.CONTEXT_SWITCHES));
        assumeThat(probe.events()).isNotEmpty();
        ThreadCounters.Span span =
                new ThreadCounters(probe.events(), probe.flags(), new FileBudget(4096)).openForThisThread();
        assertThat(span).isNotNull();
        double[] counts = new double[ThreadCounters.PLACES];
        ThreadMXBean bean = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        for (int i = 0; i < 1000; i++) {
            span.begin();
            span.end(counts);
        }
        long before = bean.getCurrentThreadAllocatedBytes();
        for (int i = 0; i < 1000; i++) {
            span.begin();
            span.end(counts);
        }
        assertThat(bean.getCurrentThreadAllocatedBytes() - before).isLessThan(200);
    }

    @Test
    void descriptorsOfEndedThreadsAreGivenBack() throws Exception {
        Probe probe = Probe.of(List.of(PerfEvent.PAGE_FAULTS));
        assumeThat(probe.events()).isNotEmpty();
        FileBudget budget = new FileBudget(4096);
        ThreadCounters counters = new ThreadCounters(probe.events(), probe.flags(), budget);
        int files = new File("/proc/self/fd").list().length;
        for (int i = 0; i < 500; i++) {
            Thread thread =
                    new Thread(() -> assertThat(counters.openForThisThread()).isNotNull());
            thread.start();
            thread.join();
        }
        assertThat(new File("/proc/self/fd").list().length).isGreaterThan(files + 400);
        counters.closeOfEndedThreads();
        assertThat(new File("/proc/self/fd").list().length).isLessThan(files + 50);
        assertThat(budget.left()).isEqualTo(1024);
    }

    @Test
    void threadsBeyondTheBudgetGoWithoutAndItIsSaid() {
        Probe probe = Probe.of(List.of(PerfEvent.PAGE_FAULTS));
        assumeThat(probe.events()).isNotEmpty();
        ThreadCounters counters = new ThreadCounters(probe.events(), probe.flags(), new FileBudget(4));
        assertThat(counters.openForThisThread()).isNotNull();
        assertThat(counters.openForThisThread()).isNull();
        assertThat(counters.refusal()).isNotNull();
        counters.close();
    }

    @Test
    void everyErrnoIsOneSentence() {
        for (int errno : new int[] {1, 2, 13, 16, 22, 24, 28, 38, 95, 4711}) {
            Refusal refusal = Perf.explain(PerfEvent.CYCLES, errno);
            assertThat(refusal.reason()).isNotEmpty().doesNotContain("\n").doesNotEndWith(".");
        }
        assertThat(Perf.explain(PerfEvent.CYCLES, Perf.ENOENT).reason())
                .isEqualTo("This machine exposes no PMU for cycles (usual in virtual machines)");
        assertThat(Perf.explain(PerfEvent.CYCLES, Perf.EACCES).reason()).contains("perf_event_paranoid is ");
    }

    @Test
    void multiplexedCountersAreScaled() {
        assertThat(Scaling.scale(100, 1000, 500)).isEqualTo(200);
        assertThat(Scaling.scale(100, 1000, 1000)).isEqualTo(100);
        assertThat(Scaling.scale(0, 1000, 0)).isNaN();
        assertThat(Scaling.scale(0, 0, 0)).isZero();
    }

    @Test
    void linkingLeavesNoTraceInThePropertiesOfTheApplication() {
        assertThat(System.getProperties().stringPropertyNames())
                .noneMatch(name -> name.startsWith("jna") || name.startsWith("jnidispatch"));
    }

    @Test
    void processUsageIsThatOfTheJvmFromEverySource() throws Exception {
        for (ProcessUsage usage :
                List.of(new ProcessUsage.FromGetrusage(), new ProcessUsage.FromProcfs(), new ProcessUsage.FromJava())) {
            usage.read();
            long cpu = ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
                    .getProcessCpuTime();
            long system = Math.max(0, usage.systemTime);
            assertThat(usage.userTime + system).as(usage.source()).isBetween(cpu - 200_000_000, cpu + 50_000_000);
        }
        ProcessUsage rusage = new ProcessUsage.FromGetrusage();
        ProcessUsage procfs = new ProcessUsage.FromProcfs();
        rusage.read();
        procfs.read();
        assertThat(procfs.minorFaults).isBetween(rusage.minorFaults, rusage.minorFaults + 1000);
        assertThat(rusage.voluntarySwitches).isPositive();
    }
}
