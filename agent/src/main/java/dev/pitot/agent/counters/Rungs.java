package dev.pitot.agent.counters;

import dev.pitot.agent.counters.Finding.Fix;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The ladder as it is for one process: what each rung can count, and what is in its way. Found by opening each event once on the calling
 * thread, or concluded from the kernel's rules where that cannot be done in that process's place.
 */
final class Rungs {
    /** Whom an event counts. */
    enum Scope {
        THREAD,
        OTHER_THREAD,
        CPU
    }

    /** perf_event_open(2): 0, or the errno. */
    interface Kernel {
        int tryOpen(PerfEvent event, Scope scope, long flags);
    }

    /** For some thirty threads, each with a group of the process's and one of its requests. */
    private static final int ENOUGH_FILES = 256;

    private static final long USER_ONLY = Perf.EXCLUDE_KERNEL | Perf.EXCLUDE_HYPERVISOR;

    private static final List<PerfEvent> HARDWARE = List.of(
            PerfEvent.CYCLES,
            PerfEvent.INSTRUCTIONS,
            PerfEvent.CACHE_REFERENCES,
            PerfEvent.CACHE_MISSES,
            PerfEvent.BRANCHES,
            PerfEvent.BRANCH_MISSES,
            event("bus-cycles", PerfEvent.HARDWARE, 6),
            event("stalled-cycles-frontend", PerfEvent.HARDWARE, 7),
            event("stalled-cycles-backend", PerfEvent.HARDWARE, 8),
            event("ref-cycles", PerfEvent.HARDWARE, 9));

    private static final List<PerfEvent> SOFTWARE = List.of(
            event("cpu-clock", PerfEvent.SOFTWARE, 0),
            event("task-clock", PerfEvent.SOFTWARE, 1),
            PerfEvent.PAGE_FAULTS,
            PerfEvent.CONTEXT_SWITCHES,
            event("cpu-migrations", PerfEvent.SOFTWARE, 4),
            event("minor-faults", PerfEvent.SOFTWARE, 5),
            event("major-faults", PerfEvent.SOFTWARE, 6),
            event("alignment-faults", PerfEvent.SOFTWARE, 7),
            event("emulation-faults", PerfEvent.SOFTWARE, 8));

    private final Situation situation;
    private final Kernel kernel;
    private final String how;
    private final String howNative;
    /** Why no native code can be called, or null. */
    private final @Nullable Obstacle noNativeCode;
    /** Why perf_event_open must not be called, or null. */
    private final @Nullable Obstacle noPerf;

    private Rungs(
            Situation situation,
            Kernel kernel,
            String how,
            boolean nativeTried,
            @Nullable Obstacle noNativeCode,
            @Nullable Obstacle noPerf) {
        this.situation = situation;
        this.kernel = kernel;
        this.how = how;
        this.howNative = nativeTried ? "tried" : "concluded";
        this.noNativeCode = noNativeCode;
        this.noPerf = noPerf;
    }

    private static PerfEvent event(String name, int type, long config) {
        return new PerfEvent(name, type, config, 0, 0, 0, 0);
    }

    /**
     * By trying. Under a seccomp filter that may kill, nothing is tried.
     *
     * @param evenIfFiltered as the key {@code counters=perf} says
     */
    static List<Finding> tried(Situation situation, boolean evenIfFiltered) {
        Refusal library = Libc.link();
        Obstacle noPerf = null;
        Refusal unknown = Perf.objection();
        if (unknown != null) {
            noPerf = new Obstacle(unknown.reason(), Fix.NONE);
        } else if (!evenIfFiltered) {
            Refusal filtered = Seccomp.read().objection();
            noPerf = filtered == null ? null : Obstacle.filtered(filtered);
        }
        return new Rungs(
                        situation,
                        Rungs::open,
                        noPerf == null ? "tried" : "concluded",
                        true,
                        library == null ? null : Obstacle.nativeCode(library, situation.temporaryFolderIs()),
                        noPerf)
                .all();
    }

    /** By the kernel's rules, for a process in whose place nothing can be tried. */
    static List<Finding> concluded(Situation situation) {
        Refusal objection = situation.objection();
        String folder = situation.temporaryFolderIs();
        return new Rungs(
                        situation,
                        rules(situation),
                        "concluded",
                        false,
                        folder.isEmpty() ? null : Obstacle.temporaryFolder(folder),
                        objection == null ? null : Obstacle.filtered(objection))
                .all();
    }

    /** With {@code counters=none}: no native code is called. */
    static List<Finding> switchedOff(Situation situation) {
        return new Rungs(situation, rules(situation), "concluded", false, Obstacle.switchedOff(), null).all();
    }

