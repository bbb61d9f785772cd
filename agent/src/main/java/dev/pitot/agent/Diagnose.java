package dev.pitot.agent;

import java.io.File;
import java.util.jar.JarFile;

/**
 * {@code java -jar pitot-agent.jar [PID]}: the doctor's report as JSON, for the command {@code pitot doctor} and for places that hold only
 * the agent. A door, as {@link Premain} is: what it calls lies under {@code inst/} in the jar.
 */
public final class Diagnose {
    private Diagnose() {}

    public static void main(String[] args) throws Exception {
        File file = new File(Diagnose.class
                .getProtectionDomain()
                .getCodeSource()
                .getLocation()
                .toURI());
        // Closed by the end of the JVM, which is near.
        JarFile jar = new JarFile(file, false);
        Class.forName(
                        "dev.pitot.agent.counters.Doctor",
                        true,
                        new AgentClassLoader(jar, Diagnose.class.getProtectionDomain()))
                .getMethod("main", String[].class)
                .invoke(null, (Object) args);
    }
}
