package dev.pitot.agent.counters;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What the machine and one process on it are like, as far as counting depends on it, read once from {@code /proc} and {@code /sys}
 * without a system call that could be refused. See proc(5), capabilities(7), perf_event_open(2) and the kernel's
 * Documentation/admin-guide/perf-security.rst. Any thread; what cannot be read is said to be unknown.
 */
final class Situation {
    static final String UNKNOWN = "unknown";
    private static final String NONE = "none found";
    private static final int CAP_SYS_PTRACE = 19;
    private static final int CAP_SYS_ADMIN = 21;
    private static final int CAP_PERFMON = 38;

    /** Of any one file: the first of hundreds of CPUs says as much as all of them. */
    private static final int MOST_BYTES = 64 * 1024;

    private final Path root;
    private final String pid;
    private final String status;

    /**
     * @param root {@code /}, or a folder like it
     * @param pid a number, or {@code self}
     */
    Situation(Path root, String pid) {
        this.root = root;
        this.pid = pid;
        this.status = ofProcess("status");
    }

    static Situation ofThisProcess() {
        return new Situation(Path.of("/"), "self");
    }

    /** Empty when it cannot be read. */
    private String text(String file) {
        try {
            try (InputStream in = Files.newInputStream(root.resolve(file))) {
                return new String(in.readNBytes(MOST_BYTES), StandardCharsets.ISO_8859_1).strip();
            }
        } catch (IOException | RuntimeException unreadable) {
            return "";
        }
    }

    private String ofProcess(String file) {
        return text("proc/" + pid + "/" + file);
    }

    /** The value of a line of {@code /proc/PID/status} and its like, empty when there is none. */
    static String field(String text, String name) {
        for (String line : text.split("\n")) {
            if (line.startsWith(name) && line.substring(name.length()).strip().startsWith(":")) {
                return line.substring(line.indexOf(':') + 1).strip();
            }
        }
        return "";
    }

    private static String known(String text) {
        return text.isEmpty() ? UNKNOWN : text;
    }

    String paranoid() {
        return known(text("proc/sys/kernel/perf_event_paranoid"));
    }

    /** {@link Standing#UNKNOWN} when it cannot be read. */
    private int paranoidLevel() {
        try {
            return Integer.parseInt(paranoid());
        } catch (NumberFormatException unknown) {
            return Standing.UNKNOWN;
        }
    }

    /** What turns an errno into a sentence. */
    Standing standing() {
        return new Standing(
                paranoidLevel(),
                holdsOne(status, "CapEff"),
                !seccompMode().isEmpty() && !seccompMode().equals("0"),
                hasPmu(),
                isVirtual(),
                text("proc/sys/kernel/nmi_watchdog").equals("1"));
    }

    Catalogue catalogue() {
        return new Catalogue(root.resolve("sys/bus/event_source/devices"));
    }

    /** The answers of perf_event_open(2) that kernel/events/core.c gives, asked in its order; a CPU that knows every event. */
    Kernel rules() {
        Standing standing = standing();
        int paranoid = isPerfmonCapable() ? -1 : standing.paranoid() == Standing.UNKNOWN ? 2 : standing.paranoid();
        boolean patched = isPatched();
        return new Kernel() {
            @Override
            public int tryOpen(List<PerfEvent> group, int cpu, long flags) {
                for (PerfEvent event : group) {
                    boolean withKernel = ((flags | event.excluded()) & Perf.EXCLUDE_KERNEL) == 0;
                    if ((paranoid > 2 && patched)
                            || (paranoid > Standing.BOTH_SIDES && withKernel)
                            || (paranoid > Standing.WHOLE_CPUS && cpu != THIS_THREAD)) {
                        return Perf.EACCES;
                    }
                    if (event.isOfCores() && !standing.hasPmu()) {
                        return Perf.ENOENT;
                    }
                }
                return 0;
            }

            @Override
            public double shareOf(List<List<CounterPlan.Group>> bundles, long flags, long nanos) {
                return 1;
            }

            @Override
            public Standing standing() {
                return standing;
            }
        };
    }

    /** Mainline knows no level above 2; Debian, Ubuntu and Android have a patch that makes those shut perf_event altogether. */
    boolean isPatched() {
        String version = text("proc/version");
        return version.contains("Debian") || version.contains("Ubuntu") || version.contains("ndroid");
    }

