package dev.pitot.agent.counters;

import dev.pitot.agent.counters.Refusal.Fix;

/**
 * What of a {@link Situation} turns an errno of perf_event_open(2) into a sentence, for the status board and for the doctor alike. See
 * perf_event_open(2) "ERRORS", capabilities(7) and the kernel's Documentation/admin-guide/perf-security.rst.
 *
 * @param paranoid kernel.perf_event_paranoid: -1 everything is allowed, 0 no raw tracepoints, 1 no whole CPUs, 2 no kernel,
 *     3 and 4, of Debian, Ubuntu and Android, nothing; {@link #UNKNOWN} when it cannot be read
 * @param capable whether the process holds CAP_PERFMON or CAP_SYS_ADMIN
 * @param filtered whether it is under a seccomp filter
 * @param hasPmu whether the kernel has a PMU for the CPU's cores
 * @param virtual whether the machine runs under a hypervisor
 * @param watchdog whether the kernel's NMI watchdog holds one counter of each CPU
 */
record Standing(int paranoid, boolean capable, boolean filtered, boolean hasPmu, boolean virtual, boolean watchdog) {
    static final int UNKNOWN = Integer.MIN_VALUE;

    /** The highest level at which the kernel lets everybody count the user's side of own threads, both sides, whole CPUs. */
    static final int USER_SIDE = 2;

    static final int BOTH_SIDES = 1;
    static final int WHOLE_CPUS = 0;

    private static final String STOP_OTHERS = "Stop other profilers on this machine";

    /**
     * One sentence for an errno of {@link Perf#open}, and the smallest thing that would help.
     *
     * @param enough the level of {@link #USER_SIDE} and its neighbours at which what was asked for is allowed
     */
    Refusal explain(PerfEvent event, int errno, int enough) {
        String what = event.name();
        return switch (errno) {
            case Perf.ENOENT -> missing(event);
            case Perf.ENODEV ->
                new Refusal("The PMU for " + what + " serves no CPU that is online, or the CPU lacks it", "");
            case Perf.EOPNOTSUPP ->
                new Refusal("The PMU of this machine cannot count " + what + " for want of a hardware feature", "");
            case Perf.EACCES -> denied(event, enough);
            case Perf.EPERM -> filtered ? filtered(what) : denied(event, enough);
            case Perf.EMFILE ->
                new Refusal(
                        "No file descriptor was left for " + what,
                        "Raise the limit of open files (ulimit -n), or set counters=none",
                        Fix.FILES);
            case Perf.ENFILE ->
                new Refusal(
                        "The whole machine has no file descriptor left for " + what,
                        "Raise fs.file-max",
                        Fix.ofMachine("sudo sysctl fs.file-max=1000000"));
            case Perf.ENOSYS ->
                new Refusal(
                        "This kernel or sandbox has no perf_event_open",
                        "Allow the system call in the container's seccomp profile; a sandbox such as gVisor has none",
                        Fix.withProfile(""));
            case Perf.EINVAL -> invalid(what, enough);
            case Perf.ENOSPC ->
                new Refusal("All counters of the CPU that could count " + what + " are taken", STOP_OTHERS);
            case Perf.EBUSY ->
                new Refusal(
                        "Another process has taken the counters of the CPU for itself, so that " + what
                                + " cannot be counted",
                        STOP_OTHERS);
            case Perf.ESRCH -> new Refusal("The thread ended before " + what + " could be counted", "");
            case Perf.E2BIG ->
                new Refusal(
                        "This kernel does not know all fields of the request for " + what,
                        "Linux 2.6.33 and newer do; a sandbox may not");
            default -> new Refusal("perf_event_open for " + what + " failed with errno " + errno, "");
        };
    }

    private Refusal invalid(String what, int enough) {
        String reason = "This kernel or CPU cannot count " + what
                + ", or not beside the others or for user space alone (EINVAL)";
        return enough == USER_SIDE && !capable && paranoid > BOTH_SIDES
                ? ofLevel(reason, BOTH_SIDES)
                : new Refusal(reason, "");
    }

    private Refusal missing(PerfEvent event) {
        if (event.type() == PerfEvent.SOFTWARE) {
            return new Refusal("This kernel is too old to count " + event.name(), "");
        }
        return hasPmu || !event.isOfCores()
                ? new Refusal(
                        "The CPU of this machine, or the kernel's driver for it, cannot count " + event.name(), "")
                : noPmu();
    }

    private Refusal noPmu() {
        return new Refusal(
                "This machine exposes no PMU" + (virtual ? ": the hypervisor hides the hardware counters" : ""),
                "Take a bare-metal instance, or a hypervisor that passes a virtual PMU through",
                Fix.OUTSIDE);
    }

    private static Refusal filtered(String what) {
        return new Refusal(
                "A seccomp filter refuses perf_event_open for " + what,
                "Allow perf_event_open in the seccomp profile and add CAP_PERFMON",
                Fix.withProfile("in the systemd unit: SystemCallFilter=perf_event_open"));
    }

    private Refusal denied(PerfEvent event, int enough) {
        Refusal why = denied("The kernel refuses perf_event for " + event.name() + ": ", enough);
        if (hasPmu || !event.isOfCores()) {
            return why;
        }
        // The kernel looks at privileges first: with them, there would be nothing behind the door.
        Refusal none = noPmu();
        return new Refusal(
                why.reason() + "; and " + Character.toLowerCase(none.reason().charAt(0))
                        + none.reason().substring(1),
                none.remedy(),
                none.fix());
    }

    private Refusal denied(String refused, int enough) {
        String level =
                "kernel.perf_event_paranoid is " + (paranoid == UNKNOWN ? "unknown" : Integer.toString(paranoid));
        if (capable) {
            // The kernel asks for the capability in the first user namespace, whatever a rootless container says.
            return new Refusal(
                    refused + level + ", although the process holds the capability",
                    "Look for a security module (SELinux, lockdown), or run outside of a user namespace");
        }
        String without = refused + level + ", and the process has no CAP_PERFMON";
        if (paranoid <= enough) {
            // The level would do, or is not known: something else is in the way.
            return new Refusal(
                    without,
                    "Allow perf_event_open in the container's seccomp profile and add CAP_PERFMON",
                    Fix.withProfile("in the systemd unit: AmbientCapabilities=CAP_PERFMON"));
        }
        return ofLevel(without, enough);
    }

    /** @param enough as in {@link #explain} */
    static Refusal ofLevel(String reason, int enough) {
        String command = "sysctl kernel.perf_event_paranoid=" + enough;
        return new Refusal(
                reason, "Run " + command + ", or give the process CAP_PERFMON", Fix.withCapability("sudo " + command));
    }

    /** Because the CPU has too few counters for what is wanted. */
    Refusal tooFew(String reason) {
        return watchdog
                ? new Refusal(
                        reason + " (the kernel's NMI watchdog holds one)",
                        "Run sysctl kernel.nmi_watchdog=0, which frees one; stop other users of the CPU's counters",
                        Fix.ofMachine("sudo sysctl kernel.nmi_watchdog=0"))
                : new Refusal(reason, "Stop other users of the CPU's counters");
    }
}
