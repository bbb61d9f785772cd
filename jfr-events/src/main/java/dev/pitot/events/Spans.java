package dev.pitot.events;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The bridge between advice inlined into application and JDK classes and the agent behind its own class loader. Until the
 * agent has installed a recorder, and after it has taken it away, a call costs one volatile read and does nothing.
 *
 * <p>Called on the application's threads, virtual ones too; never throws, never blocks. What is begun on a thread is ended on the
 * same thread, innermost first, unless a method says otherwise; what was never ended is dropped with the span around it. A token is the agent's own object: advice
 * keeps it in a local variable and gives it back.
 */
public final class Spans {
    /** Kinds of waits, see {@link #waited}. */
    public static final int LOCK = 0;

    public static final int PARK = 1;
    public static final int SOCKET = 2;
    public static final int FILE = 3;

    /** What the agent implements. Implementations must be thread-safe and must not block. */
    public abstract static class Recorder {
        protected abstract @Nullable Object beginRequest();

        protected abstract void trace(Object request, String traceparent, @Nullable List<String> tracestate);

        protected abstract String @Nullable [] shown();

        protected abstract void show(Object request, @Nullable String header, @Nullable String value);

        protected abstract void route(String pattern);

        protected abstract void endRequest(
                Object request,
                @Nullable String method,
                @Nullable String route,
                @Nullable String path,
                int status,
                boolean async,
                @Nullable Throwable thrown);

        protected abstract void completeRequest(
                Object request, @Nullable String route, int status, @Nullable Throwable thrown);

        protected abstract @Nullable Object continueRequest(Object request);

        protected abstract void failed(Object request, @Nullable Throwable thrown);

        protected abstract @Nullable Object beginStatement(@Nullable Object statement, @Nullable String sql);

        protected abstract @Nullable Object beginUncounted();

        protected abstract void endStatement(Object token, long batchSize, @Nullable Throwable thrown);

        protected abstract void prepared(Object statement, String sql);

        protected abstract void batched(Object statement, @Nullable String sql);

        protected abstract @Nullable Object beginWait(@Nullable String pool);

        protected abstract @Nullable Object beginSource(String source);

        protected abstract void endWait(Object token, @Nullable Throwable thrown);

        protected abstract @Nullable Object beginCall(
                @Nullable String method, @Nullable String host, int port, @Nullable String path);

        protected abstract @Nullable Object continueCall(Object call);

        protected abstract @Nullable String traceparent(@Nullable Object call);

        protected abstract @Nullable String tracestate(@Nullable Object call);

        protected abstract void endCall(Object call, int status, boolean async, @Nullable Throwable thrown);

        protected abstract void completeCall(Object call, int status, @Nullable Throwable thrown);

        protected abstract void submitted(Object task);

        protected abstract @Nullable Object beginTask(Object task);

        protected abstract void endTask(Object token);

        protected abstract @Nullable Object beginStage(Object stage);

        protected abstract void endStage(Object stage, @Nullable Object token, boolean fired);

        protected abstract void pooled();

        protected abstract void beginRun(Object task);

        protected abstract void endRun();

        protected abstract boolean keep(Object key, Object token);

        protected abstract @Nullable Object kept(Object key);

        protected abstract void forget(Object key);

        protected abstract void logged(@Nullable String logger, @Nullable Throwable thrown);

        protected abstract long beginWaiting();

        protected abstract void waited(int kind, long begun);

        protected abstract void mounted(Object thread);

        protected abstract void unmounted(Object thread);
    }

    private static volatile @Nullable Recorder recorder;

    private Spans() {}

    /** Installs the agent's recorder, or takes it away with null. */
    public static void install(@Nullable Recorder installed) {
        recorder = installed;
    }

    /**
     * A server-side handler begins on this thread.
     *
     * @return a token for {@link #endRequest}, or null when this call is nested in a request already begun on this thread
     */
    public static @Nullable Object beginRequest() {
        Recorder r = recorder;
        if (r == null) {
            return null;
        }
        try {
            return r.beginRequest();
        } catch (Throwable unmeasured) {
            // A request that cannot be measured must still be served; so in every method here.
            return null;
        }
    }

