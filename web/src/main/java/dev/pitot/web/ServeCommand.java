package dev.pitot.web;

import dev.pitot.web.api.HttpServer;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code serve}: the collector alone, until SIGTERM or Ctrl-C. */
@Command(
        name = "serve",
        description = "Runs the collector until it is stopped with Ctrl-C or SIGTERM.",
        mixinStandardHelpOptions = true,
        versionProvider = Pitot.Version.class,
        usageHelpAutoWidth = true)
final class ServeCommand implements Callable<Integer> {
    @Mixin
    CollectorOptions options;

    @Spec
    CommandSpec spec;

    @Override
    public Integer call() throws InterruptedException {
        PrintWriter out = spec.commandLine().getOut();
        Lifeline lifeline = new Lifeline();
        try {
            options.check();
            lifeline.closeAtExit();
            Collector collector =
                    Collector.start(options, lifeline, out, spec.commandLine().getErr());
            welcome(collector, "my-service", out);
        } catch (RuntimeException | Error e) {
            lifeline.close();
            throw e;
        }
        waitForTheEnd();
        return 0;
    }

    static void welcome(Collector collector, String service, PrintWriter out) {
        out.println();
        out.println("Pitot is listening. Open this page; the link logs you in once, within ten minutes:");
        out.println();
        out.println("  " + collector.loginLink());
        out.println();
        out.println("Add this flag to the java command of a service:");
        out.println();
        out.println("  " + HttpServer.quoted(collector.agentFlag(service)));
        out.println();
        out.println("Ctrl-C stops.");
    }

    /** The shutdown hook stops everything; nobody ever counts this latch down. */
    static void waitForTheEnd() throws InterruptedException {
        new CountDownLatch(1).await();
    }
}
