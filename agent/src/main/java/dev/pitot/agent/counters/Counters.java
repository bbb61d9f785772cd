package dev.pitot.agent.counters;

import dev.pitot.agent.config.CounterChoice;
import dev.pitot.agent.status.StatusBoard;
import dev.pitot.agent.status.StatusBoard.Entry;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The ladder, climbed once at the start: hardware, user-only hardware, getrusage, procfs, what Java knows. Says on the status
 * board how far it got and why no further. Opened on the starter thread; {@link #sample} and what it reads belong to the
 * sampler thread.
 */
public final class Counters {
    private static final String HARDWARE = "hardware counters";
    private static final String SOFTWARE = "software counters";
    private static final String THREADS = "thread counters";
    private static final String HOST = "host counters";
    /** Open files are looked at this often, as the look costs as much as there are of them. */
    private static final int SECONDS_BETWEEN_LOOKS_AT_FILES = 10;
    /** Open files that a process is sure to be allowed, where the limit cannot be read; see setrlimit(2). */
    private static final long LEAST_FILE_LIMIT = 1024;

    /** What one kind of thread did since the previous sample. */
    public final class Kind {
        private final ThreadKind kind;

        private Kind(ThreadKind kind) {
            this.kind = kind;
        }

        /** {@code application}, {@code gc}, {@code jit}, {@code vm} or {@code agent}. */
        public String name() {
            return kind.text();
        }

        public boolean isApplication() {
            return kind == ThreadKind.APPLICATION;
        }

        public boolean isAgent() {
            return kind == ThreadKind.AGENT;
        }

        /** Threads of it that live; NaN where they cannot be seen. */
        public double threads() {
            return scan == null ? Double.NaN : scan.threads(kind);
        }

        /** CPU nanoseconds of those that live, or {@link Long#MIN_VALUE}. */
        public long runTime() {
            return scan == null ? Long.MIN_VALUE : scan.runTime(kind);
        }

        /** Nanoseconds that these were ready and had no CPU, or {@link Long#MIN_VALUE}. */
        public long waitTime() {
            return scan == null ? Long.MIN_VALUE : scan.waitTime(kind);
        }

        /** The hardware counters, or null. */
        public @Nullable Reading reading() {
            return hardware == null || hardware.isClosed() ? null : hardware.of(kind);
        }
    }

    private final ProcessUsage usage;
    private final @Nullable ThreadScan scan;
    private final @Nullable ThreadCounters threads;
    private final @Nullable ProcessHardware hardware;
    private final @Nullable HostHardware host;
    private final @Nullable TopThreads top;
    private final FileBudget budget;
    private final RunQueue.All runQueues;
    private final boolean named;
    private String hardwareSource;
    private final String source;
    private final CounterChoice wanted;
    private final @Nullable Choice choice;
    private final @Nullable Refusal noNativeCode;
    private final @Nullable Refusal noPerf;
    private final StatusBoard status;
    private final List<Kind> kinds = new ArrayList<>();
    /** What limits the counters of the process and of threads; only the sampler adds to them after the start. */
    private final List<Refusal> ofHardware;

    private final List<Refusal> ofThreads;
    private final List<Refusal> ofHost;
    /** Why something was given back, or null. */
    private @Nullable Refusal ofFiles;

    private final FilterWatch filter = new FilterWatch();
    private boolean starved;
    private boolean hasTold;
    private boolean hasToldOfTop;
    private int toldOfThreads;
    private int second;
    private FileGuard.Level files = FileGuard.Level.ENOUGH;

    private Counters(
            ProcessUsage usage,
            @Nullable ThreadScan scan,
            @Nullable ThreadCounters threads,
            @Nullable ProcessHardware hardware,
            @Nullable HostHardware host,
            @Nullable TopThreads top,
            FileBudget budget,
            boolean named,
            String hardwareSource,
            String source,
            List<Refusal> ofHardware,
            List<Refusal> ofThreads,
            List<Refusal> ofHost,
            CounterChoice wanted,
            @Nullable Choice choice,
            @Nullable Refusal noNativeCode,
            @Nullable Refusal noPerf,
            StatusBoard status) {
        this.usage = usage;
        this.scan = scan;
        this.threads = threads;
        this.hardware = hardware;
        this.host = host;
        this.top = top;
        this.budget = budget;
        this.runQueues = noNativeCode == null
                ? new RunQueue.All(budget, true)
                : new RunQueue.All(new FileBudget(LEAST_FILE_LIMIT), false);
        this.named = named;
        this.hardwareSource = hardwareSource;
        this.source = source;
        this.ofHardware = new ArrayList<>(ofHardware);
        this.ofThreads = new ArrayList<>(ofThreads);
        this.ofHost = ofHost;
        this.wanted = wanted;
        this.choice = choice;
        this.noNativeCode = noNativeCode;
        this.noPerf = noPerf;
        this.status = status;
        for (ThreadKind kind : ThreadKind.values()) {
            kinds.add(new Kind(kind));
        }
    }

    /** Climbs as high as this machine allows. Never throws for a counter that cannot be had. */
    public static Counters open(CounterChoice wanted, StatusBoard status) {
        if (!wanted.enabled()) {
            return withoutNativeCode(
                    wanted,
                    new Refusal(
                            "Switched off by counters=none",
                            "Set counters=default",
                            Refusal.Fix.everywhere("counters=default")),
                    status);
        }
        Refusal noLibrary = Libc.link();
        if (noLibrary != null) {
            return withoutNativeCode(wanted, noLibrary, status);
        }
        status.set(SOFTWARE, Entry.ON);
        Refusal objection = Perf.objection();
        if (objection == null && !wanted.evenIfFiltered()) {
            objection = Situation.ofThisProcess().seccomp().objection();
        }
        return objection != null ? withoutPerf(wanted, objection, status) : withPerf(wanted, status);
    }

    private static Counters withoutNativeCode(CounterChoice wanted, Refusal why, StatusBoard status) {
        status.set(SOFTWARE, partial(why));
        return without(wanted, why, ProcessUsage.withoutNativeCode(), false, status);
    }

    private static Counters withoutPerf(CounterChoice wanted, Refusal why, StatusBoard status) {
        return without(wanted, why, new ProcessUsage.FromGetrusage(), true, status);
    }

    private static Counters without(
            CounterChoice wanted, Refusal why, ProcessUsage usage, boolean nativeCode, StatusBoard status) {
        status.set(HARDWARE, off(why));
        status.set(THREADS, off(why));
        if (wanted.host()) {
            status.set(HOST, off(why));
        }
        FileBudget budget = new FileBudget(nativeCode ? Libc.fileLimit() : 0);
        ThreadScan scan = scan(nativeCode);
        return new Counters(
                usage,
                scan,
                null,
                null,
                null,
                scan == null || wanted.topThreads() == 0
                        ? null
                        : new TopThreads(wanted.topThreads(), CounterPlan.NOTHING, 0, budget, null),
                budget,
                false,
                why.asSource(),
                "",
                List.of(),
                List.of(),
                List.of(),
                wanted,
                null,
                nativeCode ? null : why,
                nativeCode ? why : null,
                status);
    }

    /** Looks at the threads, or is null where the kernel does not show what each did. */
    private static @Nullable ThreadScan scan(boolean nativeCode) {
        ThreadScan scan = new ThreadScan(TaskFiles.best(nativeCode));
        if (scan.works()) {
            return scan;
        }
        scan.close();
        return null;
    }

    private static Counters withPerf(CounterChoice wanted, StatusBoard status) {
        FileBudget budget = new FileBudget(Libc.fileLimit());
        Choice choice = Choice.of(wanted, Catalogue.ofThisMachine(), new Kernel.OfThisMachine());
        List<Refusal> refusals = new ArrayList<>(choice.refusals().values());
        ThreadScan scan = scan(true);
        ProcessHardware hardware = process(choice, budget, refusals);
        if (hardware != null) {
            refusals.addAll(choice.limits());
            limits(hardware, refusals);
        }
        Refusal why = Refusal.all(refusals);
        status.set(
                HARDWARE,
                hardware == null || !choice.hasUsual()
                        ? off(
                                why == null
                                        ? new Refusal("No hardware event is among the counters that were asked for", "")
                                        : why)
                        : why == null ? Entry.ON : partial(why));
        List<Refusal> ofThreads = new ArrayList<>(choice.spanRefusals().values());
        ThreadCounters threads = threads(choice, ofThreads, budget, status);
        TopThreads top = null;
        if (scan != null && wanted.topThreads() > 0) {
            CounterPlan ofTop = choice.hasUsual() ? choice.span() : CounterPlan.NOTHING;
            top = new TopThreads(wanted.topThreads(), ofTop, choice.flags(), budget, threads);
        }
        List<Refusal> ofHost = new ArrayList<>();
        return new Counters(
                new ProcessUsage.FromGetrusage(),
                scan,
                threads,
                hardware,
                wanted.host() ? host(choice, ofHost, budget, status) : null,
                top,
                budget,
                !wanted.names().isEmpty(),
                hardware == null && why != null ? why.asSource() : choice.hardwareSource(),
                choice.source(),
                refusals,
                ofThreads,
                ofHost,
                wanted,
                choice,
                null,
                null,
                status);
    }

    /** With the whole plan; where descriptors are too few for that, with its first group, and then with that group's leaders. */
    private static @Nullable ProcessHardware process(Choice choice, FileBudget budget, List<Refusal> refusals) {
        CounterPlan plan = choice.process();
        if (plan.groups().isEmpty()) {
            return null;
        }
        try (TaskFiles files = TaskFiles.best(true)) {
            while (true) {
                try {
                    return ProcessHardware.open(plan, choice.flags(), budget, files);
                } catch (ProcessHardware.Refused no) {
                    refusals.add(no.refusal);
                    CounterPlan smaller = no.isShortOfFiles ? plan.smaller() : CounterPlan.NOTHING;
                    if (smaller.groups().isEmpty()) {
                        return null;
                    }
                    plan = smaller;
                }
            }
        }
    }

    private static @Nullable HostHardware host(
            Choice choice, List<Refusal> refusals, FileBudget budget, StatusBoard status) {
        Refusal objection = choice.hostRefusal();
        if (objection != null) {
            refusals.add(objection);
            status.set(HOST, off(objection));
            return null;
        }
        HostHardware host = HostHardware.open(choice.host(), budget, refusals);
        if (choice.host().counter(PerfEvent.CYCLES.name()) == null) {
            refusals.addAll(choice.refusals().values());
        }
        Refusal why = Refusal.all(refusals);
        if (host == null) {
            status.set(HOST, off(why == null ? new Refusal("No counter of a CPU could be opened", "") : why));
        } else {
            status.set(HOST, why == null ? Entry.ON : partial(why));
        }
        return host;
    }

    private static Entry off(Refusal why) {
        return Entry.off(why.reason(), why.remedy());
    }

    private static Entry partial(Refusal why) {
        return Entry.partial(why.reason(), why.remedy());
    }

    private static void limits(ProcessHardware hardware, List<Refusal> refusals) {
        if (hardware.withChildren) {
            refusals.add(
                    new Refusal("This kernel can only count child processes too", "Linux 5.13 and newer need not"));
        }
        if (hardware.unsettled) {
            refusals.add(
                    new Refusal("Threads kept starting while the counters were opened; a few may not be counted", ""));
        }
    }

    private static @Nullable ThreadCounters threads(
            Choice choice, List<Refusal> refusals, FileBudget budget, StatusBoard status) {
        Refusal why = Refusal.all(refusals);
        if (choice.span().groups().isEmpty()) {
            status.set(THREADS, off(why == null ? new Refusal("No event could be opened", "") : why));
            return null;
        }
        status.set(THREADS, why == null ? Entry.ON : partial(why));
        return new ThreadCounters(choice.span(), choice.userOnly(), budget);
    }

    /** What is open now, for the doctor; by the thread that opened it, and then by the sampler thread. */
    Opened opened() {
        boolean counts = choice != null && hardware != null && !hardware.isClosed();
        boolean countsHost = choice != null && host() != null;
        boolean countsSpans = choice != null && threads != null && files.compareTo(FileGuard.Level.SPANS) < 0;
        return new Opened(
                wanted,
                noNativeCode,
                noPerf,
                choice,
                counts && hardware != null ? hardware.plan() : CounterPlan.NOTHING,
                files == FileGuard.Level.PROCESS && ofFiles != null ? List.of(ofFiles) : ofHardware,
                countsSpans && choice != null ? choice.span() : CounterPlan.NOTHING,
                ofFiles == null || files.compareTo(FileGuard.Level.SPANS) < 0 ? ofThreads : List.of(ofFiles),
                countsHost && choice != null ? choice.host() : CounterPlan.NOTHING,
                ofFiles == null || files.compareTo(FileGuard.Level.HOST) < 0 ? ofHost : List.of(ofFiles),
                ofFiles,
                budget.all());
    }

    /** Where CPU time, context switches and page faults of the process are read. */
    public ProcessUsage usage() {
        return usage;
    }

    /** Counters of single threads, or null when there are none here. */
    public @Nullable ThreadCounters threads() {
        return threads;
    }

    /** Run-queue waits of single threads. */
    public RunQueue.All runQueues() {
        return runQueues;
    }

    /** {@code perf}, {@code perf, user only}, or {@code none: } and why. */
    public String hardwareSource() {
        return hardwareSource;
    }

    /** What the whole process counted, or null when nothing is counted here. */
    public @Nullable Reading process() {
        return hardware == null || hardware.isClosed() ? null : hardware.process();
    }

    /** All kinds of threads, or none where nothing is known of them. */
    public List<Kind> kinds() {
        return scan == null && hardware == null ? List.of() : kinds;
    }

    /** The threads with most CPU time, or null when they are not wanted or cannot be seen. */
    public @Nullable TopThreads topThreads() {
        return top;
    }

    /** The CPUs of the machine, or null when they are not wanted or cannot be counted. */
    public @Nullable HostHardware host() {
        return host == null || host.isClosed() ? null : host;
    }

    /** Where counters come from that there are: {@code perf} or {@code perf, user only}. */
    public String source() {
        return source;
    }

    /** Whether an event was asked for with this name. */
    public boolean isNamed(String name) {
        return wanted.names().contains(name);
    }

    /** Whether counters were asked for by name. */
    public boolean hasNamed() {
        return named;
    }

    /** Nanoseconds since the previous sample that threads were ready and had no CPU, or {@link Long#MIN_VALUE}. */
    public long runQueueWait() {
        if (scan == null) {
            return Long.MIN_VALUE;
        }
        long sum = 0;
        for (ThreadKind kind : ThreadKind.values()) {
            sum += scan.waitTime(kind);
        }
        return sum;
    }

    /** Looks at the threads and reads all counters; what the accessors give is then about the time since the call before. */
    public void sample() {
        if (scan != null) {
            scan.scan();
        }
        if (hardware != null && !hardware.isClosed()) {
            if (scan != null) {
                followWorkers(hardware, scan);
            }
            hardware.sample();
            if (!starved && hardware.process().leastRunning() == 0) {
                starved = true;
                ofHardware.add(new Refusal(
                        "In some seconds a hardware counter did not run, as others took all of the CPU's",
                        "Stop other profilers on this machine"));
                tell(HARDWARE, ofHardware);
            }
        }
        if (top != null && scan != null) {
            top.sample(scan);
        }
        if (host != null && !host.isClosed()) {
            host.sample();
        }
    }

    private static void followWorkers(ProcessHardware hardware, ThreadScan scan) {
        for (ThreadScan.Task task : scan.begun()) {
            if (ThreadKind.isGcWorker(task.name)) {
                hardware.adopt(task.tid);
            }
        }
        for (int tid : hardware.workers()) {
            if (scan.task(tid) == null) {
                hardware.endOf(tid);
            }
        }
    }

    /** Gives back what ended threads held and what others need more; called once a second on the sampler thread. */
    public void tidy() {
        runQueues.closeOfEndedThreads();
        if (second++ % SECONDS_BETWEEN_LOOKS_AT_FILES == 0 && budget.left() < budget.all()) {
            shed(FileGuard.look(Libc.fileLimit()));
        }
        if (top != null) {
            if (budget.takeShort()) {
                top.shed();
            }
            if (top.isStarved() && !hasToldOfTop && threads != null) {
                hasToldOfTop = true;
                ofThreads.add(new Refusal(
                        "Some of the top threads have no counters, as file descriptors are short",
                        "Raise the limit of open files (ulimit -n)",
                        Refusal.Fix.FILES));
                tell(THREADS, ofThreads);
            }
        }
        if (threads == null) {
            return;
        }
        threads.closeOfEndedThreads();
        Refusal filtered = null;
        if (!wanted.evenIfFiltered() && !hasTold && filter.isFiltered()) {
            Seccomp now = Situation.ofThisProcess().seccomp();
            // Unreadable for once, for want of a file descriptor, say: that was no objection at the start.
            filtered = now.status() == null ? null : now.objection();
        }
        if (filtered != null) {
            // The application put itself under a filter after the start, as some do: what is open may be read on.
            hasTold = true;
            threads.openNoMore(filtered);
        }
        List<Refusal> met = threads.refusals();
        if (met.size() > toldOfThreads && files.compareTo(FileGuard.Level.SPANS) < 0) {
            ofThreads.addAll(met.subList(toldOfThreads, met.size()));
            toldOfThreads = met.size();
            tell(THREADS, ofThreads);
        }
    }

    /** Detail goes first; what was given up stays so, as the application would come to the same point again. */
    void shed(FileGuard.Level level) {
        if (level.compareTo(files) <= 0) {
            return;
        }
        files = level;
        Refusal why = new Refusal(
                "The process is close to its limit of open files, so that " + level.what,
                "Raise the limit of open files (ulimit -n)",
                Refusal.Fix.FILES);
        ofFiles = why;
        if (level.compareTo(FileGuard.Level.TOP_THREADS) >= 0 && top != null) {
            top.shedForGood();
        }
        if (level.compareTo(FileGuard.Level.HOST) >= 0 && host != null) {
            host.close();
            status.set(HOST, off(why));
        }
        if (level.compareTo(FileGuard.Level.SPANS) >= 0) {
            runQueues.close();
        }
        if (level.compareTo(FileGuard.Level.SPANS) >= 0 && threads != null) {
            threads.openNoMore(why);
            threads.closeAll();
            status.set(THREADS, off(why));
        } else if (threads != null) {
            ofThreads.add(why);
            tell(THREADS, ofThreads);
        }
        if (level == FileGuard.Level.PROCESS && hardware != null) {
            hardware.close();
            hardwareSource = why.asSource();
            status.set(HARDWARE, off(why));
        }
    }

    private void tell(String part, List<Refusal> refusals) {
        Refusal why = Refusal.all(refusals);
        if (why != null) {
            status.set(part, partial(why));
        }
    }

    /** Closes everything; no sample may follow. */
    public void close() {
        runQueues.close();
        if (top != null) {
            top.close();
        }
        if (threads != null) {
            threads.close();
        }
        if (hardware != null) {
            hardware.close();
        }
        if (host != null) {
            host.close();
        }
        if (scan != null) {
            scan.close();
        }
        filter.close();
    }
}
