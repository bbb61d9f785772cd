package dev.pitot.agent.counters;

import dev.pitot.agent.counters.Refusal.Fix;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What the kernel's settings and this process's privileges say about perf_event: what turns an errno into a sentence. See
 * perf_event_open(2) "ERRORS", capabilities(7) and the kernel's Documentation/admin-guide/perf-security.rst.
 *
 * @param paranoid kernel.perf_event_paranoid: -1 everything is allowed, 0 no raw tracepoints, 1 no whole CPUs, 2 no kernel,
 *     3 and 4, of Debian, Ubuntu and Android, nothing; {@link #UNKNOWN} when it cannot be read
 * @param capable whether the process holds CAP_PERFMON or CAP_SYS_ADMIN
 * @param filtered whether it is under a seccomp filter
 * @param hasPmu whether the kernel has a PMU for the CPU's cores
 * @param watchdog whether the kernel's NMI watchdog holds one counter of each CPU
 */
record Standing(int paranoid, boolean capable, boolean filtered, boolean hasPmu, boolean watchdog) {
    static final int UNKNOWN = Integer.MIN_VALUE;

    private static final int CAP_SYS_ADMIN = 21;
    private static final int CAP_PERFMON = 38;

    private static final String WITH_CAPABILITY = "docker run --cap-add=PERFMON";
    private static final String WITH_PROFILE = WITH_CAPABILITY + " --security-opt seccomp=perf-allowed.json";
    private static final String IN_POD = "securityContext: {capabilities: {add: [\"PERFMON\"]}}";
    private static final String IN_POD_WITH_PROFILE = "securityContext: {capabilities: {add: [\"PERFMON\"]}, "
            + "seccompProfile: {type: Localhost, localhostProfile: perf-allowed.json}}";

    static Standing ofThisProcess() {
        return read(Path.of("/proc"), Path.of("/sys/bus/event_source/devices"));
    }

    /**
     * @param proc {@code /proc} or a folder like it
     * @param devices {@code /sys/bus/event_source/devices} or a folder like it
     */
    static Standing read(Path proc, Path devices) {
        String status = text(proc.resolve("self/status"));
        long effective = number(Seccomp.field(status, "CapEff"), 16, 0);
        return new Standing(
                (int) number(text(proc.resolve("sys/kernel/perf_event_paranoid")), 10, UNKNOWN),
                (effective >>> CAP_PERFMON & 1) == 1 || (effective >>> CAP_SYS_ADMIN & 1) == 1,
                number(Seccomp.field(status, "Seccomp"), 10, 0) != 0,
                hasPmu(devices),
                text(proc.resolve("sys/kernel/nmi_watchdog")).equals("1"));
    }

    private static boolean hasPmu(Path devices) {
        if (Files.exists(devices.resolve("cpu"))) {
            return true;
        }
        String[] names = devices.toFile().list();
        for (String name : names == null ? new String[0] : names) {
            if (Files.exists(devices.resolve(name).resolve("cpus"))) {
                return true;
            }
        }
        return false;
    }

    private static String text(Path file) {
        try {
            return Files.readString(file, StandardCharsets.ISO_8859_1).strip();
        } catch (Exception unreadable) {
            // Only the wording of a sentence depends on it.
            return "";
        }
    }

    private static long number(String digits, int radix, long otherwise) {
        try {
            return radix == 16 ? Long.parseUnsignedLong(digits, 16) : Long.parseLong(digits);
        } catch (NumberFormatException none) {
            return otherwise;
        }
    }

    private String level() {
        return "perf_event_paranoid is " + (paranoid == UNKNOWN ? "unknown" : Integer.toString(paranoid));
    }

    /**
     * One sentence for an errno of {@link Perf#open}, and the smallest thing that would help.
     *
     * @param wholeCpus whether a whole CPU was to be counted, and not a thread of this process
     */
    Refusal explain(PerfEvent event, int errno, boolean wholeCpus) {
        String what = event.name();
        return switch (errno) {
            case Perf.ENOENT -> missing(event);
            case Perf.ENODEV ->
                new Refusal("The PMU for " + what + " serves no CPU that is online, or the CPU lacks it", "");
            case Perf.EOPNOTSUPP ->
                new Refusal("The PMU of this machine cannot count " + what + " for want of a hardware feature", "");
            case Perf.EACCES -> denied(what, wholeCpus);
            case Perf.EPERM -> filtered ? filtered(what) : denied(what, wholeCpus);
            case Perf.EMFILE ->
                new Refusal(
                        "No file descriptor was left for " + what,
                        "Raise the limit of open files (ulimit -n), or set counters=none",
                        new Fix(
                                "ulimit -n 65536, or LimitNOFILE=65536 in the unit",
                                "docker run --ulimit nofile=65536",
                                "the limit is that of the node's container runtime"));
            case Perf.ENFILE ->
                new Refusal(
                        "The whole machine has no file descriptor left for " + what,
                        "Raise fs.file-max",
                        onNode("sysctl fs.file-max=1000000"));
            case Perf.ENOSYS ->
                new Refusal(
                        "This kernel or sandbox has no perf_event_open",
                        "Allow the system call in the container's seccomp profile; a sandbox such as gVisor has none",
                        new Fix("", WITH_PROFILE, IN_POD_WITH_PROFILE));
            case Perf.EINVAL ->
                new Refusal(
                        "This kernel or CPU cannot count " + what
                                + ", or not beside the others or for user space alone (EINVAL)",
                        "");
            case Perf.ENOSPC ->
                new Refusal(
                        "All counters of the CPU that could count " + what + " are taken",
                        "Stop other profilers on this machine");
            case Perf.EBUSY ->
                new Refusal(
                        "Another process has taken the counters of the CPU for itself, so that " + what
                                + " cannot be counted",
                        "Stop other profilers on this machine");
            case Perf.ESRCH -> new Refusal("The thread ended before " + what + " could be counted", "");
            case Perf.E2BIG ->
                new Refusal(
                        "This kernel does not know all fields of the request for " + what,
                        "Linux 2.6.33 and newer do; a sandbox may not");
            default -> new Refusal("perf_event_open for " + what + " failed with errno " + errno, "");
        };
    }

    private Refusal missing(PerfEvent event) {
        if (event.type() == PerfEvent.SOFTWARE) {
            return new Refusal("This kernel is too old to count " + event.name(), "");
        }
        return new Refusal(
                hasPmu
                        ? "The CPU of this machine, or the kernel's driver for it, cannot count " + event.name()
                        : "This machine exposes no PMU for " + event.name() + " (usual in virtual machines)",
                "");
    }

    private static Refusal filtered(String what) {
        return new Refusal(
                "A seccomp filter refuses perf_event_open for " + what,
                "Allow perf_event_open in the seccomp profile and add CAP_PERFMON",
                new Fix("SystemCallFilter=perf_event_open in the unit", WITH_PROFILE, IN_POD_WITH_PROFILE));
    }

    private Refusal denied(String what, boolean wholeCpus) {
        String refused = "The kernel refuses perf_event for " + what + " (" + level() + ")";
        if (capable) {
            // The kernel asks for the capability in the first user namespace, whatever a rootless container says.
            return new Refusal(
                    refused + " although the process holds the capability",
                    "Look for a security module (SELinux, lockdown), or run outside of a user namespace",
                    Fix.NONE);
        }
        int enough = wholeCpus || paranoid == 1 ? 0 : paranoid > 2 ? 2 : 1;
        if (paranoid <= enough) {
            // The level would do, or is not known: something else is in the way.
            return new Refusal(
                    refused,
                    "Allow perf_event_open in the container's seccomp profile and add CAP_PERFMON",
                    new Fix("AmbientCapabilities=CAP_PERFMON in the unit", WITH_PROFILE, IN_POD_WITH_PROFILE));
        }
        return new Refusal(
                refused,
                "Run sysctl kernel.perf_event_paranoid=" + enough + ", or give the process CAP_PERFMON",
                ofLevel(enough));
    }

    /** What is needed for the kernel's side of an event. */
    static Fix ofLevel(int level) {
        return new Fix("sysctl kernel.perf_event_paranoid=" + level, WITH_CAPABILITY, IN_POD);
    }

    /** Because the CPU has too few counters for what is wanted. */
    Refusal tooFew(String reason) {
        return new Refusal(
                reason + (watchdog ? " (the kernel's NMI watchdog holds one)" : ""),
                watchdog
                        ? "Run sysctl kernel.nmi_watchdog=0, which frees one; stop other users of the CPU's counters"
                        : "Stop other users of the CPU's counters",
                watchdog ? onNode("sysctl kernel.nmi_watchdog=0") : Fix.NONE);
    }

    /** A setting of the kernel is the same for the machine and all its containers. */
    private static Fix onNode(String command) {
        return new Fix(command, "on the host: " + command, "on the node: " + command);
    }
}
