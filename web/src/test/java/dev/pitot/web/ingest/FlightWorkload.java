package dev.pitot.web.ingest;

import dev.pitot.events.AgentCost;
import dev.pitot.events.AgentStatus;
import dev.pitot.events.Diagnosis;
import dev.pitot.events.EndpointSummary;
import dev.pitot.events.HostDisk;
import dev.pitot.events.HttpRequest;
import dev.pitot.events.JvmInformation;
import dev.pitot.events.JvmMemory;
import dev.pitot.events.LoggedErrors;
import dev.pitot.events.ProcessCounters;
import dev.pitot.events.SqlStatement;
import dev.pitot.events.StatementSummary;
import dev.pitot.events.ThreadKindCounters;
import dev.pitot.events.TopThread;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.List;
import jdk.jfr.Configuration;
import jdk.jfr.Event;
import jdk.jfr.FlightRecorder;
import jdk.jfr.Name;
import jdk.jfr.Recording;

/** Runs in a JVM of its own with a recording: commits events of every kind until its input ends; a line rotates the chunk. */
public final class FlightWorkload {
    /** A type of the user's own. */
    @Name("com.acme.Order")
    static final class Order extends Event {
        String text = "\u0000 \ud83d\ude00 \ud800 \"quoted\"";
        double price = Double.NaN;
        Class<?> kind = String.class;
        Thread worker = Thread.currentThread();
    }

    private FlightWorkload() {}

    public static void main(String[] args) throws Exception {
        // Registered before the recording starts, as the agent does.
        List.of(
                        ProcessCounters.class,
                        JvmMemory.class,
                        ThreadKindCounters.class,
                        TopThread.class,
                        HostDisk.class,
                        Diagnosis.class,
                        HttpRequest.class,
                        EndpointSummary.class,
                        StatementSummary.class,
                        SqlStatement.class,
                        LoggedErrors.class,
                        AgentCost.class,
                        AgentStatus.class,
                        JvmInformation.class,
                        Order.class)
                .forEach(FlightRecorder::register);
        Recording recording = new Recording(Configuration.getConfiguration("default"));
        recording.start();
        Thread load = new Thread(FlightWorkload::load, "load");
        load.setDaemon(true);
        load.start();
        for (int c; (c = System.in.read()) >= 0; ) {
            if (c == '\n') {
                Recording rotation = new Recording();
                rotation.start();
            }
        }
    }

    private static void load() {
        List<byte[]> garbage = new ArrayList<>();
        try {
            for (int i = 0; ; i++) {
                round(i);
                garbage.add(new byte[200_000]);
                if (garbage.size() > 50) {
                    garbage.clear();
                }
                if (i % 6 == 5) {
                    flush();
                }
                if (i % 40 == 39) {
                    System.gc();
                }
                Thread.sleep(10);
            }
        } catch (InterruptedException end) {
            Thread.currentThread().interrupt();
        }
    }

    /** What the JVM does by itself once a second; needs {@code --add-exports jdk.jfr/jdk.jfr.internal=ALL-UNNAMED}. */
    private static void flush() {
        try {
            Class<?> jvm = Class.forName("jdk.jfr.internal.JVM");
            Method flush = jvm.getMethod("flush");
            flush.invoke(
                    Modifier.isStatic(flush.getModifiers())
                            ? null
                            : jvm.getMethod("getJVM").invoke(null));
        } catch (ReflectiveOperationException unknown) {
            // Then the flushes are those of the JVM itself, once a second: the test takes longer.
        }
    }

    private static final String[] KINDS = {"application", "gc", "jit", "vm", "agent"};

    /** Each with a few keys, and threads of which some come seldom. */
    private static void keyed(int i) {
        ThreadKindCounters kind = new ThreadKindCounters();
        kind.kind = KINDS[i % KINDS.length];
        kind.threads = i;
        kind.interval = 1_000_000_000;
        kind.cpuTime = i % 4 == 0 ? Long.MIN_VALUE : i;
        kind.hardwareSource = "none: no PMU";
        kind.commit();

        TopThread thread = new TopThread();
        thread.thread = "worker " + (i % 13 == 0 ? i : i % 3);
        thread.osThreadId = 1000 + i % 3;
        thread.kind = "application";
        thread.cpuTime = i;
        thread.cycles = i * 3;
        thread.commit();

        if (i % 4 == 0) {
            HostDisk disk = new HostDisk();
            disk.device = "nvme" + i % 8 + "n1";
            disk.interval = 1_000_000_000;
            disk.reads = i;
            disk.readTime = i * 5_000_000L;
            disk.commit();
        }
    }

