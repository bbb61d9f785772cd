package dev.pitot.examples.fleet;

import java.io.File;
import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.StringJoiner;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** A {@code pitot.jar serve} with its own PostgreSQL, that can be stopped, killed and started again on the same port. One thread. */
final class CollectorUnderLoad implements AutoCloseable {
    private static final long START_SECONDS = 180;
    /** {@code Pause Full (Diagnostic Command) 120M->34M(512M)}: what is left of the heap is what is in use. */
    private static final Pattern PAUSE = Pattern.compile("Pause Full .* \\d+M->(\\d+)M\\(");

    private final Path jar;
    private final Path data;
    /** What it says, beside its folder. */
    private final Path log;

    private final String heap;
    private final int port;
    private final List<Path> gcLogs = new ArrayList<>();
    private @Nullable Process process;

    /** @param heap as {@code -Xmx} takes it */
    CollectorUnderLoad(Path jar, Path data, String heap) throws IOException {
        this.jar = jar;
        this.data = data;
        log = data.resolveSibling(data.getFileName() + ".log");
        this.heap = heap;
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = free.getLocalPort();
        }
    }

    String url() {
        return "http://127.0.0.1:" + port;
    }

    Path token() {
        return data.resolve("ingest.token");
    }

    /** Starts it and waits until it answers. @return the seconds that took */
    double start() throws IOException, InterruptedException {
        long from = System.nanoTime();
        Path gcLog = Files.createTempFile("pitot-scale-gc", ".log");
        gcLogs.add(gcLog);
        Process started = new ProcessBuilder(
                        System.getProperty("java.home") + File.separator + "bin" + File.separator + "java",
                        "-Xms" + heap,
                        "-Xmx" + heap,
                        "-Xlog:gc:file=" + gcLog + "::filecount=0",
                        "-jar",
                        jar.toString(),
                        "serve",
                        "--data",
                        data.toString(),
                        "--port",
                        Integer.toString(port))
                .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
                .redirectErrorStream(true)
                .start();
        process = started;
        while (!answers()) {
            if (!started.isAlive() || System.nanoTime() - from > TimeUnit.SECONDS.toNanos(START_SECONDS)) {
                throw new IOException("The collector did not start; see " + log);
            }
            TimeUnit.MILLISECONDS.sleep(20);
        }
        return (System.nanoTime() - from) / 1e9;
    }

    private boolean answers() {
        try {
            HttpURLConnection connection =
                    (HttpURLConnection) URI.create(url() + "/").toURL().openConnection();
            connection.setConnectTimeout(1000);
            connection.setReadTimeout(1000);
            return connection.getResponseCode() < 500;
        } catch (IOException notYet) {
            return false;
        }
    }

    /** @param kill with SIGKILL, else SIGTERM. @return the seconds until it was gone */
    double stop(boolean kill) throws InterruptedException {
        Process running = process;
        if (running == null) {
            return 0;
        }
        process = null;
        long from = System.nanoTime();
        if (kill) {
            running.destroyForcibly();
        } else {
            running.destroy();
        }
        if (!running.waitFor(40, TimeUnit.SECONDS)) {
            running.destroyForcibly().waitFor();
        }
        return (System.nanoTime() - from) / 1e9;
    }

    /** 0 when it does not run. */
    long pid() {
        return process == null ? 0 : process.pid();
    }

    /** Process id of its PostgreSQL, 0 when that does not run. */
    long postgresPid() {
        return Long.parseLong(postmaster(0, "0"));
    }

    private String postmaster(int line, String otherwise) {
        try {
            List<String> lines = Files.readAllLines(data.resolve("postgres/data/postmaster.pid"));
            return lines.size() > line ? lines.get(line).strip() : otherwise;
        } catch (IOException none) {
            return otherwise;
        }
    }

    /** Bytes on disk: of the tables and indexes, and of the write-ahead log, which is kept at a size. */
    long[] disk() throws IOException, InterruptedException {
        long log = ProcessMeter.diskUsage(data.resolve("postgres/data/pg_wal"));
        return new long[] {ProcessMeter.diskUsage(data.resolve("postgres/data")) - log, log};
    }

    /** Runs a query with psql; what it prints, unaligned, or null where there is no psql or it fails. */
    @Nullable
    String sql(String query) throws InterruptedException {
        try {
            ProcessBuilder builder = new ProcessBuilder(
                            "psql",
                            "-XAtF",
                            " ",
                            "-v",
                            "ON_ERROR_STOP=1",
                            "-h",
                            "127.0.0.1",
                            "-p",
                            postmaster(3, "0"),
                            "-U",
                            "pitot",
                            "-c",
                            query,
                            "pitot")
                    .redirectError(ProcessBuilder.Redirect.INHERIT);
            builder.environment()
                    .put(
                            "PGPASSWORD",
                            Files.readString(data.resolve("postgres/password")).strip());
            Process psql = builder.start();
            String text = new String(psql.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
            return psql.waitFor() == 0 ? text.strip() : null;
        } catch (IOException noPsql) {
            return null;
        }
    }

    /** Asks for a full collection. */
    void collectGarbage() throws IOException, InterruptedException {
        new ProcessBuilder(
                        System.getProperty("java.home") + File.separator + "bin" + File.separator + "jcmd",
                        Long.toString(pid()),
                        "GC.run")
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start()
                .waitFor();
    }

    /** What was left of the heap after each full collection, MB; of the lives of the collector one after the other. */
    String heapAfterCollections() throws IOException {
        StringJoiner lives = new StringJoiner("; restarted: ");
        for (Path gcLog : gcLogs) {
            StringJoiner left = new StringJoiner(", ");
            for (String line : Files.readAllLines(gcLog)) {
                Matcher pause = PAUSE.matcher(line);
                if (pause.find()) {
                    left.add(pause.group(1));
                }
            }
            lives.add(left.toString());
        }
        return lives.toString();
    }

    @Override
    public void close() {
        try {
            stop(false);
            for (Path gcLog : gcLogs) {
                Files.deleteIfExists(gcLog);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (IOException left) {
            // A small file in the temporary folder stays.
        }
    }
}
