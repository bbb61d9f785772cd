package dev.pitot.agent.counters;

import dev.pitot.agent.config.Nearest;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Every event that may be asked for by name, with the names that {@code perf list} prints: those that the kernel defines for
 * all CPUs, and those of the PMUs in sysfs. Whether the machine really counts one is not known here. Nothing is read before a name
 * is looked up. Used by one thread at a time.
 *
 * @see <a href="https://man7.org/linux/man-pages/man1/perf-list.1.html">perf-list(1)</a>
 */
final class Catalogue {
    /** PERF_PMU_TYPE_SHIFT: above it a generic event says which kind of core it means. */
    private static final int PMU_TYPE_SHIFT = 32;

    /** In the order of PERF_COUNT_HW_*; the first of several names is the one that Pitot uses. */
    private static final String[][] HARDWARE = {
        {"cycles", "cpu-cycles"},
        {"instructions"},
        {"cache-references"},
        {"cache-misses"},
        {"branches", "branch-instructions"},
        {"branch-misses"},
        {"bus-cycles"},
        {"stalled-cycles-frontend", "idle-cycles-frontend"},
        {"stalled-cycles-backend", "idle-cycles-backend"},
        {"ref-cycles"}
    };

    /** In the order of PERF_COUNT_SW_*; 9 and 10 count nothing. */
    private static final String[][] SOFTWARE = {
        {"cpu-clock"},
        {"task-clock"},
        {"page-faults", "faults"},
        {"context-switches", "cs"},
        {"cpu-migrations", "migrations"},
        {"minor-faults"},
        {"major-faults"},
        {"alignment-faults"},
        {"emulation-faults"},
        {},
        {},
        {"cgroup-switches"}
    };

    /** In the order of PERF_COUNT_HW_CACHE_*. */
    private static final String[] CACHES = {"L1-dcache", "L1-icache", "LLC", "dTLB", "iTLB", "branch", "node"};

    private static final String[] OPERATIONS = {"load", "store", "prefetch"};
    private static final String[] ACCESSES = {"-loads", "-stores", "-prefetches"};
    /** Which operations each cache knows: loads 1, stores 2, prefetches 4. */
    private static final int[] KNOWN_OPERATIONS = {7, 5, 7, 7, 1, 1, 7};

    private final Path devices;
    private @Nullable List<Pmu> corePmus;

    /** @param devices {@code /sys/bus/event_source/devices}, or a folder like it */
    Catalogue(Path devices) {
        this.devices = devices;
    }

    static Catalogue ofThisMachine() {
        return new Catalogue(Path.of("/sys/bus/event_source/devices"));
    }

    /** The PMUs of the CPU's cores: one, or one for each kind of core, or none. */
    List<Pmu> corePmus() {
        List<Pmu> found = corePmus;
        if (found == null) {
            found = new ArrayList<>();
            Pmu only = Pmu.at(devices.resolve("cpu"));
            if (only != null) {
                found.add(only);
            } else {
                for (String name : folders()) {
                    Pmu pmu = Pmu.at(devices.resolve(name));
                    if (pmu != null && !pmu.cpus().isEmpty()) {
                        found.add(pmu);
                    }
                }
            }
            corePmus = found;
        }
        return found;
    }

    /** Whether there is more than one kind of core, so that each counts for itself. */
    boolean isHybrid() {
        return corePmus().size() > 1;
    }

    private List<String> folders() {
        String[] names = devices.toFile().list();
        List<String> sorted = new ArrayList<>(names == null ? List.of() : List.of(names));
        sorted.sort(null);
        return sorted;
    }

    /** What a name stands for here. */
    Named find(String asked) throws UnknownEvent {
        int slash = asked.lastIndexOf('/');
        int colon = asked.indexOf(':', slash + 1);
        int end = slash >= 0 ? slash + 1 : colon < 0 ? asked.length() : colon;
        String base = asked.substring(0, end);
        String modifiers = asked.substring(colon < 0 ? end : colon + 1);
        if (slash >= 0 && colon > end) {
            throw unknown(asked);
        }
        Named plain = slash >= 0 ? ofPmu(base) : byName(base);
        if (plain == null) {
            throw unknown(asked);
        }
        if (colon < 0 && end == asked.length()) {
            return plain;
        }
        return restricted(plain, plain.name() + (slash >= 0 ? "" : ":") + modifiers, modifiers);
    }