    /**
     * What the request's {@code traceparent} header says, or null; see W3C Trace Context. Any thread.
     *
     * @param tracestate what its {@code tracestate} headers say, in their order; null or empty for none
     */
    public static void trace(Object request, @Nullable String traceparent, @Nullable List<String> tracestate) {
        Recorder r = recorder;
        if (r == null || traceparent == null) {
            return;
        }
        try {
            r.trace(request, traceparent, tracestate);
        } catch (Throwable unmeasured) {
            // As above.
        }
    }

    /**
     * Which headers of requests are to be told by {@link #show}, as is the query string then.
     *
     * @return null, as a rule: what a client wrote is not to be looked at
     */
    public static String @Nullable [] shown() {
        Recorder r = recorder;
        if (r == null) {
            return null;
        }
        try {
            return r.shown();
        } catch (Throwable unmeasured) {
            return null;
        }
    }

    /**
     * What a client wrote, for the request's own event and no other. On the thread that began it.
     *
     * @param header null for the query string
     */
    public static void show(Object request, @Nullable String header, @Nullable String value) {
        Recorder r = recorder;
        if (r == null || value == null) {
            return;
        }
        try {
            r.show(request, header, value);
        } catch (Throwable unmeasured) {
            // As above.
        }
    }

    /** The framework has found the handler of the request that this thread works on; the last call counts. */
    public static void route(@Nullable String pattern) {
        Recorder r = recorder;
        if (r == null || pattern == null) {
            return;
        }
        try {
            r.route(pattern);
        } catch (Throwable unmeasured) {
            // As above.
        }
    }

    /**
     * The handler that {@link #beginRequest} was called for has returned on the same thread.
     *
     * @param route a pattern if the server knows one, else null; {@link #route} goes before it
     * @param path the raw path without query string, used to make a route when there is no pattern
     * @param status the HTTP status, 0 if none was set
     * @param async whether the request goes on without this thread; then {@link #completeRequest} ends it
     */
    public static void endRequest(
            Object request,
            @Nullable String method,
            @Nullable String route,
            @Nullable String path,
            int status,
            boolean async,
            @Nullable Throwable thrown) {
        Recorder r = recorder;
        if (r == null) {
            return;
        }
        try {
            r.endRequest(request, method, route, path, status, async, thrown);
        } catch (Throwable unmeasured) {
            // As above.
        }
    }

    /** The answer to an asynchronous request was sent, or nobody will send one. Any thread; only the first call counts. */
    public static void completeRequest(Object request, @Nullable String route, int status, @Nullable Throwable thrown) {
        Recorder r = recorder;
        if (r == null) {
            return;
        }
        try {
            r.completeRequest(request, route, status, thrown);
        } catch (Throwable unmeasured) {
            // As above.
        }
    }

    /**
     * This thread goes on with an asynchronous request.
     *
     * @return a token for {@link #endTask}, or null when this thread works on it already or it has ended
     */
    public static @Nullable Object continueRequest(Object request) {
        Recorder r = recorder;
        if (r == null) {
            return null;
        }
        try {
            return r.continueRequest(request);
        } catch (Throwable unmeasured) {
            return null;
        }
    }

    /**
     * A further part of the handling of an asynchronous request has returned, with this or with nothing. Any thread; the last call, which is
     * the outermost part's, counts.
     */
    public static void failed(Object request, @Nullable Throwable thrown) {
        Recorder r = recorder;
        if (r == null) {
            return;
        }
        try {
            r.failed(request, thrown);
        } catch (Throwable unmeasured) {
            // As above.
        }
    }

    /**
     * An SQL statement begins.
     *
     * @param statement the JDBC statement, whose text {@link #prepared} may have told
     * @param sql the text, or null when the statement was prepared
     * @return a token for {@link #endStatement}, or null when this call is nested in a statement, as in a pool's wrapper
     */
    public static @Nullable Object beginStatement(@Nullable Object statement, @Nullable String sql) {
        Recorder r = recorder;
        if (r == null) {
            return null;
        }
        try {
            return r.beginStatement(statement, sql);
        } catch (Throwable unmeasured) {
            return null;
        }
    }

