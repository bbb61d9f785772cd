package dev.pitot.agent.config;

import java.util.List;

/** What somebody who wrote an unknown name may have meant. */
public final class Nearest {
    private Nearest() {}

    /** The candidate that takes the fewest changes of single characters; the first of several. */
    public static String of(String name, List<String> candidates) {
        String nearest = candidates.get(0);
        int least = distance(name, nearest);
        for (String candidate : candidates) {
            int changes = distance(name, candidate);
            if (changes < least) {
                nearest = candidate;
                least = changes;
            }
        }
        return nearest;
    }

    /** Levenshtein's edit distance. */
    private static int distance(String a, String b) {
        int[] row = new int[b.length() + 1];
        for (int j = 0; j <= b.length(); j++) {
            row[j] = j;
        }
        for (int i = 1; i <= a.length(); i++) {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.length(); j++) {
                int replaced = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.min(replaced, Math.min(row[j], row[j - 1]) + 1);
            }
        }
        return row[b.length()];
    }
}
