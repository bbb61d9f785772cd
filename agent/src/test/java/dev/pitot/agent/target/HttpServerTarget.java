package dev.pitot.agent.target;

import com.sun.net.httpserver.Filter;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.TimeUnit;

/** The JDK's server, with a filter, a failing handler, one that hands over to another thread and a slow one. */
public final class HttpServerTarget {
    private HttpServerTarget() {}

    public static void main(String[] args) throws Exception {
        // "each": a thread for every request; "virtual": virtual threads; "common": the common pool.
        String threads = args.length > 0 ? args[0] : System.getProperty("threads", "pool");
        ExecutorService pool = executor(threads);
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 200);
        List<Thread> started = Collections.synchronizedList(new ArrayList<>());
        server.setExecutor(
                threads.equals("each")
                        ? task -> {
                            Thread thread = new Thread(task);
                            started.add(thread);
                            thread.start();
                        }
                        : pool);
        server.createContext("/hello", exchange -> answer(exchange, 200))
                .getFilters()
                .add(new Filter() {
                    @Override
                    public void doFilter(HttpExchange exchange, Chain chain) throws IOException {
                        chain.doFilter(exchange);
                    }

                    @Override
                    public String description() {
                        return "passes all";
                    }
                });
        server.createContext("/broken", exchange -> {
            throw new IllegalStateException("broken on purpose");
        });
        server.createContext("/cut", HttpExchange::close);
        server.createContext("/missing", exchange -> answer(exchange, 404));
        server.createContext("/unavailable", exchange -> answer(exchange, 503));
        CountDownLatch never = new CountDownLatch(1);
        server.createContext("/slow", exchange -> {
            try {
                never.await(60, TimeUnit.MILLISECONDS);
            } catch (InterruptedException e) {
                throw new IOException(e);
            }
            answer(exchange, 200);
        });
        server.createContext("/later", exchange -> {
            Thread handler = Thread.currentThread();
            new Thread(() -> {
                        try {
                            // Answered before the handler has returned it would not be asynchronous.
                            while (isServing(handler)) {
                                Thread.onSpinWait();
                            }
                            answerLater(exchange);
                        } catch (IOException e) {
                            throw new IllegalStateException(e);
                        }
                    })
                    .start();
        });
        server.createContext("/spin", exchange -> {
            answer(exchange, compute() == 0 ? 500 : 200);
        });
        server.createContext("/allocate", exchange -> {
            byte[][] waste = new byte[64][];
            for (int i = 0; i < waste.length; i++) {
                waste[i] = new byte[16 * 1024];
            }
            answer(exchange, 200 + waste.length - 64);
        });
        server.start();
        System.out.println("port " + server.getAddress().getPort());
        while (System.in.read() >= 0) {
            System.out.println("read");
        }
        server.stop(0);
        // An answer reaches the client before its handler returns.
        pool.shutdown();
        pool.awaitTermination(5, TimeUnit.SECONDS);
        for (Thread thread : started) {
            thread.join();
        }
        System.out.println("end");
        Object finish = System.getProperties().get("pitot.test.finish");
        if (finish instanceof Runnable end) {
            end.run();
        }
    }

    private static ExecutorService executor(String threads) throws ReflectiveOperationException {
        if (threads.equals("common")) {
            // Erases the thread-locals of its threads between tasks.
            return ForkJoinPool.commonPool();
        }
        return threads.equals("virtual")
                ? (ExecutorService) Executors.class
                        .getMethod("newVirtualThreadPerTaskExecutor")
                        .invoke(null)
                : Executors.newFixedThreadPool(8);
    }

    /** Some 20 ms of work: not a span of time, of which a busy machine would leave the thread a part. */
    private static long compute() {
        long random = 1;
        for (int i = 0; i < 10_000_000; i++) {
            random ^= random << 13;
            random ^= random >>> 7;
            random ^= random << 17;
        }
        return random;
    }

    private static void answer(HttpExchange exchange, int status) throws IOException {
        exchange.getRequestBody().readAllBytes();
        exchange.sendResponseHeaders(status, -1);
        exchange.close();
    }

    private static void answerLater(HttpExchange exchange) throws IOException {
        switch (exchange.getRequestURI().getPath()) {
            case "/later/cut" -> exchange.close();
            case "/later/body" -> {
                byte[] text = "later".getBytes(StandardCharsets.UTF_8);
                exchange.sendResponseHeaders(203, text.length);
                try (OutputStream body = exchange.getResponseBody()) {
                    body.write(text);
                }
            }
            default -> answer(exchange, 200);
        }
    }

    private static boolean isServing(Thread thread) {
        for (StackTraceElement frame : thread.getStackTrace()) {
            if (frame.getMethodName().equals("doFilter")) {
                return true;
            }
        }
        return false;
    }
}