    /**
     * A driver is asked for something else, which it may run statements of its own for: they count for nothing.
     *
     * @return a token for {@link #endStatement}, or null when this call is nested in a statement
     */
    public static @Nullable Object beginUncounted() {
        Recorder r = recorder;
        if (r == null) {
            return null;
        }
        try {
            return r.beginUncounted();
        } catch (Throwable unmeasured) {
            return null;
        }
    }

    /** @param batchSize statements in the batch, 0 when it was none */
    public static void endStatement(Object token, long batchSize, @Nullable Throwable thrown) {
        Recorder r = recorder;
        if (r == null) {
            return;
        }
        try {
            r.endStatement(token, batchSize, thrown);
        } catch (Throwable unmeasured) {
            // As above.
        }
    }

    /** A statement was prepared from this text. The statement is held weakly. */
    public static void prepared(@Nullable Object statement, @Nullable String sql) {
        Recorder r = recorder;
        if (r == null || statement == null || sql == null) {
            return;
        }
        try {
            r.prepared(statement, sql);
        } catch (Throwable unmeasured) {
            // As above.
        }
    }

    /**
     * A statement of its own text was added to a batch, which goes by the first one's until it was run. The statement is held weakly.
     *
     * @param sql null when the batch was emptied
     */
    public static void batched(@Nullable Object statement, @Nullable String sql) {
        Recorder r = recorder;
        if (r == null || statement == null) {
            return;
        }
        try {
            r.batched(statement, sql);
        } catch (Throwable unmeasured) {
            // As above.
        }
    }

    /**
     * A connection is asked for.
     *
     * @param pool its name, or null when only the end can tell
     * @return a token for {@link #endWait}, or null when this call is nested in another wait
     */
    public static @Nullable Object beginWait(@Nullable String pool) {
        Recorder r = recorder;
        if (r == null) {
            return null;
        }
        try {
            return r.beginWait(pool);
        } catch (Throwable unmeasured) {
            return null;
        }
    }

    /**
     * A data source is asked for a connection, of which it is not known whether it is a pool: one within gives the wait its name.
     *
     * @param source its class
     * @return a token for {@link #endWait}, or null when this call is nested in another wait
     */
    public static @Nullable Object beginSource(String source) {
        Recorder r = recorder;
        if (r == null) {
            return null;
        }
        try {
            return r.beginSource(source);
        } catch (Throwable unmeasured) {
            return null;
        }
    }

    public static void endWait(Object token, @Nullable Throwable thrown) {
        Recorder r = recorder;
        if (r == null) {
            return;
        }
        try {
            r.endWait(token, thrown);
        } catch (Throwable unmeasured) {
            // As above.
        }
    }

    /**
     * An HTTP call to another server begins.
     *
     * @param port negative when the URL names none, or the one of its scheme
     * @param path the raw path without query string
     * @return a token for {@link #endCall}, or null when this call is nested in another, or is the agent's own
     */
    public static @Nullable Object beginCall(
            @Nullable String method, @Nullable String host, int port, @Nullable String path) {
        Recorder r = recorder;
        if (r == null) {
            return null;
        }
        try {
            return r.beginCall(method, host, port, path);
        } catch (Throwable unmeasured) {
            return null;
        }
    }

    /**
     * This thread goes on with a call whose answer {@link #endCall} said is still to come; so no frame is open while it is nobody's
     * turn.
     *
     * @return a token for {@link #endCall}, or null when there is no call, it has ended, or this one is nested in another
     */
    public static @Nullable Object continueCall(@Nullable Object call) {
        Recorder r = recorder;
        if (r == null || call == null) {
            return null;
        }
        try {
            return r.continueCall(call);
        } catch (Throwable unmeasured) {
            return null;
        }
    }