    private static Named restricted(Named plain, String name, String modifiers) throws UnknownEvent {
        if (modifiers.isEmpty()) {
            throw new UnknownEvent(name + " ends with a colon and no modifier", "Write :u or :k, or leave it out");
        }
        long excluded = Perf.EXCLUDE_USER | Perf.EXCLUDE_KERNEL | Perf.EXCLUDE_HYPERVISOR;
        for (int i = 0; i < modifiers.length(); i++) {
            excluded &= ~switch (modifiers.charAt(i)) {
                case 'u' -> Perf.EXCLUDE_USER;
                case 'k' -> Perf.EXCLUDE_KERNEL;
                case 'h' -> Perf.EXCLUDE_HYPERVISOR;
                default ->
                    throw new UnknownEvent(
                            "The modifier " + modifiers + " of " + plain.name()
                                    + " is not one of those that Pitot knows: u, k and h",
                            "");
            };
        }
        List<Named.Source> sources = new ArrayList<>();
        for (Named.Source source : plain.sources()) {
            sources.add(source.as(name, excluded));
        }
        return new Named(name, plain.unit(), plain.scale(), sources);
    }

    private @Nullable Named byName(String name) throws UnknownEvent {
        Named generic = generic(name, null);
        if (generic != null) {
            return generic;
        }
        int software = indexOf(SOFTWARE, name);
        if (software >= 0) {
            String first = SOFTWARE[software][0];
            PerfEvent event = new PerfEvent(first, PerfEvent.SOFTWARE, software, 0, 0, 0, 0);
            return new Named(
                    first,
                    first.endsWith("-clock") ? "ns" : "",
                    1,
                    Named.of(event).sources());
        }
        if (isRaw(name)) {
            return ofCores(name, PerfEvent.RAW, raw(name), null);
        }
        List<Pmu> having = new ArrayList<>();
        for (Pmu pmu : corePmus()) {
            if (pmu.has(name)) {
                having.add(pmu);
            }
        }
        return having.isEmpty() ? null : ofPmus(name, having, name);
    }

    /** An event that the kernel defines for all CPUs, of all kinds of cores or of one; null when the name is none. */
    private @Nullable Named generic(String name, @Nullable Pmu only) {
        int hardware = indexOf(HARDWARE, name);
        if (hardware >= 0) {
            return ofCores(HARDWARE[hardware][0], PerfEvent.HARDWARE, hardware, only);
        }
        long cache = cache(name);
        return cache < 0 ? null : ofCores(name, PerfEvent.CACHE, cache, only);
    }

    private Named ofCores(String name, int type, long config, @Nullable Pmu only) {
        if (!isHybrid()) {
            return Named.of(new PerfEvent(name, type, config, 0, 0, 0, 0));
        }
        List<Named.Source> sources = new ArrayList<>();
        for (Pmu pmu : only == null ? corePmus() : List.of(only)) {
            // A raw event goes to the PMU itself; the others keep their type and name it in the upper half.
            PerfEvent event = type == PerfEvent.RAW
                    ? new PerfEvent(name, pmu.type(), config, 0, 0, 0, 0)
                    : new PerfEvent(name, type, (long) pmu.type() << PMU_TYPE_SHIFT | config, 0, 0, 0, 0);
            sources.add(new Named.Source(event, pmu.name(), pmu.cpus(), false, null));
        }
        return new Named(name, "", 1, sources);
    }

