package dev.pitot.agent.spans;

import java.lang.reflect.Method;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Some virtual threads that spin by turns, yield, sleep and wait for a monitor, and whether what they are said to have cost is what
 * their carriers' clocks showed around each turn: their own, and not the others'. On a thread of the agent.
 */
final class Trial {
    private static final int THREADS = 4;
    private static final int TURNS = 12;
    /** Nanoseconds of CPU time. */
    private static final long TURN = 500_000;

    private static final long PATIENCE_SECONDS = 10;

    private final SpanThreads threads;
    private final CountDownLatch left = new CountDownLatch(THREADS);
    private final Object monitor = new Object();
    private volatile @Nullable String wrong;

    private Trial(SpanThreads threads) {
        this.threads = threads;
    }

    /** Null when they are right. */
    static @Nullable String run(SpanThreads threads) {
        Trial trial = new Trial(threads);
        try {
            Method start = Thread.class.getMethod("startVirtualThread", Runnable.class);
            for (int i = 0; i < THREADS; i++) {
                start.invoke(null, (Runnable) trial::measure);
            }
            if (!trial.left.await(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
                return "a trial did not end in " + PATIENCE_SECONDS + " s, as their carriers are busy";
            }
        } catch (InterruptedException | ReflectiveOperationException failed) {
            return String.valueOf(failed);
        }
        return trial.wrong;
    }

    private void measure() {
        try {
            VirtualMeter meter = threads.newVirtualMeter(Thread.currentThread(), true);
            ThreadMeter.Mark mark = meter.newMark();
            Cost cost = new Cost(meter.places());
            turn(); // The first turn is slow, and the carrier may be new.
            Thread.yield();
            meter.mark(mark, true);
            long spun = 0;
            for (int i = 0; i < TURNS; i++) {
                spun += turn();
                spun += pause(i % 4);
            }
            meter.since(mark, cost, new Split());
            meter.rest();
            if (meter.times() < TURNS / 4) {
                wrong = "the JDK does not tell of mounts";
            } else if (cost.cpuTime < spun * 9 / 10 || cost.cpuTime > spun * 11 / 10) {
                wrong = "a trial found " + cost.cpuTime + " ns of CPU time instead of " + spun;
            }
        } catch (Throwable failed) {
            wrong = String.valueOf(failed);
        } finally {
            left.countDown();
        }
    }

    private long pause(int kind) {
        switch (kind) {
            case 0:
                Thread.yield();
                return 0;
            case 1:
                LockSupport.parkNanos(TURN);
                return 0;
            case 2:
                synchronized (monitor) {
                    return turn();
                }
            default:
                LockSupport.parkNanos(1);
                return 0;
        }
    }

    /** Spins without being unmounted; nanoseconds of its carrier's clock. */
    private long turn() {
        if (!threads.mounts().pin()) {
            throw new IllegalStateException("they cannot be kept on their carrier");
        }
        try {
            Carrier here = threads.mounts().here();
            if (here == null || here.meter.cpuTime() == Long.MIN_VALUE) {
                throw new IllegalStateException("their carrier is not known");
            }
            long begun = here.meter.cpuTime();
            long now = begun;
            while (now - begun < TURN) {
                for (int i = 0; i < 1000; i++) {
                    Thread.onSpinWait();
                }
                now = here.meter.cpuTime();
            }
            return now - begun;
        } finally {
            threads.mounts().unpin();
        }
    }
}