    /** 0 none, 1 strict, 2 filtered; empty when it is unknown. */
    String seccompMode() {
        return field(status, "Seccomp");
    }

    /** Whether the kernel lets it count all: it looks at these two, in the first user namespace only. */
    private boolean isPerfmonCapable() {
        return holdsOne(status, "CapEff") && isInFirstUserNamespace();
    }

    /** Whether a set of capabilities has {@code CAP_PERFMON} or {@code CAP_SYS_ADMIN}. */
    static boolean holdsOne(String status, String set) {
        return has(status, set, CAP_PERFMON) || has(status, set, CAP_SYS_ADMIN);
    }

    private boolean isInFirstUserNamespace() {
        String map = ofProcess("uid_map");
        return map.isEmpty() || Arrays.equals(map.split("\\s+"), new String[] {"0", "0", "4294967295"});
    }

    private static boolean has(String status, String set, int capability) {
        String bits = field(status, set);
        try {
            return !bits.isEmpty() && (Long.parseUnsignedLong(bits, 16) >>> capability & 1) == 1;
        } catch (NumberFormatException malformed) {
            return false;
        }
    }

    boolean isVirtual() {
        return !virtualisation().startsWith(NONE);
    }

    private String virtualisation() {
        List<String> signs = new ArrayList<>();
        if (field(text("proc/cpuinfo"), "flags").contains(" hypervisor")) {
            signs.add("the CPU says that it runs under a hypervisor");
        }
        for (String file :
                new String[] {"sys/hypervisor/type", "sys/class/dmi/id/sys_vendor", "sys/class/dmi/id/product_name"}) {
            if (!text(file).isEmpty()) {
                signs.add(file.substring(file.lastIndexOf('/') + 1) + " " + text(file));
            }
        }
        // Vendor and product are there on real machines too.
        String all = String.join(", ", signs);
        boolean byName = false;
        for (String name : new String[] {"hypervisor", "KVM", "QEMU", "VMware", "Xen", "Virtual", "Amazon", "Google"}) {
            byName |= all.contains(name) && !all.contains(".metal");
        }
        return byName ? all : NONE + (all.isEmpty() ? "" : " (" + all + ")");
    }

    private String pmus() {
        String[] names = root.resolve("sys/bus/event_source/devices").toFile().list();
        if (names == null) {
            return UNKNOWN;
        }
        Arrays.sort(names);
        return String.join(", ", names);
    }

    /** A core PMU is called cpu on most machines, and has a list of CPUs where its name is another one. */
    boolean hasPmu() {
        File devices = root.resolve("sys/bus/event_source/devices").toFile();
        String[] names = devices.list();
        for (String name : names == null ? new String[0] : names) {
            if (name.equals("cpu") || new File(devices, name + "/cpus").exists()) {
                return true;
            }
        }
        return false;
    }

    private String container() {
        String groups = ofProcess("cgroup");
        for (String name : new String[] {"kubepods", "docker", "containerd", "libpod", "crio", "lxc"}) {
            if (groups.contains(name)) {
                return name;
            }
        }
        // A process with file capabilities may not look through its own /proc/self/root.
        String itsRoot = isSelf() ? "" : "proc/" + pid + "/root/";
        if (Files.exists(root.resolve(itsRoot + ".dockerenv"))) {
            return "docker (/.dockerenv)";
        }
        if (Files.exists(root.resolve(itsRoot + "run/.containerenv"))) {
            return "podman (/run/.containerenv)";
        }
        return NONE;
    }

    /** What decides whether perf_event_open may be called in that process. */
    Seccomp seccomp() {
        // One number: it is in the process namespace of this /proc, whose process 1 is its own. Of another one nothing
        // is known.
        String first = field(status, "NSpid").split("\\s+").length == 1 ? text("proc/1/status") : "";
        return new Seccomp(status.isEmpty() ? null : status, first.isEmpty() ? null : first, hasContainersFilter());
    }

    /** Whether it has the marks of a runtime whose filter answers with an errno. */
    private boolean hasContainersFilter() {
        String container = container();
        if (isSelf() && (System.getenv("KUBERNETES_SERVICE_HOST") != null || System.getenv("container") != null)) {
            return true;
        }
        return !container.equals(NONE) && !container.equals("lxc");
    }

