package dev.pitot.events;

import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/**
 * The requests of one connection whose answers are still to come, in the order in which they came and will be answered (RFC 9112,
 * 9.3.2). Advice keeps it by the connection, see {@link Spans#keep}; it holds nothing of the application. Thread-safe.
 */
public final class SpansConnection {
    /** Requests sent ahead of their answers beyond which they are no longer measured. */
    private static final int MOST = 1000;

    /** Stands for a request that is not measured. */
    private static final Object NONE = new Object();

    private final ArrayDeque<Object> open = new ArrayDeque<>(2);
    /** Behind those, unmeasured. */
    private int beyond;

    private int status;
    /** Whether it speaks HTTP/2 from now on. */
    private boolean left;

    /**
     * A request has come and its handler begins on this thread.
     *
     * @return its token for {@link Spans#endRequest}, or null when it is not measured
     */
    public @Nullable Object begin() {
        Object token = isFull() ? null : Spans.beginRequest();
        add(token);
        return token;
    }

    private synchronized boolean isFull() {
        return open.size() >= MOST;
    }

    /** A request has come, with its token, or null when it is not measured. */
    public synchronized void add(@Nullable Object token) {
        if (open.size() >= MOST || beyond > 0) {
            beyond++;
        } else {
            open.add(token == null ? NONE : token);
        }
    }

    /** Token of the request that came last, or null when it was answered already or is not measured. */
    public synchronized @Nullable Object latest() {
        Object token = beyond > 0 ? null : open.peekLast();
        return token == NONE ? null : token;
    }

    /** Whether a request's answer is still to come. */
    public synchronized boolean isOpen(Object token) {
        // The latest one, nearly always.
        return open.peekLast() == token || open.contains(token);
    }

    /** The answer to the request that came first has begun. */
    public synchronized void answer(int itsStatus) {
        status = itsStatus;
    }

    /**
     * The answer that has begun says that the connection goes on in HTTP/2 (RFC 7540, 3.2): what was asked for is answered as the first
     * stream of that, and is a request of that stream, so that what was begun here never ends.
     */
    public synchronized void leave() {
        left = true;
    }

    /** The last of an answer was written. One that is to be followed by another (100 Continue) ends nothing. */
    public void end() {
        Object token;
        int its;
        synchronized (this) {
            its = status;
            status = 0;
            if (left) {
                return;
            }
            if (its >= 100 && its < 200 && its != 101) {
                return;
            }
            token = open.poll();
            if (token == null && beyond > 0) {
                beyond--;
            }
        }
        if (token != null && token != NONE) {
            Spans.completeRequest(token, null, its, null);
        }
    }

    /** The connection is closed: what was not answered never will be. */
    public void close() {
        synchronized (this) {
            if (left) {
                open.clear();
                return;
            }
        }
        for (boolean more = true; more; ) {
            end();
            synchronized (this) {
                beyond = 0;
                more = !open.isEmpty();
            }
        }
    }

    /** The path of a request target, which is a path with its query string or a whole URL (RFC 9112, 3.2). */
    public static String path(String target) {
        int from = 0;
        if (!target.startsWith("/")) {
            int host = target.indexOf("://");
            from = host < 0 ? 0 : target.indexOf('/', host + 3);
            if (from < 0) {
                return "/";
            }
        }
        int end = target.length();
        for (int i = from; i < end; i++) {
            char c = target.charAt(i);
            if (c == '?' || c == '#') {
                end = i;
            }
        }
        return target.substring(from, end);
    }
}