    /** {@code pmu/terms/}, of one PMU or of all of a kind: {@code uncore_imc} and {@code imc} for {@code uncore_imc_0}. */
    private @Nullable Named ofPmu(String text) throws UnknownEvent {
        int first = text.indexOf('/');
        String kind = text.substring(0, first);
        if (first == text.length() - 1 || text.indexOf('/', first + 1) != text.length() - 1) {
            return null;
        }
        String terms = text.substring(first + 1, text.length() - 1);
        if (kind.equals("kprobe") || kind.equals("uprobe")) {
            throw new UnknownEvent(text + " would set a probe, which Pitot does not", "");
        }
        List<Pmu> pmus = ofKind(kind);
        if (pmus.isEmpty()) {
            List<String> folders = folders();
            throw new UnknownEvent(
                    "This machine has no PMU " + kind + " for " + text,
                    folders.isEmpty()
                            ? ""
                            : "The nearest name is " + Nearest.of(kind, folders) + "; all are in " + devices);
        }
        Pmu one = pmus.get(0);
        if (corePmus().contains(one) && !one.has(terms)) {
            Named generic = generic(terms, one);
            if (generic != null) {
                List<Named.Source> sources = new ArrayList<>();
                for (Named.Source source : generic.sources()) {
                    sources.add(source.as(text, 0));
                }
                return new Named(text, "", 1, sources);
            }
        }
        return ofPmus(text, pmus, terms);
    }

    private Named ofPmus(String name, List<Pmu> pmus, String terms) throws UnknownEvent {
        String unit = "";
        double scale = 1;
        for (String term : terms.split(",")) {
            if (pmus.get(0).has(term)) {
                unit = pmus.get(0).unit(term);
                scale = pmus.get(0).scale(term);
                break;
            }
        }
        List<Named.Source> sources = new ArrayList<>();
        for (Pmu pmu : pmus) {
            boolean wholeCpus = pmu.countsWholeCpus();
            List<Integer> cpus = wholeCpus ? pmu.cpumask() : isHybrid() ? pmu.cpus() : List.of();
            if (wholeCpus && cpus.isEmpty()) {
                throw new UnknownEvent("The PMU " + pmu.name() + " for " + name + " is on no CPU that is online", "");
            }
            PerfEvent event = pmu.event(name, terms);
            sources.add(new Named.Source(event, pmu.name(), cpus, wholeCpus, leader(pmu, event)));
        }
        return new Named(name, unit, scale, sources);
    }

    /**
     * Intel's top-down metrics, pseudo event 0 with umask 0x80 and above, are shares of one register: only in a group led by
     * {@code slots}. Elsewhere the same code is another event, so that a PMU without slots has none. See the kernel's
     * tools/perf/Documentation/topdown.txt.
     */
    private static @Nullable PerfEvent leader(Pmu pmu, PerfEvent event) throws UnknownEvent {
        boolean slots = event.config() == 0x400;
        if ((slots || (event.config() & ~0x7f00) == 0x8000) && pmu.has("slots")) {
            return pmu.event("slots", "slots");
        }
        return null;
    }

    private List<Pmu> ofKind(String kind) {
        if (kind.isEmpty() || kind.startsWith(".")) {
            return List.of();
        }
        Pmu exactly = Pmu.at(devices.resolve(kind));
        if (exactly != null) {
            return List.of(exactly);
        }
        List<Pmu> found = new ArrayList<>();
        for (String name : folders()) {
            String of = withoutNumber(name);
            if (of.equals(kind) || of.equals("uncore_" + kind)) {
                Pmu pmu = Pmu.at(devices.resolve(name));
                if (pmu != null) {
                    found.add(pmu);
                }
            }
        }
        return found;
    }

    private static String withoutNumber(String name) {
        int end = name.length();
        while (end > 0 && name.charAt(end - 1) >= '0' && name.charAt(end - 1) <= '9') {
            end--;
        }
        return end > 1 && end < name.length() && name.charAt(end - 1) == '_' ? name.substring(0, end - 1) : name;
    }

    private UnknownEvent unknown(String asked) {
        int colon = asked.indexOf(':');
        if (colon > 0 && asked.indexOf('/') < 0 && asked.length() - colon > 4) {
            return new UnknownEvent(asked + " looks like a tracepoint, which Pitot does not count", "");
        }
        return new UnknownEvent(
                "No event of this machine is named " + asked,
                "The nearest known name is " + Nearest.of(asked, names()) + "; perf list prints all");
    }

