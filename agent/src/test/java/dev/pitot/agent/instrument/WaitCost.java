package dev.pitot.agent.instrument;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.ForkJoinTask;
import java.util.concurrent.RecursiveTask;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/**
 * Prints what the JDK's woven methods take while nothing is measured, in nanoseconds; a program to run by hand, without the agent
 * and with it: {@code java -cp <test class path> dev.pitot.agent.instrument.WaitCost}.
 */
public final class WaitCost {
    private WaitCost() {}

    public static void main(String[] args) throws Exception {
        // The agent weaves the JDK's methods once it has seen a server, in the background, and this program cannot see
        // it do so.
        Class.forName("com.sun.net.httpserver.Filter$Chain");
        Thread.sleep(4000);
        for (int round = 0; round < 3; round++) {
            System.out.printf(
                    "park that returns at once %d, park and unpark of two threads %d, read of one byte %d, fork and join %d ns%n",
                    best(WaitCost::parkWithPermit),
                    best(WaitCost::pingPong),
                    best(WaitCost::readByte),
                    best(WaitCost::fork));
        }
    }

    private interface Run {
        long nanos() throws Exception;
    }

    private static long best(Run run) throws Exception {
        long best = Long.MAX_VALUE;
        for (int i = 0; i < 7; i++) {
            best = Math.min(best, run.nanos());
        }
        return best;
    }

    private static long parkWithPermit() {
        Thread self = Thread.currentThread();
        int n = 1_000_000;
        long begun = System.nanoTime();
        for (int i = 0; i < n; i++) {
            LockSupport.unpark(self);
            LockSupport.park(self);
        }
        return (System.nanoTime() - begun) / n;
    }

    private static long pingPong() throws InterruptedException {
        int n = 20_000;
        AtomicInteger turn = new AtomicInteger();
        Thread main = Thread.currentThread();
        Thread other = new Thread(() -> {
            for (int i = 0; i < n; i++) {
                while (turn.get() != 1) {
                    LockSupport.park(turn);
                }
                turn.set(0);
                LockSupport.unpark(main);
            }
        });
        other.start();
        long begun = System.nanoTime();
        for (int i = 0; i < n; i++) {
            turn.set(1);
            LockSupport.unpark(other);
            while (turn.get() != 0) {
                LockSupport.park(turn);
            }
        }
        long nanos = (System.nanoTime() - begun) / n;
        other.join();
        return nanos;
    }

    private static long readByte() throws IOException {
        Path path = Files.createTempFile("pitot", null);
        Files.write(path, new byte[1]);
        int n = 200_000;
        try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "r")) {
            long begun = System.nanoTime();
            for (int i = 0; i < n; i++) {
                file.seek(0);
                file.read();
            }
            return (System.nanoTime() - begun) / n;
        } finally {
            Files.delete(path);
        }
    }

    private static final class Fib extends RecursiveTask<Integer> {
        private final int n;

        Fib(int n) {
            this.n = n;
        }

        @Override
        protected Integer compute() {
            if (n < 2) {
                return 1;
            }
            ForkJoinTask<Integer> other = new Fib(n - 1).fork();
            return new Fib(n - 2).compute() + other.join();
        }
    }

    /** For each task, on one thread. */
    private static long fork() {
        ForkJoinPool pool = new ForkJoinPool(1);
        long begun = System.nanoTime();
        int tasks = pool.invoke(new Fib(24));
        long nanos = (System.nanoTime() - begun) / tasks;
        pool.shutdown();
        return nanos;
    }
}
