package dev.pitot.web.live;

import java.util.ArrayDeque;
import java.util.List;
import java.util.UUID;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One person's page: a bounded queue of messages of which one at a time is on its way. Nobody ever waits for it: when the queue
 * is full, it is emptied, {@code lagged} is put in, and the watch ends until the page asks again. Any thread.
 */
public final class Viewer {
    /** How messages leave; the send returns at once and calls back from any thread, at once or later. */
    public interface Outlet {
        /** @param done gets null when the message is on its way, else why it never will be */
        void send(String message, Consumer<@Nullable Throwable> done);
    }

    /** What a viewer wants to see. */
    sealed interface Watch {
        record Nothing() implements Watch {}

        record Fleet() implements Watch {}

        record OneJvm(UUID id) implements Watch {}

        /** One JVM, whose messages come from another collector. */
        record Elsewhere(UUID id) implements Watch {}
    }

    static final String LAGGED = "{\"kind\":\"lagged\"}";
    /** A batch is what one flush brings: of a JVM with many disks and threads that is a hundred messages. */
    private static final int MOST_BATCHES = 64;
    /** The first answer to a watch holds one to three million characters, at most some 5.5 million. */
    private static final long MOST_CHARACTERS = 6_000_000;

    private final Outlet outlet;

    private record Queued(String message, boolean endsBatch) {}

    private final ArrayDeque<Queued> queue = new ArrayDeque<>();
    private int queuedBatches;
    private long queuedCharacters;
    private boolean sending;
    private boolean closed;
    private Watch watch = new Watch.Nothing();
    /** The last {@code jvm} message without its clock; written and read by the publisher only. */
    @Nullable
    String lastJvmMessage;

    Viewer(Outlet outlet) {
        this.outlet = outlet;
    }

    synchronized Watch watch() {
        return watch;
    }

    synchronized void watch(Watch wanted) {
        watch = closed ? new Watch.Nothing() : wanted;
    }

    /** Queues a message; false when the viewer could not keep up and was told so. */
    boolean offer(String message) {
        return offer(List.of(message));
    }

    /** Queues messages that belong together, all or none; false when the viewer could not keep up and was told so. */
    boolean offer(List<String> batch) {
        if (batch.isEmpty()) {
            return true;
        }
        long characters = batch.stream().mapToLong(String::length).sum();
        boolean kept = true;
        synchronized (this) {
            if (closed) {
                return false;
            }
            if (queuedBatches >= MOST_BATCHES || queuedCharacters + characters > MOST_CHARACTERS) {
                queue.clear();
                watch = new Watch.Nothing();
                queue.addLast(new Queued(LAGGED, true));
                queuedBatches = 1;
                queuedCharacters = LAGGED.length();
                kept = false;
            } else {
                for (int i = 0; i < batch.size(); i++) {
                    queue.addLast(new Queued(batch.get(i), i == batch.size() - 1));
                }
                queuedBatches++;
                queuedCharacters += characters;
            }
            if (sending) {
                return kept;
            }
            sending = true;
        }
        sendNext();
        return kept;
    }

    private void sendNext() {
        // An outlet that calls back before it returns must not deepen the stack with each message.
        while (true) {
            String message;
            synchronized (this) {
                Queued next = closed ? null : queue.pollFirst();
                if (next == null) {
                    sending = false;
                    return;
                }
                message = next.message();
                queuedBatches -= next.endsBatch() ? 1 : 0;
                queuedCharacters -= message.length();
            }
            Handoff handoff = new Handoff();
            outlet.send(message, failure -> {
                if (failure != null) {
                    close();
                }
                if (handoff.returnedBefore()) {
                    sendNext();
                }
            });
            if (!handoff.calledBackBefore()) {
                return;
            }
        }
    }

    /** Decides which of the two, the return of the send or its callback, goes on with the next message: the later one. */
    private static final class Handoff {
        private boolean other;

        private synchronized boolean later() {
            boolean isLater = other;
            other = true;
            return isLater;
        }

        boolean returnedBefore() {
            return later();
        }

        boolean calledBackBefore() {
            return later();
        }
    }

    synchronized void close() {
        closed = true;
        queue.clear();
        queuedBatches = 0;
        queuedCharacters = 0;
        watch = new Watch.Nothing();
    }

    synchronized boolean closed() {
        return closed;
    }
}
