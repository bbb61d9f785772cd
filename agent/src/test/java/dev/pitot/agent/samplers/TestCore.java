package dev.pitot.agent.samplers;

import dev.pitot.agent.config.AgentConfig;
import dev.pitot.agent.config.ConfigSources;
import dev.pitot.agent.counters.Reads;
import dev.pitot.agent.status.StatusBoard;
import dev.pitot.agent.status.StatusBoard.Entry;
import java.lang.instrument.Instrumentation;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import jdk.jfr.Recording;

/** The other half of {@link TestAgent}, in the agent's class loader: measures into a plain recording. */
public final class TestCore {
    private TestCore() {}

    /** Arguments: {@code file} of the recording, {@code late}, and keys of the configuration, with + for a comma. */
    public static void start(String args, Instrumentation instrumentation) throws Exception {
        Map<String, String> options = new HashMap<>();
        StringBuilder keys = new StringBuilder("service=test,collector=http://127.0.0.1:1");
        for (String option : args.split(",")) {
            String[] pair = option.split("=", 2);
            options.put(pair[0], pair.length == 2 ? pair[1] : "");
            if (!pair[0].equals("file") && !pair[0].equals("late")) {
                keys.append(',').append(option.replace('+', ','));
            }
        }
        AgentConfig config = ConfigSources.read(keys.toString(), new Properties(), Map.of());
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
        measurements.start(() -> {}, wanted -> {});
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
