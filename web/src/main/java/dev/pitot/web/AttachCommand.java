package dev.pitot.web;

import dev.pitot.web.access.Tokens;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.nio.charset.Charset;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code attach}: starts the agent in a JVM that runs already. */
@Command(
        name = "attach",
        description = "Starts the agent in a JVM that runs already; without a PID, lists the JVMs there are.",
        mixinStandardHelpOptions = true,
        versionProvider = Pitot.Version.class,
        usageHelpAutoWidth = true)
final class AttachCommand implements Callable<Integer> {
    /** Of everything: the JDK gives the other JVM 10 s to listen, and the agent is given 30 s to start. */
    private static final int LONGEST_SECONDS = 60;

    @Parameters(
            paramLabel = "PID | KEY=VALUE",
            arity = "0..*",
            description = "Number of the process, and settings of the agent such as service=shop.")
    List<String> words = new ArrayList<>();

    @Option(
            names = "--data",
            paramLabel = "DIR",
            description = "Data folder of the collector, for the agent jar and the ingest token."
                    + " Default: that of 'serve'.")
    @Nullable
    Path data;

    @Option(names = "--debug", description = "Show where a failure came from.")
    boolean debug;

    @Spec
    CommandSpec spec;

    @Override
    public Integer call() throws IOException, InterruptedException {
        PrintWriter out = spec.commandLine().getOut();
        Long pid = null;
        List<String> settings = new ArrayList<>();
        for (String word : words) {
            if (word.matches("[1-9]\\d{0,9}") && pid == null) {
                pid = Long.valueOf(word);
            } else if (word.matches("[a-z][a-z.-]*=.*")) {
                settings.add(word);
            } else {
                throw CommandFailure.badInput(
                        "'" + word
                                + "' is neither a process number nor a setting such as service=shop; write 'attach 4711 service=shop'.");
            }
        }
        if (pid == null) {
            pid = choose(out);
        }
        attach(JavaProcess.of(pid), settings, out);
        return 0;
    }

    /** Asks on a terminal; elsewhere nobody would answer. */
    private static long choose(PrintWriter out) throws IOException {
        long self = JavaProcess.ownUid();
        List<JavaProcess> jvms = new ArrayList<>();
        for (JavaProcess jvm : JavaProcess.all()) {
            // Root sees which user to become.
            if (self == 0 || jvm.uid() == self) {
                jvms.add(jvm);
            }
        }
        if (jvms.isEmpty()) {
            throw CommandFailure.badInput("No other JVM of this user runs here; start one, or run this as its user.");
        }
        out.printf("%8s  %-12s  %-5s  %s%n", "PID", "USER", "PITOT", "MAIN");
        for (JavaProcess jvm : jvms) {
            out.printf("%8d  %-12s  %-5s  %s%n", jvm.pid(), jvm.user(), jvm.measured() ? "runs" : "-", jvm.main());
        }
        if (isTerminal()) {
            out.print("Attach to PID: ");
            out.flush();
            String answer = new BufferedReader(new InputStreamReader(System.in, Charset.defaultCharset())).readLine();
            if (answer != null && answer.strip().matches("[1-9]\\d{0,9}")) {
                return Long.parseLong(answer.strip());
            }
        }
        throw CommandFailure.badInput("Give the PID of one of them: java -jar pitot.jar attach "
                + jvms.get(0).pid() + ".");
    }

    /** {@link System#console} has an answer for pipes too since Java 22. */
    private static boolean isTerminal() {
        try {
            String input = Files.readSymbolicLink(Path.of("/proc/self/fd/0")).toString();
            return input.startsWith("/dev/pts/") || input.startsWith("/dev/tty") || input.equals("/dev/console");
        } catch (IOException noProc) {
            return false;
        }
    }

    private void attach(JavaProcess target, List<String> settings, PrintWriter out)
            throws IOException, InterruptedException {
        checkItCanBe(target);
        Path folder = folder();
        Path agent = DataFolder.open(folder).unpackAgent();
        if (target.isElsewhere() && !isSameFile(target, agent)) {
            throw CommandFailure.failed(
                    "Process " + target.pid()
                            + " runs in a container, which does not see this agent's jar; copy pitot.jar into the container and run it there: docker exec CONTAINER java -jar pitot.jar attach 1.",
                    null);
        }
        AttachArguments arguments = AttachArguments.of(
                settings, target.options(), target.environment(), folder.resolve(Tokens.INGEST_FILE));
        arguments.checkLength(agent);
        Attachment.Outcome outcome = within(new Attachment(target, agent, arguments.text()));
        tell(target, outcome, out);
        if (!outcome.already() && arguments.lacksToken()) {
            out.println("It has no token: this machine's is not given to the collector " + arguments.collector()
                    + "; token-file=FILE names one.");
        }
    }

