package dev.pitot.web.postgres;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * One short-lived child process: its output is kept in memory, of which only the last 8 KB, and never reaches our own stdout.
 *
 * @param exitCode the child's exit code, {@value #TIMED_OUT} when it was killed after the time limit
 * @param output the end of stdout and stderr, in the order written
 */
record ChildCommand(int exitCode, String output) {
    static final int TIMED_OUT = -1;
    private static final int KEPT_BYTES = 8 * 1024;
    private static final Duration TICK = Duration.ofSeconds(10);

    boolean succeeded() {
        return exitCode == 0;
    }

    /**
     * Runs the command and waits. An interrupt is kept for the caller but does not end the wait: a half-stopped server would be
     * worse than a late one.
     *
     * @param environment the whole environment of the child besides PATH; nothing is inherited, as PGPORT or PGOPTIONS of the
     *     user's shell would change what PostgreSQL does
     * @param everyTenSeconds called while the child still runs
     */
    static ChildCommand run(
            List<String> command,
            Map<String, String> environment,
            Path folder,
            Duration limit,
            Runnable everyTenSeconds) {
        ProcessBuilder builder = new ProcessBuilder(command).directory(folder.toFile());
        builder.redirectErrorStream(true);
        String path = System.getenv("PATH");
        builder.environment().clear();
        builder.environment().put("PATH", path == null ? "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin" : path);
        builder.environment().put("LC_ALL", "C");
        builder.environment().putAll(environment);
        Process process;
        try {
            process = builder.start();
            process.getOutputStream().close();
        } catch (IOException e) {
            return new ChildCommand(127, String.valueOf(e.getMessage()));
        }
        Tail tail = new Tail(process.getInputStream());
        tail.start();
        boolean interrupted = false;
        try {
            long deadline = System.nanoTime() + limit.toNanos();
            while (true) {
                try {
                    long left = deadline - System.nanoTime();
                    if (left <= 0) {
                        process.destroyForcibly();
                        return new ChildCommand(TIMED_OUT, tail.text());
                    }
                    if (process.waitFor(Math.min(left, TICK.toNanos()), TimeUnit.NANOSECONDS)) {
                        tail.join(1_000);
                        return new ChildCommand(process.exitValue(), tail.text());
                    }
                    everyTenSeconds.run();
                } catch (InterruptedException e) {
                    interrupted = true; // handed on below
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** Drains a stream so that the child never blocks on a full pipe. */
    private static final class Tail extends Thread {
        private final InputStream in;
        private final byte[] kept = new byte[2 * KEPT_BYTES];
        private int length;

        Tail(InputStream in) {
            super("pitot-postgres-output");
            this.in = in;
            setDaemon(true);
        }

        @Override
        public void run() {
            byte[] buffer = new byte[KEPT_BYTES];
            try (in) {
                for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
                    append(buffer, n);
                }
            } catch (IOException e) {
                // The child is gone; what was read so far is what there is.
            }
        }

        private synchronized void append(byte[] bytes, int n) {
            if (length + n > kept.length) {
                int keep = Math.min(length, KEPT_BYTES);
                System.arraycopy(kept, length - keep, kept, 0, keep);
                length = keep;
            }
            System.arraycopy(bytes, 0, kept, length, n);
            length += n;
        }

        synchronized String text() {
            int from = Math.max(0, length - KEPT_BYTES);
            return new String(kept, from, length - from, StandardCharsets.UTF_8).strip();
        }
    }
}
