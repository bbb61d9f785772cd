package dev.pitot.web.postgres;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What {@code postmaster.pid} says: PostgreSQL's lock file in its data folder, written by the server's first process.
 *
 * @param status {@code starting}, {@code ready}, {@code standby} or {@code stopping}; empty before the server has written it
 * @see <a href="https://www.postgresql.org/docs/18/storage-file-layout.html">Database File Layout</a>
 */
record Postmaster(long pid, int port, String status) {
    /** The lock file's content; null when there is none or it makes no sense. */
    static @Nullable Postmaster read(Path cluster) {
        try {
            // One item a line: pid, data folder, start time, port, socket folder, address, shared memory, status.
            List<String> lines = Files.readAllLines(cluster.resolve("postmaster.pid"));
            long pid = Math.abs(Long.parseLong(lines.get(0).strip())); // negative in single-user mode
            int port = lines.size() > 3 ? Integer.parseInt(lines.get(3).strip()) : 0;
            return new Postmaster(pid, port, lines.size() > 7 ? lines.get(7).strip() : "");
        } catch (IOException | NumberFormatException | IndexOutOfBoundsException e) {
            return null; // absent, or half written by a server that died
        }
    }

    boolean ready() {
        return status.equals("ready");
    }

    /** The living processes of any PostgreSQL that works in this data folder; each of them has it as its working folder. */
    static List<Long> processesIn(Path cluster) {
        List<Long> pids = new ArrayList<>();
        try (DirectoryStream<Path> processes = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
            for (Path process : processes) {
                if (program(process).endsWith("/postgres")
                        && link(process, "cwd").equals(cluster.toString())) {
                    pids.add(Long.valueOf(process.getFileName().toString()));
                }
            }
        } catch (IOException e) {
            throw new PostgresException(
                    "The running processes could not be listed from /proc: " + e.getMessage() + ".", e);
        }
        return pids;
    }

    /** The program a process runs, also after its file was deleted; empty when there is no such process or it is not ours to see. */
    static String program(long pid) {
        return program(Path.of("/proc", Long.toString(pid)));
    }

    private static String program(Path process) {
        String exe = link(process, "exe");
        String deleted = " (deleted)";
        return exe.endsWith(deleted) ? exe.substring(0, exe.length() - deleted.length()) : exe;
    }

    private static String link(Path process, String name) {
        try {
            return Files.readSymbolicLink(process.resolve(name)).toString();
        } catch (IOException e) {
            return ""; // ended meanwhile, a zombie, or another user's
        }
    }
}
