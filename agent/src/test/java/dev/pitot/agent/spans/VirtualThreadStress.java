package dev.pitot.agent.spans;

import com.sun.management.OperatingSystemMXBean;
import com.sun.net.httpserver.Authenticator;
import com.sun.net.httpserver.Filter;
import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpContext;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import com.sun.net.httpserver.HttpPrincipal;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.zip.CRC32;
import jdk.jfr.FlightRecorder;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;

/**
 * Thousands of virtual threads at once, each a request that computes and lets go of its carrier in one way: yields, locks, monitors,
 * sleeps, sockets, JDBC, tasks. A program to run by hand on 21 or later, with the agent and without, see docs/build-and-test.md.
 * Arguments: virtual threads at once, seconds, pairs of sockets that are opened at once in the end. With {@code -Dplatform=true} they are
 * platform threads, which shows how much of the process's CPU time this load spends outside of its requests. It exits with 1 when a round
 * does not end, an answer is wrong, or the agent has not counted each request.
 */
public final class VirtualThreadStress {
    private static final String[] KINDS = {"yield", "lock", "monitor", "sleep", "wait", "socket", "sql", "task"};
    private static final int PATIENCE_SECONDS = Integer.getInteger("patience", 30);
    private static final int CONNECTIONS = 16;
    private static final int BACKLOG = Integer.getInteger("backlog", 4096);
    private static final int QUIET_SECONDS = 3;

    private static final ReentrantLock lock = new ReentrantLock();
    private static final Object monitor = new Object();
    private static final BlockingQueue<Connection> pool = new ArrayBlockingQueue<>(CONNECTIONS);
    private static final AtomicLong answers = new AtomicLong();
    private static final AtomicLong failed = new AtomicLong();
    private static volatile Executor threads;
    private static volatile int port;

    private VirtualThreadStress() {}

    public static void main(String[] args) throws Exception {
        int atOnce = args.length > 0 ? Integer.parseInt(args[0]) : 10_000;
        int seconds = args.length > 1 ? Integer.parseInt(args[1]) : 30;
        int pairs = args.length > 2 ? Integer.parseInt(args[2]) : 4_000;
        threads = Boolean.getBoolean("platform")
                ? Executors.newCachedThreadPool()
                : (Executor) Executors.class
                        .getMethod("newVirtualThreadPerTaskExecutor")
                        .invoke(null);
        for (int i = 0; i < CONNECTIONS; i++) {
            pool.add(DriverManager.getConnection("jdbc:h2:mem:stress;DB_CLOSE_DELAY=-1"));
        }
        // The agent knows a server by its class; it takes some seconds to start and to weave.
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 1)
                .stop(0);
        ServerSocket server = new ServerSocket(0, BACKLOG, InetAddress.getLoopbackAddress());
        port = server.getLocalPort();
        threads.execute(() -> echo(server));
        round(KINDS.length * 10);
        pause(QUIET_SECONDS);
        round(KINDS.length * 10);
        pause(QUIET_SECONDS);

