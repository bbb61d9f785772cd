package dev.pitot.agent.guest;

import com.sun.management.OperatingSystemMXBean;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.InputStream;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import jdk.jfr.Event;
import jdk.jfr.FlightRecorder;
import jdk.jfr.Name;
import jdk.jfr.Recording;
import jdk.jfr.RecordingState;
import jdk.jfr.StackTrace;

/**
 * A program whose work is known to the iteration, run with the real agent: it serves loops of two lengths to itself, then runs
 * a long one between idle seconds, and dumps the recording that the agent has made of it. {@link LoopFigures} reads it.
 * Arguments: the file for the recording, how many requests of each length, and the iterations of the long loop.
 */
public final class LoopTarget {
    /** Iterations of a short and a longer request; what they differ by is free of what any request costs. */
    static final int SMALL = 20_000;

    static final int LARGE = 120_000;
    /** Requests one after the other, each of half the long loop. */
    static final int BUSY = 5;
    /** More than a second, so that one sample of a second at least ends and another begins in it. */
    private static final int IDLE_SECONDS = 2;

    /** The long loop and the idle seconds around it, on the clock of the agent's events. */
    @Name("pitot.test.Work")
    @StackTrace(false)
    static final class Work extends Event {
        long iterations;
    }

    /** Nothing but requests that compute, one after the other, with idle seconds around them. */
    @Name("pitot.test.Busy")
    @StackTrace(false)
    static final class Busy extends Event {
        int requests;
    }

    private static final CountDownLatch NEVER = new CountDownLatch(1);
    static volatile int result;

    private LoopTarget() {}

    public static void main(String[] args) throws Exception {
        int times = Integer.parseInt(args[1]);
        int iterations = Integer.parseInt(args[2]);
        // Late it would make JFR write all its metadata anew, for more than a second in an emulated interpreter.
        FlightRecorder.register(Work.class);
        FlightRecorder.register(Busy.class);
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 10);
        server.setExecutor(Executors.newSingleThreadExecutor());
        server.createContext("/none", exchange -> serve(exchange, 0));
        server.createContext("/small", exchange -> serve(exchange, SMALL));
        server.createContext("/large", exchange -> serve(exchange, LARGE));
        server.createContext("/busy", exchange -> serve(exchange, iterations / 2));
        server.start();
        awaitAgent();
        get(server, "/none"); // The first of a thread opens its counters.
        awaitQuiet();
        for (int i = 0; i < times; i++) {
            get(server, "/none");
            get(server, "/small");
            get(server, "/large");
        }
        work(iterations);
        busy(server);
        try (Recording all = FlightRecorder.getFlightRecorder().takeSnapshot()) {
            all.dump(Path.of(args[0]));
        }
        System.exit(0);
    }

    /** Until the agent samples: it starts beside the program. */
    private static void awaitAgent() throws InterruptedException {
        while (!isSampling() || !isRecording()) {
            NEVER.await(100, TimeUnit.MILLISECONDS);
        }
    }

    private static boolean isSampling() {
        return Thread.getAllStackTraces().keySet().stream()
                .anyMatch(thread -> thread.getName().equals("pitot-sampler"));
    }

    private static boolean isRecording() {
        return FlightRecorder.getFlightRecorder().getRecordings().stream()
                .anyMatch(recording -> recording.getState() == RecordingState.RUNNING);
    }

    /** Until what the agent and JFR do at their start is over, for 10 seconds at most. */
    private static void awaitQuiet() throws InterruptedException {
        OperatingSystemMXBean process = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        for (int i = 0; i < 20; i++) {
            long before = process.getProcessCpuTime();
            NEVER.await(500, TimeUnit.MILLISECONDS);
            if (process.getProcessCpuTime() - before < 25_000_000) {
                return;
            }
        }
    }

    /** Work with idle seconds on both sides, so that samples of a second hold all of it. */
    private static void work(int iterations) throws InterruptedException {
        Work work = new Work();
        work.begin();
        NEVER.await(IDLE_SECONDS, TimeUnit.SECONDS);
        result = loop(iterations);
        NEVER.await(IDLE_SECONDS, TimeUnit.SECONDS);
        work.iterations = iterations;
        work.commit();
    }

    private static void busy(HttpServer server) throws IOException, InterruptedException {
        Busy busy = new Busy();
        busy.begin();
        NEVER.await(IDLE_SECONDS, TimeUnit.SECONDS);
        for (int i = 0; i < BUSY; i++) {
            get(server, "/busy");
        }
        NEVER.await(IDLE_SECONDS, TimeUnit.SECONDS);
        busy.requests = BUSY;
        busy.commit();
    }

    /** The same instructions each time round, with no call and no allocation in it. */
    private static int loop(int iterations) {
        int x = 1;
        for (int i = 0; i < iterations; i++) {
            x = x * 31 + i;
        }
        return x;
    }

    private static void serve(HttpExchange exchange, int iterations) throws IOException {
        result = loop(iterations);
        exchange.sendResponseHeaders(200, -1);
        exchange.close();
    }

    private static void get(HttpServer server, String path) throws IOException {
        try (Socket socket =
                new Socket(InetAddress.getLoopbackAddress(), server.getAddress().getPort())) {
            socket.getOutputStream()
                    .write(("GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                            .getBytes(StandardCharsets.US_ASCII));
            InputStream in = socket.getInputStream();
            while (in.read() >= 0) {
                // Until the server has answered and closed.
            }
        }
    }
}
