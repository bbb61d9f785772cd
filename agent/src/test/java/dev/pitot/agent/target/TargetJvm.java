package dev.pitot.agent.target;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.jar.Attributes;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.stream.Stream;
import java.util.zip.Deflater;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;

/** A real JVM that runs a small program under the test agent; {@link #finish} ends it and reads its recording. */
public final class TargetJvm implements AutoCloseable {
    /** One JDK of this machine. */
    public record Jdk(Path home, int version) {
        @Override
        public String toString() {
            return "JDK " + version;
        }
    }

    /** What a target left behind. */
    public record Result(int exit, List<RecordedEvent> events, String out, String err) {
        public List<RecordedEvent> of(String type) {
            return events.stream()
                    .filter(e -> e.getEventType().getName().equals(type))
                    .toList();
        }

        /** The last state of a part of the agent. */
        public RecordedEvent status(String part) {
            return of("pitot.AgentStatus").stream()
                    .filter(e -> part.equals(e.getString("part")))
                    .max(Comparator.comparing(RecordedEvent::getStartTime))
                    .orElseThrow();
        }
    }

    /** The one line that the JVM prints when anything is put on its bootstrap class path. */
    private static final String CDS = ".*Sharing is only supported for boot loader classes.*\\R";

    private static final int LONGEST_SECONDS = 60;

    private final Process process;
    private final Path folder;
    private final BufferedReader out;
    private final StringBuilder text = new StringBuilder();
    public final HttpClient client =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    public final int port;

    private TargetJvm(Process process, Path folder) throws IOException {
        this.process = process;
        this.folder = folder;
        this.out = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
        Future<?> limit = endLater();
        String line = out.readLine();
        limit.cancel(false);
        if (line == null || !line.startsWith("port ")) {
            process.destroyForcibly();
            throw new IOException("The target did not start: " + line + "\n" + Files.readString(folder.resolve("err")));
        }
        this.port = Integer.parseInt(line.substring(5));
    }

    /** A program that says nothing, or never ends, is ended, and whoever reads what it says comes to the end of that. */
    private Future<?> endLater() {
        return CompletableFuture.runAsync(
                process::destroyForcibly, CompletableFuture.delayedExecutor(LONGEST_SECONDS, TimeUnit.SECONDS));
    }

    /**
     * Starts a program whose first line of output is {@code port N} and that ends when its standard input does.
     *
     * @param arguments of the test agent, or null for none
     */
    public static TargetJvm start(
            Jdk jdk, Path folder, String classPath, String main, String arguments, String... flags) throws IOException {
        return startBehind(List.of(), jdk, folder, classPath, main, arguments, flags);
    }

    /** The same by way of another program, which is given the command line and becomes it in the end. */
    public static TargetJvm startBehind(
            List<String> launcher,
            Jdk jdk,
            Path folder,
            String classPath,
            String main,
            String arguments,
            String... flags)
            throws IOException {
        List<String> command = new ArrayList<>(launcher);
        command.add(jdk.home().resolve("bin/java").toString());
        command.addAll(List.of("-Xmx256m", "-XX:TieredStopAtLevel=1"));
        command.addAll(List.of(flags));
        if (arguments != null) {
            Path agent = agentJar(folder);
            command.add("-Dpitot.test.path=" + agentPath(folder));
            command.add("-javaagent:" + agent + "=file=" + folder.resolve("test.jfr") + "," + arguments);
        }
        command.addAll(List.of("-cp", classPath, main));
        return new TargetJvm(
                new ProcessBuilder(command)
                        .redirectError(folder.resolve("err").toFile())
                        .start(),
                folder);
    }

    /** Sends one GET and gives back the status, or -1 when the connection was cut. */
    public int get(String path) throws InterruptedException {
        try {
            return client.send(
                            HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
                                    .build(),
                            HttpResponse.BodyHandlers.discarding())
                    .statusCode();
        } catch (IOException cut) {
            return -1;
        }
    }

    public long pid() {
        return process.pid();
    }

    /** Ends the program in an orderly way. */
    public Result finish() throws IOException, InterruptedException {
        process.getOutputStream().close();
        Future<?> limit = endLater();
        out.lines().forEach(line -> text.append(line).append('\n'));
        if (!process.waitFor(20, TimeUnit.SECONDS) || !limit.cancel(false)) {
            throw new IOException("The target did not end");
        }
        Path file = folder.resolve("test.jfr");
        return new Result(
                process.exitValue(),
                Files.exists(file) ? RecordingFile.readAllEvents(file) : List.of(),
                text.toString(),
                Files.readString(folder.resolve("err")).replaceAll(CDS, ""));
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }

