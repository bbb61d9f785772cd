package dev.pitot.examples.fleet;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Arguments of the form {@code --name value}; what is wrong with them is said in one sentence. One thread. */
final class Arguments {
    private final Map<String, List<String>> values = new HashMap<>();
    private boolean help;

    /**
     * Reads a command line.
     *
     * @param names the options there are; those that are not asked for with {@link #all} may be given once
     * @throws IllegalArgumentException for an option that is none, or that has no value
     */
    Arguments(String[] args, List<String> names) {
        for (int i = 0; i < args.length; i++) {
            String name = args[i];
            if (name.equals("--help") || name.equals("-h")) {
                help = true;
                return;
            }
            if (!names.contains(name)) {
                throw new IllegalArgumentException(
                        "Unknown argument '" + name + "'; run with --help to see the options.");
            }
            if (++i == args.length) {
                throw new IllegalArgumentException(name + " needs a value; run with --help to see which.");
            }
            values.computeIfAbsent(name, n -> new ArrayList<>()).add(args[i]);
        }
    }

    boolean help() {
        return help;
    }

    List<String> all(String name) {
        return values.getOrDefault(name, List.of());
    }

    @Nullable
    String text(String name) {
        List<String> given = all(name);
        if (given.size() > 1) {
            throw new IllegalArgumentException(name + " is given twice; give it once.");
        }
        return given.isEmpty() ? null : given.get(0);
    }

    String text(String name, String otherwise) {
        String given = text(name);
        return given == null ? otherwise : given;
    }

    /** @param remedy what to give, ends with a full stop */
    String required(String name, String remedy) {
        String given = text(name);
        if (given == null) {
            throw new IllegalArgumentException(name + " is missing; " + remedy);
        }
        return given;
    }

    String oneOf(String name, List<String> words) {
        String given = text(name, words.get(0));
        if (!words.contains(given)) {
            throw new IllegalArgumentException(
                    name + " must be one of " + String.join(", ", words) + ", not '" + given + "'.");
        }
        return given;
    }

    double number(String name, double otherwise, double least, double most) {
        String given = text(name);
        if (given == null) {
            return otherwise;
        }
        try {
            double value = Double.parseDouble(given);
            if (value >= least && value <= most) {
                return value;
            }
        } catch (NumberFormatException malformed) {
            // Said below, as for a number that is out of range.
        }
        throw new IllegalArgumentException(
                name + " must be a number from " + plain(least) + " to " + plain(most) + ", not '" + given + "'.");
    }

    int whole(String name, int otherwise, int least, int most) {
        double value = number(name, otherwise, least, most);
        if (value != Math.rint(value)) {
            throw new IllegalArgumentException(name + " must be a whole number, not '" + text(name) + "'.");
        }
        return (int) value;
    }

    private static String plain(double value) {
        return value == Math.rint(value) ? Long.toString((long) value) : Double.toString(value);
    }
}
