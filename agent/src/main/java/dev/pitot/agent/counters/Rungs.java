package dev.pitot.agent.counters;

import dev.pitot.agent.counters.Refusal.Fix;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The ladder as it is for one process: what each rung can count, and what is in its way. The first rungs say what could be counted,
 * by opening each event once on the calling thread; those after them what is counted, as {@link Opened} has it. Both are concluded from
 * the kernel's rules where nothing can be tried in that process's place. Opens nothing where that might end the JVM.
 */
final class Rungs {
    /** For some thirty threads, each with a group of the process's and one of its requests. */
    private static final int ENOUGH_FILES = 256;

    /** Of sysfs: to look each up costs some 50 microseconds. */
    private static final int MOST_OF_PMUS = 512;

    private final Situation situation;
    private final Kernel kernel;
    private final Catalogue catalogue;
    private final Opened opened;
    private final boolean live;
    /** Why perf_event_open must not be called, or null. */
    private final @Nullable Refusal shut;

    private final String how;
    private final String howNative;

    Rungs(
            Situation situation,
            Kernel kernel,
            Catalogue catalogue,
            Opened opened,
            boolean live,
            @Nullable Refusal filtered) {
        this.situation = situation;
        this.kernel = kernel;
        this.catalogue = catalogue;
        this.opened = opened;
        this.live = live;
        Refusal noNativeCode = opened.noNativeCode();
        Refusal noPerf = opened.noPerf();
        shut = noNativeCode != null ? noNativeCode : noPerf != null ? noPerf : filtered;
        how = live && shut == null ? "tried" : "concluded";
        howNative = live && opened.wanted().enabled() ? "tried" : "concluded";
    }

    /** Of this process, by trying, and by what it counts. */
    static List<Finding> tried(Opened opened) {
        Situation self = Situation.ofThisProcess();
        // The application may have put itself under a filter since.
        Refusal filtered =
                opened.wanted().evenIfFiltered() ? null : self.seccomp().objection();
        return new Rungs(self, new Kernel.OfThisMachine(), Catalogue.ofThisMachine(), opened, true, filtered).all();
    }

    /** By the kernel's rules. */
    static List<Finding> concluded(Situation situation) {
        Catalogue catalogue = situation.catalogue();
        return new Rungs(situation, situation.rules(), catalogue, Opened.concluded(situation, catalogue), false, null)
                .all();
    }

    private List<Finding> all() {
        Choice choice = opened.choice();
        long flags = choice == null ? 0 : choice.flags();
        List<Finding> rungs = new ArrayList<>();
        rungs.add(survey("hardware counters", "hardware events with the kernel's side", Catalogue.hardware(), 0));
        rungs.add(
                survey("hardware counters, user side only", "hardware events", Catalogue.hardware(), Ladder.USER_ONLY));
        rungs.add(survey("hardware cache events", "cache events", Catalogue.caches(), flags));
        rungs.add(survey("raw events", "raw events", List.of("r0"), flags));
        rungs.add(ofPmus(flags));
        rungs.add(sideBySide());
        rungs.add(ofTheProcess());
        rungs.add(ofRequests());
        rungs.add(ofTheHost());
        if (!opened.wanted().names().isEmpty()) {
            rungs.add(askedFor());
        }
        rungs.add(software());
        Refusal noNativeCode = opened.noNativeCode();
        rungs.add(
                noNativeCode == null
                        ? Finding.yes("getrusage", "CPU time, page faults, context switches of the process", howNative)
                        : Finding.no("getrusage", noNativeCode, howNative));
        rungs.add(procfs());
        rungs.add(
                noNativeCode == null
                        ? Finding.yes("native code (JNA)", live ? "loaded" : "nothing in its way", howNative)
                        : Finding.no("native code (JNA)", noNativeCode, howNative));
        rungs.add(files());
        rungs.add(breakpoints());
        return rungs;
    }

    private List<Named> find(List<String> names) {
        List<Named> found = new ArrayList<>();
        for (String name : names) {
            try {
                found.add(catalogue.find(name));
            } catch (UnknownEvent unusable) {
                // Of a file in sysfs that Pitot cannot read as an event; then it is none.
            }
        }
        return found;
    }

