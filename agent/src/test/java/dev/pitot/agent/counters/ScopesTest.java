package dev.pitot.agent.counters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assumptions.assumeThat;
import static org.awaitility.Awaitility.await;

import dev.pitot.agent.config.CounterChoice;
import dev.pitot.agent.status.StatusBoard;
import java.io.File;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** What is counted for the process, for kinds of threads and for single ones, by the exact breakpoint PMU and by procfs. */
@EnabledOnOs(OS.LINUX)
class ScopesTest {
    private static final long USER_ONLY = Perf.EXCLUDE_KERNEL | Perf.EXCLUDE_HYPERVISOR;

    private final ByteBuffer watched = Libc.allocate(64);
    private final CounterPlan writes = CounterPlan.ofOneGroup(
            List.of(new PerfEvent("writes", PerfEvent.BREAKPOINT, 0, Libc.address(watched), 8, 2, 0)));
    private final TaskFiles files = TaskFiles.best(true);
    private final List<Thread> threads = new ArrayList<>();
    private final CountDownLatch end = new CountDownLatch(1);

    @BeforeAll
    static void link() {
        assertThat(Libc.link()).isNull();
    }

    @AfterEach
    void close() throws Exception {
        end.countDown();
        for (Thread thread : threads) {
            thread.interrupt();
            thread.join();
        }
        files.close();
    }

    private ProcessHardware open(CounterPlan plan, FileBudget budget) throws Exception {
        try {
            return ProcessHardware.open(plan, USER_ONLY, budget, files);
        } catch (ProcessHardware.Refused no) {
            assumeThat(no.isShortOfFiles).as("breakpoints are allowed here").isTrue();
            throw no;
        }
    }

    private void write(int times) {
        for (int i = 1; i <= times; i++) {
            watched.putLong(0, i);
        }
    }

    /** Keeps the CPU busy: the kernel brings the times of a running thread up to date at its next tick only. */
    private static void spin(int millis) {
        long until = System.nanoTime() + millis * 1_000_000L;
        while (System.nanoTime() - until < 0) {
            Thread.onSpinWait();
        }
    }

    /** Starts a thread that waits for the gate, does its work, and lives on until the end of the test. */
    private AtomicInteger start(String name, CountDownLatch gate, CountDownLatch done, Runnable work)
            throws InterruptedException {
        AtomicInteger tid = new AtomicInteger();
        CountDownLatch known = new CountDownLatch(1);
        Thread thread = new Thread(
                () -> {
                    tid.set(Libc.threadId());
                    known.countDown();
                    try {
                        gate.await();
                        work.run();
                        done.countDown();
                        end.await();
                    } catch (InterruptedException over) {
                        // The test has ended before the gate was opened.
                    }
                },
                name);
        threads.add(thread);
        thread.start();
        known.await();
        return tid;
    }

    @Test
    void theWholeProcessIsTheSumOfItsThreadsAndEndedOnesStayInIt() throws Exception {
        CountDownLatch go = new CountDownLatch(1);
        CountDownLatch done = new CountDownLatch(2);
        start("worker-1", go, done, () -> write(500));
        start("worker-2", go, done, () -> write(500));
        FileBudget budget = new FileBudget(20_000);
        int before = budget.left();
        ProcessHardware all = open(writes, budget);
        go.countDown();
        done.await();
        write(50);
        Thread late = new Thread(() -> write(7));
        late.start();
        late.join();
        all.sample();
        assertThat(all.process().value(0)).isEqualTo(1057);
        assertThat(all.process().running(0)).isEqualTo(1);
        all.sample();
        assertThat(all.process().value(0)).isZero();
        all.close();
        assertThat(before - budget.left()).isPositive();
    }

    @Test
    void eachKindOfThreadHasItsOwnPartAndTheyAddUp() throws Exception {
        CountDownLatch go = new CountDownLatch(1);
        CountDownLatch done = new CountDownLatch(4);
        start("C2 CompilerThread0", go, done, () -> write(20));
        start("pitot-sampler", go, done, () -> write(3));
        start("VM Thread", go, done, () -> write(100));
        start("ZWorker#0", go, done, () -> write(1000));
        ProcessHardware all = open(writes, new FileBudget(20_000));
        go.countDown();
        done.await();
        write(50_000);
        all.sample();
        assertThat(Arrays.stream(ThreadKind.values())
                        .map(kind -> kind.text() + " " + (long) all.of(kind).value(0)))
                .containsExactly("application 50000", "gc 1000", "jit 20", "vm 100", "agent 3");
        assertThat(all.process().value(0)).isEqualTo(51_123);
        all.close();
    }

