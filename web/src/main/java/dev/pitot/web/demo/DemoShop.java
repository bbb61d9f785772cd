package dev.pitot.web.demo;

import com.zaxxer.hikari.HikariDataSource;
import dev.pitot.examples.LoadGenerator;
import dev.pitot.examples.Shop;
import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.h2.jdbcx.JdbcDataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.LoggerFactory;

/** The example shop in another JVM with the real flag, and a load generator in this one. */
public final class DemoShop implements AutoCloseable {
    private static final long START_SECONDS = 60;
    private static final long STOP_SECONDS = 5;
    /** The load follows a seed, so that two demos look alike. */
    private static final long SEED = 42;

    private final Path folder;
    private final Path log;
    private @Nullable Process process;
    private @Nullable LoadGenerator load;
    private boolean closed;

    /** @param folder for the shop's output; made if missing */
    public DemoShop(Path folder) {
        this.folder = folder;
        this.log = folder.resolve("shop.log");
    }

    /** Where the shop's output goes. */
    public Path log() {
        return log;
    }

    /**
     * Starts the shop, waits until it listens and puts load on it.
     *
     * @param agentFlag the {@code -javaagent} option
     * @param requestsPerSecond 0: no load
     * @param onDeath called once if the shop ends by itself, on a thread of the JDK
     * @throws IOException when it does not come up; the message is a sentence
     */
    public void start(String agentFlag, double requestsPerSecond, Runnable onDeath)
            throws IOException, InterruptedException {
        Files.createDirectories(folder);
        Path portFile = folder.resolve("shop.port");
        Files.deleteIfExists(portFile);
        Process shop;
        synchronized (this) {
            if (closed) {
                return;
            }
            shop = command(agentFlag, portFile).start();
            process = shop;
        }
        shop.getOutputStream().close();
        int port = awaitPort(shop, portFile);
        shop.onExit().thenRunAsync(() -> died(onDeath), CompletableFuture.delayedExecutor(500, TimeUnit.MILLISECONDS));
        if (requestsPerSecond > 0) {
            synchronized (this) {
                if (!closed) {
                    LoadGenerator generator =
                            new LoadGenerator(URI.create("http://127.0.0.1:" + port), requestsPerSecond, null, SEED);
                    generator.start();
                    load = generator;
                }
            }
        }
    }

    private ProcessBuilder command(String agentFlag, Path portFile) throws IOException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.add("-Xmx128m");
        if (Runtime.version().feature() >= 24) {
            // Else the JVM prints a warning when the agent loads its native library.
            command.add("--enable-native-access=ALL-UNNAMED");
        }
        command.add(agentFlag);
        command.add("-cp");
        command.add(classPath());
        command.add(Shop.class.getName());
        command.add("--port-file");
        command.add(portFile.toString());
        command.add("--exit-with-parent");
        command.add(Long.toString(ProcessHandle.current().pid()));
        ProcessBuilder builder = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.to(log.toFile()));
        // What is set for services of the user's own is not meant for this one.
        builder.environment()
                .keySet()
                .removeIf(name -> name.startsWith("PITOT_")
                        || name.equals("JAVA_TOOL_OPTIONS")
                        || name.equals("JDK_JAVA_OPTIONS")
                        || name.equals("_JAVA_OPTIONS"));
        return builder;
    }

    /** {@code pitot.jar}, or the folders and jars of the shop, its database and its pool that this JVM runs from. */
    private static String classPath() throws IOException {
        Set<String> places = new LinkedHashSet<>();
        try {
            for (Class<?> part :
                    List.of(Shop.class, JdbcDataSource.class, HikariDataSource.class, LoggerFactory.class)) {
                places.add(Path.of(part.getProtectionDomain()
                                .getCodeSource()
                                .getLocation()
                                .toURI())
                        .toString());
            }
        } catch (URISyntaxException e) {
            throw new IOException("The place of pitot.jar is no file: " + e.getMessage(), e);
        }
        return String.join(File.pathSeparator, places);
    }

    private int awaitPort(Process shop, Path portFile) throws IOException, InterruptedException {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(START_SECONDS);
        while (System.nanoTime() < end) {
            if (Files.exists(portFile)) {
                String text =
                        Files.readString(portFile, StandardCharsets.US_ASCII).strip();
                if (!text.isEmpty()) {
                    return Integer.parseInt(text);
                }
            }
            if (shop.waitFor(50, TimeUnit.MILLISECONDS)) {
                throw new IOException("The example service ended at its start with exit code " + shop.exitValue() + "; "
                        + log + " has its output.");
            }
        }
        throw new IOException(
                "The example service did not listen within " + START_SECONDS + " s; " + log + " has its output.");
    }

    /** Ctrl-C reaches the shop too, perhaps before this process: the delay lets the shutdown begin. */
    private void died(Runnable onDeath) {
        LoadGenerator generator;
        synchronized (this) {
            if (closed) {
                return;
            }
            generator = load;
            load = null;
        }
        if (generator != null) {
            generator.close();
        }
        onDeath.run();
    }

    /** Stops the load, then the shop, by force if it must be. */
    @Override
    public void close() {
        LoadGenerator generator;
        Process shop;
        synchronized (this) {
            closed = true;
            generator = load;
            shop = process;
            load = null;
        }
        if (generator != null) {
            generator.close();
        }
        if (shop == null || !shop.isAlive()) {
            return;
        }
        shop.destroy();
        try {
            if (!shop.waitFor(STOP_SECONDS, TimeUnit.SECONDS)) {
                shop.destroyForcibly().waitFor(STOP_SECONDS, TimeUnit.SECONDS);
            }
        } catch (InterruptedException stopped) {
            shop.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }
}