    private String cgroup() {
        boolean one = Files.exists(root.resolve("sys/fs/cgroup/memory"));
        boolean two = Files.exists(root.resolve("sys/fs/cgroup/cgroup.controllers"));
        boolean mixed = Files.exists(root.resolve("sys/fs/cgroup/unified/cgroup.controllers"));
        return two ? "version 2" : one ? mixed ? "version 1, and 2 beside it" : "version 1" : NONE;
    }

    /** Soft limit of open files; {@link Long#MAX_VALUE} when there is none or it is unknown. */
    long fileLimit() {
        for (String line : ofProcess("limits").split("\n")) {
            if (line.startsWith("Max open files")) {
                String soft = line.substring("Max open files".length()).strip().split("\\s+")[0];
                return soft.equals("unlimited") ? Long.MAX_VALUE : Long.parseLong(soft);
            }
        }
        return Long.MAX_VALUE;
    }

    private String files() {
        long limit = fileLimit();
        int open = 0;
        try (DirectoryStream<Path> descriptors = Files.newDirectoryStream(root.resolve("proc/" + pid + "/fd"))) {
            for (Path ignored : descriptors) {
                open++;
            }
        } catch (IOException | RuntimeException unreadable) {
            open = 0;
        }
        return (limit == Long.MAX_VALUE ? "no limit known" : "limit " + limit)
                + (open == 0 ? "" : ", " + open + " open when looked at");
    }

    private String capabilities() {
        List<String> held = new ArrayList<>();
        for (String set : new String[] {"CapEff", "CapBnd"}) {
            List<String> names = new ArrayList<>();
            if (has(status, set, CAP_PERFMON)) {
                names.add("CAP_PERFMON");
            }
            if (has(status, set, CAP_SYS_ADMIN)) {
                names.add("CAP_SYS_ADMIN");
            }
            if (has(status, set, CAP_SYS_PTRACE)) {
                names.add("CAP_SYS_PTRACE");
            }
            held.add((set.equals("CapEff") ? "effective " : "bounding ")
                    + (names.isEmpty() ? "none of those that matter" : String.join(" ", names)));
        }
        return String.join("; ", held)
                + (isInFirstUserNamespace() ? "" : "; of a user namespace, so that perf ignores them");
    }

    private static String seccompName(String mode) {
        return switch (mode) {
            case "" -> UNKNOWN;
            case "0" -> "no filter";
            case "1" -> "strict";
            default -> "filtered";
        };
    }

    /** Of the JVM's own process it is a property, of another one what its command line says. */
    private String temporaryFolder() {
        if (isSelf()) {
            return System.getProperty("jna.tmpdir", System.getProperty("java.io.tmpdir", "/tmp"));
        }
        String folder = "/tmp";
        for (String word : ofProcess("cmdline").split("\0")) {
            if (word.startsWith("-Djava.io.tmpdir=") || word.startsWith("-Djna.tmpdir=")) {
                folder = word.substring(word.indexOf('=') + 1);
            }
        }
        return folder;
    }

    /** Options of the mount that holds a folder, with a comma before and after each. */
    private String mountOptions(String folder) {
        String mount = "";
        String options = "";
        for (String line : ofProcess("mounts").split("\n")) {
            String[] parts = line.split(" ");
            // Of several at one place the last hides the others.
            if (parts.length > 3
                    && (parts[1].equals("/") || folder.equals(parts[1]) || folder.startsWith(parts[1] + "/"))
                    && parts[1].length() >= mount.length()) {
                mount = parts[1];
                options = "," + parts[3] + ",";
            }
        }
        return options;
    }

    private boolean isSelf() {
        return pid.equals("self");
    }

    /** What keeps JNA from loading its library from the temporary folder, as far as it can be seen beforehand, or null. */
    @Nullable
    Refusal temporaryFolderRefused() {
        String is = temporaryFolderIs();
        return is.isEmpty()
                ? null
                : new Refusal(
                        "The native part of JNA could not be loaded from " + temporaryFolder() + ", which is " + is,
                        "Set -Djava.io.tmpdir to a folder that is writable and not mounted noexec",
                        Refusal.Fix.FOLDER);
    }

    private String temporaryFolderIs() {
        String folder = temporaryFolder();
        String options = mountOptions(folder);
        return options.contains(",noexec,")
                ? "noexec"
                : options.contains(",ro,")
                        ? "read-only"
                        : isSelf() && !Files.isWritable(Path.of(folder)) ? "not writable" : "";
    }

