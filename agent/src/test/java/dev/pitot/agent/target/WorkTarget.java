package dev.pitot.agent.target;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.lang.reflect.Method;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.ForkJoinTask;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RecursiveTask;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The JDK's server, whose handlers leave their work to other threads, each in its own way, or wait for one thing each. An answer
 * is the CPU time, in nanoseconds, that the others spent on the request, as they found it themselves.
 */
public final class WorkTarget {
    private static final long SPIN = 20_000_000;
    private static final long WAIT_MILLIS = 100;
    private static final long TURN = 1_000_000;
    private static final Object TURNS = new Object();

    private static final AtomicLong spun = new AtomicLong();
    /** Starts its thread before the agent has seen a server. */
    private static final ThreadPoolExecutor old =
            new ThreadPoolExecutor(1, 1, 1, TimeUnit.MINUTES, new LinkedBlockingQueue<>());

    private static final ThreadPoolExecutor pool = (ThreadPoolExecutor) Executors.newFixedThreadPool(3);

    private static final ScheduledThreadPoolExecutor timer = new ScheduledThreadPoolExecutor(1);
    private static final ForkJoinPool forkJoin = new ForkJoinPool(2);
    /** Not followed by the agent: it is fed by hand. */
    private static final LinkedBlockingQueue<Runnable> aliens = new LinkedBlockingQueue<>();
    /** Captures nothing: one object for all who submit it. */
    private static final Runnable SHARED = WorkTarget::spin;

    private static ThreadPoolExecutor grown;
    private static final CountDownLatch late = new CountDownLatch(1);

    private WorkTarget() {}

    /** Burns CPU time on the calling thread and adds what it was. */
    private static long spin() {
        return spin(SPIN);
    }

    private static long spin(long nanos) {
        long begun = cpuTime();
        long now = begun;
        while (now - begun < nanos) {
            for (int i = 0; i < 1000; i++) {
                Thread.onSpinWait();
            }
            now = cpuTime();
        }
        spun.addAndGet(now - begun);
        return now - begun;
    }

    /** That of the carrier where this is a virtual thread, which must not be unmounted between two calls. */
    private static long cpuTime() {
        return carrier == null
                ? ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime()
                : ManagementFactory.getThreadMXBean()
                        .getThreadCpuTime(carrier.get().getId());
    }

    private static @Nullable Supplier<Thread> carrier;

    /** Needs {@code --add-exports java.base/jdk.internal.access=ALL-UNNAMED}. */
    private static Supplier<Thread> carriers() throws ReflectiveOperationException {
        Object lang = Class.forName("jdk.internal.access.SharedSecrets")
                .getMethod("getJavaLangAccess")
                .invoke(null);
        Method current = Class.forName("jdk.internal.access.JavaLangAccess").getMethod("currentCarrierThread");
        return () -> {
            try {
                return (Thread) current.invoke(lang);
            } catch (ReflectiveOperationException e) {
                throw new IllegalStateException(e);
            }
        };
    }