    /**
     * The header to send with a call that has none yet: the one that came in with the request around it, unchanged; null when none
     * came.
     *
     * @param call null for any call of the request that this thread works on
     */
    public static @Nullable String traceparent(@Nullable Object call) {
        Recorder r = recorder;
        if (r == null) {
            return null;
        }
        try {
            return r.traceparent(call);
        } catch (Throwable unmeasured) {
            return null;
        }
    }

    /** The header {@code tracestate} to send beside {@link #traceparent} with a call that has neither yet; null when none came. */
    public static @Nullable String tracestate(@Nullable Object call) {
        Recorder r = recorder;
        if (r == null) {
            return null;
        }
        try {
            return r.tracestate(call);
        } catch (Throwable unmeasured) {
            return null;
        }
    }

    /** A port as {@link #beginCall} wants it: negative when it is the one that the scheme, http unless it is https, has anyway. */
    public static int port(@Nullable String scheme, int port) {
        return port == ("https".equalsIgnoreCase(scheme) ? 443 : 80) ? -1 : port;
    }

    /**
     * The method that makes the call has returned on the same thread.
     *
     * @param async whether the answer is still to come; then {@link #completeCall} ends it, or {@link #continueCall} and this again
     */
    public static void endCall(Object call, int status, boolean async, @Nullable Throwable thrown) {
        Recorder r = recorder;
        if (r == null) {
            return;
        }
        try {
            r.endCall(call, status, async, thrown);
        } catch (Throwable unmeasured) {
            // As above.
        }
    }

    /** The answer to an asynchronous call has come. Any thread; only the first call counts. */
    public static void completeCall(Object call, int status, @Nullable Throwable thrown) {
        Recorder r = recorder;
        if (r == null) {
            return;
        }
        try {
            r.completeCall(call, status, thrown);
        } catch (Throwable unmeasured) {
            // As above.
        }
    }

    /**
     * This thread has handed a task to another one, which will call {@link #beginTask} with the same object. Does nothing outside of
     * a request; the task is held weakly.
     */
    public static void submitted(@Nullable Object task) {
        Recorder r = recorder;
        if (r == null || task == null) {
            return;
        }
        try {
            r.submitted(task);
        } catch (Throwable unmeasured) {
            // As above.
        }
    }

    /**
     * This thread begins with a task.
     *
     * @return a token for {@link #endTask}, or null when the task belongs to no request or this thread works on it already
     */
    public static @Nullable Object beginTask(@Nullable Object task) {
        Recorder r = recorder;
        if (r == null || task == null) {
            return null;
        }
        try {
            return r.beginTask(task);
        } catch (Throwable unmeasured) {
            return null;
        }
    }

    public static void endTask(Object token) {
        Recorder r = recorder;
        if (r == null) {
            return;
        }
        try {
            r.endTask(token);
        } catch (Throwable unmeasured) {
            // As above.
        }
    }

    /**
     * A pool's loop is about to run a task that may have been {@link #submitted}; {@link #endRun} follows when it returns, and the
     * next call of this when it throws. There is nothing to keep between the two, so that they fit around a call in the midst of a method.
     */
    public static void beginRun(@Nullable Object task) {
        Recorder r = recorder;
        if (r == null || task == null) {
            return;
        }
        try {
            r.beginRun(task);
        } catch (Throwable unmeasured) {
            // As above.
        }
    }

    /** The task of this pool's thread has returned. */
    public static void endRun() {
        Recorder r = recorder;
        if (r == null) {
            return;
        }
        try {
            r.endRun();
        } catch (Throwable unmeasured) {
            // As above.
        }
    }

    /**
     * This thread tries a stage that was {@link #submitted}, which may turn out not to be ready: until {@link #endStage} says that it
     * was, it belongs to its request.
     *
     * @return for {@link #endStage}
     */
    public static @Nullable Object beginStage(Object stage) {
        Recorder r = recorder;
        if (r == null) {
            return null;
        }
        try {
            return r.beginStage(stage);
        } catch (Throwable unmeasured) {
            return null;
        }
    }

