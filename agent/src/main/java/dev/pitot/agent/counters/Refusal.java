package dev.pitot.agent.counters;

import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Why a counter cannot be had, as one sentence, and what a person can do about it (empty when nothing).
 *
 * @param remedy as a sentence, for the page
 * @param fix the same as commands
 */
public record Refusal(String reason, String remedy, Fix fix) {
    /**
     * The smallest change that would help, for three kinds of places; each is a command or a line of configuration, and empty
     * where nothing helps.
     *
     * @param host to be run by root on the machine, or for the service
     * @param docker options of {@code docker run}
     * @param kubernetes of the container in the pod's description
     */
    public record Fix(String host, String docker, String kubernetes) {
        public static final Fix NONE = new Fix("", "", "");

        private static final String NOTHING_INSIDE =
                "nothing inside the machine helps: take a bare-metal instance, or a hypervisor that passes a virtual PMU through";

        static final Fix OUTSIDE = new Fix(NOTHING_INSIDE, NOTHING_INSIDE, NOTHING_INSIDE);

        static final Fix FILES = new Fix(
                "ulimit -n 65536, or LimitNOFILE=65536 in the systemd unit",
                "docker run --ulimit nofile=65536:65536",
                "no field of a pod: LimitNOFILE=65536 in the unit of the node's container runtime");

        static final Fix FOLDER = new Fix(
                "java -Djava.io.tmpdir=DIR with a folder that is writable and not noexec",
                "docker run --tmpfs /tmp:exec",
                "volumes: [{name: tmp, emptyDir: {}}], volumeMounts: [{name: tmp, mountPath: /tmp}]");

        private static final String DOCKER = "docker run --cap-add=PERFMON";
        private static final String CAPABILITY = "securityContext: {capabilities: {add: [PERFMON]}";

        static Fix everywhere(String text) {
            return new Fix(text, text, text);
        }

        /** A setting of the kernel is the same for the machine and all its containers. */
        static Fix ofMachine(String command) {
            return new Fix(command, "on the host: " + command, "on the node: " + command);
        }

        /** Where the capability is enough: the runtimes' profiles allow the call with it. */
        static Fix withCapability(String onHost) {
            return new Fix(onHost, DOCKER, CAPABILITY + "}");
        }

        /** Where a seccomp profile is in the way, too. */
        static Fix withProfile(String onHost) {
            return new Fix(
                    onHost,
                    DOCKER + " --security-opt seccomp=perf-allowed.json",
                    CAPABILITY + ", seccompProfile: {type: Localhost, localhostProfile: perf-allowed.json}}");
        }
    }

    Refusal(String reason, String remedy) {
        this(reason, remedy, Fix.NONE);
    }

    /** All of them in one, each reason, remedy and fix once, or null when there is none. */
    static @Nullable Refusal all(Collection<Refusal> refusals) {
        Set<String> reasons = new LinkedHashSet<>();
        Set<String> remedies = new LinkedHashSet<>();
        Set<String> host = new LinkedHashSet<>();
        Set<String> docker = new LinkedHashSet<>();
        Set<String> kubernetes = new LinkedHashSet<>();
        for (Refusal refusal : refusals) {
            reasons.add(refusal.reason());
            remedies.add(refusal.remedy());
            host.add(refusal.fix().host());
            docker.add(refusal.fix().docker());
            kubernetes.add(refusal.fix().kubernetes());
        }
        return reasons.isEmpty()
                ? null
                : new Refusal(
                        String.join("; ", reasons),
                        joined(remedies),
                        new Fix(joined(host), joined(docker), joined(kubernetes)));
    }

    private static String joined(Set<String> texts) {
        texts.remove("");
        if (texts.size() > 1) {
            texts.remove(Fix.NOTHING_INSIDE); // It is about some of it; the others are what can be done.
        }
        return String.join("; ", texts);
    }

    /** {@code reason} without what only a person at this machine can act on; short enough for a field of an event. */
    public String asSource() {
        return "none: " + reason;
    }
}