    @Test
    void aGcWorkerThatTheVmThreadStartsIsMovedFromTheVmToGc() throws Exception {
        CountDownLatch go = new CountDownLatch(1);
        CountDownLatch started = new CountDownLatch(1);
        CountDownLatch work = new CountDownLatch(1);
        CountDownLatch done = new CountDownLatch(2);
        AtomicInteger worker = new AtomicInteger();
        start("VM Thread", go, done, () -> {
            write(10);
            try {
                worker.set(start("GC Thread#1", work, done, () -> write(400)).get());
            } catch (InterruptedException stopped) {
                throw new IllegalStateException(stopped);
            }
            started.countDown();
        });
        ProcessHardware all = open(writes, new FileBudget(20_000));
        go.countDown();
        started.await();
        all.adopt(worker.get());
        work.countDown();
        done.await();
        all.sample();
        assertThat(all.of(ThreadKind.GC).value(0)).isEqualTo(400);
        assertThat(all.of(ThreadKind.VM).value(0)).isEqualTo(10);
        assertThat(all.process().value(0)).isEqualTo(410);
        assertThat(all.workers()).containsExactly(worker.get());
        all.endOf(worker.get());
        assertThat(all.workers()).isEmpty();
        all.close();
    }

    @Test
    void aRefusedBudgetSaysHowManyFilesItTakesAndLessMayDo() {
        assertThatThrownBy(() -> ProcessHardware.open(writes, USER_ONLY, new FileBudget(8), files))
                .isInstanceOfSatisfying(ProcessHardware.Refused.class, no -> {
                    assertThat(no.refusal.remedy()).startsWith("Raise the limit of open files");
                    assertThat(no.isShortOfFiles).isTrue();
                });
        CounterPlan two = new CounterPlan(
                List.of(
                        new CounterPlan.Group(
                                List.of(PerfEvent.CYCLES, PerfEvent.INSTRUCTIONS, PerfEvent.CACHE_MISSES)),
                        new CounterPlan.Group(List.of(PerfEvent.BRANCHES))),
                List.of(
                        new CounterPlan.Counter("cycles", "", 1, List.of(new CounterPlan.Place(0, 0))),
                        new CounterPlan.Counter("branches", "", 1, List.of(new CounterPlan.Place(1, 0))),
                        new CounterPlan.Counter("cache-misses", "", 1, List.of(new CounterPlan.Place(0, 2)))));
        assertThat(two.smaller().counters())
                .extracting(CounterPlan.Counter::name)
                .containsExactly("cycles", "cache-misses");
        assertThat(two.smaller().smaller().descriptorsPerThread()).isEqualTo(2);
        assertThat(two.smaller().smaller().counters())
                .extracting(CounterPlan.Counter::name)
                .containsExactly("cycles");
        assertThat(two.smaller().smaller().smaller()).isEqualTo(CounterPlan.NOTHING);
    }

    @Test
    void detailIsRefusedDescriptorsBeforeWhatMattersMore() {
        FileBudget budget = new FileBudget(400);
        assertThat(budget.all()).isEqualTo(100);
        assertThat(budget.reserve(51, FileBudget.Use.TOP_THREADS)).isFalse();
        assertThat(budget.reserve(50, FileBudget.Use.TOP_THREADS)).isTrue();
        assertThat(budget.reserve(26, FileBudget.Use.HOST)).isFalse();
        assertThat(budget.reserve(25, FileBudget.Use.HOST)).isTrue();
        assertThat(budget.takeShort()).isFalse();
        assertThat(budget.reserve(26, FileBudget.Use.SPANS)).isFalse();
        assertThat(budget.takeShort()).isTrue();
        assertThat(budget.takeShort()).isFalse();
        assertThat(budget.reserve(25, FileBudget.Use.SPANS)).isTrue();
    }

