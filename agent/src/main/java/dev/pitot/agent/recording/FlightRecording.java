package dev.pitot.agent.recording;

import dev.pitot.agent.config.AgentConfig;
import dev.pitot.agent.status.StatusBoard;
import dev.pitot.events.AgentStatus;
import java.io.IOException;
import java.nio.file.Path;
import java.text.ParseException;
import java.util.HashMap;
import java.util.Map;
import jdk.jfr.Configuration;
import jdk.jfr.FlightRecorder;
import jdk.jfr.FlightRecorderListener;
import jdk.jfr.Recording;
import jdk.jfr.RecordingState;
import org.jspecify.annotations.Nullable;

/**
 * Our recording among those of the JVM, which it never touches. All recordings of a JVM share its chunks: what another one turns
 * on is in ours too.
 */
public final class FlightRecording {
    /** They hold messages of exceptions, which quote what a client sent; on by default from 25 on. */
    private static final String[] QUOTING = {"jdk.JavaExceptionThrow"};

    /** Too many (GCPhaseParallel alone was half of all events measured; modules some thousand a chunk) for what they tell. */
    private static final String[] NOISE = {"jdk.GCPhaseParallel", "jdk.ModuleRequire", "jdk.ModuleExport"};
    /** They hold values of variables, properties and command lines of this and other processes. */
    private static final String[] SECRET = {
        "jdk.InitialEnvironmentVariable",
        "jdk.InitialSystemProperty",
        "jdk.InitialSecurityProperty",
        "jdk.SystemProcess",
        "jdk.ProcessStart"
    };
    /** They hold the JVM's arguments: on only when there is nothing secret in these. */
    private static final String[] ARGUMENTS = {"jdk.JVMInformation", "jdk.JavaAgent", "jdk.NativeAgent"};

    private static final String[] EACH_SECOND = {"jdk.CPULoad", "jdk.JavaThreadStatistics", "jdk.ClassLoadingStatistics"
    };
    /** Those whose cost is that of walking stacks, and that come by a clock or with each allocation of some size. */
    private static final String[] STACK_TRACES = {
        "jdk.ExecutionSample",
        "jdk.NativeMethodSample",
        "jdk.CPUTimeSample",
        "jdk.ObjectAllocationSample",
        "jdk.OldObjectSample"
    };

    private static final String[] OURS = {
        "pitot.ProcessCounters",
        "pitot.JvmMemory",
        "pitot.HttpRequest",
        "pitot.EndpointSummary",
        "pitot.AgentStatus",
        "pitot.JvmInformation"
    };

    private final Recording recording;
    private volatile Path repository;
    private final Tail tail;
    private final Backlog backlog;
    private final AgentConfig config;
    private final StatusBoard status;
    private final boolean argumentsAreSecret;
    private final Runnable atChunkEnd;
    private final Changes changes = new Changes();
    /** Told by JFR: to ask it takes a lock that it holds for as long as anybody dumps. */
    private volatile boolean stopped;

    private FlightRecording(
            Recording recording,
            Path repository,
            Tail tail,
            Backlog backlog,
            AgentConfig config,
            StatusBoard status,
            boolean argumentsAreSecret,
            Runnable atChunkEnd) {
        this.recording = recording;
        this.repository = repository;
        this.tail = tail;
        this.backlog = backlog;
        this.config = config;
        this.status = status;
        this.argumentsAreSecret = argumentsAreSecret;
        this.atChunkEnd = atChunkEnd;
    }

    /**
     * Starts JFR if need be (about a second of CPU) and the recording in it, and begins to follow its chunks.
     *
     * @param atChunkEnd called by JFR on its own thread before it ends a chunk, also in the JVM's shutdown: what it commits is still
     *     in that chunk. Must be quick and must not throw (JFR prints to stdout then)
     * @throws IOException when JFR cannot write its repository
     * @throws IllegalStateException when the JVM refuses JFR
     */
    public static FlightRecording start(
            AgentConfig config, JvmIdentity jvm, Backlog backlog, StatusBoard status, Runnable atChunkEnd)
            throws IOException {
        if (!FlightRecorder.isAvailable()) {
            throw new IllegalStateException("this JVM has no Flight Recorder, or it is switched off");
        }
        String present = System.getProperty("jdk.jfr.repository");
        Map<Path, Object> before = present == null ? Map.of() : Tail.files(Path.of(present));
        Recording recording = new Recording(settings(jvm.scrubbed()));
        try {
            recording.setName("pitot");
            recording.setToDisk(true);
            recording.setMaxSize(config.maxSize());
            recording.setMaxAge(config.maxAge());
            recording.start();
            FlightRecorder.addPeriodicEvent(AgentStatus.class, atChunkEnd);
            String folder = System.getProperty("jdk.jfr.repository");
            if (folder == null) {
                throw new IOException("the JVM does not name its JFR repository");
            }
            Path repository = Path.of(folder);
            Tail tail = new Tail(repository, before, backlog);
            tail.look();
            FlightRecording started = new FlightRecording(
                    recording, repository, tail, backlog, config, status, jvm.scrubbed(), atChunkEnd);
            FlightRecorder.addListener(started.changes);
            started.stopped = recording.getState() != RecordingState.RUNNING;
            started.lookAtOthers();
            return started;
        } catch (IOException | RuntimeException | Error failure) {
            FlightRecorder.removePeriodicEvent(atChunkEnd);
            recording.close();
            throw failure;
        }
    }

