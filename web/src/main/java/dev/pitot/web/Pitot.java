package dev.pitot.web;

import java.io.PrintWriter;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.ParameterException;

/** Entry point of {@code pitot.jar}. Exit codes: 1 something failed, 2 the command line is wrong. */
@Command(
        name = "pitot",
        description =
                "What your JVM services really cost the machine: flight recordings and hardware counters, live and kept.",
        subcommands = {
            ServeCommand.class,
            DemoCommand.class,
            DoctorCommand.class,
            AttachCommand.class,
            CompareCommand.class,
            DbCommand.class,
            RetentionCommand.class
        },
        mixinStandardHelpOptions = true,
        versionProvider = Pitot.Version.class,
        synopsisSubcommandLabel = "COMMAND",
        usageHelpAutoWidth = true)
public final class Pitot {
    private Pitot() {}

    public static void main(String[] args) {
        int exit = run(args, new PrintWriter(System.out, true), new PrintWriter(System.err, true));
        if (exit != 0) {
            System.exit(exit);
        }
    }

    /** Runs one command line to its end and returns the exit code; a command that serves ends with the JVM only. */
    static int run(String[] args, PrintWriter out, PrintWriter err) {
        boolean debug = Arrays.asList(args).contains("--debug");
        CommandLine line = new CommandLine(new Pitot());
        // As it is typed: there is no program called pitot.
        line.setCommandName("java -jar pitot.jar");
        line.setOut(out);
        line.setErr(err);
        line.setExecutionStrategy(parsed -> {
            CommandLine.ParseResult command = parsed;
            if (!command.hasSubcommand() && !command.isUsageHelpRequested() && !command.isVersionHelpRequested()) {
                throw new ParameterException(line, "No command is given");
            }
            return new CommandLine.RunLast().execute(parsed);
        });
        line.setParameterExceptionHandler((wrong, given) -> {
            String command = wrong.getCommandLine().getCommandSpec().qualifiedName();
            err.println(CommandFailure.sentence(oneLine(wrong.getMessage())) + " Run '" + command
                    + " --help' to see what there is.");
            if (debug) {
                wrong.printStackTrace(err);
            }
            return 2;
        });
        line.setExecutionExceptionHandler((failure, command, parsed) -> {
            err.println(
                    failure instanceof CommandFailure known
                            ? known.sentence()
                            : "Pitot failed unexpectedly (" + oneLine(failure.toString())
                                    + "); run it with --debug to see where.");
            if (debug) {
                failure.printStackTrace(err);
            }
            return failure instanceof CommandFailure known ? known.exitCode() : 1;
        });
        return line.execute(args);
    }

    private static String oneLine(@Nullable String text) {
        return text == null ? "" : text.strip().replaceAll("\\s*\\R\\s*", " ");
    }

    /** Of the jar; a run from classes has none. */
    static String version() {
        String version = Pitot.class.getPackage().getImplementationVersion();
        return version == null ? "development" : version;
    }

    /** For {@code --version}. */
    static final class Version implements IVersionProvider {
        @Override
        public String[] getVersion() {
            return new String[] {
                "pitot " + version(), "Java " + Runtime.version() + ", " + System.getProperty("java.vm.name")
            };
        }
    }
}
