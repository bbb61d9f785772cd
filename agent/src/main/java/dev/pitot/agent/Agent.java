package dev.pitot.agent;

import dev.pitot.agent.config.AgentConfig;
import dev.pitot.agent.config.ConfigException;
import dev.pitot.agent.config.ConfigSources;
import dev.pitot.agent.recording.Backlog;
import dev.pitot.agent.recording.DiskGuard;
import dev.pitot.agent.recording.FlightRecording;
import dev.pitot.agent.recording.JvmIdentity;
import dev.pitot.agent.recording.Marker;
import dev.pitot.agent.samplers.Measurements;
import dev.pitot.agent.status.Contained;
import dev.pitot.agent.status.StatusBoard;
import dev.pitot.agent.uplink.Uplink;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.instrument.Instrumentation;
import java.util.concurrent.TimeUnit;
import java.util.jar.JarFile;
import org.jspecify.annotations.Nullable;

/**
 * The order in which the parts start and end. On the main thread only the configuration is read and the class-file transformer
 * installed; JFR, counters and uplink start on a thread of their own while the application's {@code main} is running already.
 */
public final class Agent {
    private static final int TELL_SECONDS = 60;
    /** See {@link Premain}, which the agent's own class loader does not hold. */
    private static final String STATE = "dev.pitot.agent.state";

    /** Never started; one, as each that is made counts in its thread group for ever. */
    private static final Thread NEVER = daemon(
            new Runnable() {
                @Override
                public void run() {}
            },
            "pitot-never");

    /** A look each 100 ms for a minute; then the sampler thread decides anew. */
    private static final int DISK_MILLIS = 100;

    private static final int DISK_LOOKS = 600;

    private final AgentConfig config;
    private final Measurements measurements;
    private final StatusBoard status;
    private final String version;
    /** The JVM's own stream: the application may replace {@code System.err} by one that logs. */
    private final PrintStream err;

    private volatile @Nullable FlightRecording recording;
    private volatile @Nullable Uplink uplink;
    private volatile @Nullable Marker marker;
    private final DiskGuard disk = new DiskGuard();
    private volatile boolean watchingDisk;
    private volatile @Nullable JvmIdentity jvm;
    private boolean shuttingDown;
    private boolean ended;
    private int second;
    private int stoppedFor;

    private Agent(AgentConfig config, Measurements measurements, StatusBoard status, String version, PrintStream err) {
        this.config = config;
        this.measurements = measurements;
        this.status = status;
        this.version = version;
        this.err = err;
    }

    /**
     * Called by {@link Premain}, on the main thread before the application, or on the attach thread beside it.
     *
     * @param jar the agent's own jar, which is its bootstrap jar too
     * @param attached to a running JVM: then whoever attaches is told what is refused, and stderr, which is the application's, is not
     * @return false when it was refused or is switched off, and nothing has been touched
     */
    public static boolean start(@Nullable String args, Instrumentation instrumentation, JarFile jar, boolean attached)
            throws IOException {
        PrintStream err = System.err;
        AgentConfig config;
        try {
            config = ConfigSources.read(args, System.getProperties(), System.getenv());
        } catch (ConfigException refused) {
            if (attached) {
                tell("refused: " + refused.getMessage());
            } else {
                err.println("[pitot] " + refused.getMessage() + ". The agent stays off; the application runs on.");
            }
            return false;
        }
        if (!config.enabled()) {
            if (attached) {
                tell("refused: it is switched off by enabled=false");
            }
            return false;
        }
        String missing = missingModule();
        if (missing != null) {
            String objection = "this Java runtime has no "
                    + (missing.equals("jdk.jfr") ? "Flight Recorder (module jdk.jfr)" : "module " + missing)
                    + ", which the agent needs; add --add-modules " + missing
                    + ", or use a runtime image that holds it";
            if (attached) {
                tell("refused: " + objection);
            } else {
                err.println("[pitot] " + objection + ". The application runs on without the agent.");
            }
            return false;
        }
        String shown = config.shown().said();
        if (shown != null && !attached) {
            err.println("[pitot] " + shown + ".");
        }
        tell("starting");
        BootstrapClasses classes = BootstrapClasses.defineBridge(instrumentation, jar);
        StatusBoard status = new StatusBoard();
        String version = jar.getManifest() == null
                ? ""
                : String.valueOf(jar.getManifest().getMainAttributes().getValue("Implementation-Version"));
        Agent agent = new Agent(config, Measurements.install(config, instrumentation, status), status, version, err);
        // Classes and no lambdas: the first lambda of a JVM costs milliseconds, here of the application's start.
        Runtime.getRuntime()
                .addShutdownHook(daemon(
                        new Runnable() {
                            @Override
                            public void run() {
                                agent.exit();
                            }
                        },
                        "pitot-exit"));
        daemon(
                        new Runnable() {
                            @Override
                            public void run() {
                                agent.run(classes);
                            }
                        },
                        "pitot-start")
                .start();
        return true;
    }

