package dev.pitot.web;

import com.sun.tools.attach.AgentInitializationException;
import com.sun.tools.attach.AgentLoadException;
import com.sun.tools.attach.AttachNotSupportedException;
import com.sun.tools.attach.VirtualMachine;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Properties;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;

/**
 * The JDK's attach mechanism (module {@code jdk.attach}), which the runtime may lack: nothing here may be touched before that was looked
 * at. Blocks for as long as the other JVM does not answer, so it has a thread of its own.
 */
final class Attachment implements Callable<Attachment.Outcome> {
    /**
     * What became of it.
     *
     * @param already whether an agent was there before, however it is now
     * @param state what the agent says of itself; empty when it says nothing
     * @param properties system properties of the other JVM
     */
    record Outcome(boolean already, String state, Properties properties) {}

    /** The agent leaves its state here; {@code Premain} has what it can be. */
    private static final String STATE = "dev.pitot.agent.state";

    static final String STARTING = "starting";
    static final String RUNNING = "running";
    private static final String REFUSED = "refused: ";
    /** JFR's own start takes a second of CPU, on a busy machine many. */
    static final int LONGEST_START_SECONDS = 30;

    private static final int LOOK_MILLIS = 100;

    private final JavaProcess target;
    private final Path agent;
    private final String arguments;

    Attachment(JavaProcess target, Path agent, String arguments) {
        this.target = target;
        this.agent = agent;
        this.arguments = arguments;
    }

    @Override
    public Outcome call() throws InterruptedException {
        VirtualMachine jvm = attach();
        try {
            Properties before = jvm.getSystemProperties();
            String state = before.getProperty(STATE, "");
            boolean already = !state.isEmpty() && !state.startsWith(REFUSED);
            if (!already) {
                load(jvm);
            }
            return new Outcome(already, settled(jvm), before);
        } catch (IOException e) {
            throw CommandFailure.failed(
                    "Process " + target.pid() + " broke the connection off (" + e.getMessage()
                            + "); it may have ended.",
                    e);
        } finally {
            try {
                jvm.detach();
            } catch (IOException ended) {
                // There is nothing to detach from.
            }
        }
    }

    private VirtualMachine attach() {
        try {
            return VirtualMachine.attach(String.valueOf(target.pid()));
        } catch (AttachNotSupportedException e) {
            String why = String.valueOf(e.getMessage());
            throw CommandFailure.failed(
                    why.contains("does not support the attach mechanism")
                            ? switchedOff(target.pid())
                            : "Process " + target.pid()
                                    + " does not answer; it may be stopped, or have very much to do, or its temporary folder may be read-only"
                                    + " (" + why.replaceAll("\\s+", " ") + ").",
                    e);
        } catch (IOException e) {
            throw CommandFailure.failed(
                    "Process " + target.pid() + " cannot be attached to (" + e.getMessage() + ").", e);
        }
    }

    static String switchedOff(long pid) {
        return "Process " + pid
                + " runs with -XX:+DisableAttachMechanism; restart it with the -javaagent flag instead.";
    }

    private void load(VirtualMachine jvm) throws IOException {
        try {
            jvm.loadAgent(agent.toString(), arguments);
        } catch (AgentLoadException | AgentInitializationException e) {
            String why = String.valueOf(e.getMessage()).replaceAll("\\s+", " ");
            if (why.contains("ynamic agent loading is not enabled")) {
                throw CommandFailure.failed(
                        "Process " + target.pid()
                                + " runs with -XX:-EnableDynamicAgentLoading; restart it with the -javaagent flag, or with -XX:+EnableDynamicAgentLoading.",
                        e);
            }
            if (why.contains("java.instrument")) {
                throw CommandFailure.failed(
                        "The Java runtime of process " + target.pid()
                                + " lacks the module java.instrument, without which no agent runs; use a runtime image that holds it.",
                        e);
            }
            throw CommandFailure.failed(
                    "Process " + target.pid() + " did not load the agent " + agent + " (" + why + ").", e);
        }
    }

    /** What the agent says once it has done with starting, or in the end. */
    private static String settled(VirtualMachine jvm) throws IOException, InterruptedException {
        long begun = System.nanoTime();
        while (true) {
            String state = jvm.getSystemProperties().getProperty(STATE, "");
            if (!state.equals(STARTING)
                    || System.nanoTime() - begun > TimeUnit.SECONDS.toNanos(LONGEST_START_SECONDS)) {
                return state;
            }
            TimeUnit.MILLISECONDS.sleep(LOOK_MILLIS);
        }
    }
}
