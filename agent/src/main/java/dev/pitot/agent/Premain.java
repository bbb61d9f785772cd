package dev.pitot.agent;

import java.io.File;
import java.lang.instrument.Instrumentation;
import java.util.jar.JarFile;

/**
 * Entry point named by the manifest. It and {@link AgentClassLoader} are the only classes of the agent that the application's class
 * path can see. It runs on the application's main thread, before {@code main}: whatever goes wrong here ends in one line
 * on stderr, and the application runs on.
 */
public final class Premain {
    private static boolean started;

    private Premain() {}

    /** Called by the JVM once for each {@code -javaagent} flag; the second call does nothing. */
    public static void premain(String args, Instrumentation instrumentation) {
        try {
            if (started || switchedOff(args)) {
                return;
            }
            started = true;
            File file = new File(Premain.class
                    .getProtectionDomain()
                    .getCodeSource()
                    .getLocation()
                    .toURI());
            // Never closed: classes are read from it as long as the JVM lives.
            JarFile jar = new JarFile(file, false);
            AgentClassLoader loader = new AgentClassLoader(jar, Premain.class.getProtectionDomain());
            Class.forName("dev.pitot.agent.Agent", true, loader)
                    .getMethod("start", String.class, Instrumentation.class, JarFile.class)
                    .invoke(null, args, instrumentation, jar);
        } catch (Throwable failure) {
            Throwable cause = failure.getCause() == null ? failure : failure.getCause();
            System.err.println(
                    "[pitot] the agent could not be started (" + cause + "); the application runs on without it.");
        }
    }

    /** The switch as far as it can be seen without loading anything; a properties file is read later, by the agent. */
    private static boolean switchedOff(String args) {
        String value = null;
        if (args != null) {
            int start = 0;
            for (int i = 0; i <= args.length(); i++) {
                if (i == args.length() || args.charAt(i) == ',') {
                    String part = args.substring(start, i).strip();
                    if (part.startsWith("enabled=")) {
                        value = part.substring("enabled=".length());
                    }
                    start = i + 1;
                } else if (args.charAt(i) == '\\' && i + 1 < args.length()) {
                    // An escaped comma is part of a value; whatever else follows ends no part either.
                    i++;
                }
            }
        }
        if (value == null) {
            value = System.getProperty("pitot.enabled");
        }
        if (value == null) {
            value = System.getenv("PITOT_ENABLED");
        }
        return value != null && value.strip().equalsIgnoreCase("false");
    }
}