    /** For {@code pitot attach}, which may wait for it. Never throws. */
    private static void tell(String state) {
        try {
            System.setProperty(STATE, state);
        } catch (SecurityException unsaid) {
            // A security manager of the application's; the command then says that it heard nothing.
        }
    }

    /** The first module that the agent cannot do without and this runtime image does not hold, or null. */
    private static @Nullable String missingModule() {
        String[] needed = {"jdk.jfr", "java.management", "jdk.management"};
        for (String module : needed) {
            if (ModuleLayer.boot().findModule(module).isEmpty()) {
                return module;
            }
        }
        return null;
    }

    /** A daemon thread that holds nothing of the application. */
    private static Thread daemon(Runnable task, String name) {
        Thread thread = new Thread(null, task, name, 0, false);
        thread.setDaemon(true);
        Contained.in(thread);
        thread.setContextClassLoader(Agent.class.getClassLoader());
        return thread;
    }

    private void run(BootstrapClasses classes) {
        try {
            classes.defineEvents();
            JvmIdentity identity = JvmIdentity.read(config, version);
            jvm = identity;
            String objection = DiskGuard.objection(identity.repositoryOption().toFile());
            if (!objection.isEmpty()) {
                err.println("[pitot] no recording is started: " + objection
                        + ". The application runs on without the agent.");
                tell("off: no recording is started: " + objection);
                measurements.stop();
                return;
            }
            measurements.prepare();
            begin(identity);
        } catch (Throwable failure) {
            giveUp(failure);
        }
    }

    /**
     * Holds no lock while JFR starts, so that the exit never waits for it; starting a recording in the shutdown itself could hang,
     * so the flag is looked at last thing before.
     */
    private void begin(JvmIdentity identity) throws IOException {
        if (isShuttingDown()) {
            return;
        }
        long since = System.currentTimeMillis() * 1_000_000;
        Backlog backlog = new Backlog();
        FlightRecording started = FlightRecording.start(config, identity, backlog, status, this::atChunkEnd);
        try {
            ship(identity, since, backlog, started);
        } catch (Throwable failure) {
            // No thread could be started, say: then nobody would ever end the recording.
            if (!isShuttingDown()) {
                started.stop();
            }
            throw failure;
        }
    }

    private void ship(JvmIdentity identity, long since, Backlog backlog, FlightRecording started) {
        Uplink made = new Uplink(
                config, identity, started.tail(), backlog, started::repository, status, this::switchedOff, err);
        Marker ours = new Marker(config, identity, since);
        synchronized (this) {
            if (shuttingDown) {
                return;
            }
            ours.moveTo(started.repository());
            marker = ours;
            recording = started;
            uplink = made;
        }
        status.set("recording", StatusBoard.Entry.ON);
        status.set("disk", StatusBoard.Entry.ON);
        status.recordingStarted();
        identity.emit();
        made.start();
        measurements.start(this::eachSecond, this::takeStackTraces);
        synchronized (this) {
            // The collector's first reply may have switched it off already.
            if (!ended) {
                tell("running, and sends to " + config.collector());
            }
        }
    }

    /** Also before our own hook has had its turn. */
    private synchronized boolean isShuttingDown() {
        if (!shuttingDown) {
            try {
                Runtime.getRuntime().removeShutdownHook(NEVER);
            } catch (IllegalStateException inShutdown) {
                shuttingDown = true;
            } catch (SecurityException unknowable) {
                // A security manager of the application's: our own hook, installed before it, will tell.
            }
        }
        return shuttingDown;
    }

    private void giveUp(Throwable failure) {
        Uplink shipping;
        synchronized (this) {
            ended = true;
            if (isShuttingDown()) {
                return;
            }
            shipping = uplink;
            uplink = null;
        }
        if (shipping != null) {
            shipping.stop();
        }
        String reason = reason(failure);
        err.println(
                "[pitot] the flight recording could not be started (" + reason.replace('\n', ' ')
                        + "); check that the JVM's temporary folder is writable and Flight Recorder is allowed. The application runs on without the agent.");
        tell("off: the flight recording could not be started (" + reason + ")");
        try {
            measurements.stop();
        } catch (Throwable unstarted) {
            // It was never started.
        }
    }