    private Finding survey(String subject, String what, List<String> names, long flags) {
        if (shut != null) {
            return Finding.no(subject, shut, how);
        }
        Survey survey = Survey.of(what, find(names), false, flags, kernel);
        return Finding.of(subject, joined(survey.open(), flags), survey.open(), survey.refusals(), how);
    }

    private static String joined(List<String> names, long flags) {
        return String.join(", ", names) + (flags == 0 ? "" : " (user side)");
    }

    Finding ofPmus(long flags) {
        String subject = "events of PMUs in sysfs";
        if (shut != null) {
            return Finding.no(subject, shut, how);
        }
        List<Pmu> pmus = catalogue.pmusWithEvents();
        List<String> names = new ArrayList<>();
        int untried = 0;
        for (Pmu pmu : pmus) {
            for (String event : pmu.events()) {
                if (names.size() < MOST_OF_PMUS) {
                    names.add(pmu.name() + "/" + event + "/");
                } else {
                    untried++;
                }
            }
        }
        if (names.isEmpty()) {
            return Finding.no(subject, new Refusal("No PMU of this machine names its events", ""), how);
        }
        Survey survey = Survey.of("the events of PMUs", find(names), false, flags, kernel);
        StringBuilder detail = new StringBuilder();
        for (Pmu pmu : pmus) {
            String of = pmu.name() + "/";
            detail.append(detail.length() == 0 ? "" : ", ").append(pmu.name()).append(' ');
            detail.append(count(survey.open(), of)).append(" of ").append(count(names, of));
        }
        detail.append(untried == 0 ? "" : ", " + untried + " not tried").append(": ");
        return Finding.of(subject, detail + joined(survey.open(), flags), survey.open(), survey.refusals(), how);
    }

    private static int count(List<String> names, String start) {
        int count = 0;
        for (String name : names) {
            count += name.startsWith(start) ? 1 : 0;
        }
        return count;
    }

    /** How much of the hardware is counted at once, as was found by trying. */
    Finding sideBySide() {
        String subject = "hardware counters side by side";
        Choice choice = opened.choice();
        List<String> ofProcess = opened.process().hardwareNames();
        if (choice == null || ofProcess.isEmpty()) {
            return Finding.of(subject, "", List.of(), none(), how);
        }
        if (!live) {
            return new Finding(
                    subject, true, "partial", "", List.of(), "How many run side by side must be tried", Fix.NONE, how);
        }
        int ofRequest = opened.span().hardwareNames().size();
        String detail = ofProcess.size() + " for the process"
                + (ofRequest == 0 ? "" : ", and " + ofRequest + " more while a request is served")
                + (choice.crowded().isEmpty() ? ", all of the time" : "")
                + (kernel.standing().watchdog() ? "; the kernel's NMI watchdog holds one more" : "");
        return Finding.of(subject, detail, ofProcess, choice.crowded(), how);
    }

    /** Why no hardware event was opened for the process. */
    private List<Refusal> none() {
        Choice choice = opened.choice();
        if (choice == null) {
            return shut == null ? opened.ofProcess() : List.of(shut);
        }
        return opened.ofProcess().isEmpty() ? List.of(choice.hardwareRefusal()) : opened.ofProcess();
    }

    private Finding ofTheProcess() {
        String subject = "hardware counters of the process";
        List<String> names = opened.process().hardwareNames();
        Choice choice = opened.choice();
        if (choice == null || names.isEmpty()) {
            return Finding.of(subject, "", List.of(), none(), how);
        }
        return Finding.of(subject, joined(names, choice.flags()) + ", of all threads", names, opened.ofProcess(), how);
    }

    private Finding ofRequests() {
        String subject = "counters of each request";
        Choice choice = opened.choice();
        if (choice == null) {
            return Finding.of(subject, "", List.of(), none(), how);
        }
        List<Refusal> refusals = new ArrayList<>(opened.ofSpan());
        if (opened.wanted().usual() && opened.span().hardwareNames().isEmpty()) {
            refusals.add(0, choice.hardwareRefusal());
        }
        List<String> names = opened.span().names();
        return Finding.of(subject, joined(names, choice.flags()), names, refusals, how);
    }

