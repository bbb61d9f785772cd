package dev.pitot.agent.recording;

import dev.pitot.agent.config.AgentConfig;
import dev.pitot.events.JvmInformation;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/**
 * What tells this JVM from every other. Arguments are scrubbed here, once, and are nowhere else kept.
 *
 * @param instance random, made at the agent's start
 * @param started start of the JVM, milliseconds since the epoch
 * @param arguments the JVM's options, scrubbed
 * @param command main class or jar and its arguments, scrubbed
 * @param scrubbed whether anything had to be replaced in these
 * @param repositoryOption folder given by {@code -XX:FlightRecorderOptions}, else the JVM's temporary folder
 */
public record JvmIdentity(
        UUID instance,
        String service,
        Map<String, String> labels,
        String host,
        long pid,
        long started,
        String arguments,
        String command,
        boolean scrubbed,
        Path repositoryOption,
        String agentVersion) {

    /** Reads it from the running JVM; costs some milliseconds, so never on the main thread. */
    public static JvmIdentity read(AgentConfig config, String agentVersion) {
        List<String> arguments = List.of();
        long started = System.currentTimeMillis();
        try {
            var runtime = ManagementFactory.getRuntimeMXBean();
            arguments = runtime.getInputArguments();
            started = runtime.getStartTime();
        } catch (LinkageError | RuntimeException noManagement) {
            // A runtime image without java.management: measured all the same, with less said of the JVM.
        }
        List<String> shown = new ArrayList<>();
        boolean scrubbed = false;
        String folder = System.getProperty("java.io.tmpdir", "/tmp");
        for (String argument : arguments) {
            String clean = Secrets.scrub(argument);
            scrubbed |= !clean.equals(argument);
            shown.add(clean);
            folder = repository(argument, folder);
        }
        String command = System.getProperty("sun.java.command", "");
        String cleanCommand = Secrets.scrub(command);
        scrubbed |= !cleanCommand.equals(command);
        return new JvmIdentity(
                randomInstance(),
                config.service(),
                config.labels(),
                hostName(),
                ProcessHandle.current().pid(),
                started,
                String.join(" ", shown),
                cleanCommand,
                scrubbed,
                Path.of(folder),
                agentVersion);
    }

    private static String repository(String argument, String preset) {
        if (argument.startsWith("-XX:FlightRecorderOptions")) {
            int at = argument.indexOf("repository=");
            if (at > 0) {
                String value = argument.substring(at + "repository=".length());
                int end = value.indexOf(',');
                return end < 0 ? value : value.substring(0, end);
            }
        }
        return preset;
    }

    /** From the kernel: {@code SecureRandom} would load the application's security providers. */
    private static UUID randomInstance() {
        try (DataInputStream in = new DataInputStream(Files.newInputStream(Path.of("/dev/urandom")))) {
            long high = in.readLong() & 0xffffffffffff0fffL | 0x4000L;
            long low = in.readLong() & 0x3fffffffffffffffL | 0x8000000000000000L;
            return new UUID(high, low);
        } catch (IOException notUnix) {
            return UUID.randomUUID();
        }
    }

    /** From the kernel where there is one to ask: the resolver may take seconds. */
    private static String hostName() {
        try (InputStream in = Files.newInputStream(Path.of("/proc/sys/kernel/hostname"))) {
            String name = new String(in.readAllBytes(), StandardCharsets.UTF_8).strip();
            if (!name.isEmpty()) {
                return name;
            }
        } catch (IOException notLinux) {
            // Asked otherwise below.
        }
        try {
            return InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException nameless) {
            return "localhost";
        }
    }

    /** The {@code hello.*} keys of the wire format. */
    public Map<String, String> hello() {
        Map<String, String> hello = new LinkedHashMap<>();
        hello.put("hello.service", service);
        hello.put("hello.host", host);
        hello.put("hello.pid", Long.toString(pid));
        hello.put("hello.started", Long.toString(started));
        hello.put("hello.agent", agentVersion);
        hello.put("hello.java", System.getProperty("java.version", ""));
        hello.put("hello.jvm", System.getProperty("java.vm.name", ""));
        labels.forEach((key, value) -> hello.put("hello.label." + key, value));
        return hello;
    }

    /** Commits a {@code pitot.JvmInformation}. */
    public void emit() {
        JvmInformation event = new JvmInformation();
        if (event.isEnabled()) {
            event.service = service;
            event.instance = instance.toString();
            event.host = host;
            event.pid = pid;
            event.jvmName = System.getProperty("java.vm.name", "");
            event.jvmVersion = System.getProperty("java.vm.version", "");
            event.jvmStartTime = started;
            event.jvmArguments = arguments;
            event.javaCommand = command;
            event.agentVersion = agentVersion;
            event.commit();
        }
    }
}