    @Test
    void theNearerTheProcessIsToItsLimitOfFilesTheMoreIsGivenUp() {
        assertThat(List.of(100L, 820L, 860L, 920L, 960L).stream().map(open -> FileGuard.level(open, 1000)))
                .containsExactly(
                        FileGuard.Level.ENOUGH,
                        FileGuard.Level.TOP_THREADS,
                        FileGuard.Level.HOST,
                        FileGuard.Level.SPANS,
                        FileGuard.Level.PROCESS);
        assertThat(FileGuard.look(Libc.fileLimit())).isEqualTo(FileGuard.Level.ENOUGH);
    }

    @Test
    void bothWaysToLookAtTheThreadsSeeTheSame() throws Exception {
        AtomicInteger tid = start("a-thread", new CountDownLatch(1), new CountDownLatch(1), () -> {});
        try (TaskFiles byJava = TaskFiles.best(false)) {
            for (TaskFiles each : List.of(files, byJava)) {
                await().untilAsserted(() -> assertThat(each.name(tid.get())).isEqualTo("a-thread"));
                assertThat(each.list()).isTrue();
                assertThat(Arrays.copyOf(each.tids, each.count))
                        .contains(tid.get())
                        .contains((int) ProcessHandle.current().pid())
                        .doesNotHaveDuplicates();
                assertThat(each.readTimes(tid.get())).isTrue();
                assertThat(each.runTime).isPositive();
                String text = Files.readString(Path.of("/proc/self/task/" + tid.get() + "/schedstat"));
                assertThat(text.strip()).isEqualTo(each.runTime + " " + each.waitTime + " " + each.timeslices);
                assertThat(each.readTimes(Integer.MAX_VALUE)).isFalse();
                assertThat(each.name(Integer.MAX_VALUE)).isNull();
            }
        }
    }

    @Test
    void theThreadThatComputesIsTheTopOneWithItsTimeAndItsCounters() throws Exception {
        CountDownLatch go = new CountDownLatch(1);
        CountDownLatch done = new CountDownLatch(1);
        AtomicInteger tid = start("cruncher", go, done, () -> {
            spin(300);
        });
        FileBudget budget = new FileBudget(4096);
        TopThreads top = new TopThreads(3, writes, USER_ONLY, budget, null);
        await().until(() -> "cruncher".equals(files.name(tid.get())));
        ThreadScan scan = new ThreadScan(files);
        go.countDown();
        done.await();
        scan.scan();
        top.sample(scan);
        // The compilers of the test's own JVM may be busier.
        TopThreads.Entry first = top.top().stream()
                .filter(entry -> entry.tid() == tid.get())
                .findFirst()
                .orElseThrow();
        assertThat(first.thread()).isEqualTo("cruncher");
        assertThat(first.kind()).isEqualTo("application");
        assertThat(first.cpuTime()).isBetween(30_000_000L, 310_000_000L);
        assertThat(first.interval()).isGreaterThan(first.cpuTime());
        assertThat(first.reading()).as("its counters begin now").isNull();
        assertThat(top.top().size()).isLessThanOrEqualTo(3);
        top.shedForGood();
        assertThat(budget.left()).isEqualTo(budget.all());
    }

    @Test
    void aThreadThatServesRequestsIsCountedOnceAndReadBesideItself() throws Exception {
        FileBudget budget = new FileBudget(4096);
        ThreadCounters spans = new ThreadCounters(writes, true, budget);
        ThreadCounters.Span span = spans.openForThisThread();
        assumeThat(span).as("breakpoints are allowed here").isNotNull();
        TopThreads top = new TopThreads(64, writes, USER_ONLY, budget, spans);
        ThreadScan scan = new ThreadScan(files);
        write(1);
        spin(50);
        scan.scan();
        top.sample(scan);
        write(30);
        spin(50);
        double[] counts = new double[spans.places()];
        ThreadCounters.Mark mark = span.newMark();
        span.mark(mark);
        write(4);
        assertThat(span.since(mark, counts)).isTrue();
        scan.scan();
        top.sample(scan);
        assertThat(counts[ThreadCounters.PLACES]).as("the request").isEqualTo(4);
        assertThat(spans.further()).containsExactly("writes");
        TopThreads.Entry own = top.top().stream()
                .filter(entry -> entry.tid() == Libc.threadId())
                .findFirst()
                .orElseThrow();
        assertThat(own.reading()).isNotNull();
        assertThat(own.reading().value(0)).as("the thread").isEqualTo(34);
        top.close();
        spans.close();
        assertThat(budget.left()).isEqualTo(budget.all());
    }