    /** All JDKs from 17 of {@code PITOT_TEST_JDKS}, else of the usual folders; one for each version. */
    public static Stream<Jdk> jdks() {
        String given = System.getProperty("pitot.test.jdks", System.getenv("PITOT_TEST_JDKS"));
        List<Path> homes = new ArrayList<>();
        homes.add(Path.of(System.getProperty("java.home")));
        if (given != null) {
            Stream.of(given.split(File.pathSeparator)).map(Path::of).forEach(homes::add);
        } else if (Files.isDirectory(Path.of("/usr/lib/jvm"))) {
            try (Stream<Path> found = Files.list(Path.of("/usr/lib/jvm"))) {
                found.sorted().forEach(homes::add);
            } catch (IOException unreadable) {
                throw new UncheckedIOException(unreadable);
            }
        }
        List<Integer> versions = new ArrayList<>();
        return homes.stream()
                .filter(home -> Files.exists(home.resolve("release")) && Files.exists(home.resolve("bin/javac")))
                .map(home -> new Jdk(home, version(home)))
                .filter(jdk -> jdk.version() >= 17)
                .filter(jdk -> !versions.contains(jdk.version()) && versions.add(jdk.version()))
                .toList()
                .stream();
    }

    private static int version(Path home) {
        try {
            return Files.readAllLines(home.resolve("release")).stream()
                    .filter(line -> line.startsWith("JAVA_VERSION="))
                    .map(line -> line.replaceAll("[^0-9.]", "").split("\\.")[0])
                    .mapToInt(Integer::parseInt)
                    .findFirst()
                    .orElse(0);
        } catch (IOException unreadable) {
            return 0;
        }
    }

    private static Path agentJar(Path folder) throws IOException {
        Manifest manifest = new Manifest();
        manifest.getMainAttributes().put(Attributes.Name.MANIFEST_VERSION, "1.0");
        manifest.getMainAttributes().putValue("Premain-Class", "dev.pitot.agent.samplers.TestAgent");
        manifest.getMainAttributes().putValue("Can-Retransform-Classes", "true");
        Path tests = codeSource("dev.pitot.agent.target.TargetJvm");
        return jar(folder.resolve("agent.jar"), manifest, tests, "dev/pitot/agent/samplers/TestAgent.class");
    }

    private static String agentPath(Path folder) throws IOException {
        Path events = codeSource("dev.pitot.events.Spans");
        Path bootstrap = Files.isRegularFile(events)
                ? events
                : jar(folder.resolve("events.jar"), new Manifest(), events, "dev/pitot/events/");
        Path core = jar(
                folder.resolve("core.jar"),
                new Manifest(),
                codeSource("dev.pitot.agent.target.TargetJvm"),
                "dev/pitot/agent/samplers/TestCore");
        return String.join(
                File.pathSeparator,
                bootstrap.toString(),
                core.toString(),
                ofInst(Path.of(System.getProperty("pitot.test.agentJar")), folder.resolve("inst.jar"))
                        .toString());
    }

    /** What the agent's own class loader reads, from the jar that is shipped: a class left out of it is missed here. */
    private static Path ofInst(Path agentJar, Path to) throws IOException {
        if (Files.exists(to)) {
            return to;
        }
        try (JarFile from = new JarFile(agentJar.toFile());
                JarOutputStream jar = new JarOutputStream(Files.newOutputStream(to))) {
            jar.setLevel(Deflater.NO_COMPRESSION);
            for (JarEntry entry : Collections.list(from.entries())) {
                if (entry.getName().startsWith("inst/") && !entry.isDirectory()) {
                    jar.putNextEntry(new JarEntry(entry.getName().substring("inst/".length())));
                    try (InputStream in = from.getInputStream(entry)) {
                        in.transferTo(jar);
                    }
                }
            }
        }
        return to;
    }

    /** The jar or folder that a class of the test class path comes from; does not initialise the class. */
    public static Path codeSource(String name) {
        try {
            return Path.of(Class.forName(name, false, TargetJvm.class.getClassLoader())
                    .getProtectionDomain()
                    .getCodeSource()
                    .getLocation()
                    .toURI());
        } catch (Exception missing) {
            throw new IllegalStateException(name, missing);
        }
    }

    private static Path jar(Path file, Manifest manifest, Path classes, String prefix) throws IOException {
        try (JarOutputStream jar = new JarOutputStream(Files.newOutputStream(file), manifest);
                Stream<Path> walk = Files.walk(classes)) {
            for (Path path : walk.filter(Files::isRegularFile).toList()) {
                String name = classes.relativize(path).toString();
                if (name.startsWith(prefix)) {
                    jar.putNextEntry(new JarEntry(name));
                    Files.copy(path, jar);
                }
            }
        }
        return file;
    }
}