    /** @param fired whether the stage will not be tried again */
    public static void endStage(Object stage, @Nullable Object token, boolean fired) {
        Recorder r = recorder;
        if (r == null) {
            return;
        }
        try {
            r.endStage(stage, token, fired);
        } catch (Throwable unmeasured) {
            // As above.
        }
    }

    /** This thread is a pool's from now on: whatever request it was started in, what it does belongs to the tasks that it is given. */
    public static void pooled() {
        Recorder r = recorder;
        if (r == null) {
            return;
        }
        try {
            r.pooled();
        } catch (Throwable unmeasured) {
            // As above.
        }
    }

    /**
     * Remembers a token for as long as an object of the application lives: so that nothing is added to that object.
     *
     * @return false when it is not remembered, as too much is already
     */
    public static boolean keep(@Nullable Object key, Object token) {
        Recorder r = recorder;
        if (r == null || key == null) {
            return false;
        }
        try {
            return r.keep(key, token);
        } catch (Throwable unmeasured) {
            return false;
        }
    }

    /** What {@link #keep} remembers for this very object, or null. */
    public static @Nullable Object kept(@Nullable Object key) {
        Recorder r = recorder;
        if (r == null || key == null) {
            return null;
        }
        try {
            return r.kept(key);
        } catch (Throwable unmeasured) {
            return null;
        }
    }

    /** Forgets what {@link #keep} remembers, which else stays until the object has been collected. */
    public static void forget(@Nullable Object key) {
        Recorder r = recorder;
        if (r == null || key == null) {
            return;
        }
        try {
            r.forget(key);
        } catch (Throwable unmeasured) {
            // As above.
        }
    }

    /** A log event at level ERROR (SEVERE) is about to be written. */
    public static void logged(@Nullable String logger, @Nullable Throwable thrown) {
        Recorder r = recorder;
        if (r == null) {
            return;
        }
        try {
            r.logged(logger, thrown);
        } catch (Throwable unmeasured) {
            // As above.
        }
    }

    /**
     * This thread is about to wait in a method of the JDK.
     *
     * @return for {@link #waited}; 0 when it works on nothing that is measured, or waits within a wait
     */
    public static long beginWaiting() {
        Recorder r = recorder;
        if (r == null) {
            return 0;
        }
        try {
            return r.beginWaiting();
        } catch (Throwable unmeasured) {
            return 0;
        }
    }

    /** @param kind {@link #LOCK}, {@link #PARK}, {@link #SOCKET} or {@link #FILE} */
    public static void waited(int kind, long begun) {
        Recorder r = recorder;
        if (r == null || begun == 0) {
            return;
        }
        try {
            r.waited(kind, begun);
        } catch (Throwable unmeasured) {
            // As above.
        }
    }

    /**
     * The same after a park, whose blocker tells a lock of {@code java.util.concurrent} from everything else: a lock parks its threads on
     * itself or on its synchronizer, and its conditions on a {@code ConditionObject}.
     */
    public static void parked(@Nullable Object blocker, long begun) {
        if (begun != 0) {
            waited(isLock(blocker) ? LOCK : PARK, begun);
        }
    }

    /** The calling thread, a carrier, is about to become this virtual thread. */
    public static void mounted(Object thread) {
        Recorder r = recorder;
        if (r == null) {
            return;
        }
        try {
            r.mounted(thread);
        } catch (Throwable unmeasured) {
            // As above.
        }
    }

    /** The calling thread, a carrier, was this virtual thread until now; no other carrier can mount it before this returns. */
    public static void unmounted(Object thread) {
        Recorder r = recorder;
        if (r == null) {
            return;
        }
        try {
            r.unmounted(thread);
        } catch (Throwable unmeasured) {
            // As above.
        }
    }

    private static boolean isLock(@Nullable Object blocker) {
        if (blocker == null) {
            return false;
        }
        String name = blocker.getClass().getName();
        return name.startsWith("java.util.concurrent.locks.") && !name.endsWith("ConditionObject");
    }
}