    private static void checkItCanBe(JavaProcess target) {
        if (ModuleLayer.boot().findModule("jdk.attach").isEmpty()) {
            throw CommandFailure.failed(
                    "This Java runtime lacks the module jdk.attach; run the command with a JDK, or with a runtime image that holds it.",
                    null);
        }
        if (target.pid() == ProcessHandle.current().pid()) {
            throw CommandFailure.badInput("Process " + target.pid() + " is this command itself.");
        }
        if (target.uid() != JavaProcess.ownUid()) {
            // Root could attach, but the other JVM could then read neither the agent nor the token in the data folder.
            throw CommandFailure.failed(
                    "Process " + target.pid() + " belongs to the user " + target.user()
                            + "; run this as that user, with a copy of the ingest token that the user can read: sudo -u "
                            + target.user() + " java -jar pitot.jar attach " + target.pid() + " token-file=FILE.",
                    null);
        }
        // Asked anyway, such a JVM would print a thread dump on its stdout; a stopped one as soon as it runs on.
        if (target.isStopped()) {
            throw CommandFailure.failed(
                    "Process " + target.pid()
                            + " is stopped (SIGSTOP or a debugger); let it run on and attach then: kill -CONT "
                            + target.pid() + ".",
                    null);
        }
        if (target.options().contains("-XX:+DisableAttachMechanism")) {
            throw CommandFailure.failed(Attachment.switchedOff(target.pid()), null);
        }
    }

    private Path folder() {
        CollectorOptions options = new CollectorOptions();
        options.data = data;
        return options.dataFolder();
    }

    private static boolean isSameFile(JavaProcess target, Path agent) {
        try {
            return Files.isSameFile(agent, Path.of("/proc/" + target.pid() + "/root" + agent));
        } catch (IOException unseen) {
            return false;
        }
    }

    private static Attachment.Outcome within(Attachment attachment) throws InterruptedException {
        FutureTask<Attachment.Outcome> task = new FutureTask<>(attachment);
        Thread thread = new Thread(task, "pitot-attach");
        // A JVM that has stopped in the middle of an answer holds this thread for ever, and must not hold the command.
        thread.setDaemon(true);
        thread.start();
        try {
            return task.get(LONGEST_SECONDS, TimeUnit.SECONDS);
        } catch (TimeoutException e) {
            throw CommandFailure.failed(
                    "The JVM did not answer within " + LONGEST_SECONDS
                            + " s; the agent may start yet, as soon as it runs on.",
                    e);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof CommandFailure known) {
                throw known;
            }
            throw new IllegalStateException(e.getCause());
        }
    }

    /** One line when the agent runs, else a failure that says how it is. */
    static void tell(JavaProcess target, Attachment.Outcome outcome, PrintWriter out) {
        String process = "process " + target.pid() + " (" + target.main() + ")";
        String state = outcome.state();
        int colon = state.indexOf(": ");
        String why = state.substring(colon + 2 > state.length() ? 0 : colon + 2);
        if (state.startsWith("refused: ")) {
            throw CommandFailure.badInput(
                    "The agent refused to start in " + process + ": " + CommandFailure.sentence(why));
        }
        if (state.startsWith("off: ")) {
            throw CommandFailure.failed(
                    (outcome.already() ? "Pitot was started in " : "Pitot could not be started in ") + process
                            + " and is off: " + why + "; restart that JVM to have it measured.",
                    null);
        }
        if (state.equals(Attachment.STARTING)) {
            throw CommandFailure.failed(
                    "The agent is in " + process + " and still starting after " + Attachment.LONGEST_START_SECONDS
                            + " s; attach again to see what has become of it.",
                    null);
        }
        if (!state.startsWith(Attachment.RUNNING)) {
            throw CommandFailure.failed(
                    "The agent was loaded into " + process
                            + ", and how it is cannot be seen there, as the system property dev.pitot.agent.state is not set; look whether the JVM appears on the page.",
                    null);
        }
        out.println("Pitot " + (outcome.already() ? "already runs" : "now runs") + " in " + process
                + state.substring(Attachment.RUNNING.length()) + ".");
        if (!outcome.already() && warns(outcome.properties(), target.command())) {
            out.println(
                    "That JVM has printed a warning of its own about an agent that was loaded dynamically (JEP 451);"
                            + " -XX:+EnableDynamicAgentLoading or the -javaagent flag avoid it.");
        }
    }

    /** Since Java 21. */
    private static boolean warns(Properties properties, List<String> command) {
        String version = properties.getProperty("java.specification.version", "");
        return version.matches("\\d{2,}")
                && Integer.parseInt(version) >= 21
                && !command.contains("-XX:+EnableDynamicAgentLoading");
    }
}
