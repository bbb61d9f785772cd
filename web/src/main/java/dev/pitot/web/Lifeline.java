package dev.pitot.web;

import java.util.ArrayDeque;
import java.util.Deque;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What was started, in order, to be stopped in the opposite order: by a failed start, or by SIGTERM or Ctrl-C through a shutdown
 * hook, which may come in the middle of the start. Any thread.
 */
final class Lifeline implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Lifeline.class);

    private final Deque<AutoCloseable> started = new ArrayDeque<>();
    private boolean ending;
    private boolean hooked;

    /** From now on the end of the JVM closes this first. */
    synchronized void closeAtExit() {
        if (!hooked) {
            hooked = true;
            Runtime.getRuntime().addShutdownHook(new Thread(this::close, "pitot-stop"));
        }
    }

    /** Takes care of something that was started; when the end has begun already it is stopped at once. */
    <T extends AutoCloseable> T add(T part) {
        synchronized (this) {
            if (!ending) {
                started.push(part);
                return part;
            }
        }
        stop(part);
        throw CommandFailure.failed("Pitot was told to stop before it had started.", null);
    }

    /** Whether the end has begun. */
    synchronized boolean ending() {
        return ending;
    }

    /** Stops all; a part that fails to stop does not keep the others from it. */
    @Override
    public void close() {
        synchronized (this) {
            ending = true;
        }
        while (true) {
            AutoCloseable part;
            synchronized (this) {
                part = started.poll();
            }
            if (part == null) {
                return;
            }
            stop(part);
        }
    }

    private static void stop(AutoCloseable part) {
        try {
            part.close();
        } catch (Exception e) {
            LOG.warn("{} did not stop cleanly", part.getClass().getSimpleName(), e);
        }
    }
}