    /** By the dynamic loader that is there; see ld.so(8). */
    private String libc() {
        for (String folder : new String[] {"lib", "lib64"}) {
            String[] names =
                    root.resolve("proc/" + pid + "/root/" + folder).toFile().list();
            for (String name : names == null ? new String[0] : names) {
                if (name.startsWith("ld-musl-")) {
                    return "musl (untested)";
                }
                if (name.startsWith("ld-linux")) {
                    return "glibc";
                }
            }
        }
        return UNKNOWN;
    }

    private String nativeAccess() {
        String command = ofProcess("cmdline");
        int feature = feature();
        if (feature == 0) {
            return UNKNOWN;
        }
        if (command.contains("--illegal-native-access=deny")) {
            return "denied (--illegal-native-access=deny) unless --enable-native-access=ALL-UNNAMED is there too";
        }
        return feature < 24
                ? "free (Java " + feature + ")"
                : command.contains("--enable-native-access=ALL-UNNAMED")
                        ? "allowed (Java " + feature + ")"
                        : "allowed with a warning on stderr (Java " + feature
                                + "); --enable-native-access=ALL-UNNAMED silences it";
    }

    /** Of its Java; 0 when that cannot be seen. */
    private int feature() {
        if (isSelf()) {
            return Runtime.version().feature();
        }
        try {
            Path java = root.resolve("proc/" + pid + "/exe").toRealPath();
            for (String line : Files.readAllLines(java.resolve("../../release").normalize())) {
                if (line.startsWith("JAVA_VERSION=")) {
                    return Runtime.Version.parse(
                                    line.substring("JAVA_VERSION=".length()).replace("\"", ""))
                            .feature();
                }
            }
        } catch (IOException | RuntimeException unreadable) {
            // Another user's, or no JDK's folder.
        }
        return 0;
    }

    private String cpu() {
        String information = text("proc/cpuinfo");
        String model = field(information, "model name");
        if (model.isEmpty()) {
            String part = field(information, "CPU part");
            model = part.isEmpty() ? "" : "implementer " + field(information, "CPU implementer") + ", part " + part;
        }
        return known(model) + ", " + Runtime.getRuntime().availableProcessors() + " processors for this JVM";
    }

    private String user() {
        String[] uids = field(status, "Uid").split("\\s+");
        return uids.length < 2 ? UNKNOWN : uids[1].equals("0") ? "0 (root)" : uids[1];
    }

    /** All facts, in the order in which a person reads them. */
    List<Finding> facts() {
        List<Finding> facts = new ArrayList<>();
        facts.add(Finding.fact("kernel", known(text("proc/sys/kernel/osrelease"))));
        facts.add(Finding.fact("architecture", System.getProperty("os.arch", UNKNOWN)));
        facts.add(Finding.fact("CPU", cpu()));
        facts.add(Finding.fact("virtualisation", virtualisation()));
        facts.add(Finding.fact("PMUs", pmus()));
        facts.add(Finding.fact("perf_event_paranoid", paranoid()));
        facts.add(Finding.fact("NMI watchdog", known(text("proc/sys/kernel/nmi_watchdog"))));
        facts.add(Finding.fact("user", user()));
        facts.add(Finding.fact("capabilities", capabilities()));
        facts.add(Finding.fact("seccomp", seccompName(seccompMode())));
        facts.add(Finding.fact("no new privileges", field(status, "NoNewPrivs").equals("1") ? "set" : "not set"));
        facts.add(Finding.fact("container", container()));
        facts.add(Finding.fact("cgroup", cgroup()));
        facts.add(Finding.fact("open files", files()));
        String obstacle = temporaryFolderIs();
        facts.add(Finding.fact("temporary folder", temporaryFolder() + (obstacle.isEmpty() ? "" : ", " + obstacle)));
        facts.add(Finding.fact("C library", libc()));
        facts.add(Finding.fact("native access", nativeAccess()));
        return facts;
    }

    boolean hasProcfs() {
        return !ofProcess("stat").isEmpty();
    }

    /** The kernel counts the wait for a CPU, with CONFIG_SCHED_INFO. */
    boolean hasSchedstat() {
        return !ofProcess("schedstat").isEmpty();
    }
}
