package dev.pitot.agent.samplers.host;

import java.util.Arrays;
import java.util.List;

/**
 * Files with one number each of which a large machine has hundreds, and which may be slow: each second reads the next few,
 * in turn. What is known of one may so be some seconds old. Not thread-safe.
 */
final class Rotation {
    /** Files read in a second, and kept open if there are no more. */
    private static final int EACH_SECOND = 8;

    /** After this long no further file is begun: kernels before 5.18 sleep 10 ms to find the frequency of an idle CPU. */
    private static final long LONGEST = 20_000_000;

    private final ProcFile[] files;
    private final double[] values;
    private final double unit;
    private final Text text;
    private int next;

    /** @param unit what a number is multiplied by */
    Rotation(List<String> paths, double unit, Text text) {
        files = new ProcFile[paths.size()];
        for (int i = 0; i < files.length; i++) {
            files[i] = new ProcFile(paths.get(i));
        }
        values = new double[files.length];
        Arrays.fill(values, Double.NaN);
        this.unit = unit;
        this.text = text;
    }

    int size() {
        return files.length;
    }

    /** The latest value of the file with this index in the constructor's list; NaN when it cannot be read. */
    double get(int file) {
        return values[file];
    }

    /** Reads the next files. */
    void sample() {
        long until = System.nanoTime() + LONGEST;
        for (int i = Math.min(EACH_SECOND, files.length); i > 0 && until - System.nanoTime() > 0; i--) {
            ProcFile file = files[next];
            values[next] = Differences.number(file.number(text)) * unit;
            if (files.length > EACH_SECOND) {
                file.close();
            }
            next = (next + 1) % files.length;
        }
    }
}
