package dev.pitot.events;

import org.jspecify.annotations.Nullable;

/**
 * The bridge between advice inlined into application and JDK classes and the agent behind its own class loader. Until the
 * agent has installed a recorder, and after it has taken it away, a call costs one volatile read and does nothing.
 *
 * <p>Called on the application's threads; never throws, never blocks, and holds no reference to application objects.
 */
public final class Requests {
    /** What the agent implements. Implementations must be thread-safe and must not block. */
    public abstract static class Recorder {
        /**
         * A server-side handler begins on this thread.
         *
         * @return a token for {@link #end}, or null when this call is nested in a request already begun on this thread
         */
        protected abstract @Nullable Object begin();

        /**
         * The handler that {@link #begin} was called for has returned on the same thread.
         *
         * @param route a pattern if the server knows one, else null
         * @param path the raw path without query string, used to make a route when {@code route} is null
         * @param status the HTTP status, 0 if none was set
         */
        protected abstract void end(
                Object token,
                @Nullable String method,
                @Nullable String route,
                @Nullable String path,
                int status,
                boolean async,
                @Nullable Throwable thrown);
    }

    private static volatile @Nullable Recorder recorder;

    private Requests() {}

    /** Installs the agent's recorder, or takes it away with null. */
    public static void install(@Nullable Recorder installed) {
        recorder = installed;
    }

    /** Called by advice at entry; the result goes to {@link #end} and is null when there is nothing to end. */
    public static @Nullable Object begin() {
        Recorder r = recorder;
        if (r == null) {
            return null;
        }
        try {
            return r.begin();
        } catch (Throwable unmeasured) {
            // A request that cannot be measured must still be served.
            return null;
        }
    }

    /** Called by advice at exit, normal or by exception, when {@link #begin} gave a token. */
    public static void end(
            Object token,
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
            r.end(token, method, route, path, status, async, thrown);
        } catch (Throwable unmeasured) {
            // As above: the measurement is lost, the request is not.
        }
    }
}
