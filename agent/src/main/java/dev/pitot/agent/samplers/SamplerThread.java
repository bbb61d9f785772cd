package dev.pitot.agent.samplers;

import dev.pitot.agent.status.Contained;
import dev.pitot.agent.status.StatusBoard;
import dev.pitot.agent.status.StatusBoard.Entry;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.locks.LockSupport;

/**
 * The one thread that measures by the clock: each second, on the second since its start, without drift. A second that the
 * machine slept through is left out, not made up for. A sampler that throws is switched off and said so; the rest go on.
 */
final class SamplerThread extends Thread {
    static final long SECOND = 1_000_000_000L;

    private final List<Sampler> samplers;
    private final Runnable onSecond;
    private final StatusBoard status;
    private final Runnable atEnd;
    private volatile boolean stopped;

    /**
     * @param onSecond runs after the samplers, each second
     * @param atEnd runs last of all, when nothing is sampled any more
     */
    SamplerThread(List<Sampler> samplers, Runnable onSecond, Runnable atEnd, StatusBoard status) {
        super(null, null, "pitot-sampler", 0, false);
        this.samplers = new ArrayList<>(samplers);
        this.onSecond = onSecond;
        this.atEnd = atEnd;
        this.status = status;
        setDaemon(true);
        Contained.in(this);
        setContextClassLoader(null);
    }

    /** Asks the thread to sample once more and end. */
    void finish() {
        stopped = true;
        LockSupport.unpark(this);
    }

    @Override
    public void run() {
        try {
            sampleUntilStopped();
        } finally {
            atEnd.run();
        }
    }

    private void sampleUntilStopped() {
        long previous = System.nanoTime();
        long due = previous + SECOND;
        while (!stopped) {
            // Only a finish wakes it early; an interrupt by the application is of no concern and must not make it spin.
            long wait = due - System.nanoTime();
            if (wait > 0) {
                LockSupport.parkNanos(this, wait);
                Thread.interrupted();
                continue;
            }
            long now = System.nanoTime();
            sampleAll(now - previous);
            previous = now;
            due = next(due, System.nanoTime());
            second();
        }
        sampleAll(System.nanoTime() - previous);
    }

    /** The first whole second after {@code now} in the row that {@code due} belongs to. */
    static long next(long due, long now) {
        long late = now - due;
        return due + (late < 0 ? SECOND : (late / SECOND + 1) * SECOND);
    }

    private void sampleAll(long interval) {
        for (Iterator<Sampler> all = samplers.iterator(); all.hasNext(); ) {
            Sampler sampler = all.next();
            try {
                sampler.sample(interval);
            } catch (OutOfMemoryError full) {
                // The application's heap, and perhaps only for now: to say so would need memory too.
            } catch (Throwable failed) {
                all.remove();
                status.set(
                        sampler.name(),
                        Entry.off(
                                "Measuring failed and was switched off: "
                                        + failed.getClass().getSimpleName() + ": " + failed.getMessage(),
                                "Restart the JVM to try again, and report this"));
            }
        }
    }

    private void second() {
        try {
            onSecond.run();
        } catch (OutOfMemoryError full) {
            // As above; the next second tries again.
        } catch (Throwable failed) {
            status.set(
                    "every second",
                    Entry.partial(
                            "A task failed: " + failed.getClass().getSimpleName() + ": " + failed.getMessage(),
                            "Report this"));
        }
    }
}