    /** Pitot's names of what the kernel defines for all CPUs. */
    static List<String> hardware() {
        return firsts(HARDWARE);
    }

    /** Pitot's names of what the kernel itself counts. */
    static List<String> software() {
        return firsts(SOFTWARE);
    }

    private static List<String> firsts(String[][] names) {
        List<String> firsts = new ArrayList<>();
        for (String[] aliases : names) {
            if (aliases.length > 0) {
                firsts.add(aliases[0]);
            }
        }
        return firsts;
    }

    static List<String> caches() {
        List<String> names = new ArrayList<>();
        for (int cache = 0; cache < CACHES.length; cache++) {
            for (int operation = 0; operation < OPERATIONS.length; operation++) {
                if (knows(cache, operation)) {
                    names.add(CACHES[cache] + ACCESSES[operation]);
                    names.add(CACHES[cache] + "-" + OPERATIONS[operation] + "-misses");
                }
            }
        }
        return names;
    }

    /** Those PMUs of sysfs that name events. */
    List<Pmu> pmusWithEvents() {
        List<Pmu> found = new ArrayList<>();
        for (String folder : folders()) {
            Pmu pmu = Pmu.at(devices.resolve(folder));
            if (pmu != null && !pmu.events().isEmpty()) {
                found.add(pmu);
            }
        }
        return found;
    }

    /** All names but raw ones, as {@code perf list} prints them; reads all of sysfs. */
    List<String> names() {
        List<String> names = new ArrayList<>();
        for (String[] aliases : HARDWARE) {
            names.addAll(List.of(aliases));
        }
        names.addAll(caches());
        for (String[] aliases : SOFTWARE) {
            names.addAll(List.of(aliases));
        }
        for (Pmu pmu : corePmus()) {
            for (String event : pmu.events()) {
                if (!names.contains(event)) {
                    names.add(event);
                }
            }
        }
        for (Pmu pmu : pmusWithEvents()) {
            for (String event : pmu.events()) {
                names.add(pmu.name() + "/" + event + "/");
            }
        }
        return names;
    }

    private static boolean knows(int cache, int operation) {
        return (KNOWN_OPERATIONS[cache] >> operation & 1) == 1;
    }

    /** The config of a cache event: cache, operation above it, and whether misses are meant; -1 when the name is none. */
    private static long cache(String name) {
        for (int cache = 0; cache < CACHES.length; cache++) {
            if (!name.startsWith(CACHES[cache])) {
                continue;
            }
            String rest = name.substring(CACHES[cache].length());
            for (int operation = 0; operation < OPERATIONS.length; operation++) {
                boolean misses = rest.equals("-" + OPERATIONS[operation] + "-misses");
                if (knows(cache, operation) && (misses || rest.equals(ACCESSES[operation]))) {
                    return cache | operation << 8 | (misses ? 1 << 16 : 0);
                }
            }
        }
        return -1;
    }

    private static int indexOf(String[][] names, String name) {
        for (int i = 0; i < names.length; i++) {
            for (String alias : names[i]) {
                if (alias.equals(name)) {
                    return i;
                }
            }
        }
        return -1;
    }

    /** Whether a name is {@code r} and up to 64 bits in hexadecimal digits. */
    static boolean isRaw(String name) {
        int start = rawStart(name);
        if (start < 0 || name.length() == start || name.length() - start > 16) {
            return false;
        }
        for (int i = start; i < name.length(); i++) {
            if (Character.digit(name.charAt(i), 16) < 0) {
                return false;
            }
        }
        return true;
    }

    private static int rawStart(String name) {
        return !name.startsWith("r") ? -1 : name.startsWith("r0x") ? 3 : 1;
    }

    static long raw(String name) {
        return Long.parseUnsignedLong(name.substring(rawStart(name)), 16);
    }
}
