package dev.pitot.agent.spans;

import com.sun.management.ThreadMXBean;
import dev.pitot.agent.config.ConfigSources;
import dev.pitot.agent.config.CounterChoice;
import dev.pitot.agent.counters.Counters;
import dev.pitot.agent.status.StatusBoard;
import dev.pitot.events.Spans;
import java.lang.management.ManagementFactory;
import java.util.Map;
import java.util.Properties;
import jdk.jfr.Recording;

/**
 * Prints what measuring one SQL statement adds to it, in nanoseconds of CPU time and bytes; a program to run by hand:
 * {@code java -cp <test class path> dev.pitot.agent.spans.StatementCost}.
 */
public final class StatementCost {
    private static final int WARM_UP = 100_000;
    private static final int STATEMENTS = 300_000;
    private static final String SQL = "select id, name, price from item where id = 4711 and state in ('new', 'old')";

    /** One statement of the program. */
    private interface Work {
        void run(int i);
    }

    private StatementCost() {}

    public static void main(String[] args) throws Exception {
        Object prepared = new Object();
        measure("no recorder", i -> execute(prepared, null));
        try (Recording recording = new Recording()) {
            recording.start();
            for (boolean native_ : new boolean[] {false, true}) {
                Counters counters =
                        Counters.open(native_ ? CounterChoice.DEFAULT : CounterChoice.NONE, new StatusBoard());
                for (int events : new int[] {0, 100_000}) {
                    SpanRecorder recorder = new SpanRecorder(
                            ConfigSources.read(
                                    "service=test,sql.slow=1h,sql.events=" + events, new Properties(), Map.of()),
                            counters.threads(),
                            counters.runQueues(),
                            Pauses.unknown());
                    recorder.prepare();
                    Spans.install(recorder);
                    Spans.prepared(prepared, SQL);
                    String what = "counters " + (native_ ? "on" : "off") + (events == 0 ? "" : ", an event each");
                    measure(what + ", prepared", i -> execute(prepared, null));
                    if (events == 0) {
                        measure(what + ", a commit", i -> {
                            Object token = Spans.beginUncounted();
                            if (token != null) {
                                Spans.endStatement(token, 0, null);
                            }
                        });
                        measure(what + ", a text seen before", i -> execute(prepared, SQL));
                        measure(what + ", a text of its own each", i -> execute(prepared, SQL + i));
                        measure(what + ", prepared each time", i -> {
                            Object statement = new Object();
                            Spans.prepared(statement, SQL);
                            execute(statement, null);
                        });
                    }
                }
            }
        }
    }

    private static void execute(Object statement, String sql) {
        Object token = Spans.beginStatement(statement, sql);
        if (token != null) {
            Spans.endStatement(token, 0, null);
        }
    }

    private static void measure(String what, Work work) throws InterruptedException {
        // A fresh thread, as each keeps the counters of the recorder that it met first.
        Thread thread = new Thread(() -> {
            run(work, WARM_UP);
            ThreadMXBean bean = (ThreadMXBean) ManagementFactory.getThreadMXBean();
            long bytes = bean.getCurrentThreadAllocatedBytes();
            long best = Long.MAX_VALUE;
            for (int round = 0; round < 5; round++) {
                long start = bean.getCurrentThreadCpuTime();
                run(work, STATEMENTS);
                best = Math.min(best, bean.getCurrentThreadCpuTime() - start);
            }
            bytes = bean.getCurrentThreadAllocatedBytes() - bytes;
            System.out.printf(
                    "%-48s %6d ns %5.1f B per statement%n", what, best / STATEMENTS, bytes / (5.0 * STATEMENTS));
        });
        thread.start();
        thread.join();
    }

    private static void run(Work work, int n) {
        for (int i = 0; i < n; i++) {
            work.run(i);
        }
    }
}
