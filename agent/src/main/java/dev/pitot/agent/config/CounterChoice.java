package dev.pitot.agent.config;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Which counters are wanted: the key {@code counters} and its neighbours. Whether a name is an event of this machine is not known
 * here.
 *
 * @param enabled false: no native code at all
 * @param evenIfFiltered call perf_event_open even under a seccomp filter that may kill
 * @param usual the usual set of this machine
 * @param names events as {@code perf list} prints them, in the order given, each once
 * @param topThreads threads with most CPU time that get an event of their own
 * @param host count each CPU of the machine too
 */
public record CounterChoice(
        boolean enabled, boolean evenIfFiltered, boolean usual, List<String> names, int topThreads, boolean host) {
    private static final int MOST_NAMES = 64;
    private static final int LONGEST_NAME = 200;

    public static final CounterChoice NONE = new CounterChoice(false, false, false, List.of(), 0, false);
    public static final CounterChoice DEFAULT = new CounterChoice(true, false, true, List.of(), 8, false);

    public CounterChoice {
        names = List.copyOf(names);
    }

    /** @return null when the text is neither {@code none} nor a list of names */
    static @Nullable CounterChoice parse(String text, int topThreads, boolean host) {
        if (text.equals("none")) {
            return NONE;
        }
        boolean evenIfFiltered = false;
        boolean usual = false;
        List<String> names = new ArrayList<>();
        for (String part : split(text)) {
            String name = part.strip();
            if (name.equals("perf")) {
                evenIfFiltered = true;
            } else if (name.equals("default")) {
                usual = true;
            } else if (name.equals("none") || !isName(name)) {
                return null;
            } else if (!names.contains(name)) {
                names.add(name);
            }
        }
        if (names.size() > MOST_NAMES) {
            return null;
        }
        return new CounterChoice(true, evenIfFiltered, usual || names.isEmpty(), names, topThreads, host);
    }

    /** Whether a part of the agent arguments goes on with the value of {@code counters} before it. */
    static boolean goesOn(String value, String part) {
        int equals = part.indexOf('=');
        int slash = part.indexOf('/');
        return isInTerms(value) || equals < 0 || (slash >= 0 && slash < equals);
    }

    /** Whether the terms of a PMU's event, between two slashes, are not over yet. */
    private static boolean isInTerms(String text) {
        boolean inside = false;
        for (int i = 0; i < text.length(); i++) {
            inside ^= text.charAt(i) == '/';
        }
        return inside;
    }

    /** At commas outside of terms. */
    private static List<String> split(String text) {
        List<String> parts = new ArrayList<>();
        int start = 0;
        boolean inside = false;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            inside ^= c == '/';
            if (c == ',' && !inside) {
                parts.add(text.substring(start, i));
                start = i + 1;
            }
        }
        parts.add(text.substring(start));
        return parts;
    }

    private static boolean isName(String name) {
        for (int i = 0; i < name.length(); i++) {
            char c = name.charAt(i);
            boolean letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
            if (!letter && "-_.:/=,@".indexOf(c) < 0) {
                return false;
            }
        }
        return !name.isEmpty() && name.length() <= LONGEST_NAME && !isInTerms(name);
    }
}
