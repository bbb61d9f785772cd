package dev.pitot.agent;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.awaitility.core.ConditionTimeoutException;
import org.awaitility.core.ThrowingRunnable;
import org.jspecify.annotations.Nullable;

/** A real JVM that runs {@link Application} with the flag; killed when closed. */
public final class Target implements AutoCloseable {
    /**
     * What the JVM itself prints from 24 on when any code loads a native library without --enable-native-access, here JNA
     * for the counters; the one addition to stderr that docs/messages.md announces.
     */
    private static final List<String> NATIVE_ACCESS = List.of(
            "WARNING: A restricted method in java.lang.System has been called",
            "WARNING: java.lang.System::load has been called by com.sun.jna.Native in an unnamed module",
            "WARNING: Use --enable-native-access=ALL-UNNAMED to avoid a warning for callers in this module",
            "WARNING: Restricted methods will be blocked in a future release unless native access is enabled");

    private final Process process;
    private final OutputStream in;
    private final List<String> out = new ArrayList<>();
    private final List<String> err = new ArrayList<>();
    private final Thread outReader;
    private final Thread errReader;
    private final Path home;

    /** JDKs to test with: the path list {@code PITOT_TEST_JDKS}, else what the usual folders hold. */
    public static Stream<Path> jdks() {
        String given = System.getProperty("PITOT_TEST_JDKS", System.getenv("PITOT_TEST_JDKS"));
        if (given != null && !given.isBlank()) {
            return Stream.of(given.split(File.pathSeparator)).map(Path::of);
        }
        List<Path> found = new ArrayList<>();
        for (String folder : List.of("/usr/lib/jvm", "/opt/java", "/Library/Java/JavaVirtualMachines")) {
            try (Stream<Path> homes = Files.list(Path.of(folder))) {
                homes.filter(home -> !Files.isSymbolicLink(home) && Files.isExecutable(home.resolve("bin/java")))
                        .filter(home -> Files.exists(home.resolve("bin/jcmd")))
                        .sorted()
                        .forEach(found::add);
            } catch (IOException absent) {
                // Not on this machine.
            }
        }
        return found.isEmpty() ? Stream.of(Path.of(System.getProperty("java.home"))) : found.stream();
    }

    public static String agentJar() {
        return System.getProperty("pitot.test.agentJar", "target/pitot-agent.jar");
    }

    /** The flag with these agent arguments. */
    public static String flag(String arguments) {
        return "-javaagent:" + agentJar() + "=" + arguments;
    }

    public Target(Path home, Path temporary, List<String> options) throws IOException {
        this(home, temporary, Map.of(), options, List.of());
    }

    public Target(
            Path home, Path temporary, Map<String, String> environment, List<String> options, List<String> arguments)
            throws IOException {
        this.home = home;
        List<String> command = new ArrayList<>();
        command.add(home.resolve("bin/java").toString());
        command.add("-Xmx64m");
        command.add("-XX:TieredStopAtLevel=1");
        command.add("-Djava.io.tmpdir=" + temporary);
        command.addAll(options);
        command.add("-cp");
        command.add(Path.of("target/test-classes").toAbsolutePath().toString());
        command.add(Application.class.getName());
        command.addAll(arguments);
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().keySet().removeIf(name -> name.startsWith("PITOT_") || name.equals("JAVA_TOOL_OPTIONS"));
        builder.environment().putAll(environment);
        process = builder.start();
        in = process.getOutputStream();
        outReader = reader(process.inputReader(StandardCharsets.UTF_8), out);
        errReader = reader(process.errorReader(StandardCharsets.UTF_8), err);
    }

    private static Thread reader(BufferedReader from, List<String> to) {
        Thread thread = new Thread(() -> {
            try (from) {
                for (String line = from.readLine(); line != null; line = from.readLine()) {
                    synchronized (to) {
                        to.add(line);
                    }
                }
            } catch (IOException killed) {
                // What was read counts.
            }
        });
        thread.setDaemon(true);
        thread.start();
        return thread;
    }

    public void say(String line) {
        try {
            in.write((line + "\n").getBytes(StandardCharsets.UTF_8));
            in.flush();
        } catch (IOException gone) {
            throw new UncheckedIOException("the target is gone; stderr: " + err(), gone);
        }
    }

    /** Standard output so far. */
    public List<String> out() {
        synchronized (out) {
            return new ArrayList<>(out);
        }
    }

    /** Standard error so far, without the JVM's warning of JDK 24 and newer about native access. */
    public List<String> err() {
        List<String> lines = allErr();
        int first = lines.indexOf(NATIVE_ACCESS.get(0));
        if (first >= 0) {
            // As much of it as has come so far: it comes line by line.
            for (String expected : NATIVE_ACCESS) {
                if (first < lines.size() && lines.get(first).startsWith(expected)) {
                    lines.remove(first);
                }
            }
            if (first < lines.size() && lines.get(first).isEmpty()) {
                lines.remove(first);
            }
        }
        return lines;
    }

    /** Standard error so far. */
    public List<String> allErr() {
        synchronized (err) {
            return new ArrayList<>(err);
        }
    }

    public long pid() {
        return process.pid();
    }

    public boolean isAlive() {
        return process.isAlive();
    }

    /** {@code kill -9}. */
    public void kill() {
        process.destroyForcibly();
        waitForEnd(Duration.ofSeconds(10));
    }

    /** Waits for the end and for all output. */
    public int waitForEnd(Duration most) {
        try {
            if (!process.waitFor(most.toMillis(), TimeUnit.MILLISECONDS)) {
                throw new AssertionError("still running after " + most + "; stderr: " + err());
            }
            outReader.join(5_000);
            errReader.join(5_000);
            return process.exitValue();
        } catch (InterruptedException interrupted) {
            throw new IllegalStateException(interrupted);
        }
    }

    /** Runs jcmd on it. */
    public String jcmd(String... words) throws IOException {
        List<String> command = new ArrayList<>(List.of(home.resolve("bin/jcmd").toString(), Long.toString(pid())));
        command.addAll(List.of(words));
        Process jcmd = new ProcessBuilder(command).redirectErrorStream(true).start();
        try (BufferedReader reader =
                new BufferedReader(new InputStreamReader(jcmd.getInputStream(), StandardCharsets.UTF_8))) {
            return String.join("\n", reader.lines().toList());
        }
    }

    /** Waits until it is as said, and fails with what all its threads do instead. */
    public void await(ThrowingRunnable said) throws IOException {
        try {
            Awaitility.await().atMost(Duration.ofSeconds(30)).untilAsserted(said);
        } catch (ConditionTimeoutException late) {
            throw new AssertionError(isAlive() ? jcmd("Thread.print") : "it has ended", late);
        }
    }

    /** Whether the stack of the uplink thread names this method. */
    public boolean isUplinkIn(String method) {
        try {
            String dump = jcmd("Thread.print");
            int from = dump.indexOf("\"pitot-uplink\"");
            int end = dump.indexOf("\n\n", Math.max(0, from));
            return from >= 0
                    && dump.substring(from, end < 0 ? dump.length() : end).contains(method);
        } catch (IOException gone) {
            return false;
        }
    }

    /** Its JFR repository, or null. */
    public static @Nullable Path repository(Path temporary) {
        try (Stream<Path> folders = Files.list(temporary)) {
            return folders.filter(folder -> folder.getFileName().toString().matches("\\d{4}(_\\d+)+"))
                    .findFirst()
                    .orElse(null);
        } catch (IOException gone) {
            return null;
        }
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }
}
