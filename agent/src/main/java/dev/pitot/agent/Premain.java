package dev.pitot.agent;

import java.io.File;
import java.lang.instrument.Instrumentation;
import java.util.jar.JarFile;

/**
 * Entry points named by the manifest. It, {@link AgentClassLoader} and {@link Diagnose} are the only classes that the application's class
 * path can see. With the flag it runs on the application's main thread, before {@code main}, and whatever goes wrong here ends in one
 * line on stderr; attached later it runs on the JVM's attach thread, and what goes wrong is left in {@link #STATE} for the command
 * that attaches. The application runs on in either case.
 */
public final class Premain {
    /**
     * System property that says what became of the agent, for {@code pitot attach}, which can read those of another JVM and little else:
     * {@code starting}, {@code running}, {@code refused: } and why when it may be tried again, {@code off: } and why when not. Not
     * below {@code pitot.}, where the configuration's keys are.
     */
    private static final String STATE = "dev.pitot.agent.state";

    private static boolean started;

    private Premain() {}

    /** Called by the JVM once for each {@code -javaagent} flag; the second call does nothing. */
    public static void premain(String args, Instrumentation instrumentation) {
        start(args, instrumentation, false);
    }

    /** Called by the JVM each time that the agent is attached; does nothing where it runs already, by whatever way it came. */
    public static void agentmain(String args, Instrumentation instrumentation) {
        start(args, instrumentation, true);
    }

    private static synchronized void start(String args, Instrumentation instrumentation, boolean attached) {
        try {
            if (started) {
                return;
            }
            if (switchedOff(args)) {
                if (attached) {
                    System.setProperty(STATE, "refused: it is switched off by enabled=false");
                }
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
            Object running = Class.forName("dev.pitot.agent.Agent", true, loader)
                    .getMethod("start", String.class, Instrumentation.class, JarFile.class, boolean.class)
                    .invoke(null, args, instrumentation, jar, attached);
            if (Boolean.FALSE.equals(running)) {
                // Refused before anything was touched: it may be attached anew, with better arguments.
                started = false;
                jar.close();
            }
        } catch (Throwable failure) {
            failed(failure.getCause() == null ? failure : failure.getCause(), attached);
        }
    }

    private static void failed(Throwable cause, boolean attached) {
        try {
            System.setProperty(STATE, "off: the agent could not be started (" + cause + ")");
            if (!attached) {
                System.err.println(
                        "[pitot] the agent could not be started (" + cause + "); the application runs on without it.");
            }
        } catch (Throwable unsaid) {
            // A security manager of the application's, or a full heap. The JVM would print what is thrown from here.
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
