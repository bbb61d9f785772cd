package dev.pitot.agent.counters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import com.sun.management.ThreadMXBean;
import java.io.File;
import java.io.RandomAccessFile;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
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
        return new PerfEvent("writes", PerfEvent.BREAKPOINT, 0, Libc.address(memory), 8, 2, 0);
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
    void aClosedGroupIsNeverReadAgain() throws Exception {
        CounterGroup group = open(List.of(writesTo(watched)), 0, true);
        group.close();
        assertThat(group.read()).isFalse();
    }

    @Test
    void contextSwitchesOfAThreadAreThoseOfProcfs() throws Exception {
        Probe probe = Probe.of(List.of(PerfEvent.PAGE_FAULTS, PerfEvent.CONTEXT_SWITCHES));
        assumeThat(probe.events()).contains(PerfEvent.CONTEXT_SWITCHES);
        ThreadCounters.Span span = new ThreadCounters(
                        CounterPlan.ofOneGroup(probe.events()), probe.userOnly(), new FileBudget(4096))
                .openForThisThread();
        assertThat(span).isNotNull();
        double[] counts = new double[ThreadCounters.PLACES];
        byte[] earlier = new byte[8192];
        byte[] later = new byte[8192];
        // Open already, so that a look is one system call: between the two clocks the thread is hardly ever
        // interrupted.
        try (RandomAccessFile status = new RandomAccessFile("/proc/thread-self/status", "r")) {
            boolean same = false;
            for (int attempt = 0; attempt < 100 && !same; attempt++) {
                status.seek(0);
                int before = status.read(earlier);
                ThreadCounters.Mark mark = span.newMark();
                span.mark(mark);
                for (int i = 0; i < 20; i++) {
                    java.util.concurrent.locks.LockSupport.parkNanos(100_000);
                }
                assertThat(span.since(mark, counts)).isTrue();
                status.seek(0);
                int after = status.read(later);
                long all = switches(later, after) - switches(earlier, before);
                double counted = counts[ThreadCounters.CONTEXT_SWITCHES];
                assertThat(counted).isBetween(20.0, (double) all);
                same = counted == all;
            }
            assertThat(same).as("undisturbed, they are the same").isTrue();
        }
    }

    private static long switches(byte[] status, int length) {
        return new String(status, 0, length, StandardCharsets.ISO_8859_1)
                .lines()
                .filter(line -> line.contains("ctxt_switches"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")))
                .sum();
    }

    @Test
    void readingAllocatesNothing() throws Exception {
        Probe probe = Probe.of(List.of(PerfEvent.PAGE_FAULTS, PerfEvent.CONTEXT_SWITCHES));
        assumeThat(probe.events()).isNotEmpty();
        ThreadCounters.Span span = new ThreadCounters(
                        CounterPlan.ofOneGroup(probe.events()), probe.userOnly(), new FileBudget(4096))
                .openForThisThread();
        assertThat(span).isNotNull();
        double[] counts = new double[ThreadCounters.PLACES];
        ThreadMXBean bean = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        ThreadCounters.Mark mark = span.newMark();
        for (int i = 0; i < 1000; i++) {
            span.mark(mark);
            span.since(mark, counts);
        }
        long before = bean.getCurrentThreadAllocatedBytes();
        for (int i = 0; i < 1000; i++) {
            span.mark(mark);
            span.since(mark, counts);
        }
        assertThat(bean.getCurrentThreadAllocatedBytes() - before).isLessThan(200);
    }

    @Test
    void descriptorsOfEndedThreadsAreGivenBack() throws Exception {
        Probe probe = Probe.of(List.of(PerfEvent.PAGE_FAULTS));
        assumeThat(probe.events()).isNotEmpty();
        FileBudget budget = new FileBudget(4096);
        ThreadCounters counters = new ThreadCounters(CounterPlan.ofOneGroup(probe.events()), probe.userOnly(), budget);
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
        ThreadCounters counters =
                new ThreadCounters(CounterPlan.ofOneGroup(probe.events()), probe.userOnly(), new FileBudget(4));
        assertThat(counters.openForThisThread()).isNotNull();
        assertThat(counters.openForThisThread()).isNull();
        assertThat(counters.refusals()).singleElement().satisfies(why -> assertThat(why.reason())
                .contains("file descriptors"));
        counters.close();
    }

    @Test
    void everyErrnoIsOneSentence() {
        for (int errno : new int[] {1, 2, 13, 16, 22, 24, 28, 38, 95, 4711}) {
            Refusal refusal = Perf.explain(PerfEvent.CYCLES, errno);
            assertThat(refusal.reason()).isNotEmpty().doesNotContain("\n").doesNotEndWith(".");
        }
        assertThat(Perf.explain(PerfEvent.CYCLES, Perf.ENOENT).reason()).startsWith("This machine exposes no PMU");
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
            long before = cpuTime();
            usage.read();
            long after = cpuTime();
            long system = Math.max(0, usage.systemTime);
            // procfs counts in ticks of 10 ms, user and system apart, which may both lag.
            assertThat(usage.userTime + system).as(usage.source()).isBetween(before - 40_000_000, after + 20_000_000);
        }
        ProcessUsage rusage = new ProcessUsage.FromGetrusage();
        ProcessUsage procfs = new ProcessUsage.FromProcfs();
        rusage.read();
        double first = rusage.minorFaults;
        procfs.read();
        rusage.read();
        assertThat(procfs.minorFaults).isBetween(first, rusage.minorFaults);
        assertThat(rusage.voluntarySwitches).isGreaterThan(0);
    }

    private static long cpuTime() {
        return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
                .getProcessCpuTime();
    }

    @Test
    void aThreadWhoseGroupIsRefusedTriesFewerAndThenSoftwareAlone() {
        List<PerfEvent> all = List.of(PerfEvent.CYCLES, PerfEvent.CACHE_MISSES, PerfEvent.PAGE_FAULTS);
        List<PerfEvent> fewer =
                ThreadCounters.fewer(all, new CounterGroup.CannotOpen(PerfEvent.CACHE_MISSES, Perf.EINVAL));
        assertThat(fewer).containsExactly(PerfEvent.CYCLES, PerfEvent.PAGE_FAULTS);
        assertThat(ThreadCounters.fewer(fewer, new CounterGroup.CannotOpen(PerfEvent.PAGE_FAULTS, Perf.EINVAL)))
                .containsExactly(PerfEvent.PAGE_FAULTS);
    }

    @Test
    void onlyTheHardwareEventsOfAThreadAreLostToARefusal() {
        // An event that no kernel knows stands for one that this CPU cannot count beside the others.
        PerfEvent unknown = new PerfEvent("nonsense", PerfEvent.HARDWARE, 4711, 0, 0, 0, 0);
        assumeThat(Probe.of(List.of(PerfEvent.PAGE_FAULTS)).events()).isNotEmpty();
        FileBudget budget = new FileBudget(4096);
        ThreadCounters counters =
                new ThreadCounters(CounterPlan.ofOneGroup(List.of(unknown, PerfEvent.PAGE_FAULTS)), true, budget);
        ThreadCounters.Span span = counters.openForThisThread();
        assertThat(span).isNotNull();
        assertThat(span.source()).isEqualTo("perf, software only");
        ThreadCounters.Mark mark = span.newMark();
        span.mark(mark);
        double[] counts = new double[ThreadCounters.PLACES];
        assertThat(span.since(mark, counts)).isTrue();
        assertThat(counters.refusals()).singleElement().satisfies(why -> assertThat(why.reason())
                .startsWith("Threads have fewer counters: ")
                .containsAnyOf("nonsense", "no PMU"));
        counters.close();
        assertThat(budget.left()).isEqualTo(1024);
    }

    @Test
    void allReasonsAreToldOnceEach() {
        Refusal a = new Refusal("A", "do a");
        assertThat(Refusal.all(List.of(a, new Refusal("B", ""), a))).isEqualTo(new Refusal("A; B", "do a"));
        assertThat(Refusal.all(List.of())).isNull();
    }

    @Test
    void theSystemCallIsThatOfTheArchitectureOrNone() {
        assertThat(Perf.number("amd64")).isEqualTo(298);
        assertThat(Perf.number("aarch64")).isEqualTo(241);
        assertThat(Perf.number("riscv64")).isEqualTo(241);
        assertThat(Perf.number("s390x")).isEqualTo(-1);
    }

    @Test
    void aPropertyThatTheApplicationHasSetMeanwhileStays() {
        String name = "dev.pitot.test.property";
        System.setProperty(name, "ours");
        Libc.restore(name, "before", "ours");
        assertThat(System.getProperty(name)).isEqualTo("before");
        Libc.restore(name, null, "ours");
        assertThat(System.clearProperty(name)).isEqualTo("before");
    }
}
