package dev.pitot.agent.counters;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One performance monitoring unit as sysfs describes it. Nothing is read before it is asked for. See the kernel's
 * Documentation/ABI/testing/sysfs-bus-event_source-devices, -format and -events. Any thread.
 */
record Pmu(Path folder, String name, int type) {
    private static final int MOST_CPUS = 8192;

    /** The three fields of the attribute that the terms of an event fill. */
    private static final class Config {
        final long[] words = new long[3];

        void set(int word, BitSet bits, long value) {
            int from = 0;
            for (int bit = bits.nextSetBit(0); bit >= 0; bit = bits.nextSetBit(bit + 1)) {
                long mask = 1L << bit;
                words[word] = (value >>> from++ & 1) == 1 ? words[word] | mask : words[word] & ~mask;
            }
        }
    }

    /** The PMU in a folder of sysfs, or null when there is none. */
    static @Nullable Pmu at(Path folder) {
        String type = text(folder.resolve("type"));
        try {
            return type == null ? null : new Pmu(folder, String.valueOf(folder.getFileName()), Integer.parseInt(type));
        } catch (NumberFormatException strange) {
            return null;
        }
    }

    /** The CPUs whose core it belongs to; empty when it is said nowhere. */
    List<Integer> cpus() {
        return cpus("cpus");
    }

    /** The CPUs on which it is to be opened, one for each socket, say; empty for a PMU that counts threads. */
    List<Integer> cpumask() {
        return cpus("cpumask");
    }

    private List<Integer> cpus(String file) {
        String text = text(folder.resolve(file));
        BitSet numbers = text == null ? null : Ranges.parse(text, MOST_CPUS);
        return numbers == null ? List.of() : numbers.stream().boxed().toList();
    }

    /** Whether it can only count whole CPUs, not threads. */
    boolean countsWholeCpus() {
        return Files.exists(folder.resolve("cpumask"));
    }

    boolean has(String event) {
        return isName(event) && Files.isRegularFile(folder.resolve("events").resolve(event));
    }

    /** Names of its events, sorted; at most 2 000. */
    List<String> events() {
        String[] files = folder.resolve("events").toFile().list();
        if (files == null) {
            return List.of();
        }
        List<String> names = new ArrayList<>();
        for (String file : files) {
            if (isName(file) && names.size() < 2000) {
                names.add(file);
            }
        }
        names.sort(null);
        return names;
    }

    /** The unit of an event, empty for a plain count. */
    String unit(String event) {
        String unit = text(folder.resolve("events").resolve(event + ".unit"));
        return unit == null ? "" : unit;
    }

    /** What its values are to be multiplied by. */
    double scale(String event) throws UnknownEvent {
        String scale = text(folder.resolve("events").resolve(event + ".scale"));
        try {
            double factor = scale == null ? 1 : Double.parseDouble(scale);
            if (factor > 0 && factor < Double.POSITIVE_INFINITY) {
                return factor;
            }
        } catch (NumberFormatException strange) {
            // Below.
        }
        throw new UnknownEvent("The kernel gives " + name + "/" + event + "/ a scale that is no number", "");
    }

    /**
     * The event of some terms, {@code event=0x3c,umask=0x1}: names of formats with values, {@code config}, {@code config1},
     * {@code config2}, {@code r1a8}, and names of events, whose own terms then stand for them. A later term wins.
     *
     * @param label name of the result, for sentences
     */
    PerfEvent event(String label, String terms) throws UnknownEvent {
        Config config = new Config();
        apply(label, terms, config, true);
        return new PerfEvent(label, type, config.words[0], config.words[1], config.words[2], 0, 0);
    }

    private void apply(String label, String terms, Config config, boolean withEvents) throws UnknownEvent {
        for (String term : terms.split(",")) {
            int equals = term.indexOf('=');
            String key = (equals < 0 ? term : term.substring(0, equals)).strip();
            if (key.isEmpty()) {
                throw new UnknownEvent(label + " has an empty term", "");
            }
            if (equals < 0 && withEvents && has(key)) {
                String own = text(folder.resolve("events").resolve(key));
                apply(label, own == null ? "" : own, config, false);
                continue;
            }
            String value = equals < 0 ? "1" : term.substring(equals + 1).strip();
            if (value.equals("?")) {
                throw new UnknownEvent(label + " needs a value for " + key, "Write " + key + "= and the value");
            }
            String format = isName(key) ? text(folder.resolve("format").resolve(key)) : null;
            if (format == null && equals < 0 && Catalogue.isRaw(key)) {
                config.words[0] = Catalogue.raw(key);
                continue;
            }
            fill(label, key, format == null ? wholeWord(key) : format, value, config);
        }
    }

    private static @Nullable String wholeWord(String key) {
        return key.equals("config") || key.equals("config1") || key.equals("config2") ? key + ":0-63" : null;
    }

    private void fill(String label, String key, @Nullable String format, String value, Config config)
            throws UnknownEvent {
        if (format == null) {
            throw new UnknownEvent(
                    "The PMU " + name + " has no term " + key + " for " + label,
                    "Its terms are the files of " + folder.resolve("format"));
        }
        int colon = format.indexOf(':');
        int word =
                switch (colon < 0 ? format : format.substring(0, colon)) {
                    case "config" -> 0;
                    case "config1" -> 1;
                    case "config2" -> 2;
                    default -> -1;
                };
        BitSet bits = word < 0 ? null : Ranges.parse(colon < 0 ? "0-63" : format.substring(colon + 1), 64);
        if (bits == null) {
            throw new UnknownEvent("The term " + key + " of " + label + " is one that Pitot cannot set", "");
        }
        long number;
        try {
            number = value.startsWith("0x") || value.startsWith("0X")
                    ? Long.parseUnsignedLong(value.substring(2), 16)
                    : Long.parseUnsignedLong(value);
        } catch (NumberFormatException no) {
            throw new UnknownEvent("The value of " + key + " in " + label + " is no number", "Write 12 or 0x0c");
        }
        if (bits.cardinality() < 64 && number >>> bits.cardinality() != 0) {
            throw new UnknownEvent(
                    "The value of " + key + " in " + label + " has more than " + bits.cardinality() + " bits", "");
        }
        config.set(word, bits, number);
    }

    /** Whether it may name a file: neither a path nor one of the files that describe an event. */
    private static boolean isName(String name) {
        return !name.isEmpty() && name.indexOf('/') < 0 && name.indexOf('.') < 0;
    }

    private static @Nullable String text(Path file) {
        try {
            return Files.isRegularFile(file)
                    ? Files.readString(file, StandardCharsets.ISO_8859_1).strip()
                    : null;
        } catch (IOException | RuntimeException unreadable) {
            return null;
        }
    }
}
