package dev.pitot.agent.counters;

import dev.pitot.agent.counters.Finding.Fix;

/** What is in the way of a rung, and the smallest change that removes it. All texts of the doctor's fixes are here. */
record Obstacle(String sentence, Fix fix) {
    private static final String DOCKER = "docker run --cap-add=PERFMON --security-opt seccomp=perf-allowed.json";
    private static final String KUBERNETES =
            "securityContext: {capabilities: {add: [PERFMON]}, seccompProfile: {type: Localhost, localhostProfile: perf-allowed.json}}";

    private static final Fix FOLDER = new Fix(
            "java -Djava.io.tmpdir=DIR with a folder that is writable and not noexec",
            "docker run --tmpfs /tmp:exec",
            "volumes: [{name: tmp, emptyDir: {}}], volumeMounts: [{name: tmp, mountPath: /tmp}]");

    /**
     * For an errno of perf_event_open(2).
     *
     * @param enough the highest perf_event_paranoid at which it would be allowed
     */
    static Obstacle of(int errno, String what, int enough, Situation situation) {
        return switch (errno) {
            case Perf.ENOENT, Perf.ENODEV, Perf.EOPNOTSUPP ->
                new Obstacle("This machine exposes no counter for " + what, Fix.NONE);
            case Perf.EACCES -> forbidden(enough, situation);
            case Perf.EPERM ->
                new Obstacle(
                        "perf_event_open is refused (EPERM) by a seccomp profile or a security module",
                        new Fix("", DOCKER, KUBERNETES));
            case Perf.EMFILE, Perf.ENFILE -> fewFiles("No file descriptor is left");
            case Perf.ENOSYS ->
                new Obstacle("This kernel or sandbox has no perf_event_open", new Fix("", DOCKER, KUBERNETES));
            case Perf.ENOSPC, Perf.EBUSY ->
                new Obstacle(
                        "Others, perhaps the NMI watchdog, hold the CPU's counters",
                        Fix.everywhere("sudo sysctl kernel.nmi_watchdog=0"));
            default -> new Obstacle("This kernel or CPU cannot count " + what + " so (errno " + errno + ")", Fix.NONE);
        };
    }

    private static Obstacle forbidden(int enough, Situation situation) {
        return new Obstacle(
                "kernel.perf_event_paranoid is " + situation.paranoid() + ", and the process has no CAP_PERFMON",
                new Fix("sudo sysctl kernel.perf_event_paranoid=" + enough, DOCKER, KUBERNETES));
    }

    static Obstacle noPmu(boolean virtual) {
        return new Obstacle(
                virtual
                        ? "This machine exposes no PMU: the hypervisor hides the hardware counters"
                        : "This machine exposes no PMU",
                Fix.everywhere(
                        "nothing inside the machine helps: take a bare-metal instance, or a hypervisor that passes a virtual PMU through"));
    }

    static Obstacle filtered(Refusal refusal) {
        return new Obstacle(
                refusal.reason(),
                new Fix(
                        "in the systemd unit: SystemCallFilter=perf_event_open, and counters=perf for the agent",
                        DOCKER,
                        KUBERNETES));
    }

    /** @param folder what is wrong with the temporary folder, or empty: it makes a better sentence than the linker's */
    static Obstacle nativeCode(Refusal refusal, String folder) {
        if (refusal.reason().contains("native access")) {
            return new Obstacle(refusal.reason(), Fix.everywhere("java --enable-native-access=ALL-UNNAMED"));
        }
        if (!folder.isEmpty()) {
            return temporaryFolder(folder);
        }
        return new Obstacle(
                refusal.reason(), refusal.remedy().contains("noexec") ? FOLDER : Fix.everywhere(refusal.remedy()));
    }

    /** @param is noexec, read-only or not writable */
    static Obstacle temporaryFolder(String is) {
        return new Obstacle("The temporary folder is " + is + ", so that JNA cannot load its library there", FOLDER);
    }

    static Obstacle switchedOff() {
        return new Obstacle("Switched off by counters=none", Fix.everywhere("counters=default"));
    }

    static Obstacle fewFiles(String sentence) {
        return new Obstacle(
                sentence,
                new Fix(
                        "ulimit -n 65536, or LimitNOFILE=65536 in the systemd unit",
                        "docker run --ulimit nofile=65536:65536",
                        "no field of a pod: LimitNOFILE=65536 in the unit of the node's container runtime"));
    }
}