    @Test
    void theTimesOfAllThreadsAreThoseOfTheProcess() throws Exception {
        ThreadScan scan = new ThreadScan(files);
        ProcessUsage usage = new ProcessUsage.FromGetrusage();
        usage.read();
        long before = usage.userTime + usage.systemTime;
        CountDownLatch go = new CountDownLatch(1);
        CountDownLatch done = new CountDownLatch(1);
        start("busy", go, done, () -> {
            spin(200);
        });
        go.countDown();
        done.await();
        scan.scan();
        usage.read();
        double process = usage.userTime + usage.systemTime - before;
        double seen = 0;
        for (ThreadKind kind : ThreadKind.values()) {
            seen += scan.runTime(kind);
            assertThat(scan.waitTime(kind)).isNotNegative();
        }
        assertThat(seen / process).isCloseTo(1, within(0.1));
        assertThat(scan.threads(ThreadKind.APPLICATION)).isGreaterThan(1);
        assertThat(scan.threads(ThreadKind.VM)).isGreaterThan(3);
        assertThat(scan.threads(ThreadKind.JIT)).isPositive();
    }

    @Test
    void whatThreadsDidBeforeTheFirstLookIsNotOfNow() throws Exception {
        CountDownLatch go = new CountDownLatch(1);
        int many = 2 * ThreadScan.READS + 10;
        CountDownLatch done = new CountDownLatch(many);
        for (int i = 0; i < many; i++) {
            start("old-" + i, go, done, () -> spin(3));
        }
        go.countDown();
        done.await();
        ThreadScan scan = new ThreadScan(files);
        int read = 0;
        for (int i = 0; i < 4; i++) {
            scan.scan();
            for (ThreadScan.Task task : scan.read()) {
                if (task.name.startsWith("old-")) {
                    read++;
                    assertThat(task.runTime).as(task.name).isLessThan(1_000_000);
                }
            }
        }
        assertThat(read).isGreaterThan(many);
    }

    @Test
    void aNewThreadHasRunForSomePartOfItsInterval() throws Exception {
        ThreadScan scan = new ThreadScan(files);
        CountDownLatch go = new CountDownLatch(1);
        CountDownLatch done = new CountDownLatch(1);
        AtomicInteger tid = start("newcomer", go, done, () -> spin(60));
        go.countDown();
        done.await();
        scan.scan();
        ThreadScan.Task task = scan.task(tid.get());
        assertThat(task).isNotNull();
        assertThat(task.runTime).isGreaterThan(10_000_000);
        assertThat(task.interval).isGreaterThanOrEqualTo(task.runTime);
    }

    /** The threads as they are, but for moments in which nothing can be read, as when no descriptor is left. */
    private final class Interrupted extends TaskFiles {
        private boolean refuse;

        @Override
        boolean list() {
            if (refuse || !files.list()) {
                return false;
            }
            count = 0;
            for (int i = 0; i < files.count; i++) {
                add(files.tids[i]);
            }
            return true;
        }

        @Override
        int read(int tid, byte[] file) {
            return refuse ? -1 : files.read(tid, file);
        }

        @Override
        byte at(int i) {
            return files.at(i);
        }
    }

    @Test
    void aMomentInWhichNothingCanBeReadIsNoNewLifeForAllThreads() throws Exception {
        Interrupted interrupted = new Interrupted();
        ThreadScan scan = new ThreadScan(interrupted);
        scan.scan();
        interrupted.refuse = true;
        scan.scan();
        assertThat(scan.read()).isEmpty();
        interrupted.refuse = false;
        scan.scan();
        assertThat(scan.read()).isNotEmpty().allSatisfy(task -> assertThat(task.runTime)
                .isLessThanOrEqualTo(task.interval + 50_000_000));
    }

