package dev.pitot.web;

import dev.pitot.web.demo.DemoShop;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code demo}: the collector, and an example service in a JVM of its own with load on it. */
@Command(
        name = "demo",
        description =
                "Runs the collector and an example service with load on it, until it is stopped with Ctrl-C or SIGTERM.",
        mixinStandardHelpOptions = true,
        versionProvider = Pitot.Version.class,
        usageHelpAutoWidth = true)
final class DemoCommand implements Callable<Integer> {
    @Mixin
    CollectorOptions options;

    @Option(
            names = "--rate",
            paramLabel = "N",
            defaultValue = "20",
            description = "Requests per second of the load, 0 to 200. Default: ${DEFAULT-VALUE}.")
    double rate;

    @Spec
    CommandSpec spec;

    @Override
    public Integer call() throws InterruptedException {
        PrintWriter out = spec.commandLine().getOut();
        PrintWriter err = spec.commandLine().getErr();
        Lifeline lifeline = new Lifeline();
        try {
            if (!(rate >= 0 && rate <= 200)) {
                throw CommandFailure.badInput("--rate must be from 0 to 200 requests per second, not " + rate + ".");
            }
            options.check();
            lifeline.closeAtExit();
            Collector collector = Collector.start(options, lifeline, out, err);
            out.println("Starting the example service in a JVM of its own …");
            DemoShop shop = lifeline.add(new DemoShop(options.dataFolder().resolve("demo")));
            shop.start(collector.agentFlag("shop"), rate, () -> {
                if (!lifeline.ending()) {
                    err.println("The example service has ended unexpectedly; " + shop.log()
                            + " has its output. The collector runs on.");
                }
            });
            ServeCommand.welcome(collector, "my-service", out);
        } catch (IOException e) {
            lifeline.close();
            throw CommandFailure.failed(CommandFailure.reason(e), e);
        } catch (RuntimeException | Error e) {
            lifeline.close();
            throw e;
        }
        ServeCommand.waitForTheEnd();
        return 0;
    }
}