    public static void main(String[] args) throws Exception {
        old.prestartAllCoreThreads();
        if (Boolean.getBoolean("virtual")) {
            carrier = carriers();
        }
        Thread alien = new Thread(() -> {
            try {
                while (true) {
                    aliens.take().run();
                }
            } catch (InterruptedException end) {
                // The program ends.
            }
        });
        alien.setDaemon(true);
        alien.start();
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 50);
        ExecutorService handlers = Boolean.getBoolean("virtual") ? virtualThreads() : Executors.newFixedThreadPool(4);
        server.setExecutor(handlers);
        for (Method method : WorkTarget.class.getDeclaredMethods()) {
            if (method.isAnnotationPresent(Handler.class)) {
                server.createContext("/" + method.getName(), exchange -> {
                    spun.set(0);
                    String answer;
                    try {
                        answer = String.valueOf(method.invoke(null));
                    } catch (ReflectiveOperationException failed) {
                        throw new IOException(failed);
                    }
                    byte[] body = answer.getBytes(StandardCharsets.UTF_8);
                    exchange.sendResponseHeaders(200, body.length);
                    exchange.getResponseBody().write(body);
                    exchange.close();
                });
            }
        }
        server.start();
        System.out.println("port " + server.getAddress().getPort());
        while (System.in.read() >= 0) {
            continue;
        }
        server.stop(0);
        handlers.shutdown();
        handlers.awaitTermination(5, TimeUnit.SECONDS);
        System.out.println("end");
        Object finish = System.getProperties().get("pitot.test.finish");
        if (finish instanceof Runnable end) {
            end.run();
        }
        System.exit(0);
    }

    @java.lang.annotation.Retention(java.lang.annotation.RetentionPolicy.RUNTIME)
    private @interface Handler {}

    // Each of these leaves its work to another thread.

    @Handler
    private static Object submit() throws Exception {
        return pool.submit(() -> spin()).get();
    }

    @Handler
    private static Object submitToOldThread() throws Exception {
        return old.submit(() -> spin()).get();
    }

    @Handler
    private static Object execute() throws Exception {
        CountDownLatch done = new CountDownLatch(1);
        pool.execute(() -> {
            spin();
            done.countDown();
        });
        done.await();
        return spun;
    }

    @Handler
    private static Object invokeAll() throws Exception {
        List<Callable<Long>> tasks = List.of(WorkTarget::spin, WorkTarget::spin, WorkTarget::spin);
        pool.invokeAll(tasks);
        return spun;
    }

    @Handler
    private static Object shared() throws Exception {
        CountDownLatch submitted = new CountDownLatch(1);
        // Nobody runs before all three were submitted.
        for (int i = 0; i < 3; i++) {
            pool.execute(() -> await(submitted));
        }
        for (int i = 0; i < 3; i++) {
            pool.execute(SHARED);
        }
        submitted.countDown();
        awaitSpun(3 * SPIN);
        return spun;
    }

    @Handler
    private static Object schedule() throws Exception {
        return timer.schedule(() -> spin(), 5, TimeUnit.MILLISECONDS).get();
    }

    @Handler
    private static Object forkJoinSubmit() throws Exception {
        return forkJoin.submit(() -> spin()).get();
    }

    @Handler
    private static Object fork() {
        return forkJoin.invoke(new RecursiveTask<Long>() {
            @Override
            protected Long compute() {
                ForkJoinTask<Long> other =
                        ForkJoinTask.adapt((Callable<Long>) WorkTarget::spin).fork();
                return spin() + other.join();
            }
        });
    }

    @Handler
    private static Object parallelStream() {
        return IntStream.range(0, 8).parallel().mapToLong(i -> spin(SPIN / 4)).sum();
    }

    @Handler
    private static Object stages() {
        return CompletableFuture.supplyAsync(WorkTarget::spin)
                .thenApplyAsync(sofar -> sofar + spin(), pool)
                .thenCombineAsync(CompletableFuture.supplyAsync(WorkTarget::spin), Long::sum)
                .join();
    }

    @Handler
    private static Object stagesOfAliens() throws Exception {
        CompletableFuture<Long> first = new CompletableFuture<>();
        CompletableFuture<Long> second = new CompletableFuture<>();
        CompletableFuture<Long> both = first.thenCombine(second, (a, b) -> a + b + spin());
        CompletableFuture<Long> all = both.thenApplyAsync(sofar -> sofar + spin(), forkJoin);
        first.complete(0L);
        aliens.put(() -> second.complete(0L));
        return all.get();
    }

    @Handler
    private static Object delayed() {
        return CompletableFuture.supplyAsync(
                        WorkTarget::spin, CompletableFuture.delayedExecutor(5, TimeUnit.MILLISECONDS))
                .join();
    }

    @Handler
    private static Object thread() throws Exception {
        Thread thread = new Thread(() -> spin());
        thread.start();
        thread.join();
        return spun;
    }

    @Handler
    private static Object virtualThread() throws Exception {
        CountDownLatch done = new CountDownLatch(1);
        Thread.class.getMethod("startVirtualThread", Runnable.class).invoke(null, (Runnable) () -> {
            done.countDown();
        });
        done.await();
        virtualThreads().submit(() -> {}).get();
        return scopedValue();
    }

    /** Computes by turns and lets go of its carrier in between, in each of the ways. */
    @Handler
    private static Object turns() throws Exception {
        long sum = 0;
        for (int i = 0; i < 16; i++) {
            sum += spin(TURN);
            switch (i % 4) {
                case 0 -> Thread.yield();
                case 1 -> LockSupport.parkNanos(100_000);
                case 2 -> Thread.sleep(1); // One of the ways, and what is measured here.
                default -> {
                    synchronized (TURNS) {
                        sum += spin(TURN);
                    }
                }
            }
        }
        return sum;
    }

    /** Ten thousand of them, which lock, park and sleep. */
    @Handler
    private static Object crowd() throws Exception {
        ReentrantLock lock = new ReentrantLock();
        AtomicLong done = new AtomicLong();
        Object monitor = new Object();
        try (AutoCloseable threads = (AutoCloseable) virtualThreads()) {
            for (int i = 0; i < 10_000; i++) {
                ((ExecutorService) threads).execute(() -> {
                    lock.lock();
                    lock.unlock();
                    LockSupport.parkNanos(100_000);
                    synchronized (monitor) {
                        done.incrementAndGet();
                    }
                    pause();
                });
            }
        }
        return done;
    }

    // And these do not.

    /** Returns when the agent has woven all that is loaded. */
    @Handler
    private static Object woven() throws InterruptedException {
        for (Thread thread : Thread.getAllStackTraces().keySet()) {
            if (thread.getName().equals("pitot-weaver") || thread.getName().equals("pitot-virtual")) {
                thread.join();
            }
        }
        return 0;
    }

    @Handler
    private static Object alone() {
        return spin();
    }

    @Handler
    private static Object alien() throws Exception {
        CountDownLatch done = new CountDownLatch(1);
        aliens.put(() -> {
            spin();
            done.countDown();
        });
        done.await();
        return spun;
    }

    @Handler
    private static Object periodic() throws Exception {
        CountDownLatch done = new CountDownLatch(2);
        ScheduledFuture<?> periodic = timer.scheduleAtFixedRate(
                () -> {
                    spin();
                    done.countDown();
                },
                0,
                1,
                TimeUnit.MILLISECONDS);
        done.await();
        periodic.cancel(false);
        return spun;
    }

    @Handler
    private static Object leave() {
        pool.execute(() -> {
            await(late);
            spin(5 * SPIN);
        });
        return 0;
    }

    @Handler
    private static Object left() throws InterruptedException {
        late.countDown();
        awaitSpun(5 * SPIN);
        return 0;
    }

    /** The pool's thread is started by this request, which is the last that it has to do with it. */
    @Handler
    private static Object grow() throws Exception {
        grown = new ThreadPoolExecutor(1, 1, 1, TimeUnit.MINUTES, new LinkedBlockingQueue<>());
        grown.submit(() -> spin()).get();
        CountDownLatch done = new CountDownLatch(1);
        aliens.put(() -> grown.execute(() -> {
            spin(3 * SPIN);
            done.countDown();
        }));
        done.await();
        return SPIN;
    }

    /** What the application sees of its tasks is what it submitted. */
    @Handler
    private static Object sameObjects() throws Exception {
        List<Runnable> seen = Collections.synchronizedList(new ArrayList<>());
        CountDownLatch hold = new CountDownLatch(1);
        ThreadPoolExecutor own = new ThreadPoolExecutor(1, 1, 1, TimeUnit.SECONDS, new LinkedBlockingQueue<>()) {
            @Override
            protected void beforeExecute(Thread thread, Runnable task) {
                seen.add(task);
            }

            @Override
            protected void afterExecute(Runnable task, Throwable thrown) {
                seen.add(task);
            }
        };
        Runnable first = () -> await(hold);
        Runnable second = () -> {};
        Runnable third = () -> {};
        own.execute(first);
        own.execute(second);
        own.execute(third);
        boolean removed = own.remove(second);
        hold.countDown();
        own.shutdown();
        own.awaitTermination(5, TimeUnit.SECONDS);
        return removed && seen.equals(List.of(first, first, third, third));
    }

    // These wait, each for one thing.

    private static final Object MONITOR = new Object();

    @Handler
    private static Object monitor() throws Exception {
        CountDownLatch held = new CountDownLatch(1);
        aliens.put(() -> {
            synchronized (MONITOR) {
                held.countDown();
                pause();
            }
        });
        held.await();
        synchronized (MONITOR) {
            return 0;
        }
    }

    private static final ReentrantLock LOCK = new ReentrantLock();

    @Handler
    private static Object lock() throws Exception {
        CountDownLatch held = new CountDownLatch(1);
        aliens.put(() -> {
            LOCK.lock();
            held.countDown();
            pause();
            LOCK.unlock();
        });
        held.await();
        LOCK.lock();
        LOCK.unlock();
        return 0;
    }

    @Handler
    private static Object sleep() {
        pause();
        return 0;
    }

    @Handler
    private static Object park() {
        long end = System.nanoTime() + WAIT_MILLIS * 1_000_000;
        for (long left = WAIT_MILLIS * 1_000_000; left > 0; left = end - System.nanoTime()) {
            LockSupport.parkNanos(left);
        }
        return 0;
    }

    @Handler
    private static Object queue() throws Exception {
        return new LinkedBlockingQueue<>().poll(WAIT_MILLIS, TimeUnit.MILLISECONDS);
    }

    @Handler
    private static Object objectWait() throws Exception {
        Object monitor = new Object();
        synchronized (monitor) {
            monitor.wait(WAIT_MILLIS);
        }
        return 0;
    }

    @Handler
    private static Object socket() throws Exception {
        try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
                Socket client = new Socket(server.getInetAddress(), server.getLocalPort());
                Socket accepted = server.accept()) {
            OutputStream out = accepted.getOutputStream();
            aliens.put(() -> {
                pause();
                try {
                    out.write(7);
                } catch (IOException e) {
                    throw new IllegalStateException(e);
                }
            });
            return client.getInputStream().read();
        }
    }

    @Handler
    private static Object pipe() throws Exception {
        Process process = new ProcessBuilder("sleep", "0." + WAIT_MILLIS).start();
        try (InputStream out = process.getInputStream()) {
            return out.read();
        }
    }

    @Handler
    private static Object file() throws Exception {
        Path file = Files.createTempFile("pitot", null);
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            for (int i = 0; i < 20; i++) {
                channel.write(ByteBuffer.allocate(256 * 1024));
                channel.force(true);
            }
            return Files.readAllBytes(file).length;
        } finally {
            Files.delete(file);
        }
    }

    /** The wait of this application for its other threads, which the agent measures too. */
    private static void awaitSpun(long nanos) throws InterruptedException {
        while (spun.get() < nanos) {
            Thread.sleep(1);
        }
    }

    /** A wait that is measured: what the agent records of it is compared with its length. */
    private static void pause() {
        try {
            Thread.sleep(WAIT_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static ExecutorService virtualThreads() throws ReflectiveOperationException {
        return (ExecutorService)
                Executors.class.getMethod("newVirtualThreadPerTaskExecutor").invoke(null);
    }

    /** The JVM finds scoped values in the local variables of a method that the agent instruments. */
    private static Object scopedValue() throws Exception {
        Class<?> type = Class.forName("java.lang.ScopedValue");
        Object value = type.getMethod("newInstance").invoke(null);
        Object carrier = type.getMethod("where", type, Object.class).invoke(null, value, "scoped");
        Object[] seen = new Object[1];
        Runnable task = () -> {
            try {
                System.gc();
                seen[0] = type.getMethod("get").invoke(value);
            } catch (ReflectiveOperationException e) {
                throw new IllegalStateException(e);
            }
        };
        carrier.getClass().getMethod("run", Runnable.class).invoke(carrier, task);
        return seen[0];
    }
}
