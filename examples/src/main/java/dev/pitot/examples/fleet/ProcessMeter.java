package dev.pitot.examples.fleet;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * CPU time and memory of processes by proc(5): of one, or of one with its children, as the server processes of PostgreSQL are.
 * What a process used is remembered when it is gone, up to the last look. One thread.
 */
public final class ProcessMeter {
    /** Ticks of {@code /proc/PID/stat}, USER_HZ: 100 on every Linux that Java runs on. */
    private static final double TICKS_PER_SECOND = 100;

    /** The last look at each process, by process id and start time. */
    private final Map<String, Double> seconds = new HashMap<>();

    private long memory;

    /** Looks at the process; one that is gone keeps what it had. */
    public void look(long pid) {
        look(pid, false);
    }

    /** Looks at the process and its children; those that ended meanwhile are in its own account. */
    public void lookAtFamily(long pid) {
        look(pid, true);
    }

    private void look(long pid, boolean family) {
        String[] before = stat(pid);
        for (int tries = 0; before != null && tries < 10; tries++) {
            double used = ticks(before, 13, 14);
            long kilobytes = kilobytes(pid, family);
            if (family) {
                used += ticks(before, 15, 16);
                for (long child : children(pid)) {
                    String[] stat = stat(child);
                    used += stat == null ? 0 : ticks(stat, 13, 14);
                    kilobytes += kilobytes(child, true);
                }
            }
            String[] after = stat(pid);
            if (family && after != null && ticks(after, 15, 16) != ticks(before, 15, 16)) {
                // A child ended meanwhile, and may have been in neither account.
                before = after;
                continue;
            }
            seconds.merge(pid + " " + before[21], used / TICKS_PER_SECOND, Math::max);
            memory = kilobytes << 10;
            return;
        }
        memory = 0;
    }

    /** CPU time of all that was looked at. */
    public double cpuSeconds() {
        return seconds.values().stream().mapToDouble(Double::doubleValue).sum();
    }

    /** Bytes at the last look: resident ones of one process, of a family with what they share divided among the sharers. */
    public long memory() {
        return memory;
    }

    private static double ticks(String[] stat, int first, int second) {
        return Double.parseDouble(stat[first]) + Double.parseDouble(stat[second]);
    }

    /** Fields numbered from 0, as the manual page does from 1; null when the process is gone. */
    private static String @Nullable [] stat(long pid) {
        try {
            String text = Files.readString(Path.of("/proc/" + pid + "/stat"));
            // The name may hold blanks.
            int end = text.lastIndexOf(')');
            return (pid + " name " + text.substring(end + 2).strip()).split(" ");
        } catch (IOException gone) {
            return null;
        }
    }

    private static List<Long> children(long pid) {
        List<Long> found = new ArrayList<>();
        try (DirectoryStream<Path> all = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
            for (Path process : all) {
                long child = Long.parseLong(process.getFileName().toString());
                String[] stat = stat(child);
                if (stat != null && Long.parseLong(stat[3]) == pid) {
                    found.add(child);
                }
            }
        } catch (IOException | java.nio.file.DirectoryIteratorException e) {
            // Those that were found are counted.
        }
        return found;
    }

    private static long kilobytes(long pid, boolean proportional) {
        try {
            for (String line :
                    Files.readAllLines(Path.of("/proc/" + pid + (proportional ? "/smaps_rollup" : "/status")))) {
                if (line.startsWith(proportional ? "Pss:" : "VmRSS:")) {
                    return Long.parseLong(line.replaceAll("\\D", ""));
                }
            }
        } catch (IOException gone) {
            // It uses none any more, or is another user's.
        }
        return 0;
    }

    /** Bytes that files below a folder take up on the disk. */
    static long diskUsage(Path folder) throws IOException, InterruptedException {
        Process du = new ProcessBuilder("du", "-sk", folder.toString())
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        String text = new String(du.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
        du.waitFor();
        // It exits with 1 when a file went while it looked, and yet says what it found.
        String number = text.isEmpty() ? "" : text.substring(0, text.indexOf('\t'));
        if (number.isEmpty()) {
            throw new NoSuchFileException(folder.toString());
        }
        return Long.parseLong(number) << 10;
    }
}