        Recording recording = new Recording();
        recording.enable("jdk.VirtualThreadPinned").withThreshold(Duration.ZERO);
        recording.enable("jdk.CPULoad");
        recording.start();
        long begun = System.nanoTime();
        long cpu = cpuNanos();
        answers.set(0);
        long requests = 0;
        int rounds = 0;
        while (System.nanoTime() - begun < seconds * 1_000_000_000L) {
            requests += round(atOnce);
            rounds++;
        }
        double took = (System.nanoTime() - begun) / 1e9;
        long answer = answers.get() / Math.max(1, rounds);
        long stormed = storm(pairs);
        cpu = cpuNanos() - cpu;
        pause(QUIET_SECONDS); // For the last summaries.
        report(recording, requests, rounds, took, cpu, answer, stormed);
    }

    private static void report(
            Recording recording, long requests, int rounds, double took, long cpu, long answer, long stormed)
            throws IOException {
        Path file = Files.createTempFile("stress", ".jfr");
        Recording all = FlightRecorder.getFlightRecorder().takeSnapshot();
        all.dump(file);
        List<RecordedEvent> events = RecordingFile.readAllEvents(file);
        Files.delete(file);
        long counted = 0;
        long measured = 0;
        long unknown = 0;
        long statements = 0;
        long pinned = 0;
        String state = "unknown";
        boolean agent = false;
        for (RecordedEvent event : events) {
            if (event.getStartTime().isBefore(recording.getStartTime())
                    && !event.getEventType().getName().equals("pitot.AgentStatus")) {
                continue; // Classes were loaded and woven, for which virtual threads are pinned.
            }
            switch (event.getEventType().getName()) {
                case "pitot.EndpointSummary" -> {
                    agent = true;
                    counted += event.getLong("count");
                    measured += event.getLong("totalCpuTime");
                    unknown += event.getLong("count") - event.getLong("measured");
                }
                case "pitot.StatementSummary" -> statements += event.getLong("count");
                case "pitot.AgentStatus" -> {
                    if (event.getString("part").equals("virtual threads")) {
                        state = event.getString("state") + " " + event.getString("reason");
                    }
                }
                case "jdk.VirtualThreadPinned" -> {
                    if (pinned++ < 3) {
                        System.out.println(event);
                    }
                }
                default -> {}
            }
        }
        System.out.printf(
                "%d requests in %d rounds, %.1f s; answer of a round %x, failed %d; CPU of the process %.2f s; pinned %d;"
                        + " %d pairs of sockets%n",
                requests, rounds, took, answer, failed.get(), cpu / 1e9, pinned, stormed);
        if (agent) {
            System.out.printf(
                    "the agent: %d of %d requests, %d statements; their CPU time %.2f s, %.3f of the process, unknown of %d; virtual threads %s%n",
                    counted, requests + stormed, statements, measured / 1e9, (double) measured / cpu, unknown, state);
        }
        System.exit(failed.get() > 0 || agent && counted != requests + stormed ? 1 : 0);
    }

    /** All at once, and waits for the last. */
    private static long round(int count) throws InterruptedException {
        CountDownLatch left = new CountDownLatch(count);
        for (int i = 0; i < count; i++) {
            String kind = KINDS[i % KINDS.length];
            threads.execute(() -> {
                try {
                    new Filter.Chain(List.of(), exchange -> serve(kind)).doFilter(new Call(kind));
                } catch (Throwable e) {
                    failed.incrementAndGet();
                    e.printStackTrace();
                } finally {
                    left.countDown();
                }
            });
        }
        awaitAll(left, count + " requests");
        return count;
    }

    /** As long as some of them end, however slow the machine is. */
    private static void awaitAll(CountDownLatch left, String all) throws InterruptedException {
        for (long before = Long.MAX_VALUE; !left.await(PATIENCE_SECONDS, TimeUnit.SECONDS); before = left.getCount()) {
            if (left.getCount() >= before) {
                System.out.println("hangs: " + left.getCount() + " of " + all + ", pid "
                        + ProcessHandle.current().pid());
                LockSupport.parkNanos(TimeUnit.SECONDS.toNanos(Long.getLong("hold", 0)));
                System.exit(1);
            }
        }
    }

    private static void serve(String kind) throws IOException {
        try {
            answers.addAndGet(answer(kind));
        } catch (InterruptedException | SQLException e) {
            throw new IOException(e);
        }
    }

    /** What a request computes; the same each time. */
    private static long answer(String kind) throws IOException, InterruptedException, SQLException {
        long sum = compute();
        switch (kind) {
            case "yield" -> Thread.yield();
            case "lock" -> {
                lock.lock();
                try {
                    sum += compute();
                } finally {
                    lock.unlock();
                }
            }
            case "monitor" -> {
                synchronized (monitor) {
                    sum += compute();
                }
            }
            case "sleep" -> Thread.sleep(5); // A part of the load: it lets go of its carrier.
            case "wait" -> {
                synchronized (monitor) {
                    monitor.wait(1);
                }
            }
            case "socket" -> sum += ask();
            case "sql" -> {
                Connection connection = pool.take();
                try (Statement statement = connection.createStatement();
                        ResultSet rows = statement.executeQuery("select sum(x) from system_range(1, 50)")) {
                    rows.next();
                    sum += rows.getLong(1);
                } finally {
                    pool.add(connection);
                }
            }
            default -> {
                CountDownLatch done = new CountDownLatch(1);
                AtomicLong other = new AtomicLong();
                threads.execute(() -> {
                    other.set(compute());
                    done.countDown();
                });
                done.await();
                sum += other.get();
            }
        }
        return sum + compute();
    }

    private static long compute() {
        CRC32 crc = new CRC32();
        for (int i = 0; i < 150_000; i++) {
            crc.update(i);
        }
        return crc.getValue();
    }

    private static long ask() throws IOException {
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            socket.setSoLinger(true, 0); // Else its port is taken for a minute.
            OutputStream out = socket.getOutputStream();
            InputStream in = socket.getInputStream();
            long sum = 0;
            for (int i = 0; i < 4; i++) {
                out.write(i);
                sum += in.read();
            }
            return sum;
        }
    }

    private static void echo(ServerSocket server) {
        try {
            while (true) {
                Socket accepted = server.accept();
                threads.execute(() -> {
                    try (Socket socket = accepted) {
                        InputStream in = socket.getInputStream();
                        OutputStream out = socket.getOutputStream();
                        for (int read = in.read(); read >= 0; read = in.read()) {
                            out.write(read);
                        }
                    } catch (IOException reset) {
                        // So it ends.
                    }
                });
            }
        } catch (IOException e) {
            e.printStackTrace();
            failed.incrementAndGet();
        }
    }

    /** Requests of which each keeps its pair of sockets until all are open. */
    private static long storm(int pairs) throws InterruptedException {
        CountDownLatch open = new CountDownLatch(pairs);
        CountDownLatch left = new CountDownLatch(pairs);
        for (int i = 0; i < pairs; i++) {
            threads.execute(() -> {
                try {
                    new Filter.Chain(List.of(), exchange -> keepOpen(open)).doFilter(new Call("storm"));
                } catch (Throwable e) {
                    failed.incrementAndGet();
                    open.countDown();
                    e.printStackTrace();
                } finally {
                    left.countDown();
                }
            });
        }
        awaitAll(left, pairs + " pairs of sockets");
        return pairs;
    }

    private static void keepOpen(CountDownLatch open) throws IOException {
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            socket.setSoLinger(true, 0);
            InputStream in = socket.getInputStream();
            OutputStream out = socket.getOutputStream();
            out.write(1);
            int first = in.read();
            open.countDown();
            open.await();
            out.write(2);
            if (first != 1 || in.read() != 2) {
                throw new IOException("another's answer");
            }
        } catch (InterruptedException e) {
            throw new IOException(e);
        }
    }

    /** Lets the process come to rest: nothing is waited for, and what it spends meanwhile is no request's. */
    private static void pause(int seconds) throws InterruptedException {
        TimeUnit.SECONDS.sleep(seconds);
    }

    private static long cpuNanos() {
        return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime();
    }

    /** An exchange with nobody, as the filter chain of the JDK's server takes it. */
    private static final class Call extends HttpExchange {
        private final Headers headers = new Headers();
        private final String path;

        Call(String kind) {
            path = "/" + kind;
        }

        @Override
        public Headers getRequestHeaders() {
            return headers;
        }

        @Override
        public Headers getResponseHeaders() {
            return headers;
        }

        @Override
        public URI getRequestURI() {
            return URI.create(path);
        }

        @Override
        public String getRequestMethod() {
            return "GET";
        }

        @Override
        public HttpContext getHttpContext() {
            return new HttpContext() {
                @Override
                public HttpHandler getHandler() {
                    return exchange -> {};
                }

                @Override
                public void setHandler(HttpHandler handler) {}

                @Override
                public String getPath() {
                    return path;
                }

                @Override
                public HttpServer getServer() {
                    throw new UnsupportedOperationException();
                }

                @Override
                public Map<String, Object> getAttributes() {
                    return Map.of();
                }

                @Override
                public List<Filter> getFilters() {
                    return List.of();
                }

                @Override
                public Authenticator setAuthenticator(Authenticator authenticator) {
                    throw new UnsupportedOperationException();
                }

                @Override
                public Authenticator getAuthenticator() {
                    throw new UnsupportedOperationException();
                }
            };
        }

        @Override
        public int getResponseCode() {
            return 200;
        }

        @Override
        public void close() {}

        @Override
        public InputStream getRequestBody() {
            return InputStream.nullInputStream();
        }

        @Override
        public OutputStream getResponseBody() {
            return OutputStream.nullOutputStream();
        }

        @Override
        public void sendResponseHeaders(int status, long length) {}

        @Override
        public InetSocketAddress getRemoteAddress() {
            throw new UnsupportedOperationException();
        }

        @Override
        public InetSocketAddress getLocalAddress() {
            throw new UnsupportedOperationException();
        }

        @Override
        public String getProtocol() {
            return "HTTP/1.1";
        }

        @Override
        public Object getAttribute(String name) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void setAttribute(String name, Object value) {}

        @Override
        public void setStreams(InputStream in, OutputStream out) {}

        @Override
        public HttpPrincipal getPrincipal() {
            throw new UnsupportedOperationException();
        }
    }
}