    @Test
    void theCountersOfATopThreadAreOfTheIntervalOfItsTimes() throws Exception {
        CounterPlan clock =
                CounterPlan.ofOneGroup(List.of(new PerfEvent("task-clock", PerfEvent.SOFTWARE, 1, 0, 0, 0, 0)));
        CountDownLatch never = new CountDownLatch(1);
        for (int i = 0; i < 2 * ThreadScan.READS; i++) {
            start("idle-" + i, never, never, () -> {});
        }
        CountDownLatch go = new CountDownLatch(1);
        AtomicInteger tid = start("cruncher", go, never, () -> {
            while (!Thread.currentThread().isInterrupted()) {
                Thread.onSpinWait();
            }
        });
        await().until(() -> "cruncher".equals(files.name(tid.get())));
        ThreadScan scan = new ThreadScan(files);
        TopThreads top = new TopThreads(8, clock, USER_ONLY, new FileBudget(4096), null);
        go.countDown();
        List<Double> ratios = new ArrayList<>();
        for (int i = 0; i < 12 && ratios.size() < 3; i++) {
            spin(150);
            scan.scan();
            top.sample(scan);
            for (TopThreads.Entry entry : top.top()) {
                Reading reading = entry.reading();
                if (entry.tid() == tid.get() && reading != null) {
                    ratios.add(reading.value(0) / entry.cpuTime());
                }
            }
        }
        top.close();
        assumeThat(ratios).as("software events are allowed here").isNotEmpty();
        assertThat(ratios).hasSize(3).allSatisfy(ratio -> assertThat(ratio).isBetween(0.6, 1.5));
    }