    /** What kernel/events/core.c asks, in its order. */
    static Kernel rules(Situation situation) {
        return (event, scope, flags) -> {
            int paranoid = situation.isPerfmonCapable() ? -1 : situation.paranoidLevel();
            if ((paranoid > 2 && situation.isPatched())
                    || (paranoid > 1 && (flags & Perf.EXCLUDE_KERNEL) == 0)
                    || (paranoid > 0 && scope == Scope.CPU)) {
                return Perf.EACCES;
            }
            return event.type() == PerfEvent.HARDWARE && !situation.hasPmu() ? Perf.ENOENT : 0;
        };
    }

    private static int open(PerfEvent event, Scope scope, long flags) {
        int fd;
        if (scope == Scope.CPU) {
            fd = Perf.openOnCpu(event, 0, -1, flags, Perf.FORMAT_TIMES);
        } else {
            // The main thread has the number of the process.
            int tid = scope == Scope.THREAD ? 0 : (int) ProcessHandle.current().pid();
            fd = Perf.open(event, tid, -1, flags, Perf.FORMAT_TIMES);
        }
        if (fd < 0) {
            return -fd;
        }
        Libc.close(fd);
        return 0;
    }

    private List<Finding> all() {
        List<Finding> rungs = new ArrayList<>();
        Finding both = events("hardware counters", HARDWARE, Scope.THREAD, 0, 1);
        Finding user = events("hardware counters, user side only", HARDWARE, Scope.THREAD, USER_ONLY, 2);
        rungs.add(both);
        rungs.add(user);
        Finding best = both.state().equals("no") ? user : both;
        long flags = best == user ? USER_ONLY : 0;
        rungs.add(ofTheProcess(best, flags));
        rungs.add(ofRequests(best, flags));
        rungs.add(events("hardware counters of the whole host", HARDWARE, Scope.CPU, 0, 0));
        rungs.add(software());
        rungs.add(
                noNativeCode == null
                        ? Finding.yes("getrusage", "CPU time, page faults, context switches of the process", howNative)
                        : Finding.no("getrusage", noNativeCode, howNative));
        rungs.add(procfs());
        rungs.add(
                noNativeCode == null
                        ? Finding.yes(
                                "native code (JNA)",
                                howNative.equals("tried") ? "loaded" : "nothing in its way",
                                howNative)
                        : Finding.no("native code (JNA)", noNativeCode, howNative));
        rungs.add(files());
        rungs.add(breakpoints());
        return rungs;
    }

    private @Nullable Obstacle shut() {
        return noNativeCode != null ? noNativeCode : noPerf;
    }

    /** @param enough the highest perf_event_paranoid at which it would be allowed */
    private Finding events(String subject, List<PerfEvent> events, Scope scope, long flags, int enough) {
        Obstacle shut = shut();
        if (shut != null) {
            return Finding.no(subject, shut, how);
        }
        List<String> open = new ArrayList<>();
        List<String> missing = new ArrayList<>();
        int first = 0;
        for (PerfEvent event : events) {
            int errno = kernel.tryOpen(event, scope, flags);
            if (errno == 0) {
                open.add(event.name());
            } else {
                missing.add(event.name());
                first = first == 0 ? errno : first;
            }
        }
        if (missing.isEmpty()) {
            return Finding.yes(subject, String.join(", ", open), how);
        }
        boolean hardware = events == HARDWARE;
        Obstacle obstacle = open.isEmpty() && hardware && first == Perf.ENOENT
                ? Obstacle.noPmu(situation.isVirtual())
                : Obstacle.of(first, String.join(", ", missing), enough, situation);
        if (!open.isEmpty()) {
            return Finding.partial(subject, String.join(", ", open), obstacle, how);
        }
        // The kernel looks at privileges first: with them, there may be nothing behind the door.
        if (hardware && first == Perf.EACCES && !situation.hasPmu()) {
            Obstacle none = Obstacle.noPmu(situation.isVirtual());
            obstacle = new Obstacle(obstacle.sentence() + "; and " + lower(none.sentence()), none.fix());
        }
        return Finding.no(subject, obstacle, how);
    }

    private static String lower(String sentence) {
        return Character.toLowerCase(sentence.charAt(0)) + sentence.substring(1);
    }

