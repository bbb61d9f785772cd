package dev.pitot.agent.spans;

import com.sun.management.ThreadMXBean;
import dev.pitot.agent.config.ConfigSources;
import dev.pitot.agent.config.CounterChoice;
import dev.pitot.agent.counters.Counters;
import dev.pitot.agent.status.StatusBoard;
import dev.pitot.events.Spans;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.locks.LockSupport;
import jdk.jfr.Recording;

/**
 * Prints what measuring one request adds to it, in nanoseconds and bytes; a program to run by hand:
 * {@code java -cp <test class path> dev.pitot.agent.spans.RequestCost}.
 */
public final class RequestCost {
    private static final int WARM_UP = 100_000;
    private static final int REQUESTS = 300_000;
    private static final int WAITS = 1500;

    private RequestCost() {}

    public static void main(String[] args) throws Exception {
        print("no recorder");
        try (Recording recording = new Recording()) {
            recording.start();
            for (boolean native_ : new boolean[] {false, true}) {
                Counters counters =
                        Counters.open(native_ ? CounterChoice.DEFAULT : CounterChoice.NONE, new StatusBoard());
                for (int events : new int[] {0, 100_000}) {
                    SpanRecorder recorder = new SpanRecorder(
                            ConfigSources.read(
                                    "service=test,http.slow=1h,http.events=" + events, new Properties(), Map.of()),
                            counters.threads(),
                            counters.runQueues(),
                            Pauses.unknown());
                    recorder.prepare();
                    Spans.install(recorder);
                    print("counters " + (native_ ? "on" : "off")
                            + (events == 0 ? ", summary only" : ", and an event each"));
                }
            }
        }
    }

    private static void print(String what) throws InterruptedException {
        // A fresh thread, as each keeps the counters of the recorder that it met first.
        Thread thread = new Thread(() -> {
            serve(WARM_UP);
            ThreadMXBean bean = (ThreadMXBean) ManagementFactory.getThreadMXBean();
            long bytes = bean.getCurrentThreadAllocatedBytes();
            long best = Long.MAX_VALUE;
            for (int round = 0; round < 5; round++) {
                long start = System.nanoTime();
                serve(REQUESTS);
                best = Math.min(best, System.nanoTime() - start);
            }
            bytes = bean.getCurrentThreadAllocatedBytes() - bytes;
            System.out.printf(
                    "%-36s %6d ns %5.1f B per request; %5d ns of CPU when the thread waits before and within it%n",
                    what, best / REQUESTS, bytes / (5.0 * REQUESTS), afterWaits());
        });
        thread.start();
        thread.join();
    }

    private static void serve(int n) {
        for (int i = 0; i < n; i++) {
            Object token = Spans.beginRequest();
            if (token != null) {
                Spans.endRequest(token, "GET", null, "/orders/4711", 200, false, null);
            }
        }
    }

    /**
     * CPU time that a request adds to a round in which the thread waits for a millisecond, as a server's does for its next request, begins a request, and waits
     * in it: the most that there is to read, and with caches that others have used meanwhile. Rounds with a request and without alternate, of each the median counts.
     */
    private static long afterWaits() {
        ThreadMXBean bean = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long[][] took = new long[2][WAITS];
        for (int i = 0; i < 2 * WAITS; i++) {
            boolean measured = i % 2 == 1;
            long start = bean.getCurrentThreadCpuTime();
            LockSupport.parkNanos(1_100_000);
            Object token = measured ? Spans.beginRequest() : null;
            LockSupport.parkNanos(1_100_000);
            if (token != null) {
                Spans.endRequest(token, "GET", null, "/orders/4711", 200, false, null);
            }
            took[i % 2][i / 2] = bean.getCurrentThreadCpuTime() - start;
        }
        Arrays.sort(took[0]);
        Arrays.sort(took[1]);
        return took[1][WAITS / 2] - took[0][WAITS / 2];
    }
}