    @Test
    void aViewIsNotReadOnceTheCountersAreGivenBack(@TempDir Path folder) throws Exception {
        ThreadCounters spans = new ThreadCounters(writes, true, new FileBudget(4096));
        ThreadCounters.Span span = spans.openForThisThread();
        assumeThat(span).as("breakpoints are allowed here").isNotNull();
        OpenGroups view = spans.viewOf(Libc.threadId(), writes);
        assertThat(view).isNotNull();
        Reading reading = new Reading(writes);
        write(3);
        assertThat(view.sample(reading.groups)).isTrue();
        assertThat(reading.value(0)).isEqualTo(3);
        spans.closeAll();
        // The number of the descriptor goes to whoever opens a file next: nothing of it may be read.
        Path file = Files.write(folder.resolve("of the application"), new byte[4096]);
        List<RandomAccessFile> opened = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            opened.add(new RandomAccessFile(file.toFile(), "r"));
        }
        assertThat(view.sample(reading.groups)).isFalse();
        for (RandomAccessFile each : opened) {
            assertThat(each.getFilePointer()).isZero();
            each.close();
        }
    }

    @Test
    void aGcWorkerThatIsCountedFromTheStartIsNotTakenFromTheVmOnceMore() throws Exception {
        CountDownLatch go = new CountDownLatch(1);
        CountDownLatch done = new CountDownLatch(1);
        AtomicInteger worker = start("GC Thread#0", go, done, () -> write(400));
        await().until(() -> "GC Thread#0".equals(files.name(worker.get())));
        ProcessHardware all = open(writes, new FileBudget(20_000));
        all.adopt(worker.get());
        go.countDown();
        done.await();
        all.sample();
        assertThat(all.of(ThreadKind.GC).value(0)).isEqualTo(400);
        assertThat(all.process().value(0)).isEqualTo(400);
        assertThat(all.workers()).isEmpty();
        all.close();
    }

    @Test
    void aThreadThatComputesAllTheTimeIsNeverShownAsIdleHoweverLateItIsRead() throws Exception {
        CountDownLatch go = new CountDownLatch(1);
        AtomicInteger tid = start("cruncher", go, new CountDownLatch(1), () -> {
            while (!Thread.currentThread().isInterrupted()) {
                Thread.onSpinWait();
            }
        });
        TaskFiles late = new TaskFiles() {
            @Override
            boolean list() {
                boolean listed = files.list();
                count = 0;
                for (int i = 0; i < files.count; i++) {
                    add(files.tids[i]);
                }
                return listed;
            }

            @Override
            int read(int thread, byte[] file) {
                if (thread == tid.get()) {
                    spin(120); // As when a safepoint comes between the begin of the scan and this thread's turn.
                }
                return files.read(thread, file);
            }

            @Override
            byte at(int i) {
                return files.at(i);
            }
        };
        ThreadScan scan = new ThreadScan(late);
        go.countDown();
        for (int i = 0; i < 4; i++) {
            scan.scan();
            ThreadScan.Task task = scan.task(tid.get());
            assertThat(task).isNotNull();
            // However little of a CPU a busy machine leaves to it.
            assertThat(i == 0 || task.runTime > 0).as("scan " + i).isTrue();
            assertThat(task.runTime).isLessThanOrEqualTo(task.interval + 50_000_000);
        }
    }

    @Test
    void aProcessWithoutAFilterIsSeenAsSuch() throws Exception {
        FilterWatch watch = new FilterWatch();
        String status = Files.readString(Path.of("/proc/self/status"));
        assertThat(watch.isFiltered()).isEqualTo(!status.contains("\nSeccomp:\t0"));
        watch.close();
        assertThat(watch.isFiltered()).isFalse();
    }

    @Test
    void aCpuThatCouldNotBeReadHasNoZero() {
        assertThat(Reading.ofCpus(writes).value(0)).isNaN();
        assertThat(new Reading(writes).value(0)).isZero();
    }

    @Test
    void closeToTheLimitOfFilesEverythingIsGivenBackAndNothingReadsAsZero() {
        CounterChoice wanted = new CounterChoice(true, false, true, List.of("task-clock", "page-faults"), 8, true);
        int before = new File("/proc/self/fd").list().length;
        Counters counters = Counters.open(wanted, new StatusBoard());
        assumeThat(counters.process()).as("software events are allowed here").isNotNull();
        counters.sample();
        assertThat(new File("/proc/self/fd").list().length).isGreaterThan(before + 20);
        counters.shed(FileGuard.Level.HOST);
        String whileHostWasShed = Doctor.changeable(counters);
        assertThat(counters.host()).isNull();
        assertThat(counters.process()).isNotNull();
        counters.shed(FileGuard.Level.PROCESS);
        assertThat(counters.process()).isNull();
        assertThat(counters.kinds())
                .allSatisfy(kind -> assertThat(kind.reading()).isNull());
        assertThat(counters.threads()).isNotNull();
        assertThat(counters.threads().openForThisThread()).isNull();
        assertThat(counters.hardwareSource()).startsWith("none: ").contains("limit of open files");
        assertThat(Doctor.changeable(counters)).isNotEqualTo(whileHostWasShed);
        assertThat(Doctor.examine(counters))
                .filteredOn(finding -> finding.subject().startsWith("counters asked for by name"))
                .singleElement()
                .satisfies(finding -> {
                    assertThat(finding.state()).isEqualTo("no");
                    assertThat(finding.blocker()).contains("limit of open files");
                });
        counters.sample();
        counters.tidy();
        counters.close();
        assertThat(new File("/proc/self/fd").list().length).isLessThan(before + 10);
    }

    @Test
    void ofVeryManyThreadsEachIsReadInItsTurn() throws Exception {
        CountDownLatch never = new CountDownLatch(1);
        for (int i = 0; i < ThreadScan.READS + 100; i++) {
            start("waiting-" + i, never, never, () -> {});
        }
        ThreadScan scan = new ThreadScan(files);
        List<Integer> first = tids(scan);
        scan.scan();
        List<Integer> second = tids(scan);
        int jvm = scan.threads(ThreadKind.VM)
                + scan.threads(ThreadKind.JIT)
                + scan.threads(ThreadKind.GC)
                + scan.threads(ThreadKind.AGENT);
        assertThat(first.size()).isLessThan(ThreadScan.READS + jvm);
        assertThat(scan.threads(ThreadKind.APPLICATION)).isGreaterThanOrEqualTo(ThreadScan.READS + 100);
        List<Integer> both = new ArrayList<>(first);
        both.addAll(second);
        assertThat(both.stream().distinct().count()).isEqualTo(scan.threads(ThreadKind.APPLICATION) + jvm);
    }

    private static List<Integer> tids(ThreadScan scan) {
        return scan.read().stream().map(task -> task.tid).toList();
    }

    @Test
    void threadsAreKnownByTheNamesOfHotSpot() {
        assertThat(ThreadKind.of("GC Thread#3")).isEqualTo(ThreadKind.GC);
        assertThat(ThreadKind.of("G1 Conc#0")).isEqualTo(ThreadKind.GC);
        assertThat(ThreadKind.of("Shenandoah GC T")).isEqualTo(ThreadKind.GC);
        assertThat(ThreadKind.of("C1 CompilerThre")).isEqualTo(ThreadKind.JIT);
        assertThat(ThreadKind.of("VM Periodic Tas")).isEqualTo(ThreadKind.VM);
        assertThat(ThreadKind.of("JFR Sampler Thr")).isEqualTo(ThreadKind.AGENT);
        assertThat(ThreadKind.of("http-nio-8080-e")).isEqualTo(ThreadKind.APPLICATION);
        assertThat(ThreadKind.of("java")).isEqualTo(ThreadKind.APPLICATION);
    }

    /** A group whose descriptor is a file that says what the kernel would: nr, enabled, running, value, id. */
    private static CounterGroup saying(Path file, long... numbers) throws Exception {
        ByteBuffer text = ByteBuffer.allocate(numbers.length * 8).order(java.nio.ByteOrder.nativeOrder());
        for (long number : numbers) {
            text.putLong(number);
        }
        Files.write(file, text.array());
        // The group closes the descriptor.
        java.io.FileInputStream in = new java.io.FileInputStream(file.toFile());
        KEPT_OPEN.add(in);
        for (String fd : new File("/proc/self/fd").list()) {
            Path link = Path.of("/proc/self/fd", fd);
            if (Files.exists(link) && Files.readSymbolicLink(link).equals(file)) {
                return new CounterGroup(new int[] {Integer.parseInt(fd)}, true);
            }
        }
        throw new IllegalStateException("not open: " + file);
    }

    private static final List<Object> KEPT_OPEN = new ArrayList<>();

    @Test
    void aCounterThatNeverHadATurnIsNoZero(@TempDir Path folder) throws Exception {
        CounterGroup starved = saying(folder.resolve("starved"), 1, 0, 0, 0, 7, 1, 1_000_000, 0, 0, 7);
        CounterGroup counted = saying(folder.resolve("counted"), 1, 0, 0, 0, 8, 1, 3_000_000, 1_500_000, 500, 8);
        ProcessHardware alone = ProcessHardware.of(writes, List.of(List.of(starved)));
        alone.sample();
        assertThat(alone.process().value(0)).isZero();
        assertThat(alone.process().running(0)).isNaN();
        alone.sample();
        assertThat(alone.process().value(0)).isNaN();
        assertThat(alone.process().running(0)).isZero();
        assertThat(alone.process().leastRunning()).isZero();

        ProcessHardware both = ProcessHardware.of(
                writes,
                List.of(
                        List.of(counted),
                        List.of(saying(folder.resolve("again"), 1, 0, 0, 0, 7, 1, 1_000_000, 0, 0, 7))));
        both.sample();
        both.sample();
        // 500 in half of 3 ms are 1000 in all of it; the thread that had no turn counts like it for its 1 ms.
        assertThat(both.process().value(0)).isCloseTo(1000 * 4 / 3.0, within(0.01));
        assertThat(both.process().running(0)).isEqualTo(1.5 / 4);
    }

    @Test
    void twoKindsOfCoresAreSummedAndAThreadOnTheOtherKindIsNoMultiplexing(@TempDir Path folder) throws Exception {
        CounterPlan hybrid = new CounterPlan(
                List.of(
                        new CounterPlan.Group(List.of(PerfEvent.CYCLES)),
                        new CounterPlan.Group(List.of(PerfEvent.CYCLES))),
                List.of(new CounterPlan.Counter(
                        "cycles", "", 1, List.of(new CounterPlan.Place(0, 0), new CounterPlan.Place(1, 0)))));
        CounterGroup big = saying(folder.resolve("big"), 1, 0, 0, 0, 7, 1, 4_000_000, 3_000_000, 900, 7);
        CounterGroup little = saying(folder.resolve("little"), 1, 0, 0, 0, 8, 1, 4_000_000, 1_000_000, 100, 8);
        ProcessHardware all = ProcessHardware.of(hybrid, List.of(List.of(big, little)));
        all.sample();
        all.sample();
        assertThat(all.process().value(0)).isEqualTo(1000);
        assertThat(all.process().running(0)).isEqualTo(1);
    }
}