    private static Map<String, String> settings(boolean argumentsAreSecret) {
        Map<String, String> settings = new HashMap<>();
        try {
            // 16 ms of CPU, and it knows the events of each JDK.
            settings.putAll(Configuration.getConfiguration("default").getSettings());
        } catch (IOException | ParseException missing) {
            // A runtime image without lib/jfr: the JVM's built-in defaults and what is set below.
        }
        for (String event : NOISE) {
            settings.put(event + "#enabled", "false");
        }
        for (String event : SECRET) {
            settings.put(event + "#enabled", "false");
        }
        for (String event : QUOTING) {
            settings.put(event + "#enabled", "false");
        }
        for (String event : ARGUMENTS) {
            settings.put(event + "#enabled", Boolean.toString(!argumentsAreSecret));
        }
        for (String event : EACH_SECOND) {
            settings.put(event + "#enabled", "true");
            settings.put(event + "#period", "1 s");
        }
        for (String event : OURS) {
            settings.put(event + "#enabled", "true");
        }
        // For the hook of start(): at the end of a chunk and at no other time.
        settings.put("pitot.AgentStatus#period", "endChunk");
        return settings;
    }

    /** The JFR repository: the folder that holds the chunk files, as the last {@link #tick} saw it. */
    public Path repository() {
        return repository;
    }

    public Tail tail() {
        return tail;
    }

    /** Each second on the sampler thread: new chunks are opened. Takes no lock of JFR. */
    public void tick() {
        String folder = System.getProperty("jdk.jfr.repository");
        if (folder != null && !folder.equals(repository.toString())) {
            // `jcmd JFR.configure repositorypath=` changes it at any time.
            repository = Path.of(folder);
            tail.moveTo(repository);
        }
        tail.look();
        // Not left to the uplink: it may wait for minutes, and each file it holds open keeps its room on the disk.
        backlog.trim(config.maxSize(), config.maxAge());
    }

    /** Whether {@link #takeStackTraces} is to switch them on. */
    public void wantStackTraces(boolean wanted) {
        stackTracesWanted = wanted;
    }

    /**
     * Ours takes the JVM's samples of stack traces, or does without them, as was wanted last; what another recording takes goes on. May wait for
     * JFR. Never throws.
     */
    public synchronized void takeStackTraces() {
        boolean wanted = stackTracesWanted;
        try {
            Map<String, String> settings = recording.getSettings();
            for (String event : STACK_TRACES) {
                String key = event + "#enabled";
                String before = settings.get(key);
                if (before != null) {
                    settings.put(key, wanted ? stackTraceSettings.getOrDefault(key, before) : "false");
                    stackTraceSettings.putIfAbsent(key, before);
                }
            }
            recording.setSettings(settings);
        } catch (RuntimeException ended) {
            // Nothing is taken any more.
        }
    }

    private volatile boolean stackTracesWanted = true;
    /** As they were before the first change. */
    private final Map<String, String> stackTraceSettings = new HashMap<>();

    private void lookAtOthers() {
        for (Recording other : FlightRecorder.getFlightRecorder().getRecordings()) {
            if (other.getState() != RecordingState.RUNNING || other.getId() == recording.getId()) {
                continue;
            }
            Map<String, String> settings = other.getSettings();
            String event = enabled(settings, SECRET);
            if (event == null && argumentsAreSecret) {
                event = enabled(settings, ARGUMENTS);
            }
            if (event != null) {
                status.set(
                        "secrets",
                        StatusBoard.Entry.partial(
                                "recording \"" + other.getName() + "\" of this JVM turns on " + event
                                        + ", and all recordings share their chunks, so it is shipped too",
                                "turn these events off in that recording if the collector must not have them"));
                return;
            }
        }
        status.set("secrets", StatusBoard.Entry.ON);
    }

    private static @Nullable String enabled(Map<String, String> settings, String[] events) {
        for (String event : events) {
            if ("true".equals(settings.get(event + "#enabled"))) {
                return event;
            }
        }
        return null;
    }

    /** Whether it no longer runs, whoever stopped it. */
    public boolean hasStopped() {
        return stopped;
    }

    /**
     * Ends the recording and leaves nothing of ours in JFR; what was written stays readable for the backlog. May wait for JFR: not for the
     * sampler thread, nor for the JVM's shutdown.
     */
    public void stop() {
        if (recording.getState() == RecordingState.RUNNING) {
            recording.stop();
        }
        tail.end();
        recording.close();
        FlightRecorder.removeListener(changes);
        FlightRecorder.removePeriodicEvent(atChunkEnd);
    }

    /**
     * Called by JFR on the thread that starts or stops a recording, at the JVM's exit before the repository is deleted: the last
     * moment to open the last chunk.
     */
    private final class Changes implements FlightRecorderListener {
        @Override
        public void recordingStateChanged(Recording changed) {
            // A read on an interrupted thread closes the file, and this thread may be the application's.
            boolean interrupted = Thread.interrupted();
            try {
                RecordingState state = changed.getState();
                boolean ours = changed.getId() == recording.getId();
                stopped |= ours && state != RecordingState.RUNNING;
                if (state == RecordingState.STOPPED) {
                    if (ours) {
                        // By us, in the JVM's exit, or by somebody else: chunks from here on are not ours to ship.
                        tail.end();
                    } else {
                        tail.look();
                    }
                }
                if (!ours) {
                    // Here, on the thread that has just had JFR's lock, and not on one of ours that others wait for.
                    lookAtOthers();
                }
            } catch (Throwable unseen) {
                // This is JFR's thread or the application's: what is missed here, the next tick sees.
            } finally {
                if (interrupted) {
                    Thread.currentThread().interrupt();
                }
            }
        }
    }
}