    /** What was refused first: that a class could not be initialised for it, or a lambda not linked, tells nobody anything. */
    private static String reason(Throwable failure) {
        Throwable first = failure;
        while ((first instanceof LinkageError || first.getMessage() == null) && first.getCause() != null) {
            first = first.getCause();
        }
        return first.getMessage() == null ? first.toString() : first.getMessage();
    }

    /** On the sampler thread. */
    private void eachSecond() {
        FlightRecording running = recording;
        JvmIdentity identity = jvm;
        Uplink shipping = uplink;
        if (running == null || identity == null || shipping == null) {
            return;
        }
        if (isDiskFull(running, shipping)) {
            return;
        }
        watchDisk(running, shipping);
        // Twice, as JFR stops it in the JVM's exit too, perhaps before our own hook has run.
        stoppedFor = running.hasStopped() ? stoppedFor + 1 : 0;
        if (stoppedFor == 2) {
            end(
                    "recording",
                    "somebody stopped the recording \"pitot\" in this JVM",
                    "restart the JVM to be measured again",
                    shipping);
            return;
        }
        running.tick();
        Marker ours = marker;
        if (ours != null) {
            ours.moveTo(running.repository());
        }
        shipping.tick();
        if (++second % TELL_SECONDS == 0) {
            identity.emit();
        }
    }

    private boolean isDiskFull(FlightRecording running, Uplink shipping) {
        String objection = DiskGuard.objection(running.repository().toFile());
        if (objection.isEmpty()) {
            return false;
        }
        end("disk", objection, "make room and restart the JVM to be measured again", shipping);
        return true;
    }

    /** On a thread of its own, as JFR may hold its lock for as long as anybody dumps. */
    private void takeStackTraces(boolean wanted) {
        FlightRecording running = recording;
        if (running != null) {
            running.wantStackTraces(wanted);
            daemon(running::takeStackTraces, "pitot-settings").start();
        }
    }

    /** While the disk is nearly full, a thread of its own looks more often than the sampler's does. */
    private void watchDisk(FlightRecording running, Uplink shipping) {
        if (!disk.isNear(running.repository().toFile()) || watchingDisk) {
            return;
        }
        watchingDisk = true;
        daemon(
                        () -> {
                            try {
                                for (int i = 0; i < DISK_LOOKS && !running.hasStopped(); i++) {
                                    if (isDiskFull(running, shipping)) {
                                        return;
                                    }
                                    TimeUnit.MILLISECONDS.sleep(DISK_MILLIS);
                                }
                            } catch (InterruptedException byTheApplication) {
                                // The sampler thread looks on, and starts this one again.
                            } finally {
                                watchingDisk = false;
                            }
                        },
                        "pitot-disk")
                .start();
    }

    /**
     * On a thread of JFR that ends a chunk. JFR's shutdown hook and ours run side by side, so this is the only moment at which
     * the last summaries are sure to come into the recording.
     */
    private void atChunkEnd() {
        try {
            if (isShuttingDown()) {
                measurements.stop();
            }
        } catch (Throwable unsaid) {
            // JFR would print it on the application's stdout.
        }
    }

    /** Ends measuring for the life of this JVM; what is recorded is still sent. */
    private void end(String part, String reason, String remedy, Uplink shipping) {
        synchronized (this) {
            if (ended || shuttingDown) {
                return;
            }
            ended = true;
        }
        status.set(part, StatusBoard.Entry.off(reason, remedy));
        status.set("recording", StatusBoard.Entry.off(reason, remedy));
        err.println("[pitot] the recording was stopped: " + reason + ". The application runs on without the agent.");
        tell("off: the recording was stopped: " + reason);
        daemon(
                        () -> {
                            measurements.stop();
                            stopRecording();
                            shipping.lastCall();
                        },
                        "pitot-stop")
                .start();
    }

    /** On the uplink thread: the collector said off. */
    private void switchedOff() {
        synchronized (this) {
            if (ended || shuttingDown) {
                return;
            }
            ended = true;
        }
        tell("off: the collector switched it off");
        measurements.stop();
        stopRecording();
    }

    private void stopRecording() {
        FlightRecording running = recording;
        if (running != null && !isShuttingDown()) {
            unmark();
            running.stop();
        }
    }

    private void unmark() {
        Marker ours = marker;
        if (ours != null) {
            ours.remove();
        }
    }

    /** In the JVM's shutdown, beside JFR's own hook; never starts or stops a recording. */
    private void exit() {
        try {
            Uplink shipping;
            FlightRecording running;
            synchronized (this) {
                shuttingDown = true;
                shipping = uplink;
                running = recording;
            }
            unmark();
            if (shipping != null && running != null) {
                running.tail().look();
                shipping.exit();
            }
        } catch (Throwable unshipped) {
            // The JVM ends; the last second is lost, and the exit must not be.
        }
    }
}