    /** Some twenty statements whose text comes again and again. */
    private static void statements(int i) {
        String hash = String.format("%016x", i % 20);
        StatementSummary summary = new StatementSummary();
        summary.statement = hash;
        summary.sql = text(i % 20);
        summary.count = 2;
        summary.totalDuration = 4_000_000;
        summary.maxDuration = 3_000_000;
        summary.histogram = "300:2";
        summary.commit();
        SqlStatement statement = new SqlStatement();
        statement.begin();
        statement.statement = hash;
        statement.sql = text(i % 20);
        statement.parentSpanId = "00000000000000ab";
        statement.failed = i % 7 == 0;
        statement.timeSocket = i;
        statement.end();
        statement.commit();
        if (i % 10 == 0) {
            LoggedErrors errors = new LoggedErrors();
            errors.logger = "com.acme.Orders";
            errors.error = "java.io.IOException";
            errors.count = 3;
            errors.commit();
            AgentCost cost = new AgentCost();
            cost.interval = 1_000_000_000;
            cost.spans = i;
            cost.share = 0.002;
            cost.shed = 1;
            cost.commit();
        }
    }

    /** One of them is longer than what a live view keeps, and holds what PostgreSQL does not take. */
    static String text(int number) {
        return "select \u0000" + number + " from t where x in (" + "?, ".repeat(number * 40) + "?)";
    }

    private static void round(int i) {
        ProcessCounters counters = new ProcessCounters();
        counters.interval = 10_000_000 + i;
        counters.userTime = i % 3 == 0 ? Long.MIN_VALUE : i;
        counters.voluntaryContextSwitches = i;
        counters.softwareSource = "getrusage";
        counters.hardwareSource = i % 50 == 0 ? "none: no PMU" : "perf";
        counters.commit();

        JvmMemory memory = new JvmMemory();
        memory.heapUsed = 1_000_000L + i;
        memory.heapCommitted = 2_000_000;
        memory.nonHeapUsed = 3_000_000;
        memory.commit();

        keyed(i);
        for (int k = 0; k < 5; k++) {
            HttpRequest request = new HttpRequest();
            request.begin();
            request.method = "GET";
            request.route = "/route/" + (i * 5 + k) % 17;
            request.status = 200 + k;
            request.cpuTime = i;
            request.end();
            request.commit();
        }
        EndpointSummary summary = new EndpointSummary();
        summary.method = "GET";
        summary.route = "/route/" + i % 17;
        summary.interval = 1_000_000_000;
        summary.count = 5;
        summary.totalDuration = 5_000_000L + i;
        summary.maxDuration = 2_000_000;
        summary.histogram = "300:4 320:1";
        summary.measured = 5;
        summary.sqlStatements = 10;
        summary.commit();
        statements(i);

        if (i % 20 == 0) {
            for (String subject : new String[] {"kernel", "hardware counters"}) {
                Diagnosis line = new Diagnosis();
                line.subject = subject;
                line.category = subject.equals("kernel") ? "fact" : "rung";
                line.state = subject.equals("kernel") ? "" : i % 80 < 40 ? "no" : "partial";
                line.detail = "as in all rounds";
                line.blocker = "";
                line.fixOnHost = "sysctl kernel.perf_event_paranoid=1";
                line.commit();
            }
            AgentStatus status = new AgentStatus();
            status.part = i % 40 == 0 ? "recording" : "http";
            status.state = "on";
            status.reason = "round " + i;
            status.commit();
            JvmInformation information = new JvmInformation();
            information.service = "workload";
            information.pid = ProcessHandle.current().pid();
            information.commit();
            new Order().commit();
        }
    }
}
