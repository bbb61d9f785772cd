package dev.pitot.agent.samplers;

import dev.pitot.agent.config.AgentConfig;
import dev.pitot.agent.config.CollectorAddress;
import dev.pitot.agent.config.ConfigSources;
import dev.pitot.agent.counters.Reads;
import dev.pitot.agent.status.StatusBoard;
import dev.pitot.agent.status.StatusBoard.Entry;
import java.lang.instrument.Instrumentation;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import jdk.jfr.Recording;

/** The other half of {@link TestAgent}, in the agent's class loader: measures into a plain recording. */
public final class TestCore {
    private TestCore() {}

    /** Arguments: {@code file} of the recording, and of the configuration {@code counters} (with + for a comma), {@code counters.host}, {@code host}, {@code http}, {@code slow}, {@code events}, {@code routes}. */
    public static void start(String args, Instrumentation instrumentation) throws Exception {
        Map<String, String> options = new HashMap<>();
        for (String option : args.split(",")) {
            String[] pair = option.split("=", 2);
            options.put(pair[0], pair.length == 2 ? pair[1] : "");
        }
        AgentConfig config = new AgentConfig(
                true,
                new CollectorAddress(false, "127.0.0.1", 1, ""),
                null,
                null,
                "test",
                Map.of(),
                64 << 20,
                Duration.ofHours(1),
                ConfigSources.read(
                                "counters="
                                        + options.getOrDefault("counters", "default")
                                                .replace('+', ',')
                                        + ",counters.host=" + options.getOrDefault("counters.host", "false"),
                                new Properties(),
                                Map.of())
                        .counters(),
                !"false".equals(options.get("host")),
                AgentConfig.Cores.AUTO,
                !"false".equals(options.get("http")),
                Duration.ofMillis(Long.parseLong(options.getOrDefault("slow", "500"))),
                Integer.parseInt(options.getOrDefault("events", "100")),
                Integer.parseInt(options.getOrDefault("routes", "500")));
        StatusBoard status = new StatusBoard();
        if (options.containsKey("late")) {
            // An entrance that another agent, say, has used before this one came.
            Class.forName("com.sun.net.httpserver.Filter$Chain");
        }
        Measurements measurements = Measurements.install(config, instrumentation, status);
        measurements.prepare();
        Recording recording = new Recording();
        recording.setDestination(Path.of(options.get("file")));
        recording.start();
        status.recordingStarted();
        measurements.start(() -> {});
        if (config.counters().enabled()) {
            status.set("test reads", Reads.isOfJdk() ? Entry.ON : Entry.off("JNA", ""));
        }
        // The application, which cannot see this class, ends the recording through this.
        System.getProperties().put("pitot.test.finish", (Runnable) () -> {
            measurements.stop();
            status.emitAll();
            recording.stop();
        });
    }
}