    private Finding ofTheProcess(Finding best, long flags) {
        String subject = "hardware counters of the process";
        if (best.state().equals("no")) {
            return new Finding(subject, true, "no", "", best.blocker(), best.fix(), how);
        }
        int errno = kernel.tryOpen(PerfEvent.CYCLES, Scope.OTHER_THREAD, flags | Perf.INHERIT | Perf.INHERIT_THREAD);
        String detail = best.detail() + (flags == 0 ? "" : " (user side)") + ", of all threads";
        if (errno == Perf.EINVAL) {
            return Finding.partial(
                    subject,
                    detail,
                    new Obstacle("This kernel counts child processes too", Fix.everywhere("Linux 5.13 or newer")),
                    how);
        }
        if (errno != 0) {
            return Finding.no(subject, Obstacle.of(errno, "other threads", flags == 0 ? 1 : 2, situation), how);
        }
        return Finding.yes(subject, detail, how);
    }

    private Finding ofRequests(Finding best, long flags) {
        String subject = "counters of each request";
        Obstacle shut = shut();
        if (shut != null) {
            return Finding.no(subject, shut, how);
        }
        List<String> names = new ArrayList<>();
        if (kernel.tryOpen(PerfEvent.PAGE_FAULTS, Scope.THREAD, flags) == 0) {
            names.add("page-faults");
        }
        if (kernel.tryOpen(PerfEvent.CONTEXT_SWITCHES, Scope.THREAD, 0) == 0) {
            names.add("context-switches");
        }
        if (best.state().equals("no")) {
            Obstacle obstacle = new Obstacle(best.blocker(), best.fix());
            if (names.isEmpty() && kernel.tryOpen(PerfEvent.PAGE_FAULTS, Scope.THREAD, USER_ONLY) == 0) {
                names.add("page-faults");
            }
            return names.isEmpty()
                    ? Finding.no(subject, obstacle, how)
                    : Finding.partial(subject, String.join(", ", names), obstacle, how);
        }
        names.add(0, best.detail() + (flags == 0 ? "" : " (user side)"));
        return Finding.yes(subject, String.join(", ", names), how);
    }

    private Finding files() {
        String subject = "file descriptors for counters";
        int budget = new FileBudget(situation.fileLimit()).left();
        String detail = budget + ", at most a quarter of the limit";
        return budget >= ENOUGH_FILES
                ? Finding.yes(subject, detail, "read")
                : Finding.partial(
                        subject,
                        detail,
                        Obstacle.fewFiles("Only " + situation.fileLimit()
                                + " files may be open: threads for whose counters none is left go without"),
                        "read");
    }

    private Finding software() {
        Finding all = events("software events of perf", SOFTWARE, Scope.THREAD, 0, 1);
        if (!all.state().equals("no") || shut() != null) {
            return all;
        }
        Finding user = events("software events of perf", SOFTWARE, Scope.THREAD, USER_ONLY, 2);
        if (user.state().equals("no")) {
            return user;
        }
        // These open without the kernel's side and then read 0 for ever: they happen inside the kernel.
        String detail = user.detail().replace("context-switches, cpu-migrations, ", "");
        return Finding.partial(user.subject(), detail + " (user side)", new Obstacle(all.blocker(), all.fix()), how);
    }

    private Finding procfs() {
        String subject = "/proc and schedstat";
        if (!situation.hasProcfs()) {
            return Finding.no(
                    subject, new Obstacle("/proc cannot be read", Fix.everywhere("mount -t proc proc /proc")), "read");
        }
        return situation.hasSchedstat()
                ? Finding.yes(subject, "CPU time, page faults, wait for a CPU, of each thread", "read")
                : Finding.partial(
                        subject,
                        "CPU time, page faults",
                        new Obstacle("This kernel was built without CONFIG_SCHED_INFO", Fix.NONE),
                        "read");
    }

    private Finding breakpoints() {
        String subject = "hardware breakpoints";
        Obstacle shut = shut();
        if (shut != null) {
            return Finding.no(subject, shut, how);
        }
        int errno;
        if (how.equals("tried")) {
            ByteBuffer watched = Libc.allocate(8);
            long address = Libc.address(watched);
            try {
                // HW_BREAKPOINT_W on 8 bytes of our own.
                PerfEvent write = new PerfEvent("breakpoint", PerfEvent.BREAKPOINT, 0, address, 8, 2, 0);
                errno = kernel.tryOpen(write, Scope.THREAD, USER_ONLY);
            } finally {
                Libc.free(address);
            }
        } else {
            errno = kernel.tryOpen(event("breakpoint", PerfEvent.BREAKPOINT, 0), Scope.THREAD, USER_ONLY);
        }
        return errno == 0
                ? Finding.yes(subject, "writes to and executions of an address", how)
                : Finding.no(subject, Obstacle.of(errno, "breakpoints", 2, situation), how);
    }
}
