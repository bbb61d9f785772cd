package dev.pitot.web;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/**
 * {@code doctor}: what can be counted here, and what is in the way. The agent knows; it is asked in a JVM of its own, so that nothing that is
 * tried can harm this one, and under the conditions of another process when that is the question.
 */
@Command(
        name = "doctor",
        description =
                "Says what can be counted here, by this user or by the JVM with this PID, and what is in the way.",
        mixinStandardHelpOptions = true,
        versionProvider = Pitot.Version.class,
        usageHelpAutoWidth = true)
final class DoctorCommand implements Callable<Integer> {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int LONGEST_SECONDS = 30;

    @Parameters(paramLabel = "PID", arity = "0..1", description = "Of a JVM. Default: this user, here.")
    @Nullable
    Long pid;

    @Option(names = "--json", description = "Print the report as JSON.")
    boolean json;

    @Option(names = "--debug", description = "Show where a failure came from.")
    boolean debug;

    @Spec
    CommandSpec spec;

    @Override
    public Integer call() throws IOException, InterruptedException {
        JavaProcess target = pid == null ? null : JavaProcess.of(pid);
        Path folder = Files.createTempDirectory("pitot-doctor");
        JsonNode report;
        try {
            // So that another user can read the jar.
            Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxr-xr-x"));
            report = ask(unpack(folder), target);
        } finally {
            Files.deleteIfExists(folder.resolve("pitot-agent.jar"));
            Files.deleteIfExists(folder);
        }
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            ObjectNode whole = JSON.createObjectNode();
            whole.put("version", Pitot.version());
            if (target != null) {
                whole.put("pid", target.pid()).put("main", target.main()).put("user", target.user());
            }
            whole.set("findings", report.get("findings"));
            out.println(JSON.writerWithDefaultPrettyPrinter().writeValueAsString(whole));
        } else {
            out.print(new DoctorText(report.get("findings"), target));
            out.flush();
        }
        return 0;
    }

    private static Path unpack(Path folder) throws IOException {
        Path jar = folder.resolve("pitot-agent.jar");
        try (InputStream in = DoctorCommand.class.getClassLoader().getResourceAsStream("agent/pitot-agent.jar")) {
            if (in == null) {
                throw CommandFailure.failed(
                        "This pitot.jar carries no agent; build it whole with 'mvn -DskipTests package'.", null);
            }
            Files.copy(in, jar);
        }
        Files.setPosixFilePermissions(jar, PosixFilePermissions.fromString("rw-r--r--"));
        return jar;
    }

    private static JsonNode ask(Path jar, @Nullable JavaProcess target) throws IOException, InterruptedException {
        if (target != null) {
            List<String> conditions = SameConditions.of(target);
            JsonNode tried = conditions == null
                    ? null
                    : run(conditions, jar, target, List.of(String.valueOf(target.pid()), "tried"));
            if (tried != null) {
                return tried;
            }
        }
        JsonNode report =
                run(List.of(), jar, target, target == null ? List.of() : List.of(String.valueOf(target.pid())));
        if (report == null) {
            throw CommandFailure.failed(
                    "The doctor's own JVM gave no report; run 'java -jar " + jar.getFileName()
                            + "' with the agent's jar to see why.",
                    null);
        }
        return report;
    }

    /** The options that decide where JNA puts its library. */
    private static List<String> temporaryFolder(@Nullable JavaProcess target) {
        List<String> options = new ArrayList<>();
        if (target == null) {
            options.add("-Djava.io.tmpdir=" + System.getProperty("java.io.tmpdir"));
        } else {
            for (String word : target.command()) {
                if (word.startsWith("-Djava.io.tmpdir=") || word.startsWith("-Djna.tmpdir=")) {
                    options.add(word);
                }
            }
        }
        return options;
    }

    /** Null when there was no report: the other user may not run this Java, say. */
    private static @Nullable JsonNode run(
            List<String> before, Path jar, @Nullable JavaProcess target, List<String> arguments)
            throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(before);
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of("-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"));
        command.addAll(temporaryFolder(target));
        command.addAll(List.of("-jar", jar.toString()));
        command.addAll(arguments);
        Path answer = jar.resolveSibling("report.json");
        try {
            ProcessBuilder builder = new ProcessBuilder(command)
                    .directory(new File("/"))
                    .redirectOutput(answer.toFile())
                    .redirectError(ProcessBuilder.Redirect.DISCARD);
            // Options for a service, an agent among them perhaps, are not for this.
            builder.environment().remove("JAVA_TOOL_OPTIONS");
            builder.environment().remove("JDK_JAVA_OPTIONS");
            Process process = builder.start();
            process.getOutputStream().close();
            if (!process.waitFor(LONGEST_SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly().waitFor();
                return null;
            }
            return process.exitValue() == 0 ? JSON.readTree(Files.readString(answer, StandardCharsets.UTF_8)) : null;
        } catch (JsonProcessingException cut) {
            return null;
        } finally {
            Files.deleteIfExists(answer);
        }
    }
}
