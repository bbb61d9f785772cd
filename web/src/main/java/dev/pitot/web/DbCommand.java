package dev.pitot.web;

import dev.pitot.web.postgres.ClusterUpgrade;
import dev.pitot.web.postgres.PostgresException;
import dev.pitot.web.store.DatabaseCopy;
import dev.pitot.web.store.DatabaseSettings;
import dev.pitot.web.store.StoreException;
import java.io.PrintWriter;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code db}: what is done to the embedded database while no collector runs. */
@Command(
        name = "db",
        description = "Looks after the embedded database.",
        mixinStandardHelpOptions = true,
        versionProvider = Pitot.Version.class,
        synopsisSubcommandLabel = "COMMAND",
        usageHelpAutoWidth = true)
final class DbCommand implements Runnable {
    @Spec
    CommandSpec spec;

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "'db' needs a command, which is 'upgrade'.");
    }

    @Command(
            name = "upgrade",
            description = "Brings the data of an older pitot.jar to the PostgreSQL in this one. The old data is kept.",
            mixinStandardHelpOptions = true)
    int upgrade(
            @Option(
                            names = "--data",
                            paramLabel = "DIR",
                            description = "The collector's data folder. Default: as of serve.")
                    @Nullable
                    Path data,
            @Option(
                            names = "--old-binaries",
                            paramLabel = "DIR",
                            description = "Folder with bin/postgres of the version that wrote the data."
                                    + " Default: what the older pitot.jar has left in the data folder.")
                    @Nullable
                    Path oldBinaries,
            @Option(names = "--drop-old", description = "Delete the old data that earlier upgrades have kept.")
                    boolean dropOld,
            @Option(names = "--debug", description = "Show where a failure came from.") boolean debug) {
        PrintWriter out = spec.commandLine().getOut();
        CollectorOptions options = new CollectorOptions();
        options.data = data;
        Path folder = options.dataFolder();
        try {
            if (dropOld) {
                if (!ClusterUpgrade.dropOld(folder, out::println)) {
                    out.println("There is no old data in " + folder + ".");
                }
            } else if (!ClusterUpgrade.run(folder, oldBinaries, out::println, (from, to) -> copy(from, to, out))) {
                out.println("The data in " + folder + " is that of this pitot.jar's PostgreSQL already.");
            }
            return 0;
        } catch (PostgresException e) {
            throw CommandFailure.failed(e.getMessage(), e);
        }
    }

    private static void copy(ClusterUpgrade.Side from, ClusterUpgrade.Side to, PrintWriter out) {
        try {
            DatabaseCopy.Result result = DatabaseCopy.run(settings(from), settings(to), out::println);
            if (!result.leftOut().isEmpty()) {
                out.println("Not Pitot's own, so not in the new data: " + String.join(", ", result.leftOut()) + ".");
            }
        } catch (StoreException e) {
            throw CommandFailure.failed(e.getMessage(), e);
        }
    }

    private static DatabaseSettings settings(ClusterUpgrade.Side side) {
        return DatabaseSettings.of(side.jdbcUrl(), side.user(), side.password());
    }
}