    private Finding ofTheHost() {
        String subject = "hardware counters of the whole host";
        if (shut != null) {
            return Finding.no(subject, shut, how);
        }
        if (opened.wanted().host()) {
            List<String> hardware = opened.host().hardwareNames();
            List<String> names = hardware.isEmpty() ? opened.host().names() : hardware;
            return Finding.of(subject, String.join(", ", names), names, opened.ofHost(), how);
        }
        Survey survey = Survey.of("whole CPUs", find(Catalogue.hardware()), true, 0, kernel);
        return Finding.of(
                subject,
                String.join(", ", survey.open()) + ", with counters.host=true",
                survey.open(),
                survey.refusals(),
                how);
    }

    /** What became of each name in {@code counters=}. */
    private Finding askedFor() {
        String subject = "counters asked for by name";
        Choice choice = opened.choice();
        if (choice == null) {
            return Finding.of(subject, "", List.of(), none(), how);
        }
        List<String> counted = new ArrayList<>();
        List<Refusal> refusals = new ArrayList<>();
        for (String asked : opened.wanted().names()) {
            Refusal no = choice.refusals().get(asked);
            if (no == null) {
                for (Named named : find(List.of(asked))) {
                    boolean is = opened.process().counter(named.name()) != null
                            || opened.host().counter(named.name()) != null;
                    no = is ? null : choice.refusals().getOrDefault(named.name(), Refusal.all(opened.ofProcess()));
                }
            }
            if (no == null) {
                counted.add(asked);
            } else {
                refusals.add(no);
            }
        }
        return Finding.of(subject, joined(counted, choice.flags()), counted, refusals, how);
    }

    private Finding software() {
        String subject = "software events of perf";
        if (shut != null) {
            return Finding.no(subject, shut, how);
        }
        List<Named> events = find(Catalogue.software());
        Survey both = Survey.of("software events with the kernel's side", events, false, 0, kernel);
        if (!both.open().isEmpty()) {
            return Finding.of(subject, joined(both.open(), 0), both.open(), both.refusals(), how);
        }
        Survey user = Survey.of("software events", events, false, Ladder.USER_ONLY, kernel);
        if (user.open().isEmpty()) {
            return Finding.of(subject, "", List.of(), user.refusals(), how);
        }
        List<Refusal> refusals = new ArrayList<>(both.refusals());
        refusals.addAll(user.refusals());
        return Finding.of(subject, joined(user.open(), Ladder.USER_ONLY), user.open(), refusals, how);
    }

    private Finding files() {
        String subject = "file descriptors for counters";
        String detail = opened.descriptors() + " at most, a quarter of the limit of open files; " + FileBudget.ORDER;
        Refusal given = opened.ofFiles();
        if (given == null && opened.descriptors() >= ENOUGH_FILES) {
            return Finding.yes(subject, detail, "read");
        }
        Refusal few = new Refusal(
                "Only " + situation.fileLimit()
                        + " files may be open: threads for whose counters none is left go without",
                "",
                Fix.FILES);
        return Finding.partial(subject, detail, given == null ? few : given, "read");
    }

    private Finding procfs() {
        String subject = "/proc and schedstat";
        if (!situation.hasProcfs()) {
            return Finding.no(
                    subject,
                    new Refusal("/proc cannot be read", "Mount /proc", Fix.everywhere("mount -t proc proc /proc")),
                    "read");
        }
        return situation.hasSchedstat()
                ? Finding.yes(subject, "CPU time, page faults, wait for a CPU, of each thread", "read")
                : Finding.partial(
                        subject,
                        "CPU time, page faults",
                        new Refusal("This kernel was built without CONFIG_SCHED_INFO", ""),
                        "read");
    }

    private Finding breakpoints() {
        String subject = "hardware breakpoints";
        if (shut != null) {
            return Finding.no(subject, shut, how);
        }
        ByteBuffer watched = live ? Libc.allocate(8) : ByteBuffer.allocate(0);
        long address = live ? Libc.address(watched) : 0;
        try {
            // HW_BREAKPOINT_W on 8 bytes of our own.
            PerfEvent write = new PerfEvent("breakpoints", PerfEvent.BREAKPOINT, 0, address, 8, 2, 0);
            int errno = kernel.tryOpen(List.of(write), Kernel.THIS_THREAD, Ladder.USER_ONLY);
            return errno == 0
                    ? Finding.yes(subject, "writes to and executions of an address", how)
                    : Finding.no(subject, kernel.standing().explain(write, errno, Standing.USER_SIDE), how);
        } finally {
            if (live) {
                Libc.free(address);
            }
        }
    }
}
