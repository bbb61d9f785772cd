package dev.pitot.agent.counters;

import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/** Lists of numbers as sysfs writes them, {@code 0-7,32-35}: bits of a format, or CPUs. */
final class Ranges {
    private Ranges() {}

    /**
     * @param limit one more than the largest number that makes sense
     * @return null when the text is no such list
     */
    static @Nullable BitSet parse(String text, int limit) {
        BitSet numbers = new BitSet();
        for (String part : text.strip().split(",")) {
            int dash = part.indexOf('-');
            int first = number(dash < 0 ? part : part.substring(0, dash));
            int last = dash < 0 ? first : number(part.substring(dash + 1));
            if (first < 0 || last < first || last >= limit) {
                return null;
            }
            numbers.set(first, last + 1);
        }
        return numbers;
    }

    private static int number(String digits) {
        try {
            return digits.startsWith("+") ? -1 : Integer.parseInt(digits);
        } catch (NumberFormatException none) {
            return -1;
        }
    }
}
