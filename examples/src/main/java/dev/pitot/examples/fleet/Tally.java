package dev.pitot.examples.fleet;

import java.util.Arrays;
import java.util.Locale;
import java.util.TreeMap;

/** What became of the posts of a fleet. One thread. */
final class Tally {
    /** Buckets of latencies in microseconds: 16 for each power of two. */
    private final long[] latencies = new long[16 * 40];

    private final TreeMap<Integer, Long> statuses = new TreeMap<>();
    private final long[] lastAnswer;
    private final long[] longestSilence;
    private final boolean[] failing;
    private long posts;
    private long errors;
    private long wireBytes;
    private int live;
    private int begun;
    private long outageSince;
    private String firstRefusal = "";

    Tally(int agents) {
        lastAnswer = new long[agents];
        longestSilence = new long[agents];
        failing = new boolean[agents];
    }

    /** @param bytes of the whole request */
    void posted(int agent, long now, int bytes) {
        posts++;
        wireBytes += bytes;
        if (lastAnswer[agent] == 0) {
            lastAnswer[agent] = now;
            begun++;
            live++;
        }
    }

    /** A post was answered. @return what is to be told at once, or an empty text */
    String answered(int agent, Answer answer, long nanos, long now) {
        statuses.merge(answer.status(), 1L, Long::sum);
        latencies[bucket(nanos / 1000)]++;
        if (isRefusal(answer.status()) && firstRefusal.isEmpty()) {
            firstRefusal = answer.status() + " " + answer.message();
        }
        if (answer.status() != 200) {
            return answer.status() == 409 ? "" : silent(agent, now);
        }
        longestSilence[agent] = silence(agent, now);
        lastAnswer[agent] = now;
        if (!failing[agent]) {
            return "";
        }
        failing[agent] = false;
        live++;
        if (live < begun || outageSince == 0) {
            return "";
        }
        String said = String.format(
                Locale.ROOT,
                "All %d live again %.1f s after the first failed post.",
                begun,
                (now - outageSince) / 1000.0);
        outageSince = 0;
        return said;
    }

    /** A post was not answered, or only that the collector is busy. */
    String silent(int agent, long now) {
        if (failing[agent]) {
            return "";
        }
        failing[agent] = true;
        live--;
        if (outageSince != 0) {
            return "";
        }
        outageSince = now;
        return "A post failed.";
    }

    /** A post got no answer. */
    String failed(int agent, long now) {
        errors++;
        return silent(agent, now);
    }

    private long silence(int agent, long now) {
        return Math.max(longestSilence[agent], now - lastAnswer[agent]);
    }

    /** 4xx that are no part of the protocol. */
    private static boolean isRefusal(int status) {
        return status >= 400 && status < 500 && status != 409;
    }

    long refused() {
        return statuses.entrySet().stream()
                .filter(entry -> isRefusal(entry.getKey()))
                .mapToLong(entry -> entry.getValue())
                .sum();
    }

    String firstRefusal() {
        return firstRefusal;
    }

    int live() {
        return live;
    }

    int begun() {
        return begun;
    }

    long wireBytes() {
        return wireBytes;
    }

    long posts() {
        return posts;
    }

    /** {@code 200: 4711, 409: 3, no answer: 0} */
    String outcomes() {
        StringBuilder text = new StringBuilder();
        statuses.forEach((status, count) ->
                text.append(status).append(": ").append(count).append(", "));
        return text.append("no answer: ").append(errors).toString();
    }

    /** Latency of the share that was quicker, milliseconds, at most 6 % too high. */
    double millis(double share) {
        long all = Arrays.stream(latencies).sum();
        long rank = (long) Math.ceil(share * all);
        long seen = 0;
        for (int i = 0; i < latencies.length; i++) {
            seen += latencies[i];
            if (seen >= rank && seen > 0) {
                return (1L << i / 16) * (1 + (i % 16 + 1) / 16.0) / 1000;
            }
        }
        return 0;
    }

    private int bucket(long micros) {
        long value = Math.max(1, micros);
        int power = 63 - Long.numberOfLeadingZeros(value);
        int sixteenth = (int) ((double) (value - (1L << power)) / (1L << power) * 16);
        return Math.min(latencies.length - 1, power * 16 + sixteenth);
    }

    /** Longest time without an acknowledged post, seconds: of the median agent, and of the one that had to wait for longest. */
    String silences(long now) {
        long[] all = new long[begun];
        int count = 0;
        for (int agent = 0; agent < lastAnswer.length; agent++) {
            if (lastAnswer[agent] != 0) {
                all[count++] = silence(agent, now);
            }
        }
        Arrays.sort(all, 0, count);
        return count == 0
                ? "nobody posted"
                : String.format(
                        Locale.ROOT, "median %.1f s, longest %.1f s", all[count / 2] / 1000.0, all[count - 1] / 1000.0);
    }
}
